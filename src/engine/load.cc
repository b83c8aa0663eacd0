// SPDX-License-Identifier: Apache-2.0
#include "engine/load.h"

#include <algorithm>

#include "base/channel.h"
#include "engine/errors.h"
#include "mapping/transform.h"

namespace engine {
namespace {

using base::Result;

constexpr std::uint64_t chunk_bytes_min = 8u << 20;  // tables of few chunks are divided for all processors down to this
constexpr std::uint64_t undivided_bytes = 1ull << 60;
constexpr int chunk_attempts_max = 20;            // a chunk that yielded its locks is tried again
constexpr std::uint64_t rejected_lines_max = 20;  // of a chunk, in the log
constexpr int cut_lines_max = 5;                  // the same, for batches of rows with cut values

// What travels from the reading to the writing thread: raw bytes or rows.
struct Block {
  std::string raw;
  std::unique_ptr<model::RowBatch> rows;
  Cuts cuts;
};

// Cut by the settings; under IGNORE_RECORD rows that would lose something are left out.
Cuts edit_rows(const TableEdits& edits, CutPolicy policy, std::unique_ptr<model::RowBatch>& rows) {
  Cuts cuts = edits.rows(*rows);
  if (cuts.rows.empty() || policy != CutPolicy::ignore_record) return cuts;
  std::vector<std::size_t> whole;
  for (std::size_t row = 0; row < rows->rows; ++row) {
    if (!std::binary_search(cuts.rows.begin(), cuts.rows.end(), row)) whole.push_back(row);
  }
  auto left = std::make_unique<model::RowBatch>(rows->picked(whole));
  left->rejected = std::move(rows->rejected);
  rows = std::move(left);
  return cuts;
}

using BlockChannel = base::Channel<Block>;

Result<void> read_blocks(connect::ChunkReader& reader, const PlannedTable& table, connect::ReadForm form,
                         const ValueEdits* values, BlockChannel& channel, base::Clock& clock,
                         const std::stop_token& stop) {
  const TableEdits edits = values == nullptr ? TableEdits() : values->for_table(*table.source);
  std::unique_ptr<mapping::RowTransform> transform;
  if (table.mapped.computes) transform = TRY(mapping::RowTransform::open(*table.source, table.mapped, nullptr));
  while (true) {
    Block block;
    bool more = false;
    if (form == connect::ReadForm::rows) {
      block.rows = std::make_unique<model::RowBatch>(transform ? table.mapped.read : table.mapped.target);
      more = TRY(reader.next_rows(*block.rows, stop));
      if (more && !edits.empty()) block.cuts = edit_rows(edits, values->policy(), block.rows);
      if (transform && more) block.rows = TRY(transform->load(*block.rows, clock.wall()));
    } else {
      more = TRY(reader.next_raw(block.raw, stop));
    }
    if (!more) break;
    const std::size_t weight = block.rows ? block.rows->weight() : block.raw.size();
    TRY(channel.send(std::move(block), weight, stop));
  }
  channel.close();
  return {};
}

}  // namespace

// The table's own segments, when its rules name some; else chunks of its bytes.
Result<std::vector<Load::Work>> Load::cut(Progress& progress) {
  const PlannedTable& table = *progress.table;
  std::vector<Work> out;
  if (!table.segments.sql.empty()) {
    for (const connect::Chunk& part : TRY(snapshot_.chunks(*table.source, undivided_bytes))) {
      for (const std::string& segment : table.segments.sql) {
        out.push_back(Work{part, loaded_condition(table, segment), &progress});
        out.back().chunk.number = static_cast<std::uint32_t>(out.size() - 1);
        out.back().chunk.bytes_estimate = part.bytes_estimate / table.segments.sql.size();
      }
    }
    return out;
  }
  std::vector<connect::Chunk> chunks = TRY(snapshot_.chunks(*table.source, definition_.chunk_bytes));
  std::uint64_t bytes = 0;
  for (const connect::Chunk& chunk : chunks) bytes += chunk.bytes_estimate;
  const std::uint64_t share = std::max<std::uint64_t>(bytes / base::processor_count(), chunk_bytes_min);
  if (chunks.size() < base::processor_count() && bytes > share) chunks = TRY(snapshot_.chunks(*table.source, share));
  for (connect::Chunk& chunk : chunks) out.push_back(Work{std::move(chunk), table.filter, &progress});
  return out;
}

Result<void> Load::plan_table_chunks(Progress& progress) {
  const PlannedTable& table = *progress.table;
  std::vector<Work> chunks = TRY(cut(progress));
  progress.chunks_left = static_cast<std::uint32_t>(chunks.size());
  const base::WallMicros now = environment_.clock->wall();
  const model::Fence fence = snapshot_.fence();
  TRY(ledger_.update_table(table.source->name, [&](TableRecord& record) {
    record.reloaded = record.load_started != 0;
    record.state = table_state::loading;
    record.suspended_reason.clear();
    record.schema_hash = table_identity(*table.source);
    record.rules_hash = definition_.mapping.rules_hash(table.source->name);
    record.fence = fence;
    record.load_rows = record.load_bytes = record.load_chunks_done = record.load_errors = record.values_cut = 0;
    record.load_chunks = chunks.size();
    record.load_started = now;
    record.load_ended = 0;
  }));
  statistics_.table(table.source->name, [&](TableStatus& status) {
    status.state = table_state::loading;
    status.reason.clear();
    status.rows_estimate = table.rows_estimate;
    status.rows_loaded = status.bytes_loaded = status.load_errors = status.values_cut = 0;
    status.chunks = progress.chunks_left;
    status.chunks_done = 0;
    status.load_started = now;
    status.load_ended = 0;
  });
  base::Lock lock(mutex_);
  for (Work& chunk : chunks) queue_.push_back(std::move(chunk));
  return {};
}

Result<void> Load::plan_chunks(const std::vector<const PlannedTable*>& tables) {
  for (const PlannedTable* table : tables) {
    progress_.emplace_back();
    progress_.back().table = table;
    Result<void> planned = plan_table_chunks(progress_.back());
    if (!planned.ok()) TRY(table_failed(progress_.back(), planned.take_error()));
  }
  return {};
}

Result<LoadOutcome> Load::run(const std::vector<const PlannedTable*>& tables, std::stop_token stop) {
  TRY(plan_chunks(tables));
  for (Progress& progress : progress_) {
    if (progress.chunks_left == 0 && !progress.abandoned) TRY(table_done(progress));
  }
  std::size_t workers = std::min<std::size_t>(definition_.settings.integer("FullLoadSettings.MaxFullLoadSubTasks"),
                                              2 * base::processor_count());
  {
    base::Lock lock(mutex_);
    workers = std::min(workers, queue_.size());
  }
  base::TaskGroup group(stop);
  for (std::size_t i = 0; i < workers; ++i) {
    group.spawn("load-" + std::to_string(i), [this](std::stop_token own) { return work(own); });
  }
  TRY(group.join());
  base::Lock lock(mutex_);
  return std::move(outcome_);
}

std::optional<Load::Work> Load::next_work() {
  base::Lock lock(mutex_);
  while (!queue_.empty()) {
    Work work = std::move(queue_.front());
    queue_.pop_front();
    if (!work.progress->abandoned) return work;
  }
  return std::nullopt;
}

Result<void> Load::work(std::stop_token stop) {
  while (std::optional<Work> work = next_work()) {
    if (stop.stop_requested()) return base::failed(base::errors::canceled, "full load stopped");
    Result<void> loaded = load_chunk(*work, stop);
    if (loaded.ok()) continue;
    if (loaded.error().kind() != base::Kind::table) return loaded;
    TRY(table_failed(*work->progress, loaded.take_error()));
  }
  return {};
}

Result<void> Load::load_chunk(const Work& work, std::stop_token stop) {
  bool careful = false;
  for (int attempt = 1;; ++attempt) {
    Result<Copied> copied = copy_chunk(work, careful, stop);
    if (copied.ok()) return chunk_done(work, *copied);
    if (copied.error().is(connect::errors::row_refused) && !careful) {
      const std::string& policy = definition_.settings.text("ErrorBehavior.DataErrorPolicy");
      if (policy == "STOP_TASK") {
        return base::failed(errors::row_stopped, "table {}", work.chunk.table.text()).because(copied.take_error());
      }
      if (policy == "SUSPEND_TABLE") return copied.take_error();
      environment_.log->warning("load", "table {}, chunk {}: {}; it is loaded row by row", work.chunk.table.text(),
                                work.chunk.number, copied.error().text());
      careful = true;
      continue;
    }
    const bool yielded = copied.error().is(connect::errors::chunk_yielded);
    if (!yielded || attempt >= chunk_attempts_max) return copied.take_error();
    environment_.log->info("load", "table {}, chunk {}: gave way to others, attempt {}", work.chunk.table.text(),
                           work.chunk.number, attempt);
    if (!environment_.clock->pause(std::chrono::milliseconds(200) * attempt, stop)) {
      return base::failed(base::errors::canceled, "full load stopped");
    }
  }
}

// `loader`: of rows that it has not seen itself.
Result<void> Load::reject(const Work& work, const std::vector<std::string>& reasons, connect::ChunkLoader* loader,
                          std::uint64_t& rejected) {
  if (reasons.empty()) return {};
  std::uint64_t errors_before = rejected;
  {
    base::Lock lock(mutex_);
    errors_before += work.progress->rejected;
  }
  const std::string_view policy = data_policy(errors_before + reasons.size());
  const std::string where = fmt::format("table {}, chunk {}", work.chunk.table.text(), work.chunk.number);
  if (policy == "STOP_TASK") return base::failed(errors::row_stopped, "{}: {}", where, reasons.front());
  if (policy == "SUSPEND_TABLE") return base::failed(errors::row_suspended, "{}: {}", where, reasons.front());
  if (loader != nullptr) TRY(loader->note_rejected(reasons));
  for (const std::string& reason : reasons) {
    if (++rejected > rejected_lines_max || policy == "IGNORE_RECORD") continue;
    environment_.log->error("load", "{}: a row is left out: {}{}", where, reason,
                            rejected == rejected_lines_max ? "; further ones are counted only" : "");
  }
  return {};
}

std::string_view Load::data_policy(std::uint64_t errors) const {
  const std::string_view policy = definition_.settings.text("ErrorBehavior.DataErrorPolicy");
  const std::int64_t count = definition_.settings.integer("ErrorBehavior.DataErrorEscalationCount");
  if (count == 0 || errors < static_cast<std::uint64_t>(count) || policy == "STOP_TASK") return policy;
  return definition_.settings.text("ErrorBehavior.DataErrorEscalationPolicy");
}

// Chunks that are loaded at once know of each other's errors when they are done.
Result<void> Load::check_data_errors(const Progress& progress, std::uint64_t count) const {
  const std::string_view policy = data_policy(count);
  if (policy != "STOP_TASK" && policy != "SUSPEND_TABLE") return {};
  return base::failed(policy == "STOP_TASK" ? errors::row_stopped : errors::row_suspended,
                      "table {}: {} rows have no place on the target", progress.table->source->name.text(), count);
}

Result<void> Load::take_cuts(const Work& work, const Cuts& cuts, Copied& copied) {
  if (cuts.values == 0) return {};
  const std::string what =
      fmt::format("table {}, chunk {}: {}", work.chunk.table.text(), work.chunk.number, cuts.first);
  switch (definition_.edits->policy()) {
    case CutPolicy::stop_task: return base::failed(errors::value_cut_stopped, "{}", what);
    case CutPolicy::suspend_table: return base::failed(errors::value_cut_suspended, "{}", what);
    case CutPolicy::ignore_record: copied.rejected += cuts.rows.size(); return {};
    case CutPolicy::log_error: break;
  }
  copied.cut += cuts.values;
  if (++copied.cut_lines > cut_lines_max) return {};
  environment_.log->warning("load", "{}; {} values of {} rows{}", what, cuts.values, cuts.rows.size(),
                            copied.cut_lines == cut_lines_max ? "; further ones are counted only" : "");
  return {};
}

Result<Load::Copied> Load::copy_chunk(const Work& work, bool careful, std::stop_token stop) {
  const PlannedTable& table = *work.progress->table;
  connect::LoadMode mode{table.read_form, careful, true, stop};
  if (careful && mode.form == connect::ReadForm::raw_binary) mode.form = connect::ReadForm::raw_text;
  mode.tell = definition_.settings.text("ErrorBehavior.DataErrorPolicy") != "IGNORE_RECORD";
  auto reader = TRY(snapshot_.read(*table.source, loaded_columns(table), work.chunk, work.filter, mode.form, stop));
  auto loader = TRY(target_.loader(table.mapped.target, work.chunk, mode));
  BlockChannel channel(definition_.budgets.load_bytes);
  base::TaskGroup reading(stop);
  reading.spawn("read", [&](std::stop_token own) {
    Result<void> read =
        read_blocks(*reader, table, mode.form, definition_.edits.get(), channel, *environment_.clock, own);
    if (!read.ok()) channel.fail(read.error());
    return read;
  });
  Copied copied;
  const auto write_all = [&]() -> Result<void> {
    while (std::optional<Block> block = TRY(channel.receive(stop))) {
      const std::uint64_t rows = block->rows ? block->rows->rows : 0;
      const std::uint64_t bytes = block->rows ? block->rows->weight() : block->raw.size();
      if (block->rows) {
        TRY(take_cuts(work, block->cuts, copied));
        TRY(reject(work, block->rows->rejected, loader.get(), copied.rejected));
        TRY(loader->write_rows(*block->rows));
      } else {
        TRY(loader->write_raw(block->raw));
      }
      TRY(reject(work, loader->take_rejected(), nullptr, copied.rejected));
      statistics_.table(table.source->name, [&](TableStatus& status) {
        status.rows_loaded += rows;
        status.bytes_loaded += bytes;
      });
    }
    return {};
  };
  Result<void> written = write_all();
  if (!written.ok()) channel.fail(written.error());
  Result<void> read = reading.join();
  if (!written.ok()) return written.take_error();
  if (!read.ok()) return read.take_error();
  copied.rows = TRY(loader->finish());
  TRY(reject(work, loader->take_rejected(), nullptr, copied.rejected));
  if (copied.rows + copied.rejected != reader->rows()) {
    return base::failed(errors::rows_differ, "table {}, chunk {}: the source sent {} rows, the target holds {}",
                        work.chunk.table.text(), work.chunk.number, reader->rows(), copied.rows);
  }
  return copied;
}

Result<void> Load::chunk_done(const Work& work, const Copied& copied) {
  Progress& progress = *work.progress;
  const bool raw = progress.table->read_form != connect::ReadForm::rows;
  statistics_.table(work.chunk.table, [&](TableStatus& status) {
    ++status.chunks_done;
    if (raw) status.rows_loaded += copied.rows;
    status.load_errors += copied.rejected;
    status.values_cut += copied.cut;
  });
  bool last = false;
  std::uint64_t rejected = 0;
  {
    base::Lock lock(mutex_);
    progress.rows += copied.rows;
    progress.rejected += copied.rejected;
    progress.cut += copied.cut;
    rejected = progress.rejected;
    last = --progress.chunks_left == 0 && !progress.abandoned;
  }
  if (copied.rejected != 0) TRY(check_data_errors(progress, rejected));
  TRY(ledger_.chunk(
      ChunkRecord{work.chunk.table, work.chunk.number, work.chunk.predicate, ChunkState::loaded, copied.rows}));
  if (!last) return {};
  Result<void> done = table_done(progress);
  if (!done.ok() && done.error().kind() == base::Kind::table) return table_failed(progress, done.take_error());
  return done;
}

Result<void> Load::table_done(Progress& progress) {
  const PlannedTable& table = *progress.table;
  TRY(target_.loaded(table.mapped.target));
  const base::WallMicros now = environment_.clock->wall();
  std::uint64_t bytes = 0;
  statistics_.table(table.source->name, [&](TableStatus& status) {
    status.state = table_state::completed;
    status.load_ended = now;
    status.rows_loaded = progress.rows;
    bytes = status.bytes_loaded;
  });
  return ledger_.update_table(table.source->name, [&](TableRecord& record) {
    record.state = table_state::completed;
    record.load_rows = progress.rows;
    record.load_errors = progress.rejected;
    record.values_cut = progress.cut;
    record.load_bytes = bytes;
    record.load_chunks_done = record.load_chunks;
    record.load_ended = now;
  });
}

Result<void> Load::table_failed(Progress& progress, base::Error error) {
  const model::TableName name = progress.table->source->name;
  const bool again = error.is(connect::errors::table_changed);
  const std::string text = error.text();
  environment_.log->error("load", "table {}: {}", name.text(), text);
  {
    base::Lock lock(mutex_);
    if (progress.abandoned) return {};
    progress.abandoned = true;
    if (again) {
      outcome_.again.push_back(name);
    } else {
      outcome_.failed.emplace_back(name, std::move(error));
    }
  }
  const std::string_view state = again ? table_state::before_load : table_state::error;
  statistics_.table(name, [&](TableStatus& status) {
    status.state = state;
    status.reason = text;
  });
  return ledger_.update_table(name, [&](TableRecord& record) {
    record.state = state;
    record.suspended_reason = again ? "" : text;
  });
}

}  // namespace engine
