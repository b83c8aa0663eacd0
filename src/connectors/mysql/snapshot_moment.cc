// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/snapshot_moment.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "connectors/mysql/cells.h"

namespace mysql {
namespace {

using base::failed;
using base::Result;

constexpr int lockless_attempts_max = 5;
constexpr int lock_attempts_max = 20;
constexpr int lock_attempts_few = 3;
constexpr int window_attempts_max = 40;
constexpr int window_attempts_between_locks = 4;
constexpr int window_attempts_wide = 20;  // with all sessions; then one alone, whose moment is shorter
constexpr base::Nanos attempt_pause = std::chrono::milliseconds(500);
constexpr base::Nanos window_pause = std::chrono::milliseconds(100);
constexpr int xa_waits_max = 120;  // half seconds
constexpr unsigned int lock_timeout_number = 1205;

constexpr const char* begin_sql = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

std::string read_locks(const std::vector<model::TableName>& tables) {
  std::string list;
  for (const model::TableName& table : tables) {
    list += fmt::format("{}{} READ", list.empty() ? "LOCK TABLES " : ", ", quote_name(table.schema, table.table));
  }
  return list;
}

class MomentFinder {
 public:
  explicit MomentFinder(const SnapshotRequest& request) : request_(request) {}

  Result<Moment> run(std::vector<Connection>& sessions) {
    for (std::size_t i = 0; i < request_.sessions; ++i) {
      sessions.push_back(TRY(Connection::open(request_.settings, request_.stop)));
    }
    const bool is_mariadb = sessions[0].server().is_mariadb;
    if (is_mariadb && request_.to_lock.empty()) {
      for (int attempt = 0; attempt < lockless_attempts_max; ++attempt) {
        const std::optional<LogPlace> place = TRY(begin_unlocked(sessions));
        if (place) return at(*place, "without a lock: its snapshots say one place");
      }
    }
    if (std::optional<LogPlace> place = TRY(begin_locked(sessions, "FLUSH TABLES WITH READ LOCK", lock_attempts_max))) {
      return at(*place, "under a global read lock of a moment");
    }
    if (!request_.to_lock.empty() || (!is_mariadb && request_.needs_place && !TRY(is_window_possible(sessions[0])))) {
      if (std::optional<Moment> moment = TRY(begin_by_table_locks(sessions, lock_attempts_max)))
        return std::move(*moment);
      const base::Code& code = request_.to_lock.empty() ? errors::no_snapshot_right : errors::no_lock_right;
      return failed(code, "{}: {}{}", sessions[0].name(), denied_, no_window_);
    }
    if (!is_mariadb && request_.needs_place) return begin_by_window(sessions);
    if (std::optional<Moment> moment = TRY(begin_by_table_locks(sessions, lock_attempts_few)))
      return std::move(*moment);
    return begin_alone(sessions);
  }

 private:
  Moment at(const LogPlace& place, std::string way) {
    return Moment{place, std::move(way), {}, std::exchange(holder_, std::nullopt)};
  }

  Result<void> pause(const std::string& why, base::Nanos length = attempt_pause) {
    if (request_.waiting) request_.waiting(why);
    if (!request_.clock->pause(length, request_.stop)) {
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

  Result<void> begin_all(std::vector<Connection>& sessions) {
    for (Connection& session : sessions) {
      TRY(session.execute("ROLLBACK", request_.stop));
      TRY(session.execute(begin_sql, request_.stop));
    }
    return {};
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

  Result<Moment> begin_alone(std::vector<Connection>& sessions) {
    sessions.erase(sessions.begin() + 1, sessions.end());
    const std::optional<LogPlace> place = TRY(begin_unlocked(sessions));
    if (place) return at(*place, "through one session, because " + denied_);
    return failed(errors::lock_not_given, "{}: XA transactions came and went all the time", sessions[0].name());
  }

  // nullopt: this account may not take that lock, or (a few tries only) did not get it.
  Result<std::optional<LogPlace>> begin_locked(std::vector<Connection>& sessions, const std::string& lock, int tries) {
    Connection locker = TRY(Connection::open(request_.settings, request_.stop));
    TRY(locker.execute(fmt::format("SET SESSION lock_wait_timeout = {}", request_.lock_seconds), request_.stop));
    for (int attempt = 0; attempt < tries; ++attempt) {
      Result<std::uint64_t> locked = locker.execute(lock, request_.stop);
      if (locked.ok()) {
        const std::optional<LogPlace> place = TRY(begin_under_lock(locker, sessions));
        if (place) return place;
        TRY(wait_for_prepared(locker));
        continue;
      }
      if (is_lock_denied(locker.last_errno())) {
        denied_ = locker.last_message();
        return std::optional<LogPlace>();
      }
      if (locker.last_errno() == no_such_table_number) {
        return failed(errors::lock_not_given, "{}: a table is gone since it was planned", locker.name());
      }
      if (locker.last_errno() != lock_timeout_number) return locked.take_error();
      TRY(pause("long statements or transactions at the source, for the read lock of a moment"));
    }
    if (tries < lock_attempts_max) return std::optional<LogPlace>();
    return failed(errors::lock_not_given, "{}: {} tries of {} s", locker.name(), tries, request_.lock_seconds);
  }

  // nullopt as there.
  Result<std::optional<Moment>> begin_by_table_locks(std::vector<Connection>& sessions, int tries) {
    if (request_.tables.empty()) return std::optional<Moment>();
    const std::string denied = denied_;  // the greater right, which people will ask about
    std::optional<LogPlace> place = TRY(begin_locked(sessions, read_locks(request_.tables), tries));
    if (!place) return std::optional<Moment>();
    if (!place->gtids.empty() && !sessions[0].server().is_mariadb) place->gtids = TRY(complete_gtids(*place));
    return std::optional<Moment>(at(
        *place, fmt::format("under read locks of a moment on {} tables, because {}", request_.tables.size(), denied)));
  }

  // Nobody writes at this moment, so they are given at once.
  Result<void> lock_tables() {
    holder_.emplace(TRY(Connection::open(request_.settings, request_.stop)));
    TRY(holder_->execute(fmt::format("SET SESSION lock_wait_timeout = {}", request_.lock_seconds), request_.stop));
    Result<std::uint64_t> locked = holder_->execute(read_locks(request_.to_lock), request_.stop);
    if (locked.ok()) return {};
    const unsigned int number = holder_->last_errno();
    if (is_lock_denied(number))
      return failed(errors::no_lock_right, "{}", holder_->name()).because(locked.take_error());
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
    TRY(begin_all(sessions));
    LogStatus status;
    if (request_.needs_place) status = TRY(read_log_status(locker));
    TRY(locker.execute("UNLOCK TABLES", request_.stop));
    if (request_.needs_place && locker.server().is_mariadb) {
      status.place.gtids = TRY(gtids_at(locker, status.base, status.place));
    }
    return std::optional<LogPlace>(std::move(status.place));
  }

  // Transactions of other tables may have been in the log before the place and not yet counted as executed.
  Result<std::string> complete_gtids(const LogPlace& place) {
    if (TRY(GtidSet::parse(place.gtids, false)).has_tags()) return place.gtids;
    return TRY(request_.read_window(place.gtids, place)).gtids;
  }

  Result<bool> is_window_possible(Connection& session) {
    const std::string mode = TRY(session.query_value("SELECT @@GLOBAL.gtid_mode")).value_or("");
    const std::string image = TRY(session.query_value("SELECT @@GLOBAL.binlog_row_image")).value_or("");
    const std::string executed = TRY(executed_gtids(session));
    if (mode != "ON" || image != "FULL") {
      no_window_ = fmt::format("; gtid_mode is {}, binlog_row_image {}", mode, image);
    } else if (TRY(GtidSet::parse(executed, false)).has_tags()) {
      no_window_ = "; its GTIDs have tags";
    }
    return no_window_.empty();
  }

  Result<std::string> executed_gtids(Connection& session) {
    std::string executed = TRY(session.query_value("SELECT @@GLOBAL.gtid_executed", request_.stop)).value_or("");
    std::erase_if(executed, [](char c) { return c == '\n' || c == ' '; });
    return executed;
  }

  // Without an obstacle the sessions are in their snapshots.
  Result<LogWindow> try_window(Connection& watcher, std::vector<Connection>& sessions, Moment& moment) {
    const std::string prepared = TRY(prepared_so_far(watcher));
    TRY(wait_for_prepared(watcher));
    const std::string executed = TRY(executed_gtids(watcher));
    TRY(begin_all(sessions));
    moment.place = TRY(read_log_status(watcher)).place;
    LogWindow window = TRY(request_.read_window(executed, moment.place));
    if (window.obstacle.empty() && TRY(prepared_so_far(watcher)) != prepared) {
      window.obstacle = "XA transactions were prepared";
    }
    return window;
  }

  // What stands in its way is perhaps a table that may be locked.
  Result<Moment> begin_by_window(std::vector<Connection>& sessions) {
    const std::string denied = denied_;
    Connection watcher = TRY(Connection::open(request_.settings, request_.stop));
    std::string obstacle;
    for (int attempt = 1; attempt <= window_attempts_max; ++attempt) {
      Moment moment;
      LogWindow window = TRY(try_window(watcher, sessions, moment));
      if (window.obstacle.empty()) {
        moment.place.gtids = std::move(window.gtids);
        moment.patches = std::move(window.patches);
        moment.way = fmt::format("without a lock, because {}; {} keys that changed in that moment come from the log",
                                 denied, window.keys);
        return moment;
      }
      obstacle = std::move(window.obstacle);
      if (attempt % window_attempts_between_locks == 0) {
        if (std::optional<Moment> locked = TRY(begin_by_table_locks(sessions, 1))) return std::move(*locked);
      }
      if (attempt == window_attempts_wide) sessions.erase(sessions.begin() + 1, sessions.end());
      TRY(pause("a moment in which nothing stands in the way of a load without locks: " + obstacle, window_pause));
    }
    return failed(errors::no_quiet_moment, "{}: {}, {} times", sessions[0].name(), obstacle, window_attempts_max);
  }

  const SnapshotRequest& request_;
  std::string denied_;     // what the server said
  std::string no_window_;  // why there is none
  std::optional<Connection> holder_;
};

}  // namespace

bool is_lock_denied(unsigned int number) {
  constexpr unsigned int access_denied = 1045;  // RDS and Aurora say so to those who have RELOAD
  constexpr unsigned int missing_database_right = 1044, missing_table_right = 1142, missing_right = 1227;
  return number == access_denied || number == missing_database_right || number == missing_table_right ||
         number == missing_right;
}

Result<Moment> find_moment(const SnapshotRequest& request, std::vector<Connection>& sessions) {
  return MomentFinder(request).run(sessions);
}

}  // namespace mysql
