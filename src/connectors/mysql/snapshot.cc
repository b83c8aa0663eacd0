// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/chunk_reader.h"
#include "connectors/mysql/snapshot_moment.h"

namespace mysql {
namespace {

using base::failed;
using base::Result;

// A table's ranges: those of its first key column, an integer, between the least and the greatest value.
struct Bounds {
  bool is_unsigned = false;
  std::uint64_t low = 0, high = 0;  // the bits of int64 when signed
};

std::string bound_text(const Bounds& bounds, std::uint64_t value) {
  return bounds.is_unsigned ? std::to_string(value) : std::to_string(static_cast<std::int64_t>(value));
}

bool is_integer(Kind kind) {
  return kind == Kind::tiny || kind == Kind::small || kind == Kind::medium || kind == Kind::integer ||
         kind == Kind::big;
}

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
  Result<std::vector<connect::Chunk>> split(Connection& session, const model::TableSchema& table,
                                            std::uint64_t chunk_bytes);
  Result<std::optional<Bounds>> bounds_of(Connection& session, const model::TableSchema& table);

  // Writers that wait for the lock would let no reader pass.
  const char* priority(const model::TableName& table) const { return guard_.covers(table) ? "HIGH_PRIORITY " : ""; }

  Guard guard_;
  const std::map<model::TableName, TablePatch> patches_;
  SnapshotPool pool_;
  const model::Fence fence_;
  const ValueChoices choices_;
};

Result<std::optional<Bounds>> Snapshot::bounds_of(Connection& session, const model::TableSchema& table) {
  if (table.primary_key.empty()) return std::optional<Bounds>();
  const model::Column& key = table.columns[table.primary_key[0]];
  const NativeType native = TRY(parse_type(key.type.native, key.collation));
  if (!is_integer(native.kind)) return std::optional<Bounds>();
  const std::string column = quote_identifier(key.name);
  Result<Rows> read = session.query(fmt::format("SELECT {0}MIN({1}), MAX({1}) FROM {2}", priority(table.name), column,
                                                quote_name(table.name.schema, table.name.table)));
  if (!read.ok()) return read_failure(session, read.take_error(), table.name);
  const Rows rows = read.take();
  if (null_at(rows.at(0), 0)) return std::optional<Bounds>();
  const auto number = [&](std::size_t column_index) {
    const std::string text = text_at(rows[0], column_index);
    return native.is_unsigned ? std::strtoull(text.c_str(), nullptr, 10)
                              : static_cast<std::uint64_t>(std::strtoll(text.c_str(), nullptr, 10));
  };
  return std::optional<Bounds>(Bounds{native.is_unsigned, number(0), number(1)});
}

Result<std::vector<connect::Chunk>> Snapshot::split(Connection& session, const model::TableSchema& table,
                                                    std::uint64_t chunk_bytes) {
  const Rows sizes = TRY(session.query(
      fmt::format("SELECT COALESCE(DATA_LENGTH, 0), COALESCE(TABLE_ROWS, -1) FROM information_schema.TABLES "
                  "WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
                  quote_literal(table.name.schema), quote_literal(table.name.table))));
  if (sizes.empty()) return failed(connect::errors::table_missing, "table {}", table.name.text());
  const auto bytes = static_cast<std::uint64_t>(number_at(sizes[0], 0));
  const std::int64_t rows = number_at(sizes[0], 1);
  const std::uint64_t wanted = std::max<std::uint64_t>(1, bytes / std::max<std::uint64_t>(1, chunk_bytes));
  std::optional<Bounds> bounds;
  if (wanted > 1) bounds = TRY(bounds_of(session, table));
  const std::uint64_t span = bounds ? bounds->high - bounds->low : 0;
  const std::uint64_t count = bounds ? std::min(wanted, std::max<std::uint64_t>(1, span)) : 1;
  std::vector<connect::Chunk> chunks;
  const std::string column = bounds ? quote_identifier(table.columns[table.primary_key[0]].name) : "";
  const auto edge = [&](std::uint64_t i) {
    return bound_text(*bounds, bounds->low + span / count * i + span % count * i / count);
  };
  for (std::uint64_t i = 0; i < count; ++i) {
    connect::Chunk chunk;
    chunk.table = table.name;
    chunk.number = static_cast<std::uint32_t>(i);
    if (i > 0) chunk.predicate = fmt::format("{} >= {}", column, edge(i));
    if (i + 1 < count) {
      chunk.predicate += fmt::format("{}{} < {}", chunk.predicate.empty() ? "" : " AND ", column, edge(i + 1));
    }
    chunk.bytes_estimate = bytes / count;
    chunk.rows_estimate = rows < 0 ? -1 : rows / static_cast<std::int64_t>(count);
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

Result<std::vector<connect::Chunk>> Snapshot::chunks(const model::TableSchema& table, std::uint64_t chunk_bytes) {
  Connection session = TRY(pool_.take({}));
  Result<std::uint64_t> marked = session.execute("SAVEPOINT millrace_chunk");
  Result<std::vector<connect::Chunk>> chunks =
      marked.ok() ? split(session, table, chunk_bytes) : Result<std::vector<connect::Chunk>>(marked.take_error());
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
