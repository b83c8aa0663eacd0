// SPDX-License-Identifier: Apache-2.0
//
// One consistent view of a server, shared by the sessions of a load: MySQL cannot give a snapshot on to another
// session, so all sessions open theirs at one moment. snapshot_moment.h tells how the moment is found. Where nothing
// may be locked, what changed around it comes from the log (log_window.h): such keys are left out of every range, and
// the first range of their table begins with the rows that stood under them.
//
// Tables of engines without transactions (MyISAM, Aria) are in no snapshot: theirs is a read lock, taken at that moment
// and held as long as the snapshot lives. Whoever reads one learns at its end whether the lock was there all the time.
//
// Between two chunks a session holds no metadata lock (ROLLBACK TO SAVEPOINT), so that DDL of others waits for a chunk
// at most. Any thread may call chunks() and read(); a session that is given up in the middle of a chunk is closed, and
// when the last is gone the load starts again.
#pragma once

#include <functional>
#include <memory>

#include "connect/source.h"
#include "connectors/mysql/connection.h"
#include "connectors/mysql/log_place.h"
#include "connectors/mysql/value_text.h"

namespace mysql {

struct LogWindow;

struct SnapshotRequest {
  ConnectionSettings settings;
  ValueChoices values;
  std::size_t sessions = 1;
  std::int64_t lock_seconds = 5;
  bool needs_place = false;               // changes will follow from there
  std::vector<model::TableName> tables;   // of the plan; only where changes will follow
  std::vector<model::TableName> to_lock;  // of them, those without transactions
  // What was committed between an executed GTID set and a place; only where changes will follow.
  std::function<base::Result<LogWindow>(const std::string& executed, const LogPlace& high)> read_window;
  std::function<void(const std::string&)> waiting;  // may be empty
  base::Clock* clock = nullptr;
  std::stop_token stop;
};

struct TakenSnapshot {
  std::unique_ptr<connect::Snapshot> snapshot;
  LogPlace place;   // the snapshot holds exactly what was committed before it
  std::string way;  // how that moment was found, for people
};

// `era` of the fence's position; `fenced`: its fence says what of the stream it holds, else the stream begins there.
base::Result<TakenSnapshot> take_snapshot(const SnapshotRequest& request, std::uint64_t era, bool fenced);

namespace errors {
inline constexpr base::Code no_snapshot_right{
    "mysql.no_snapshot_right", base::Kind::task,
    "To find the moment where load and changes meet the account needs RELOAD (GRANT RELOAD ON *.* TO ...) or LOCK "
    "TABLES "
    "on the schemas of the selected tables; or the server gtid_mode=ON and binlog_row_image=FULL."};
inline constexpr base::Code no_quiet_moment{
    "mysql.no_quiet_moment", base::Kind::task,
    "Without the right to lock, a table that has no primary key, is filtered or bound by foreign keys that act must "
    "not "
    "change in the moment in which its load begins. Grant LOCK TABLES on its schema, or start when it is calmer."};
inline constexpr base::Code no_lock_right{
    "mysql.no_lock_right", base::Kind::task,
    "Tables of engines without transactions are loaded under a read lock, for which the account needs LOCK TABLES on "
    "their schemas (GRANT LOCK TABLES ON ... TO ...)."};
inline constexpr base::Code lock_lost{
    "mysql.lock_lost", base::Kind::transient,
    "The session that held the read lock on tables without transactions broke while they were loaded; they are loaded "
    "again."};
inline constexpr base::Code lock_not_given{
    "mysql.lock_not_given", base::Kind::transient,
    "Long statements or transactions kept the read lock of a moment from being taken; it is tried again. Raise "
    "MillraceLockSeconds, or start when the server is calmer."};
}  // namespace errors

}  // namespace mysql
