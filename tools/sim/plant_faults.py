#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The faults that are planted to show that the simulator's checkers can see.

Each is a small change of a source file as somebody could make by mistake: (name, what it does, file, [(text, text with
the fault)]). `FAULT` in the new text becomes a condition that is true when that fault is switched on; asking it says
that the run has passed there, so it stands as far behind other conditions as it can. The sources in src/ stay as they are: the changed copies are written to a folder of the build and compiled into
millrace_sim_planted only (cmake option MILLRACE_PLANTED_FAULTS).

Usage: plant_faults.py --write FOLDER   writes the changed files
       plant_faults.py --files          their names
       plant_faults.py --names          number, name and description of each fault
       plant_faults.py --check          fails when the list does not fit the sources any more
A text that is not found exactly once is an error: the list must follow the code.
"""

import pathlib
import sys

import crash_points

TOP = pathlib.Path(__file__).resolve().parent.parent.parent

FAULTS = [
    ("skip_fence", "changes that a table's load holds already are applied again", "engine/route.cc",
     [("if (commit_log_ <= fence_high_ && route", "if (commit_log_ <= fence_high_ && !FAULT && route")]),
    ("fence_without_running", "a fence takes transactions that ran during the snapshot for part of it",
     "engine/route.cc",
     [("route.fence->holds(commit_log_, xid_))",
       "(FAULT ? commit_log_ <= route.fence->high : route.fence->holds(commit_log_, xid_)))")]),
    ("fence_not_recorded", "the fence of a load is forgotten", "engine/load.cc",
     [("    record.fence = fence;", "    record.fence = FAULT ? model::Fence{} : fence;")]),
    ("ack_before_relay_sync", "the source is told to forget what the relay has not synced", "engine/change_queue.cc",
     [("  Lock lock(mutex_);\n  return durable_;", "  Lock lock(mutex_);\n  return FAULT ? appended_ : durable_;")]),
    ("ack_captured", "the source is told to forget what was only read", "engine/streaming.cc",
     [("    TRY(assembler_->take(std::move(batch), push));\n    TRY(queue_->settle());",
       "    if (FAULT && batch.through > 0) {\n      base::Lock lock(mutex_);\n"
       "      durable_ = std::max(durable_, model::Position{batch.through, model::sequence_end, {}});\n    }\n"
       "    TRY(assembler_->take(std::move(batch), push));\n    TRY(queue_->settle());")]),
    ("relay_never_synced", "the relay counts as durable without a sync", "engine/change_queue.cc",
     [("  TRY(relay_.sync());\n", "  if (!FAULT) TRY(relay_.sync());\n")]),
    ("apply_after_failed_sync", "a failed sync of the relay is taken for a good one", "relay/relay.cc",
     [("  if (!outcome.ok()) return poison(outcome.take_error());\n  synced_ = written_;",
       "  if (!outcome.ok() && !FAULT) return poison(outcome.take_error());\n  synced_ = written_;")]),
    ("segment_end_not_synced", "a segment is closed without a sync", "relay/relay.cc",
     [("    TRY(sync());\n    file_.reset();",
       "    if (!FAULT) TRY(sync());\n    if (FAULT) {\n      Lock lock(shared_->mutex);\n"
       "      shared_->segments[number_].synced = written_;\n    }\n    file_.reset();")]),
    ("segment_name_not_synced", "the name of a new segment is not made durable", "relay/relay.cc",
     [("  if (written.ok()) written = disk_.sync_folder(options_.folder);",
       "  if (written.ok() && !FAULT) written = disk_.sync_folder(options_.folder);")]),
    ("open_transaction_kept", "recovery keeps a transaction whose commit never came", "relay/relay.cc",
     [("    if (scanned.whole > 0) TRY(settle_segment(number, *file, scanned.whole));",
       "    if (scanned.whole > 0 && scanned.whole != scanned.valid && FAULT) scanned.whole = scanned.valid;\n"
       "    if (scanned.whole > 0) TRY(settle_segment(number, *file, scanned.whole));"),
      ("    const Scanned scanned = TRY(scan_records", "    Scanned scanned = TRY(scan_records")]),
    ("trim_too_far", "the relay gives up what the target does not hold yet", "engine/change_queue.cc",
     [("  return relay_.trim(durable);", "  return relay_.trim(FAULT ? std::max(durable, appended_) : durable);")]),
    ("leave_relay_early", "memory is used again while the relay still holds unread changes", "engine/change_queue.cc",
     [("  if (!batch && !inside_transaction_ && (is_log_short", "  if ((FAULT || (!batch && !inside_transaction_)) && (is_log_short")]),
    ("room_never", "a relay that is full never has room again", "engine/change_queue.cc",
     [("starving_ && (inside_transaction_ || is_spent ||", "starving_ && (inside_transaction_ || (is_spent && !FAULT) ||")]),
    ("deaf_to_stop", "a wait for room does not hear that the task is stopped", "engine/change_queue.cc",
     [("    if (!clock_.pause(wait_step, stop))", "    if (!clock_.pause(wait_step, FAULT ? std::stop_token() : stop))")]),
    ("reader_stops_at_gap", "a relay reader refuses to pass a segment that held nothing", "relay/reader.cc",
     [("found->second.start.position > position_)", "(found->second.start.position > position_ || (offset_ > 0 && found->first != segment_ + 1 && FAULT)))")]),
    ("half_transaction", "a group is cut inside of a transaction and called whole", "engine/streaming.cc",
     [("  const bool is_whole = !inside_transaction_ && last.op == Op::commit;\n  inside_transaction_ = last.op != Op::commit;",
       "  if (last.op != Op::commit && FAULT) {\n    model::Change edge = last;\n    edge.op = Op::commit;\n"
       "    edge.table = model::no_table;\n    edge.position.sequence = model::sequence_end;\n    group.changes.push_back(edge);\n"
       "    return apply_group(std::move(group), stop);\n  }\n"
       "  const bool is_whole = !inside_transaction_ && last.op == Op::commit;\n  inside_transaction_ = last.op != Op::commit;")]),
    ("last_part_forgotten", "the last part of a huge transaction is not applied when it holds only the commit",
     "engine/streaming.cc",
     [("if (concerns_us || !is_whole) report =", "if (concerns_us || (!is_whole && !FAULT) || (inside_transaction_ && FAULT)) report =")]),
    ("advance_inside", "the position moves on in the middle of a transaction", "engine/streaming.cc",
     [("    if (!cut && !inside_transaction_) applied_through_ =", "    if (!cut && (!inside_transaction_ || FAULT)) applied_through_ ="),
      ("  if (!inside_transaction_ && applied_through_ > advanced_through_ &&",
       "  if ((!inside_transaction_ || FAULT) && applied_through_ > advanced_through_ &&"),
      ("    const std::uint64_t through = builder.at_boundary() ? group.through : 0;",
       "    const std::uint64_t through = builder.at_boundary() ? group.through : FAULT && !group.changes.empty() ? group.changes.back().position.log : 0;")]),
    ("one_table_twice", "changes of one table are parted when some were on our disk", "model/change.cc",
     [("(tables[i] && table && *tables[i] == *table)) return i;", "(tables[i] && table && *tables[i] == *table && !FAULT)) return i;")]),
    ("delete_dropped", "compaction drops the delete of a row that was updated before", "relational/compact.cc",
     [("      if (row.origin != nullptr) net_.removes.push_back({row.origin, nullptr});\n    } else if (row.origin == nullptr) {",
       "      if (row.origin != nullptr && !(FAULT && row.key_changed)) net_.removes.push_back({row.origin, nullptr});\n    } else if (row.origin == nullptr) {"),
      ("  found.key = nullptr;\n  found.cells = nullptr;\n  return true;",
       "  if (FAULT) found.key_changed = found.cells != nullptr;\n  found.key = nullptr;\n  found.cells = nullptr;\n  return true;")]),
    ("updates_swapped", "compaction keeps the older of two updates of a key", "relational/compact.cc",
     [("  found.cells = merged;\n  if (same_key(merged, key_before)) {",
       "  if (!FAULT || found.cells == nullptr || !same_key(merged, key_before)) found.cells = merged;\n  if (same_key(merged, key_before)) {")]),
    ("unchanged_as_null", "compaction forgets a large value that the log does not repeat", "relational/compact.cc",
     [("mask[i] = row.cells[i].state != CellState::unchanged;", "mask[i] = row.cells[i].state != CellState::unchanged;\n"
       "      if (FAULT) {\n        std::vector<Cell>& whole = net_.merged.emplace_back(row.cells, row.cells + columns_);\n"
       "        for (Cell& cell : whole) {\n          if (cell.state == CellState::unchanged) cell.state = CellState::null;\n        }\n"
       "        net_.updates[std::vector<bool>(columns_, true)].push_back({row.origin, whole.data()});\n        continue;\n      }")]),
    ("aborted_kept", "a subtransaction that was rolled back is applied", "relay/spool.cc",
     [("    found->second.aborted.push_back(sub_xid);", "    if (!FAULT) found->second.aborted.push_back(sub_xid);")]),
    ("spool_name_reused", "two transactions spill into one file", "relay/spool.cc",
     [('fmt::format("{}/{}{}", options_.folder, xid, spool_suffix);',
       'fmt::format("{}/{}{}", options_.folder, FAULT ? 0 : xid, spool_suffix);')]),
    ("spool_memory_lost", "what was in memory is lost when a transaction has spilled before", "relay/spool.cc",
     [("  if (piece_ == transaction_.pieces.size()) return std::optional<model::ChangeBatch>();",
       "  if (piece_ == transaction_.pieces.size() || (FAULT && transaction_.file_bytes > 0)) return std::optional<model::ChangeBatch>();")]),
    ("open_streams_forgotten", "a transaction that was streamed before a reconnect is forgotten at its commit",
     "relay/assembler.cc",
     [("      spool_->abort(change.xid, change.sub_xid);", "      spool_->abort(change.xid, FAULT ? 0 : change.sub_xid);")]),
    ("last_block_lost", "the last rows of a chunk are not written, and nobody counts", "engine/load.cc",
     [("        TRY(loader->write_rows(*block->rows));",
       "        if (!FAULT || !channel.ended()) TRY(loader->write_rows(*block->rows));"),
      ("  if (copied.rows + copied.rejected != reader->rows()) {",
       "  if (copied.rows + copied.rejected != reader->rows() && !FAULT) {")]),
    ("failed_chunk_kept", "what a chunk had written when it gave way is kept", "engine/load.cc",
     [("  if (!written.ok()) return written.take_error();\n  if (!read.ok()) return read.take_error();",
       "  if ((!written.ok() || !read.ok()) && FAULT) (void)loader->finish();\n"
       "  if (!written.ok()) return written.take_error();\n  if (!read.ok()) return read.take_error();")]),
    ("loaded_too_early", "a table counts as loaded before its last chunk", "engine/load.cc",
     [("    last = --progress.chunks_left == 0 && !progress.abandoned;",
       "    last = --progress.chunks_left == (FAULT ? 1 : 0) && !progress.abandoned;"),
      ("  for (Progress& progress : progress_) {\n    if (progress.chunks_left == 0 &&",
       "  for (Progress& progress : progress_) {\n    if (FAULT && progress.chunks_left == 1) ++progress.chunks_left;\n    if (progress.chunks_left == 0 &&")]),
    ("half_load_kept", "a table that was half loaded when the process died counts as loaded", "engine/attempt.cc",
     [("    if (known && record->state == table_state::completed) continue;",
       "    if (known && (record->state == table_state::completed || (record->state == table_state::loading && FAULT))) continue;")]),
    ("rows_of_attempt_kept", "rows of an unfinished load stay when the table is loaded again", "engine/attempt.cc",
     [("    if (attempted || !first_time) TRY(target_->discard(table->mapped.target));",
       "    if ((attempted || !first_time) && !FAULT) TRY(target_->discard(table->mapped.target));")]),
    ("published_late", "a table's snapshot is taken before its changes are published", "engine/attempt.cc",
     [("      TRY(source_->capture()->update(capture_plan(definition_, tables_), waiting(), stop));\n    }\n    if (!loads",
       "      if (FAULT) snapshot_ = TRY(source_->snapshot(true));\n"
       "      TRY(source_->capture()->update(capture_plan(definition_, tables_), waiting(), stop));\n    }\n    if (!loads")]),
    ("position_apart", "the target's position is stored behind the data, in a commit of its own", "sim/target_connector.cc",
     [("      TRY(side_.server.commit(epoch_, reached));\n      is_applying_ = false;",
       "      TRY(side_.server.commit(epoch_, FAULT ? std::optional<model::Position>() : reached));\n      is_applying_ = false;"),
      ("      side_.watch.shown(reached);\n      return {};\n    }));\n    return {};",
       "      if (!FAULT) side_.watch.shown(reached);\n      return {};\n    }));\n"
       "    if (FAULT) TRY(move_position(\"target.apply position\", *reached));\n    return {};")]),
    ("relay_folder_not_synced", "the name of the relay's folder is not made durable", "relay/relay.cc",
     [("  TRY(disk.sync_folder(folder.substr(", "  if (!FAULT) TRY(disk.sync_folder(folder.substr(")]),
    ("full_relay_never_passed", "a full relay waits for a target that waits for what comes next",
     "engine/change_queue.cc",
     [("relay_.bytes() > limits_.relay_bytes_max / 2;", "relay_.bytes() > limits_.relay_bytes_max / 2 && !FAULT;")]),
    ("file_name_reused", "two files of a table may get one name", "connectors/files/stream.cc",
     [("  buffer.last_name = std::max(now, buffer.last_name + 1);",
       "  buffer.last_name = FAULT ? std::max(now - now % 60'000, buffer.last_name) : std::max(now, buffer.last_name + 1);")]),
    ("file_name_forgotten", "the last name given out is not recorded", "connectors/files/stream.cc",
     [("    before.emplace_back(notes::of(\"name\", folder)", "    if (!FAULT) before.emplace_back(notes::of(\"name\", folder)")]),
    ("row_lost_at_roll", "the row that does not fit into a file any more is lost", "connectors/files/stream.cc",
     [("  TRY(place_row(buffer, change));\n",
       "  const bool had_rows = !buffer.file.empty();\n  TRY(place_row(buffer, change));\n"
       "  if (had_rows && buffer.file.empty() && FAULT) return {};\n")]),
    ("intent_not_recorded", "a file is written without its record", "connectors/files/stream.cc",
     [("  if (!before.empty()) TRY(context_.journal->commit(before));",
       "  if (!before.empty() && !FAULT) TRY(context_.journal->commit(before));")]),
    ("intent_forgotten", "a file that was recorded and perhaps written is forgotten after a crash",
     "connectors/files/stream.cc",
     [("    if (intent.to <= buffer->flushed) continue;", "    if (intent.to <= buffer->flushed || FAULT) continue;")]),
    ("range_differs", "a file that is written again after a crash lacks its last row", "connectors/files/stream.cc",
     [("while (!buffer.replay.empty() && change.position > buffer.replay.front().to)",
       "while (!buffer.replay.empty() && (FAULT ? change.position >= buffer.replay.front().to : change.position > buffer.replay.front().to))")]),
    ("flushed_not_recorded", "how far a table's files reach is not recorded", "connectors/files/stream.cc",
     [("    after.emplace_back(notes::of(\"flushed\", buffer.folder)", "    if (!FAULT) after.emplace_back(notes::of(\"flushed\", buffer.folder)")]),
    ("position_before_files", "the position counts rows that are in no file yet", "connectors/files/stream.cc",
     [("    const bool waits = !buffer->held &&", "    const bool waits = !buffer->held && !FAULT &&")]),
    ("truncated_rows_kept", "rows from before a TRUNCATE stay in the open file", "connectors/files/stream.cc",
     [("  TRY(context_.journal->commit(changes));\n  bytes_ -= buffer.file.bytes();\n  buffer.file = ChangeFile();\n",
       "  TRY(context_.journal->commit(changes));\n  if (!FAULT) {\n    bytes_ -= buffer.file.bytes();\n    buffer.file = ChangeFile();\n  }\n")]),
    ("transaction_parted", "a transaction's rows stand in two files", "connectors/files/stream.cc",
     [("  const bool may_end =\n      settings_.preserve_transactions ?", "  const bool may_end =\n      settings_.preserve_transactions && !FAULT ?")]),
    ("reload_awaits_rows", "a recorded file of transactions waits for rows of a table that is loaded anew",
     "connectors/files/target.cc",
     [("  if (settings_.preserve_transactions) TRY(stream_.settle_transactions());",
       "  if (settings_.preserve_transactions && !FAULT) TRY(stream_.settle_transactions());")]),
    ("failed_chunk_files_kept", "files of a chunk that gave way are not removed", "connectors/files/load.cc",
     [("  TRY(store_.remove(keys, stop));\n", "  if (!FAULT) TRY(store_.remove(keys, stop));\n")]),
    ("file_not_synced", "a file gets its name before its bytes are durable", "wire/local_store.cc",
     [("    TRY(file_->sync());\n    file_.reset();", "    if (!FAULT) TRY(file_->sync());\n    file_.reset();")]),
    ("half_file_visible", "a file gets its name before its bytes are written", "wire/local_store.cc",
     [("    ENSURE(!finished_);\n    TRY(flush());\n", "    ENSURE(!finished_);\n    if (FAULT) TRY(store_.publish(path_, facts_));\n    TRY(flush());\n"),
      ("    TRY(store_.publish(path_, facts_));\n    finished_ = true;", "    if (!FAULT) TRY(store_.publish(path_, facts_));\n    finished_ = true;")]),
    ("file_name_not_synced", "the name of a finished file is not made durable", "wire/local_store.cc",
     [("  return disk_.sync_folder(folder_of(path));\n}\n\nResult<void> LocalStore::write_sidecar",
       "  if (FAULT) return {};\n  return disk_.sync_folder(folder_of(path));\n}\n\nResult<void> LocalStore::write_sidecar")]),
    ("folder_not_synced", "the name of a table's new folder is not made durable", "wire/local_store.cc",
     [("    TRY(disk_.sync_folder(folder_of(below)));\n  }\n", "    if (!FAULT) TRY(disk_.sync_folder(folder_of(below)));\n  }\n")]),
    ("removed_file_comes_back", "the removal of a file is not made durable", "wire/local_store.cc",
     [("    if (there) TRY(disk_.sync_folder(folder));\n", "    if (there && !FAULT) TRY(disk_.sync_folder(folder));\n"),
      ("    if (there) TRY(disk_.sync_folder(folder_of(folder)));\n", "    if (there && !FAULT) TRY(disk_.sync_folder(folder_of(folder)));\n")]),
    ("filter_leaves_row", "a row that an update moves out of its filter stays on the target", "mapping/filter_stream.cc",
     [("  change.op = Op::remove;\n", "  if (FAULT) return false;\n  change.op = Op::remove;\n")]),
    ("filter_forgets_row", "a row that an update moves into its filter does not come", "mapping/filter_stream.cc",
     [("    TRY(move_in(batch, change, position_text));\n", "    if (FAULT) return false;\n    TRY(move_in(batch, change, position_text));\n")]),
    ("filter_not_in_load", "the full load takes the rows that the filter leaves out", "engine/load.cc",
     [("loaded_columns(table), work.chunk, work.filter,", "loaded_columns(table), work.chunk, FAULT ? std::string() : work.filter,")]),
    ("epoch_not_checked", "a process that another one has replaced goes on writing", "sim/target_server.cc",
     [("  if (epoch == epoch_) return {};\n", "  if (epoch == epoch_ || FAULT) return {};\n")]),
    ("spool_not_weighed", "open transactions stay in memory, however large", "relay/spool.cc",
     [("  while (memory_ > options_.memory_bytes)", "  while (memory_ > options_.memory_bytes && !FAULT)")]),
    ("group_not_weighed", "a group is gathered beyond its budget", "engine/streaming.cc",
     [("    if (builder.full()) break;\n", "    if (builder.full() && !FAULT) break;\n")]),
    ("catalogue_believed", "a catalogue is believed that does not show yet what a transaction does to a table",
     "connectors/postgres/relation_map.cc",
     [("is_behind() && i < visible", "is_behind() && !FAULT && i < visible"),
      ("  if (is_own || is_held(survey, oid, 0)) {", "  if ((is_own || is_held(survey, oid, 0)) && !FAULT) {"),
      ("    if (!stands || second.locked.contains(oid)) continue;", "    if (!stands || (second.locked.contains(oid) && !FAULT)) continue;")]),
    ("gone_table_believed", "a table that is gone is taken to have kept its columns, by their names",
     "connectors/postgres/relation_map.cc",
     [("  if (found == survey.tables.end()) return matches", "  if (found == survey.tables.end() && FAULT) return Followed{build(message, {}, *known, nullptr)};\n"
       "  if (found == survey.tables.end()) return matches")]),
    ("held_believed", "a streamed transaction's own columns are not compared with the catalogue at its end",
     "connectors/postgres/relation_map.cc", [("numbers.end(), is_there)) unclear", "numbers.end(), is_there)) if (!FAULT) unclear")]),
    ("noted_forgotten", "what a stream noted of a transaction is not certain when it comes again",
     "connectors/postgres/relation_map.cc",
     [("same_numbers(*later.shape, *known)) return false;", "same_numbers(*later.shape, *known) || FAULT) return false;")]),
    ("replaced_table_taken", "while the target is away a table that was made again is taken for the one before",
     "engine/shapes.cc", [("  return entry->shape->source_id != source.source_id;", "  return entry->shape->source_id != source.source_id && !FAULT;")]),
    ("kept_twice", "changes of a suspended table that are kept already are kept again", "engine/kept_changes.cc",
     [("  if (change.position.log <= table.held.log) return {};", "  if (change.position.log <= table.held.log && !FAULT) return {};")]),
    ("kept_not_synced", "the target's position moves over changes of a suspended table that are not durable",
     "engine/streaming.cc",
     [("    TRY(kept_.settle());\n", "    if (!FAULT) TRY(kept_.settle());\n")]),
    ("suspended_where_seen", "a suspended table's columns are taken for those of the last change that was seen",
     "engine/streaming.cc",
     [("history_.of(table, *durable)};", "history_.of(table, FAULT ? model::Position{~0ull, 0, {}} : *durable)};")]),
]


def planted():
    """{file: text}; fails when a fault's place is not there exactly once. Crash points are in the texts, too."""
    texts, problems = {}, []
    for number, (name, _, file, changes) in enumerate(FAULTS, 1):
        text = texts.get(file) or (TOP / "src" / file).read_text()
        for old, new in changes:
            if text.count(old) != 1:
                problems.append(f"{name}: found {text.count(old)} times in {file}: {old.splitlines()[0]}")
            text = text.replace(old, new.replace("FAULT", f"planted_fault({number})"))
        texts[file] = text
    if problems:
        raise SystemExit("\n".join(problems))
    numbers, pointed = crash_points.all_points()
    for file in dict.fromkeys([*texts, *pointed]):
        text = texts.get(file) or (TOP / "src" / file).read_text()
        first, rest = text.split("\n", 1)
        texts[file] = crash_points.instrumented(file, f"{first}\nbool planted_fault(int number);\n{rest}", numbers)
    return texts


def main():
    if sys.argv[1:2] == ["--names"]:
        for number, (name, what, file, _) in enumerate(FAULTS, 1):
            print(f"{number}\t{name}\t{what}\t{file}")
    elif sys.argv[1:2] == ["--files"]:
        print(";".join(dict.fromkeys([file for _, _, file, _ in FAULTS] + crash_points.all_points()[1])))
    elif sys.argv[1:2] == ["--write"]:
        for file, text in planted().items():
            path = pathlib.Path(sys.argv[2]) / file
            if not path.exists() or path.read_text() != text:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    elif sys.argv[1:2] == ["--check"]:
        planted()
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
