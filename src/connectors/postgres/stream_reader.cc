// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/stream_reader.h"

#include <algorithm>

#include "connect/source.h"
#include "connectors/postgres/slot.h"

namespace postgres {
namespace {

using base::failed;
using base::Result;
using model::Cell;
using model::CellState;
using model::Change;
using model::Op;
using pgoutput::Kind;
using pgoutput::Value;

}  // namespace

StreamReader::StreamReader(const std::vector<model::TableSchemaPtr>& tables, const TypeChoices& choices,
                           model::CellForm form, ShapeSources shapes, model::Position start, int protocol_version,
                           std::optional<BinaryTypes> types)
    : decoder_(protocol_version),
      relations_(tables, choices, std::move(shapes)),
      types_(std::move(types)),
      form_(form),
      start_(std::move(start)) {}

std::string StreamReader::place() const {
  if (decoder_.is_in_block()) return fmt::format("transaction {}", block_xid_);
  return lsn_text(commit_lsn_);
}

model::ChangeBatch StreamReader::take_batch() {
  batch_.through = given_through_ = through_;
  model::ChangeBatch taken = std::move(batch_);
  batch_ = model::ChangeBatch();
  // The next batch is likely to be as large as this one; but no buffer for one huge value is kept.
  batch_.bytes.reserve(std::min<std::size_t>(taken.bytes.size(), 1u << 20));
  batch_.cells.reserve(std::min<std::size_t>(taken.cells.size(), 1u << 16));
  batch_.changes.reserve(std::min<std::size_t>(taken.changes.size(), 1u << 14));
  batch_number_ += 1;
  return taken;
}

// A commit record that begins at `lsn` itself is not yet sent, hence one less.
void StreamReader::on_caught_up(std::uint64_t lsn, std::int64_t server_time) {
  if (lsn > 0) through_ = std::max(through_, lsn - 1);
  batch_.source_time = server_time;
  if (!in_transaction_) make_later(through_ + 1);
}

std::uint32_t StreamReader::table_of(Relation& relation) {
  if (relation.batch != batch_number_) {
    if (!relation.form) relation.form = form_of(relation.schema->name);
    relation.table = batch_.table_index(relation.schema, *relation.form);
    relation.batch = batch_number_;
  }
  return relation.table;
}

Change& StreamReader::add_change(Op op, const Message& message, bool counts) {
  if (!message.streamed && !begun_) {
    Change& begin = batch_.changes.emplace_back();
    begin.op = Op::begin;
    begin.xid = xid_;
    begin.commit_time = commit_time_;
    begin.position.log = commit_lsn_;
    begun_ = true;
  }
  Change& change = batch_.changes.emplace_back();
  change.op = op;
  if (message.streamed) {
    change.streamed = true;
    change.xid = block_xid_;
    change.sub_xid = message.xid;
    return change;
  }
  if (counts) sequence_ += 1;
  change.xid = xid_;
  change.commit_time = commit_time_;
  change.position.log = commit_lsn_;
  change.position.sequence = sequence_;
  return change;
}

void StreamReader::on_begin(const Message& message) {
  make_later(message.commit_lsn);
  begin_transaction(message);
}

void StreamReader::begin_transaction(const Message& message) {
  in_transaction_ = true;
  begun_ = false;
  commit_lsn_ = message.commit_lsn;
  commit_time_ = message.commit_time;
  xid_ = message.xid;
  sequence_ = 0;
  skipping_ = model::Position{commit_lsn_, model::sequence_end, ""} <= start_;
}

void StreamReader::on_commit(const Message& message) {
  if (begun_) {
    Change& commit = add_change(Op::commit, message, false);
    commit.position.sequence = model::sequence_end;
  }
  in_transaction_ = false;
  begun_ = false;
  skipping_ = false;
  through_ = std::max(through_, message.commit_lsn);
  commit_end_ = std::max(commit_end_, message.commit_lsn);
  batch_.source_time = message.commit_time;
  settle_noted(message.commit_lsn);
}

// What was noted of a transaction that the log has told.
void StreamReader::settle_noted(std::uint64_t log) {
  for (auto noted = later_.lower_bound(log); noted != later_.end() && noted->first == log;
       noted = later_.erase(noted)) {
    if (relations_.on_noted(noted->second)) last_ = nullptr;
  }
}

Result<void> StreamReader::on_stream_end(const Message& message) {
  Change change;
  change.xid = message.xid;
  last_ = nullptr;
  if (message.kind == Kind::stream_abort) {
    change.op = Op::stream_abort;
    change.sub_xid = message.sub_xid;
    batch_.changes.push_back(change);
    if (message.sub_xid == message.xid) {
      relations_.end_streamed(message.xid, false);
    } else {
      relations_.abort_sub(message.xid, message.sub_xid);
    }
    return {};
  }
  make_later(message.commit_lsn);
  const bool behind = model::Position{message.commit_lsn, model::sequence_end, ""} <= start_;
  if (!behind) {
    for (const model::TableSchemaPtr& unclear : TRY(relations_.settle_streamed(message.xid))) {
      Change& last = batch_.changes.emplace_back(change);
      last.op = Op::unclear;
      last.streamed = true;
      last.table = batch_.table_index(unclear, form_of(unclear->name));
    }
  }
  relations_.end_streamed(message.xid, true);
  change.op = behind ? Op::stream_abort : Op::stream_commit;
  change.sub_xid = message.xid;
  change.commit_time = message.commit_time;
  change.position = {message.commit_lsn, model::sequence_end, ""};
  batch_.changes.push_back(change);
  through_ = std::max(through_, message.commit_lsn);
  commit_end_ = std::max(commit_end_, message.commit_lsn);
  batch_.source_time = message.commit_time;
  settle_noted(message.commit_lsn);
  return {};
}

void StreamReader::add_outcome(const RelationMap::Outcome& outcome, const Message& message) {
  if (outcome.changed == nullptr || skipping_) return;
  const std::uint32_t table = batch_.table_index(outcome.changed, form_of(outcome.changed->name));
  add_change(outcome.unclear ? Op::unclear : Op::schema, message, false).table = table;
}

// A streamed transaction that the snapshot has seen had its commit before it.
bool StreamReader::is_past(std::uint32_t oid) const {
  const auto fence = fences_.find(oid);
  if (fence == fences_.end() || fence->second.high == 0) return false;
  return decoder_.is_in_block() ? fence->second.holds(0, block_xid_) : fence->second.holds(commit_lsn_, xid_);
}

Result<void> StreamReader::on_relation(const Message& message) {
  last_ = nullptr;
  add_outcome(TRY(relations_.on_relation(message, place_of(message), is_past(message.relation))), message);
  return {};
}

Result<void> StreamReader::on_truncate(const Message& message) {
  if (skipping_) return {};
  for (const std::uint32_t oid : message.relations) {
    add_outcome(relations_.revive(oid, place_of(message)), message);
    Relation* relation = relations_.find(oid, top_xid());
    if (relation == nullptr) continue;
    const std::uint32_t table = table_of(*relation);
    Change& change = add_change(Op::truncate, message);
    change.table = table;
    change.cascade = message.cascade;
    change.restart_identity = message.restart_identity;
  }
  return {};
}

Result<void> StreamReader::on_logical_message(const Message& message) {
  if (message.prefix != ddl_message_prefix || !message.transactional || skipping_) return {};
  const std::optional<DdlReport> report = parse_ddl_report(message.content);
  if (!report || is_past(report->oid)) return {};
  last_ = nullptr;
  if (!report->dropped) {
    add_outcome(TRY(relations_.on_ddl(*report, place_of(message))), message);
    return {};
  }
  bool is_partition = false;
  const model::TableSchemaPtr table = relations_.on_drop(*report, place_of(message), is_partition);
  if (table == nullptr) return {};
  const std::uint32_t index = batch_.table_index(table, form_of(table->name));
  add_change(is_partition ? Op::unclear : Op::drop_table, message, !is_partition).table = index;
  return {};
}

// A commit record is longer than a byte, and none begins where the server said that it had sent everything below.
Result<void> StreamReader::look_around(bool due) {
  if (is_inside()) return {};
  if (due) TRY(relations_.begin_survey());
  const std::uint64_t place = through_ > commit_end_ ? through_ : commit_end_ + 1;
  make_later(place + 1);
  // What was given away may be counted as done already, by an earlier stream, too: no place before what that has noted.
  // When nothing is free the next heartbeat makes a place.
  const bool is_free = place > start_.log && place > own_place_ && place > given_through_ && later_.empty();
  if (through_ + 1 < relations_.survey_end() || !is_free) return {};
  const std::vector<RelationMap::Verdict> verdicts = TRY(relations_.end_survey());
  last_ = nullptr;
  if (verdicts.empty()) return {};
  Message edge;
  edge.commit_lsn = own_place_ = place;
  edge.commit_time = batch_.source_time;
  begin_transaction(edge);
  for (const RelationMap::Verdict& verdict : verdicts) {
    using What = RelationMap::Verdict::What;
    const std::uint32_t table = batch_.table_index(verdict.table, form_of(verdict.table->name));
    const Op op = verdict.what == What::changed   ? Op::schema
                  : verdict.what == What::dropped ? Op::drop_table
                                                  : Op::unclear;
    add_change(op, edge, op == Op::drop_table).table = table;
  }
  end_own_transaction(edge);
  return {};
}

// No commit record of the log ends it.
void StreamReader::end_own_transaction(const Message& edge) {
  const std::uint64_t commit_end = commit_end_;
  on_commit(edge);
  commit_end_ = commit_end;
}

// Those before `before`, at their places. Everything that the log has up to there has come.
void StreamReader::make_later(std::uint64_t before) {
  while (!later_.empty() && later_.begin()->first < before) {
    Message edge;
    edge.commit_lsn = own_place_ = later_.begin()->first;
    edge.commit_time = batch_.source_time;
    last_ = nullptr;
    begin_transaction(edge);
    for (auto next = later_.begin(); next != later_.end() && next->first == own_place_; next = later_.erase(next)) {
      const model::TableSchemaPtr table = relations_.on_later(next->second);
      if (table == nullptr) continue;
      const bool is_drop = next->second.shape == nullptr;
      const std::uint32_t index = batch_.table_index(table, form_of(table->name));
      add_change(is_drop ? Op::drop_table : Op::schema, edge, is_drop).table = index;
    }
    end_own_transaction(edge);
  }
}

// Appends the value to the batch's bytes. False: it has no place in its type.
bool StreamReader::add_value(const Relation& relation, std::size_t column, const Value& value) {
  const bool is_native = relation.form == model::CellForm::native;
  const TextForm form = relation.forms[column];
  if (value.kind == 'b') {
    return is_native ? append_native(relation.binary[column], value.bytes, batch_.bytes)
                     : append_canonical(relation.binary[column], form, value.bytes, batch_.bytes);
  }
  if (!is_native || form == TextForm::hex_bytes) return decode_text(form, value.bytes, ArenaSink{batch_.bytes});
  batch_.bytes.append(value.bytes);
  return true;
}

// A canonical cell may have no place for a good value. Else it is the session's form that does not fit.
Result<void> StreamReader::check_misfit(const Relation& relation, std::size_t column, const Value& value) const {
  const std::string table = relation.schema->name.text();
  const bool has_form = value.kind == 't' || relation.binary[column] != BinaryForm::none;
  if (has_form && relation.form != model::CellForm::native) return {};
  if (value.kind == 't')
    return failed(errors::protocol_broken, "table {} at {}: a bytea is not in hex", table, place());
  return failed(connect::errors::stream_again, "table {} at {}: column {} cannot be read in binary", table, place(),
                relation.schema->columns[relation.stored[column]].name);
}

Result<void> StreamReader::add_row(const std::vector<Value>& values, Relation& relation, bool only_key,
                                   std::uint32_t& first, std::uint32_t& count) {
  const std::size_t columns = relation.stored.size();
  if (values.size() != columns) {
    return failed(errors::protocol_broken, "table {} at {}: a row of {} values, the table has {} columns",
                  relation.schema->name.text(), place(), values.size(), columns);
  }
  if (!relation.form) relation.form = form_of(relation.schema->name);
  if (types_ && relation.binary.empty()) relation.binary = TRY(types_->of(*relation.schema));
  first = static_cast<std::uint32_t>(batch_.cells.size());
  count = static_cast<std::uint32_t>(columns);
  batch_.cells.resize(batch_.cells.size() + columns);
  Cell* cell = batch_.cells.data() + first;
  for (std::size_t i = 0; i < columns; ++i, ++cell) {
    const Value& value = values[i];
    cell->offset = batch_.bytes.size();
    if (value.kind == 'n' || value.kind == 'u') {
      const bool absent = only_key && !relation.in_key[i];
      cell->state = absent ? CellState::absent : value.kind == 'u' ? CellState::unchanged : CellState::null;
      continue;
    }
    if (value.kind == 'b' && !types_) {
      return failed(errors::protocol_broken, "table {} at {}: a value came in binary", relation.schema->name.text(),
                    place());
    }
    if (!add_value(relation, i, value)) {
      TRY(check_misfit(relation, i, value));
      // One value must not stop the others: it is the target's to put aside, by its data-error policy.
      batch_.bytes.resize(cell->offset);
      cell->state = CellState::misfit;
      continue;
    }
    cell->size = static_cast<std::uint32_t>(batch_.bytes.size() - cell->offset);
    cell->state = CellState::value;
  }
  return {};
}

// With a full old image, what the log does not repeat in the new row stands in the old one.
void StreamReader::fill_unchanged(Change& change) {
  for (std::uint32_t i = 0; i < change.new_count; ++i) {
    Cell& cell = batch_.cells[change.new_first + i];
    const Cell& old = batch_.cells[change.old_first + i];
    if (cell.state == CellState::unchanged && old.state == CellState::value) cell = old;
  }
}

Result<void> StreamReader::on_change(const Message& message) {
  if (skipping_) return {};
  if (last_ == nullptr || last_oid_ != message.relation) {
    add_outcome(relations_.revive(message.relation, place_of(message)), message);
    last_ = relations_.find(message.relation, top_xid());
    last_oid_ = message.relation;
    if (last_ == nullptr) return {};  // none of ours
  }
  Relation& relation = *last_;
  Change change;
  const bool is_insert = message.kind == Kind::insert;
  if (!is_insert && message.old_kind != 0) {
    const bool only_key = message.old_kind == 'K';
    TRY(add_row(message.old_row, relation, only_key, change.old_first, change.old_count));
  }
  if (message.kind != Kind::remove) TRY(add_row(message.new_row, relation, false, change.new_first, change.new_count));
  if (change.old_count != 0 && change.new_count != 0 && message.old_kind == 'O') fill_unchanged(change);
  const std::uint32_t table = table_of(relation);
  Change& added = add_change(is_insert ? Op::insert : message.kind == Kind::update ? Op::update : Op::remove, message);
  added.table = table;
  added.old_first = change.old_first;
  added.old_count = change.old_count;
  added.new_first = change.new_first;
  added.new_count = change.new_count;
  return {};
}

Result<void> StreamReader::take(std::string_view bytes) {
  const Message& message = *TRY(decoder_.decode(bytes));
  const bool is_whole_only = message.kind == Kind::begin || message.kind == Kind::stream_start;
  if (is_whole_only ? in_transaction_ : message.kind == Kind::commit && !in_transaction_) {
    return failed(errors::protocol_broken, "pgoutput: a transaction begins or ends out of order at {}", place());
  }
  switch (message.kind) {
    case Kind::insert:
    case Kind::update:
    case Kind::remove:
      if (!is_inside()) return failed(errors::protocol_broken, "pgoutput: a row outside of any transaction");
      return on_change(message);
    case Kind::begin: on_begin(message); return {};
    case Kind::commit: on_commit(message); return {};
    case Kind::relation:
    case Kind::truncate:
      if (!is_inside()) return failed(errors::protocol_broken, "pgoutput: a table outside of any transaction");
      return message.kind == Kind::relation ? on_relation(message) : on_truncate(message);
    case Kind::type: relations_.on_type(message); return {};
    case Kind::message: return is_inside() ? on_logical_message(message) : Result<void>();
    case Kind::stream_start:
      block_xid_ = message.xid;
      last_ = nullptr;
      return {};
    case Kind::stream_stop: last_ = nullptr; return {};
    case Kind::stream_commit:
    case Kind::stream_abort: return on_stream_end(message);
    case Kind::origin: return {};
  }
  return {};
}

}  // namespace postgres
