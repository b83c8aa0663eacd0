// SPDX-License-Identifier: Apache-2.0
//
// The logical replication slot of a task: made with an exported snapshot, looked at, freed from a dead process of ours,
// and removed. Plain functions over a session; one thread a session. two_phase stays off (prepared transactions come at
// COMMIT PREPARED); failover is left as the server's default.
#pragma once

#include <optional>
#include <string>

#include "connectors/postgres/connection.h"
#include "connectors/postgres/publication.h"
#include "model/position.h"

namespace postgres {

struct SlotState {
  std::string plugin;
  bool logical = false;
  bool of_this_database = false;
  std::optional<int> active_pid;
  std::uint64_t confirmed = 0;  // LSN; everything below is forgotten
  std::uint64_t retained_bytes = 0;
  std::string health;  // pg_replication_slots.wal_status
};

struct CreatedSlot {
  std::uint64_t consistent_point = 0;
  std::string snapshot;  // valid while the session that made it stays idle and open
};

// nullopt: there is none.
base::Result<std::optional<SlotState>> read_slot(Connection& connection, const std::string& name);

// On a replication session, which from then on keeps the snapshot. Waits for the writing transactions that are open;
// `watcher` finds out who they are.
base::Result<CreatedSlot> create_slot(Connection& keeper, Connection& watcher, const std::string& name,
                                      const Patience& patience);

// Ends the server's side of a session that still holds the slot, which may outlive its killed process by a moment.
base::Result<void> free_slot(Connection& connection, const std::string& name, const Patience& patience);

// Absent is fine.
base::Result<void> drop_slot(Connection& connection, const std::string& name, const Patience& patience);

// "4AF/B00000D0" <-> LSN.
std::string lsn_text(std::uint64_t lsn);
std::optional<std::uint64_t> lsn_of(std::string_view text);

// Everything whose commit record begins below that LSN; what PostgreSQL calls confirmed_flush_lsn or consistent point.
model::Position position_before(std::uint64_t lsn);

}  // namespace postgres
