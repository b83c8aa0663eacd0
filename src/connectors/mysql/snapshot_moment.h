// SPDX-License-Identifier: Apache-2.0
//
// How the sessions of a load find the moment in which they open their snapshots, so that all of them are one view whose
// place in the log is known (docs/adr/012). What is tried, in this order, and what it asks for:
//
//   snapshot places   MariaDB: each snapshot says its own place in the log; equal places are one view    nothing
//   global read lock  FLUSH TABLES WITH READ LOCK while the snapshots open                               RELOAD
//   window            MySQL: no lock; what changed around the moment comes from the log                  GTIDs
//   table read locks  LOCK TABLES ... READ on the tables of the plan, for the same moment                LOCK TABLES
//   one session       MariaDB, and a load that no changes follow: its place is exact, or does not matter nothing
//
// A lock is tried for MillraceLockSeconds at a time and given back between: who waits for the global one makes others
// wait, and who waits for one of a table that is always written waits forever. Rows of prepared XA transactions are in
// the log already and in no snapshot, so such a transaction is waited for first.
//
// A read lock on a table is given when every transaction that wrote it has ended, so the snapshots hold exactly what
// the log says of these tables; other tables, about which we do not care, may be written meanwhile.
#pragma once

#include "connectors/mysql/log_window.h"
#include "connectors/mysql/snapshot.h"

namespace mysql {

struct Moment {
  LogPlace place;   // the snapshots with their patches hold exactly what was committed before it
  std::string way;  // how it was found, for people
  std::map<model::TableName, TablePatch> patches;
  std::optional<Connection> lock_holder;  // holds the lock on the request's tables without transactions
};

// Opens the sessions; on success each is in its snapshot's transaction.
base::Result<Moment> find_moment(const SnapshotRequest& request, std::vector<Connection>& sessions);

// Whether the server's answer to a lock says that this account may not take it; some refuse those who have the right.
bool is_lock_denied(unsigned int number);

}  // namespace mysql
