// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/slot.h"

#include <fmt/format.h>

#include <charconv>

#include "connectors/postgres/capture_errors.h"
#include "connectors/postgres/cells.h"

namespace postgres {
namespace {

using base::failed;
using base::Result;

constexpr base::Nanos look_interval = std::chrono::seconds(1);
constexpr int free_looks_max = 20;     // pauses of free_pause before we give up
constexpr int free_looks_patient = 3;  // before we end the other side
constexpr base::Nanos free_pause = std::chrono::milliseconds(250);

// pg_blocking_pids gives 0 for a prepared transaction, which has no process.
Result<std::string> blockers_of(Connection& watcher, int pid) {
  const Rows rows = TRY(watcher.query(
      "SELECT CASE WHEN b.pid = 0 THEN coalesce((SELECT 'prepared transaction ' || string_agg(quote_literal(gid), ', ')"
      " || ' since ' || extract(epoch FROM now() - min(prepared))::int || ' s' FROM pg_prepared_xacts),"
      " 'a prepared transaction') ELSE format('pid %s since %s s: %s', b.pid,"
      " extract(epoch FROM now() - a.xact_start)::int, left(a.query, 100)) END "
      "FROM unnest(pg_blocking_pids($1::int)) b(pid) LEFT JOIN pg_stat_activity a ON a.pid = b.pid",
      {std::to_string(pid)}));
  std::string whom;
  for (const Row& row : rows) whom += (whom.empty() ? "" : "; ") + text_at(row, 0);
  return whom.empty() ? std::string("transactions that were open when the slot was asked for") : whom;
}

// libpq has the answer complete.
bool has_answered(Connection& connection) {
  return PQconsumeInput(connection.raw()) == 0 || PQisBusy(connection.raw()) == 0;
}

}  // namespace

std::string lsn_text(std::uint64_t lsn) { return fmt::format("{:X}/{:X}", lsn >> 32, lsn & 0xffffffffu); }

std::optional<std::uint64_t> lsn_of(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::uint64_t lsn = 0;
  for (const std::string_view half : {text.substr(0, slash), text.substr(slash + 1)}) {
    std::uint32_t value = 0;
    const auto [end, code] = std::from_chars(half.data(), half.data() + half.size(), value, 16);
    if (half.empty() || half.size() > 8 || code != std::errc() || end != half.data() + half.size()) {
      return std::nullopt;
    }
    lsn = (lsn << 32) | value;
  }
  return lsn;
}

model::Position position_before(std::uint64_t lsn) {
  if (lsn == 0) return {};
  return model::Position{lsn - 1, model::sequence_end, ""};
}

Result<std::optional<SlotState>> read_slot(Connection& connection, const std::string& name) {
  const Rows rows = TRY(connection.query(
      "SELECT plugin, slot_type, database = current_database(), active_pid, confirmed_flush_lsn, wal_status,"
      " greatest(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn()"
      " END, restart_lsn), 0)::bigint FROM pg_replication_slots WHERE slot_name = $1",
      {name}));
  if (rows.empty()) return std::optional<SlotState>();
  const Row& row = rows[0];
  SlotState slot;
  slot.plugin = text_at(row, 0);
  slot.logical = text_at(row, 1) == "logical";
  slot.of_this_database = true_at(row, 2);
  if (!null_at(row, 3)) slot.active_pid = static_cast<int>(number_at(row, 3));
  slot.confirmed = lsn_of(text_at(row, 4)).value_or(0);
  slot.health = text_at(row, 5);
  slot.retained_bytes = static_cast<std::uint64_t>(number_at(row, 6));
  return std::optional<SlotState>(slot);
}

Result<CreatedSlot> create_slot(Connection& keeper, Connection& watcher, const std::string& name,
                                const Patience& patience) {
  // An idle session that keeps a snapshot must live as long as the load; these settings came with 14 and 17.
  if (keeper.server_version() >= 140000) TRY(keeper.execute("SET idle_session_timeout = 0"));
  if (keeper.server_version() >= 170000) TRY(keeper.execute("SET transaction_timeout = 0"));
  TRY(keeper.send(fmt::format("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput EXPORT_SNAPSHOT", quote_identifier(name))));
  base::Nanos told = patience.clock->monotonic();
  while (!has_answered(keeper)) {
    if (patience.stop.stop_requested()) break;
    TRY(keeper.wait_readable(std::chrono::milliseconds(stop_step_max_ms)));
    const base::Nanos now = patience.clock->monotonic();
    if (now - told < look_interval) continue;
    told = now;
    if (patience.waiting) patience.waiting(TRY(blockers_of(watcher, keeper.backend_pid())));
  }
  const ResultPtr result = TRY(keeper.finish(patience.stop));
  CreatedSlot slot;
  if (PQntuples(result.get()) != 1 || PQnfields(result.get()) < 3) {
    return failed(errors::protocol_broken, "{}: unexpected answer to CREATE_REPLICATION_SLOT", keeper.name());
  }
  const std::optional<std::uint64_t> point = lsn_of(PQgetvalue(result.get(), 0, 1));
  slot.snapshot = PQgetvalue(result.get(), 0, 2);
  if (!point || slot.snapshot.empty()) {
    return failed(errors::protocol_broken, "{}: slot {} came without a snapshot", keeper.name(), name);
  }
  slot.consistent_point = *point;
  return slot;
}

Result<void> free_slot(Connection& connection, const std::string& name, const Patience& patience) {
  for (int look = 0; look < free_looks_max; ++look) {
    const std::optional<SlotState> slot = TRY(read_slot(connection, name));
    if (!slot || !slot->active_pid) return {};
    if (look >= free_looks_patient) {
      TRY(connection.query("SELECT pg_terminate_backend($1::int)", {std::to_string(*slot->active_pid)}));
    }
    if (!patience.clock->pause(free_pause, patience.stop)) {
      return failed(base::errors::canceled, "stopped while waiting for slot {}", name);
    }
  }
  return failed(errors::conflict, "slot {} stays in use by another session", name);
}

Result<void> drop_slot(Connection& connection, const std::string& name, const Patience& patience) {
  if (!TRY(read_slot(connection, name))) return {};
  TRY(free_slot(connection, name, patience));
  const Result<Rows> dropped = connection.query("SELECT pg_drop_replication_slot($1)", {name});
  const bool gone = !dropped.ok() && connection.last_sqlstate() == "42704";
  if (!dropped.ok() && !gone) return base::Error(dropped.error());
  return {};
}

}  // namespace postgres
