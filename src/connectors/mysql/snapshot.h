// SPDX-License-Identifier: Apache-2.0
//
// One consistent view of a server, shared by the sessions of a load: MySQL cannot give a snapshot on to another
// session, so all sessions open theirs at one moment. How the moment is found (docs/adr on the hand-over):
//
//   MariaDB   each session's snapshot says its own place in the binlog; equal places are one view, no lock needed
//   else      FLUSH TABLES WITH READ LOCK for the moment in which all sessions open their snapshots, tried for
//             MillraceLockSeconds at a time; prepared XA transactions are waited for first, because their rows are in
//             the log already and not yet in any snapshot
//   no right to lock: MariaDB loads through one session, whose place is exact; MySQL too when no changes follow,
//             else it is refused by name
//
// Tables of engines without transactions (MyISAM, Aria) are in no snapshot: theirs is a read lock, taken at that moment
// and held as long as the snapshot lives. Whoever reads one learns at its end whether the lock was there all the time.
//
// Between two chunks a session holds no metadata lock (ROLLBACK TO SAVEPOINT), so that DDL of others waits for a chunk
// at most. Any thread may call chunks() and read(); a session that is given up in the middle of a chunk is closed, and
// when the last is gone the load starts again.
#pragma once

#include <memory>

#include "connect/source.h"
#include "connectors/mysql/connection.h"
#include "connectors/mysql/log_place.h"
#include "connectors/mysql/value_text.h"

namespace mysql {

struct SnapshotRequest {
  ConnectionSettings settings;
  ValueChoices values;
  std::size_t sessions = 1;
  std::int64_t lock_seconds = 5;
  bool needs_place = false;                         // changes will follow from there
  std::vector<model::TableName> to_lock;            // tables without transactions
  std::function<void(const std::string&)> waiting;  // may be empty
  base::Clock* clock = nullptr;
  std::stop_token stop;
};

struct TakenSnapshot {
  std::unique_ptr<connect::Snapshot> snapshot;
  LogPlace place;  // the snapshot holds exactly what was committed before it
};

// `era` of the fence's position; `fenced`: its fence says what of the stream it holds, else the stream begins there.
base::Result<TakenSnapshot> take_snapshot(const SnapshotRequest& request, std::uint64_t era, bool fenced);

namespace errors {
inline constexpr base::Code no_snapshot_right{
    "mysql.no_snapshot_right", base::Kind::task,
    "To find the moment where load and changes meet the account needs RELOAD (GRANT RELOAD ON *.* TO ...)."};
inline constexpr base::Code no_lock_right{
    "mysql.no_lock_right", base::Kind::task,
    "Tables of engines without transactions are loaded under a read lock, for which the account needs RELOAD and LOCK "
    "TABLES (GRANT RELOAD, LOCK TABLES ON *.* TO ...)."};
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
