// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/chunk_reader.h"

namespace mysql {
namespace {

using base::failed;
using base::Result;

constexpr int lockless_attempts_max = 5;
constexpr int lock_attempts_max = 20;
constexpr base::Nanos attempt_pause = std::chrono::milliseconds(500);
constexpr int xa_waits_max = 120;  // half seconds
constexpr unsigned int lock_timeout_number = 1205;
constexpr unsigned int missing_right_number = 1227;
constexpr unsigned int missing_table_right_number = 1142;
constexpr unsigned int missing_database_right_number = 1044;

constexpr const char* begin_sql = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

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
  Snapshot(std::vector<Connection> sessions, std::optional<Connection> lock_holder, model::Fence fence,
           const SnapshotRequest& request)
      : guard_(std::move(lock_holder), request.to_lock),
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
  std::string list, condition;
  for (const std::uint32_t index : columns) {
    const model::Column& column = table.columns[index];
    TRY(parse_type(column.type.native, column.collation));
    list += (list.empty() ? "" : ", ") + select_expression(column);
  }
  for (const std::string& term : {chunk.predicate, filter}) {
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
      std::make_unique<ChunkReader>(pool_, std::move(session), table, columns, choices_);
  if (guard_.covers(table.name)) {
    reader = std::make_unique<GuardedReader>(std::move(reader), guard_, table.name);
  }
  return reader;
}

// How the moment of a common snapshot is found; see the header.
class Taking {
 public:
  explicit Taking(const SnapshotRequest& request) : request_(request) {}

  // The session that holds the lock on the request's tables.
  std::optional<Connection> take_lock_holder() { return std::exchange(holder_, std::nullopt); }

  Result<LogPlace> run(std::vector<Connection>& sessions) {
    for (std::size_t i = 0; i < request_.sessions; ++i) {
      sessions.push_back(TRY(Connection::open(request_.settings, request_.stop)));
    }
    const bool locks_tables = !request_.to_lock.empty();
    if (sessions[0].server().is_mariadb && !locks_tables) {
      for (int attempt = 0; attempt < lockless_attempts_max; ++attempt) {
        const std::optional<LogPlace> place = TRY(begin_unlocked(sessions));
        if (place) return *place;
      }
    }
    Result<LogPlace> locked = begin_locked(sessions);
    if (locked.ok() || !lacks_right_) return locked;
    if (locks_tables) return failed(errors::no_lock_right, "{}: {}", sessions[0].name(), locked.error().message);
    const bool is_exact = sessions[0].server().is_mariadb || !request_.needs_place;
    if (!is_exact) return failed(errors::no_snapshot_right, "{}: {}", sessions[0].name(), locked.error().message);
    sessions.erase(sessions.begin() + 1, sessions.end());
    const std::optional<LogPlace> place = TRY(begin_unlocked(sessions));
    if (place) return *place;
    return failed(errors::lock_not_given, "{}: XA transactions came and went all the time", sessions[0].name());
  }

 private:
  Result<void> pause(const std::string& why) {
    if (request_.waiting) request_.waiting(why);
    if (!request_.clock->pause(attempt_pause, request_.stop)) {
      return failed(errors::canceled, "stopped while waiting to begin the load");
    }
    return {};
  }

  // Rows of prepared XA transactions are in the log before their place and in no snapshot.
  Result<void> wait_for_prepared(Connection& session) {
    for (int i = 0; i < xa_waits_max; ++i) {
      Result<Rows> rows = session.query("XA RECOVER", request_.stop);
      if (!rows.ok()) return {};  // no right to see them: `check` warns
      if (rows->empty()) return {};
      TRY(pause(fmt::format("{} prepared XA transactions to end (XA RECOVER lists them)", rows->size())));
    }
    return failed(errors::lock_not_given, "{}: prepared XA transactions stayed open", session.name());
  }

  // MariaDB: the places at which the sessions' snapshots were taken; nullopt when they differ.
  Result<std::optional<LogPlace>> begin_by_place(std::vector<Connection>& sessions) {
    std::optional<std::string> common;
    std::string file, offset;
    for (Connection& session : sessions) {
      TRY(session.execute("ROLLBACK", request_.stop));
      TRY(session.execute(begin_sql, request_.stop));
      file.clear();
      offset.clear();
      for (const Row& row : TRY(session.query("SHOW STATUS LIKE 'binlog_snapshot_%'", request_.stop))) {
        if (text_at(row, 0) == "Binlog_snapshot_file") file = text_at(row, 1);
        if (text_at(row, 0) == "Binlog_snapshot_position") offset = text_at(row, 1);
      }
      const std::string place = file + ":" + offset;
      if (common && *common != place) return std::optional<LogPlace>();
      common = place;
    }
    const std::optional<LogName> name = parse_log_name(file);
    LogPlace place;
    if (!name) {
      if (request_.needs_place) return failed(errors::no_binlog, "{}", sessions[0].name());
      return std::optional<LogPlace>(place);
    }
    place.file = name->number;
    place.offset = std::strtoull(offset.c_str(), nullptr, 10);
    if (request_.needs_place) place.gtids = TRY(gtids_at(sessions[0], name->base, place));
    return std::optional<LogPlace>(place);
  }

  // How many transactions have been prepared so far: an XA transaction that came and went unseen counts, too.
  Result<std::string> prepared_so_far(Connection& session) {
    if (!request_.needs_place) return std::string();
    std::string counted;
    for (const Row& row : TRY(session.query("SHOW GLOBAL STATUS LIKE 'Com_xa_prepare'", request_.stop))) {
      counted = text_at(row, 1);
    }
    return counted;
  }

  // The same, where nothing was prepared meanwhile.
  Result<std::optional<LogPlace>> begin_unlocked(std::vector<Connection>& sessions) {
    const std::string before = TRY(prepared_so_far(sessions[0]));
    if (request_.needs_place) TRY(wait_for_prepared(sessions[0]));
    const std::optional<LogPlace> place = TRY(begin_by_place(sessions));
    if (!place || TRY(prepared_so_far(sessions[0])) == before) return place;
    return std::optional<LogPlace>();
  }

  Result<LogPlace> begin_locked(std::vector<Connection>& sessions) {
    Connection locker = TRY(Connection::open(request_.settings, request_.stop));
    TRY(locker.execute(fmt::format("SET SESSION lock_wait_timeout = {}", request_.lock_seconds), request_.stop));
    for (int attempt = 0; attempt < lock_attempts_max; ++attempt) {
      Result<std::uint64_t> locked = locker.execute("FLUSH TABLES WITH READ LOCK", request_.stop);
      if (locked.ok()) {
        const std::optional<LogPlace> place = TRY(begin_under_lock(locker, sessions));
        if (place) return *place;
        TRY(wait_for_prepared(locker));
        continue;
      }
      lacks_right_ = locker.last_errno() == missing_right_number || locker.last_errno() == missing_table_right_number;
      if (locker.last_errno() != lock_timeout_number) return locked.take_error();
      TRY(pause("long statements at the source, for the read lock of a moment"));
    }
    return failed(errors::lock_not_given, "{}: {} tries of {} s", locker.name(), lock_attempts_max,
                  request_.lock_seconds);
  }

  // Nobody writes at this moment, so they are given at once.
  Result<void> lock_tables() {
    std::string list;
    for (const model::TableName& table : request_.to_lock) {
      list += fmt::format("{}{} READ", list.empty() ? "" : ", ", quote_name(table.schema, table.table));
    }
    holder_.emplace(TRY(Connection::open(request_.settings, request_.stop)));
    TRY(holder_->execute(fmt::format("SET SESSION lock_wait_timeout = {}", request_.lock_seconds), request_.stop));
    Result<std::uint64_t> locked = holder_->execute("LOCK TABLES " + list, request_.stop);
    if (locked.ok()) return {};
    const unsigned int number = holder_->last_errno();
    if (number == missing_database_right_number || number == missing_table_right_number) {
      return failed(errors::no_lock_right, "{}", holder_->name()).because(locked.take_error());
    }
    if (number == lock_timeout_number) return failed(errors::lock_not_given, "{}: LOCK TABLES", holder_->name());
    return locked.take_error();
  }

  // nullopt: a transaction stands prepared, and the lock is given back.
  Result<std::optional<LogPlace>> begin_under_lock(Connection& locker, std::vector<Connection>& sessions) {
    if (request_.needs_place) {
      const Result<Rows> prepared = locker.query("XA RECOVER", request_.stop);
      if (prepared.ok() && !prepared->empty()) {
        TRY(locker.execute("UNLOCK TABLES", request_.stop));
        return std::optional<LogPlace>();
      }
    }
    if (!request_.to_lock.empty()) TRY(lock_tables());
    for (Connection& session : sessions) {
      TRY(session.execute("ROLLBACK", request_.stop));
      TRY(session.execute(begin_sql, request_.stop));
    }
    LogStatus status;
    if (request_.needs_place) status = TRY(read_log_status(locker));
    TRY(locker.execute("UNLOCK TABLES", request_.stop));
    if (request_.needs_place && locker.server().is_mariadb) {
      status.place.gtids = TRY(gtids_at(locker, status.base, status.place));
    }
    return std::optional<LogPlace>(std::move(status.place));
  }

  const SnapshotRequest& request_;
  bool lacks_right_ = false;
  std::optional<Connection> holder_;
};

}  // namespace

Result<TakenSnapshot> take_snapshot(const SnapshotRequest& request, std::uint64_t era, bool fenced) {
  std::vector<Connection> sessions;
  TakenSnapshot taken;
  Taking taking(request);
  taken.place = TRY(taking.run(sessions));
  model::Fence fence;
  if (fenced) {
    fence.high = packed(era, taken.place.file, taken.place.offset);
    fence.xmin = ~0ull;  // all that was committed up to `high` is seen
    fence.xmax = ~0ull;
  }
  taken.snapshot =
      std::make_unique<Snapshot>(std::move(sessions), taking.take_lock_holder(), std::move(fence), request);
  return taken;
}

}  // namespace mysql
