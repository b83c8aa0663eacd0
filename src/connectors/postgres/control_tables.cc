// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/control_tables.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "connectors/postgres/target_errors.h"

namespace postgres {
namespace {

constexpr std::size_t control_name_bytes_max = 128;       // of the awsdms_* tables' columns
constexpr std::int64_t shared_lock = 0x6d696c6c72616365;  // advisory: "millrace"

std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0) return "localhost";
  return std::string(name).substr(0, control_name_bytes_max);
}

std::uint64_t unsigned_of(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::optional<model::Position> position_of(const Row& row, std::size_t at) {
  if (!row[at]) return std::nullopt;
  return model::Position{unsigned_of(row[at]), unsigned_of(row[at + 1]), row[at + 2].value_or("")};
}

std::optional<std::string> fact(const std::map<std::string, std::string>& facts, const char* name) {
  const auto found = facts.find(name);
  if (found == facts.end() || found->second.empty()) return std::nullopt;
  return found->second.substr(0, control_name_bytes_max);
}

}  // namespace

std::string position_text(const model::Position& position) {
  return fmt::format("{:X}/{:X}", position.log >> 32, position.log & 0xffffffffu);
}

ControlTables::ControlTables(const connect::Context& context)
    : schema_(context.control_schema.empty() ? "public" : context.control_schema),
      task_(context.task),
      owner_(context.task_id),
      server_(host_name()),
      settings_(context.settings) {}

bool ControlTables::enabled(const char* setting) const {
  const auto found = settings_.find(fmt::format("ControlTablesSettings.{}", setting));
  return found != settings_.end() && (found->second == "true" || found->second == "1");
}

std::string ControlTables::table(std::string_view name) const { return quote_name(schema_) + "." + quote_name(name); }

std::vector<std::string> ControlTables::create_statements() const {
  std::vector<std::string> statements;
  const auto add = [&](const char* name, std::string_view columns, std::string_view index, std::string_view key) {
    statements.push_back(fmt::format("CREATE TABLE IF NOT EXISTS {} ({})", table(name), columns));
    if (!index.empty()) {
      statements.push_back(
          fmt::format("CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} ({})", quote_name(index), table(name), key));
    }
  };
  add("millrace_position",
      "task text PRIMARY KEY, epoch bigint NOT NULL, position_log numeric(20,0), position_sequence numeric(20,0), "
      "token text, updated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(), owner text",
      "", "");
  add("millrace_tables",
      "task text NOT NULL, table_schema text NOT NULL, table_name text NOT NULL, PRIMARY KEY (task, table_schema, "
      "table_name)",
      "", "");
  constexpr std::string_view exception_columns =
      "\"TASK_NAME\" varchar(128) NOT NULL, \"TABLE_OWNER\" varchar(128) NOT NULL, \"TABLE_NAME\" varchar(128) NOT "
      "NULL, \"ERROR_TIME\" timestamp NOT NULL, \"STATEMENT\" text NOT NULL, \"ERROR\" text NOT NULL";
  add("awsdms_apply_exceptions", exception_columns, "", "");
  if (enabled("FullLoadExceptionTableEnabled")) add("awsdms_full_load_exceptions", exception_columns, "", "");
  if (enabled("StatusTableEnabled")) {
    add("awsdms_status",
        "server_name varchar(128) NOT NULL, task_name varchar(128) NOT NULL, task_status varchar(32), status_time "
        "timestamp, pending_changes int8, disk_swap_size int8, task_memory int8, source_current_position varchar(128), "
        "source_current_timestamp timestamp, source_tail_position varchar(128), source_tail_timestamp timestamp, "
        "source_timestamp_applied timestamp",
        "awsdms_status_task_status_index", "server_name, task_name");
  }
  if (enabled("HistoryTableEnabled")) {
    add("awsdms_history",
        "server_name varchar(128) NOT NULL, task_name varchar(128) NOT NULL, timeslot_type varchar(32) NOT NULL, "
        "timeslot timestamp NOT NULL, timeslot_duration int8, timeslot_latency int8, timeslot_records int8, "
        "timeslot_volume int8",
        "awsdms_history_task_history_index", "server_name, task_name, timeslot_type, timeslot");
  }
  if (enabled("SuspendedTablesTableEnabled")) {
    add("awsdms_suspended_tables",
        "server_name varchar(128) NOT NULL, task_name varchar(128) NOT NULL, table_owner varchar(128) NOT NULL, "
        "table_name varchar(128) NOT NULL, suspend_reason varchar(32), suspend_timestamp timestamp",
        "awsdms_suspended_tables_task_suspended_tables_index", "server_name, task_name, table_owner, table_name");
  }
  return statements;
}

// Tasks that start together would trip over each other: IF NOT EXISTS does not wait for one that is being made.
base::Result<void> ControlTables::lock_shared(Session& session) const {
  TRY(session.query("SELECT pg_advisory_lock($1::bigint)", {std::to_string(shared_lock)}, "shared objects"));
  return {};
}

void ControlTables::unlock_shared(Session& session) const {
  session.attempt("SELECT pg_advisory_unlock($1::bigint)", {std::to_string(shared_lock)});
}

base::Result<void> ControlTables::create(Session& session) const {
  const std::string doing = "control schema " + schema_;
  const auto there = TRY(session.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", {schema_}, doing));
  if (there.empty()) TRY(session.run("CREATE SCHEMA IF NOT EXISTS " + quote_name(schema_), doing));
  for (const std::string& statement : create_statements()) TRY(session.run(statement, doing));
  // Of an earlier version.
  const auto owned = TRY(session.query(
      "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'owner' AND NOT attisdropped",
      {table("millrace_position")}, doing));
  if (owned.empty()) TRY(session.run(fmt::format("ALTER TABLE {} ADD owner text", table("millrace_position")), doing));
  return {};
}

base::Result<ControlTables::Ownership> ControlTables::take_over(Session& session, bool resume, bool anyhow) const {
  TRY(lock_shared(session));
  base::Result<void> created = create(session);
  unlock_shared(session);
  TRY(std::move(created));
  const std::string target = table("millrace_position");
  const std::string kept = resume ? "" : ", position_log = NULL, position_sequence = NULL, token = NULL";
  // In two steps: should we die while this waits for the row, the server must not take over for us later.
  TRY(session.run("BEGIN", target));
  const std::vector<Row> rows = TRY(session.query(
      fmt::format(
          "INSERT INTO {0} AS p (task, epoch, owner) VALUES ($1, 1, $2) ON CONFLICT (task) DO UPDATE SET epoch = "
          "p.epoch + 1, owner = $2, updated_at = pg_catalog.now(){1} WHERE p.owner IS NULL OR p.owner = $2 OR "
          "$3::boolean RETURNING epoch, position_log, position_sequence, token",
          target, kept),
      {task_, owner_, anyhow ? "t" : "f"}, target));
  if (rows.empty()) {
    TRY(session.run("ROLLBACK", target));
    return base::failed(target_errors::task_taken, "{}: task {} belongs to another data directory", target, task_);
  }
  TRY(session.run("COMMIT", target));
  Ownership taken;
  taken.epoch = static_cast<std::int64_t>(unsigned_of(rows.at(0).at(0)));
  taken.position = position_of(rows[0], 1);
  if (resume) return taken;
  TRY(release(session));
  TRY(session.query(fmt::format("DELETE FROM {} WHERE starts_with(task, $1 || ':')", target), {task_}, target));
  if (enabled("SuspendedTablesTableEnabled")) {
    TRY(session.query(fmt::format("DELETE FROM {} WHERE task_name = $1", table("awsdms_suspended_tables")), {task_},
                      target));
  }
  return taken;
}

base::Result<std::vector<std::string>> ControlTables::missing_grants(Session& session) const {
  std::vector<std::string> grants;
  for (const Row& row : TRY(session.query(
           "SELECT relname, current_user FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE "
           "nspname = $1) AND "
           "relname IN ('millrace_position', 'millrace_tables') AND NOT (has_schema_privilege(relnamespace, 'USAGE') "
           "AND has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') AND "
           "has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')) ORDER BY 1",
           {schema_}, "control schema " + schema_))) {
    grants.push_back(fmt::format("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {};", table(row[0].value_or("")),
                                 quote_name(row[1].value_or(""))));
  }
  return grants;
}

base::Result<bool> ControlTables::is_foreign(Session& session) const {
  const std::string target = table("millrace_position");
  const auto there = TRY(session.query(
      "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'owner' AND NOT attisdropped",
      {target}, target));
  if (there.empty()) return false;
  const auto rows = TRY(
      session.query(fmt::format("SELECT 1 FROM {} WHERE task = $1 AND owner <> $2", target), {task_, owner_}, target));
  return !rows.empty();
}

// ---- whose a table is

base::Result<std::map<model::TableName, std::string>> ControlTables::others(
    Session& session, const std::vector<model::TableSchemaPtr>& tables) const {
  std::map<model::TableName, std::string> taken;
  const std::string claims = table("millrace_tables");
  const auto there = TRY(session.query("SELECT to_regclass($1) IS NOT NULL", {claims}, claims));
  if (there.at(0).at(0).value_or("f") != "t") return taken;
  std::map<model::TableName, std::string> all;
  for (const Row& row : TRY(session.query(
           fmt::format("SELECT table_schema, table_name, task FROM {} WHERE task <> $1", claims), {task_}, claims))) {
    all[{row[0].value_or(""), row[1].value_or("")}] = row[2].value_or("");
  }
  for (const model::TableSchemaPtr& wanted : tables) {
    if (const auto found = all.find(wanted->name); found != all.end()) taken.insert(*found);
  }
  return taken;
}

base::Result<void> ControlTables::claim(Session& session, const std::vector<model::TableSchemaPtr>& tables,
                                        bool shared) const {
  const auto taken = TRY(others(session, tables));
  if (!shared && !taken.empty()) {
    return base::failed(target_errors::table_taken, "table {} belongs to task {}", taken.begin()->first.text(),
                        taken.begin()->second);
  }
  const std::string claims = table("millrace_tables");
  for (const model::TableSchemaPtr& ours : tables) {
    session.send(fmt::format("INSERT INTO {} VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", claims),
                 {task_, ours->name.schema, ours->name.table});
  }
  for (const Outcome& outcome : TRY(session.sync())) {
    if (outcome.refusal) return session.error_of(*outcome.refusal, claims);
  }
  return {};
}

base::Result<void> ControlTables::release(Session& session) const {
  const std::string claims = table("millrace_tables");
  TRY(session.query(fmt::format("DELETE FROM {} WHERE task = $1", claims), {task_}, claims));
  return {};
}

base::Result<std::optional<model::Position>> ControlTables::position(Session& session) const {
  const std::string target = table("millrace_position");
  const std::vector<Row> rows = TRY(session.query(
      fmt::format("SELECT position_log, position_sequence, token FROM {} WHERE task = $1", target), {task_}, target));
  if (rows.empty()) return base::failed(target_errors::not_started, "{}: no row of task {}", target, task_);
  return position_of(rows[0], 0);
}

base::Result<void> ControlTables::hold(Session& session, std::int64_t epoch) const {
  const std::string target = table("millrace_position");
  const std::vector<Row> rows =
      TRY(session.query("SELECT 1 FROM " + target + " WHERE task = $1 AND epoch = $2::bigint FOR SHARE",
                        {task_, std::to_string(epoch)}, target));
  if (!rows.empty()) return {};
  return base::failed(target_errors::superseded, "epoch {} of the task has ended", epoch);
}

std::string ControlTables::move_sql() const {
  return fmt::format(
      "UPDATE {} SET position_log = $3::numeric, position_sequence = $4::numeric, token = $5, updated_at = "
      "pg_catalog.clock_timestamp() WHERE task = $1 AND epoch = $2::bigint AND position_log IS NOT DISTINCT FROM "
      "$6::numeric AND position_sequence IS NOT DISTINCT FROM $7::numeric",
      table("millrace_position"));
}

std::vector<std::optional<std::string>> ControlTables::move_parameters(std::int64_t epoch,
                                                                       const std::optional<model::Position>& from,
                                                                       const model::Position& to) const {
  std::vector<std::optional<std::string>> parameters{task_, std::to_string(epoch), std::to_string(to.log),
                                                     std::to_string(to.sequence), to.token};
  parameters.push_back(from ? std::optional(std::to_string(from->log)) : std::nullopt);
  parameters.push_back(from ? std::optional(std::to_string(from->sequence)) : std::nullopt);
  return parameters;
}

// No task's name holds a colon.
std::string ControlTables::replay_key(const model::TableName& source_name) const {
  return task_ + ":" + quote_name(source_name);
}

base::Result<std::optional<model::Position>> ControlTables::replayed(Session& session,
                                                                     const model::TableName& source_name) const {
  const std::string target = table("millrace_position");
  const std::vector<Row> rows =
      TRY(session.query(fmt::format("SELECT position_log, position_sequence, token FROM {} WHERE task = $1", target),
                        {replay_key(source_name)}, target));
  if (rows.empty()) return std::optional<model::Position>();
  return position_of(rows[0], 0);
}

std::string ControlTables::replayed_sql() const {
  return fmt::format(
      "INSERT INTO {} (task, epoch, position_log, position_sequence) VALUES ($1, 0, $2::numeric, $3::numeric) ON "
      "CONFLICT (task) DO UPDATE SET position_log = EXCLUDED.position_log, position_sequence = "
      "EXCLUDED.position_sequence, updated_at = pg_catalog.clock_timestamp()",
      table("millrace_position"));
}

std::vector<std::optional<std::string>> ControlTables::replayed_parameters(const model::TableName& source_name,
                                                                           const model::Position& to) const {
  return {replay_key(source_name), std::to_string(to.log), std::to_string(to.sequence)};
}

std::string ControlTables::exception_sql() const {
  return fmt::format(
      "INSERT INTO {} VALUES ($1, $2, $3, pg_catalog.timezone('UTC', pg_catalog.clock_timestamp()), $4, $5)",
      table("awsdms_apply_exceptions"));
}

// The same columns in both tables.
std::string ControlTables::load_exception_sql() const {
  if (!enabled("FullLoadExceptionTableEnabled")) return exception_sql();
  return fmt::format(
      "INSERT INTO {} VALUES ($1, $2, $3, pg_catalog.timezone('UTC', pg_catalog.clock_timestamp()), $4, $5)",
      table("awsdms_full_load_exceptions"));
}

std::vector<std::optional<std::string>> ControlTables::exception_parameters(const ApplyException& exception) const {
  return {task_.substr(0, control_name_bytes_max), exception.table.schema.substr(0, control_name_bytes_max),
          exception.table.table.substr(0, control_name_bytes_max), exception.statement, exception.error};
}

std::string ControlTables::suspended_sql() const {
  if (!enabled("SuspendedTablesTableEnabled")) return "";
  return fmt::format(
      "INSERT INTO {} VALUES ($1, $2, $3, $4, $5, pg_catalog.timezone('UTC', pg_catalog.clock_timestamp())) ON "
      "CONFLICT "
      "(server_name, task_name, table_owner, table_name) DO UPDATE SET suspend_reason = EXCLUDED.suspend_reason, "
      "suspend_timestamp = EXCLUDED.suspend_timestamp",
      table("awsdms_suspended_tables"));
}

std::vector<std::optional<std::string>> ControlTables::suspended_parameters(const model::TableName& suspended,
                                                                            const std::string& reason) const {
  return {server_, task_.substr(0, control_name_bytes_max), suspended.schema.substr(0, control_name_bytes_max),
          suspended.table.substr(0, control_name_bytes_max), reason.substr(0, 32)};
}

base::Result<void> ControlTables::report(Session& session, const std::map<std::string, std::string>& facts) const {
  if (enabled("StatusTableEnabled")) {
    TRY(session.query(
        fmt::format("INSERT INTO {} VALUES ($1, $2, $3, pg_catalog.timezone('UTC', pg_catalog.now()), $4::int8, "
                    "$5::int8, $6::int8, $7, $8::timestamp, $9, $10::timestamp, $11::timestamp) ON CONFLICT "
                    "(server_name, task_name) DO UPDATE SET task_status = EXCLUDED.task_status, status_time = "
                    "EXCLUDED.status_time, pending_changes = EXCLUDED.pending_changes, disk_swap_size = "
                    "EXCLUDED.disk_swap_size, task_memory = EXCLUDED.task_memory, source_current_position = "
                    "EXCLUDED.source_current_position, source_current_timestamp = EXCLUDED.source_current_timestamp, "
                    "source_tail_position = EXCLUDED.source_tail_position, source_tail_timestamp = "
                    "EXCLUDED.source_tail_timestamp, source_timestamp_applied = EXCLUDED.source_timestamp_applied",
                    table("awsdms_status")),
        {server_, task_, fact(facts, "task_status"), fact(facts, "pending_changes"), fact(facts, "disk_swap_size"),
         fact(facts, "task_memory"), fact(facts, "source_current_position"), fact(facts, "source_current_timestamp"),
         fact(facts, "source_tail_position"), fact(facts, "source_tail_timestamp"),
         fact(facts, "source_timestamp_applied")},
        "awsdms_status"));
  }
  if (enabled("HistoryTableEnabled") && facts.contains("timeslot")) {
    TRY(session.query(
        fmt::format("INSERT INTO {} VALUES ($1, $2, $3, $4::timestamp, $5::int8, $6::int8, $7::int8, $8::int8) ON "
                    "CONFLICT (server_name, task_name, timeslot_type, timeslot) DO UPDATE SET timeslot_duration = "
                    "EXCLUDED.timeslot_duration, timeslot_latency = EXCLUDED.timeslot_latency, timeslot_records = "
                    "EXCLUDED.timeslot_records, timeslot_volume = EXCLUDED.timeslot_volume",
                    table("awsdms_history")),
        {server_, task_, fact(facts, "task_status").value_or("CHANGE PROCESSING"), fact(facts, "timeslot"),
         fact(facts, "timeslot_duration"), fact(facts, "timeslot_latency"), fact(facts, "timeslot_records"),
         fact(facts, "timeslot_volume")},
        "awsdms_history"));
  }
  return {};
}

base::Result<void> ControlTables::drop(Session& session) const {
  struct Owned {
    const char* name;
    const char* column;
  };
  static constexpr Owned all[] = {{"millrace_position", "task"},
                                  {"millrace_tables", "task"},
                                  {"awsdms_apply_exceptions", "\"TASK_NAME\""},
                                  {"awsdms_full_load_exceptions", "\"TASK_NAME\""},
                                  {"awsdms_status", "task_name"},
                                  {"awsdms_history", "task_name"},
                                  {"awsdms_suspended_tables", "task_name"}};
  for (const Owned& owned : all) {
    const auto there = TRY(session.query("SELECT to_regclass($1) IS NOT NULL", {table(owned.name)}, owned.name));
    if (there.at(0).at(0).value_or("f") != "t") continue;
    const bool is_own = std::string_view(owned.column) == "task";
    const std::string key = is_own ? task_ : task_.substr(0, control_name_bytes_max);
    TRY(session.query(fmt::format("DELETE FROM {} WHERE {} = $1", table(owned.name), owned.column), {key}, owned.name));
    if (owned.name != all[0].name) continue;
    TRY(session.query(fmt::format("DELETE FROM {} WHERE starts_with(task, $1 || ':')", table(owned.name)), {key},
                      owned.name));
  }
  return {};
}

}  // namespace postgres
