// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/chunk_ranges.h"
#include "connectors/mysql/chunk_reader.h"
#include "connectors/mysql/snapshot_moment.h"

namespace mysql {
namespace {

using base::failed;
using base::Result;

// The session that holds the read lock on tables without transactions. Any thread.
class Guard {
 public:
  Guard(std::optional<Connection> holder, const std::vector<model::TableName>& tables)
      : holder_(std::move(holder)), tables_(tables.begin(), tables.end()) {}
  bool covers(const model::TableName& table) const { return tables_.contains(table); }
  // Fails when the lock has gone.
  Result<void> check(const model::TableName& table) {
    base::Lock lock(mutex_);
    if (holder_ && !holder_->is_broken() && holder_->query_value("SELECT 1").ok()) return {};
    return failed(errors::lock_lost, "table {}", table.text());
  }

 private:
  base::Mutex mutex_;
  std::optional<Connection> holder_ GUARDED_BY(mutex_);
  const std::set<model::TableName> tables_;
};

class GuardedReader final : public connect::ChunkReader {
 public:
  GuardedReader(std::unique_ptr<connect::ChunkReader> reader, Guard& guard, const model::TableName& table)
      : reader_(std::move(reader)), guard_(guard), table_(table) {}
  Result<bool> next_rows(model::RowBatch& out, std::stop_token stop) override {
    return checked(reader_->next_rows(out, std::move(stop)));
  }
  Result<bool> next_raw(std::string& out, std::stop_token stop) override {
    return checked(reader_->next_raw(out, std::move(stop)));
  }
  std::uint64_t rows() const override { return reader_->rows(); }

 private:
  Result<bool> checked(Result<bool> more) {
    if (more.ok() && !*more) TRY(guard_.check(table_));
    return more;
  }

  const std::unique_ptr<connect::ChunkReader> reader_;
  Guard& guard_;
  const model::TableName table_;
};

class Snapshot final : public connect::Snapshot {
 public:
  Snapshot(std::vector<Connection> sessions, Moment moment, model::Fence fence, const SnapshotRequest& request)
      : guard_(std::move(moment.lock_holder), request.to_lock),
        patches_(std::move(moment.patches)),
        pool_(std::move(sessions)),
        fence_(std::move(fence)),
        choices_(request.values) {}

  model::Fence fence() const override { return fence_; }
  Result<std::vector<connect::Chunk>> chunks(const model::TableSchema& table, std::uint64_t chunk_bytes) override;
  Result<std::unique_ptr<connect::ChunkReader>> read(const model::TableSchema& table,
                                                     const std::vector<std::uint32_t>& columns,
                                                     const connect::Chunk& chunk, const std::string& filter,
                                                     connect::ReadForm form, const std::stop_token& stop) override;

 private:
  // Writers that wait for the lock would let no reader pass.
  const char* priority(const model::TableName& table) const { return guard_.covers(table) ? "HIGH_PRIORITY " : ""; }

  Guard guard_;
  const std::map<model::TableName, TablePatch> patches_;
  SnapshotPool pool_;
  const model::Fence fence_;
  const ValueChoices choices_;
};

Result<std::vector<connect::Chunk>> Snapshot::chunks(const model::TableSchema& table, std::uint64_t chunk_bytes) {
  Connection session = TRY(pool_.take({}));
  Result<std::uint64_t> marked = session.execute("SAVEPOINT millrace_chunk");
  Result<std::vector<connect::Chunk>> chunks = marked.ok()
                                                   ? cut_into_ranges(session, table, chunk_bytes, priority(table.name))
                                                   : Result<std::vector<connect::Chunk>>(marked.take_error());
  const Result<std::uint64_t> back = session.execute("ROLLBACK TO SAVEPOINT millrace_chunk");
  pool_.give_back(std::move(session));
  if (chunks.ok() && !back.ok()) return base::Error(back.error());
  return chunks;
}

Result<std::unique_ptr<connect::ChunkReader>> Snapshot::read(const model::TableSchema& table,
                                                             const std::vector<std::uint32_t>& columns,
                                                             const connect::Chunk& chunk, const std::string& filter,
                                                             connect::ReadForm form, const std::stop_token& stop) {
  if (form == connect::ReadForm::raw_binary) return failed(connect::errors::not_supported, "MySQL has no binary form");
  const auto patch = patches_.find(table.name);
  const bool is_patched = patch != patches_.end();
  // The plan knows which tables are filtered: this is a look at single rows.
  if (is_patched && !filter.empty()) return failed(connect::errors::chunk_yielded, "table {}", table.name.text());
  std::string list, condition;
  for (const std::uint32_t index : columns) {
    const model::Column& column = table.columns[index];
    TRY(parse_type(column.type.native, column.collation));
    list += (list.empty() ? "" : ", ") + select_expression(column);
  }
  for (const std::string& term : {chunk.predicate, filter, is_patched ? patch->second.keys : std::string()}) {
    if (!term.empty()) condition += fmt::format("{}({})", condition.empty() ? " WHERE " : " AND ", term);
  }
  Connection session = TRY(pool_.take(stop));
  Result<std::uint64_t> marked = session.execute("SAVEPOINT millrace_chunk", stop);
  Result<void> opened =
      marked.ok()
          ? session.open_rows(fmt::format("SELECT {}{} FROM {}{}", priority(table.name), list.empty() ? "1" : list,
                                          quote_name(table.name.schema, table.name.table), condition),
                              stop)
          : Result<void>(marked.take_error());
  if (!opened.ok()) {
    base::Error error = read_failure(session, opened.take_error(), table.name);
    if (session.is_broken() || !session.execute("ROLLBACK TO SAVEPOINT millrace_chunk").ok())
      pool_.lost();
    else
      pool_.give_back(std::move(session));
    return error;
  }
  std::unique_ptr<connect::ChunkReader> reader =
      std::make_unique<ChunkReader>(pool_, std::move(session), table, columns, choices_,
                                    is_patched && chunk.number == 0 ? &patch->second.rows : nullptr);
  if (guard_.covers(table.name)) {
    reader = std::make_unique<GuardedReader>(std::move(reader), guard_, table.name);
  }
  return reader;
}

}  // namespace

Result<TakenSnapshot> take_snapshot(const SnapshotRequest& request, std::uint64_t era, bool fenced) {
  std::vector<Connection> sessions;
  Moment moment = TRY(find_moment(request, sessions));
  TakenSnapshot taken;
  taken.place = moment.place;
  taken.way = std::move(moment.way);
  model::Fence fence;
  if (fenced) {
    fence.high = packed(era, taken.place.file, taken.place.offset);
    fence.xmin = ~0ull;  // all that was committed up to `high` is seen
    fence.xmax = ~0ull;
  }
  taken.snapshot = std::make_unique<Snapshot>(std::move(sessions), std::move(moment), std::move(fence), request);
  return taken;
}

}  // namespace mysql
