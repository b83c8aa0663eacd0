// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/control_tables.h"

#include <unistd.h>

#include <charconv>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/target_errors.h"

namespace mysql {
namespace {

constexpr std::size_t name_bytes_max = 128;  // of the awsdms_* tables' columns
constexpr std::size_t lock_name_bytes_max = 64;
constexpr int lock_seconds = 60;
constexpr std::string_view shared_lock = "millrace";

std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0) return "localhost";
  return std::string(name).substr(0, name_bytes_max);
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

// What upsert_row_sql has written as the token: the number and a line end, then the shape.
ControlTables::Part part_of(const model::Position& before, const std::string& token) {
  ControlTables::Part part{before, 0, ""};
  std::from_chars(token.data(), token.data() + token.size(), part.nth);
  const std::size_t end = token.find('\n');
  if (end != std::string::npos) part.shape = token.substr(end + 1);
  return part;
}

std::string fact(const std::map<std::string, std::string>& facts, const char* name) {
  const auto found = facts.find(name);
  if (found == facts.end() || found->second.empty()) return "NULL";
  return quote_literal(found->second.substr(0, name_bytes_max));
}

// The head of a name, no character cut in two.
std::string short_name(std::string name) {
  if (name.size() <= name_bytes_max) return name;
  std::size_t size = name_bytes_max;
  while (size > 0 && (static_cast<unsigned char>(name[size]) & 0xC0) == 0x80) --size;
  name.resize(size);
  return name;
}

std::string condition(const std::optional<model::Position>& from) {
  if (!from) return "position_log IS NULL";
  return fmt::format("position_log = {} AND position_sequence = {}", from->log, from->sequence);
}

}  // namespace

ControlTables::ControlTables(const connect::Context& context)
    : schema_(context.control_schema.empty() ? std::string(control_schema_default) : context.control_schema),
      task_(context.task),
      owner_(context.task_id),
      server_(host_name()),
      settings_(context.settings) {}

bool ControlTables::enabled(const char* setting) const {
  const auto found = settings_.find(fmt::format("ControlTablesSettings.{}", setting));
  return found != settings_.end() && (found->second == "true" || found->second == "1");
}

std::vector<std::string> ControlTables::create_statements() const {
  std::vector<std::string> statements;
  const auto add = [&](const char* name, std::string_view columns) {
    statements.push_back(
        fmt::format("CREATE TABLE IF NOT EXISTS {} ({}) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 "
                    "COLLATE utf8mb4_bin",
                    table(name), columns));
  };
  add("millrace_position",
      "task varchar(700) NOT NULL PRIMARY KEY, epoch bigint NOT NULL, position_log bigint unsigned, position_sequence "
      "bigint unsigned, token longtext, updated_at datetime(6) NOT NULL, owner varchar(255)");
  add("millrace_tables",
      "task varchar(255) NOT NULL, table_schema varchar(64) NOT NULL, table_name varchar(64) NOT NULL, PRIMARY KEY "
      "(task, table_schema, table_name)");
  constexpr std::string_view exception_columns =
      "TASK_NAME varchar(128) NOT NULL, TABLE_OWNER varchar(128) NOT NULL, TABLE_NAME varchar(128) NOT NULL, "
      "ERROR_TIME datetime(3) NOT NULL, STATEMENT longtext NOT NULL, ERROR longtext NOT NULL";
  add("awsdms_apply_exceptions", exception_columns);
  if (enabled("FullLoadExceptionTableEnabled")) add("awsdms_full_load_exceptions", exception_columns);
  if (enabled("StatusTableEnabled")) {
    add("awsdms_status",
        "server_name varchar(128) NOT NULL, task_name varchar(128) NOT NULL, task_status varchar(32), status_time "
        "datetime(3), pending_changes bigint, disk_swap_size bigint, task_memory bigint, source_current_position "
        "varchar(128), source_current_timestamp datetime(3), source_tail_position varchar(128), "
        "source_tail_timestamp datetime(3), source_timestamp_applied datetime(3), PRIMARY KEY (server_name, "
        "task_name)");
  }
  if (enabled("HistoryTableEnabled")) {
    add("awsdms_history",
        "server_name varchar(128) NOT NULL, task_name varchar(128) NOT NULL, timeslot_type varchar(32) NOT NULL, "
        "timeslot datetime(3) NOT NULL, timeslot_duration bigint, timeslot_latency bigint, timeslot_records bigint, "
        "timeslot_volume bigint, PRIMARY KEY (server_name, task_name, timeslot_type, timeslot)");
  }
  if (enabled("SuspendedTablesTableEnabled")) {
    add("awsdms_suspended_tables",
        "server_name varchar(128) NOT NULL, task_name varchar(128) NOT NULL, table_owner varchar(128) NOT NULL, "
        "table_name varchar(128) NOT NULL, suspend_reason varchar(32), suspend_timestamp datetime(3), PRIMARY KEY "
        "(server_name, task_name, table_owner, table_name)");
  }
  return statements;
}

namespace {

base::Result<void> take_lock(Session& session, const std::string& name) {
  const Rows rows =
      TRY(session.query(fmt::format("SELECT GET_LOCK({}, {})", quote_literal(name), lock_seconds), "lock " + name));
  if (text_at(rows.at(0), 0) == "1") return {};
  return base::failed(errors::conflict, "lock {}: somebody else has held it for {} s", name, lock_seconds);
}

void release_lock(Session& session, const std::string& name) {
  const auto released = session.attempt(fmt::format("DO RELEASE_LOCK({})", quote_literal(name)));
  static_cast<void>(released.ok());  // it ends with the session at the latest
}

}  // namespace

base::Result<void> ControlTables::lock_shared(Session& session) const {
  return take_lock(session, std::string(shared_lock));
}
void ControlTables::unlock_shared(Session& session) const { release_lock(session, std::string(shared_lock)); }

base::Result<void> ControlTables::lock_task(Session& session) const {
  return take_lock(session, ("millrace:" + task_).substr(0, lock_name_bytes_max));
}
void ControlTables::unlock_task(Session& session) const {
  release_lock(session, ("millrace:" + task_).substr(0, lock_name_bytes_max));
}

base::Result<bool> ControlTables::exists(Session& session, std::string_view name) const {
  const Rows rows = TRY(
      session.query(fmt::format("SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
                                quote_literal(schema_), quote_literal(name)),
                    "control schema " + schema_));
  return !rows.empty();
}

base::Result<void> ControlTables::create(Session& session) const {
  const std::string doing = "control schema " + schema_;
  const Rows there = TRY(session.query(
      fmt::format("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}", quote_literal(schema_)), doing));
  if (there.empty()) TRY(session.run("CREATE SCHEMA IF NOT EXISTS " + quote_identifier(schema_), doing));
  for (const std::string& statement : create_statements()) TRY(session.run(statement, doing));
  return {};
}

base::Result<ControlTables::Ownership> ControlTables::take_over(Session& session, bool resume, bool anyhow) const {
  TRY(lock_shared(session));
  base::Result<void> created = create(session);
  unlock_shared(session);
  TRY(std::move(created));
  TRY(lock_task(session));
  base::Result<Ownership> taken = take_row(session, resume, anyhow);
  unlock_task(session);
  return taken;
}

base::Result<ControlTables::Ownership> ControlTables::take_row(Session& session, bool resume, bool anyhow) const {
  const std::string target = table("millrace_position");
  const std::string task = quote_literal(task_), owner = quote_literal(owner_);
  // In steps: should we die while this waits for the row, the server must not take over for us later.
  TRY(session.run(fmt::format("INSERT IGNORE INTO {} (task, epoch, owner, updated_at) VALUES ({}, 0, {}, "
                              "UTC_TIMESTAMP(6))",
                              target, task, owner),
                  target));
  TRY(session.run("START TRANSACTION", target));
  const Rows rows = TRY(session.query(
      fmt::format("SELECT epoch, owner, position_log, position_sequence, token FROM {} WHERE task = {} FOR UPDATE",
                  target, task),
      target));
  const Row& row = rows.at(0);
  if (!anyhow && !null_at(row, 1) && text_at(row, 1) != owner_) {
    TRY(session.run("ROLLBACK", target));
    return base::failed(target_errors::task_taken, "{}: task {} belongs to another data directory", target, task_);
  }
  Ownership taken;
  taken.epoch = number_at(row, 0) + 1;
  taken.position = position_of(row, 2);
  const std::string kept = resume ? "" : ", position_log = NULL, position_sequence = NULL, token = NULL";
  TRY(session.run(fmt::format("UPDATE {} SET epoch = {}, owner = {}, updated_at = UTC_TIMESTAMP(6){} WHERE task = {}",
                              target, taken.epoch, owner, kept, task),
                  target));
  TRY(session.run("COMMIT", target));
  if (resume) {
    const Rows parts =
        TRY(session.query(fmt::format("SELECT position_log, position_sequence, '', token FROM {} WHERE task = {}",
                                      target, quote_literal(task_ + ":part")),
                          target));
    const auto before = parts.empty() ? std::nullopt : position_of(parts[0], 0);
    if (before && (!taken.position || before->log > taken.position->log)) {
      taken.part = part_of(*before, text_at(parts[0], 3));
    }
    return taken;
  }
  taken.position.reset();
  TRY(release(session));
  const std::string others = quote_literal(task_ + ":");
  TRY(session.run(fmt::format("DELETE FROM {} WHERE LEFT(task, CHAR_LENGTH({})) = {}", target, others, others),
                  target));
  if (enabled("SuspendedTablesTableEnabled")) {
    TRY(session.run(fmt::format("DELETE FROM {} WHERE task_name = {}", table("awsdms_suspended_tables"),
                                quote_literal(short_name(task_))),
                    target));
  }
  return taken;
}

base::Result<bool> ControlTables::is_foreign(Session& session) const {
  if (!TRY(exists(session, "millrace_position"))) return false;
  const std::string target = table("millrace_position");
  return !TRY(session.query(fmt::format("SELECT 1 FROM {} WHERE task = {} AND owner <> {}", target,
                                        quote_literal(task_), quote_literal(owner_)),
                            target))
              .empty();
}

// ---- whose a table is

base::Result<std::map<model::TableName, std::string>> ControlTables::others(
    Session& session, const std::vector<model::TableSchemaPtr>& tables) const {
  std::map<model::TableName, std::string> taken, all;
  if (!TRY(exists(session, "millrace_tables"))) return taken;
  const std::string claims = table("millrace_tables");
  for (const Row& row : TRY(session.query(
           fmt::format("SELECT table_schema, table_name, task FROM {} WHERE task <> {}", claims, quote_literal(task_)),
           claims))) {
    all[{text_at(row, 0), text_at(row, 1)}] = text_at(row, 2);
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
    TRY(session.run(fmt::format("INSERT IGNORE INTO {} VALUES ({}, {}, {})", claims, quote_literal(task_),
                                quote_literal(ours->name.schema), quote_literal(ours->name.table)),
                    claims));
  }
  return {};
}

base::Result<void> ControlTables::release(Session& session) const {
  const std::string claims = table("millrace_tables");
  return session.run(fmt::format("DELETE FROM {} WHERE task = {}", claims, quote_literal(task_)), claims);
}

// ---- positions

base::Result<std::optional<model::Position>> ControlTables::position(Session& session) const {
  const std::string target = table("millrace_position");
  const Rows rows =
      TRY(session.query(fmt::format("SELECT position_log, position_sequence, token FROM {} WHERE task = {}", target,
                                    quote_literal(task_)),
                        target));
  if (rows.empty()) return base::failed(target_errors::not_started, "{}: no row of task {}", target, task_);
  return position_of(rows[0], 0);
}

base::Result<void> ControlTables::hold(Session& session, std::int64_t epoch) const {
  const std::string target = table("millrace_position");
  const Rows rows = TRY(session.query(fmt::format("SELECT 1 FROM {} WHERE task = {} AND epoch = {} LOCK IN SHARE MODE",
                                                  target, quote_literal(task_), epoch),
                                      target));
  if (!rows.empty()) return {};
  return base::failed(target_errors::superseded, "epoch {} of the task has ended", epoch);
}

std::string ControlTables::hold_sql(std::int64_t epoch, const std::optional<model::Position>& from) const {
  return fmt::format("UPDATE {} SET updated_at = UTC_TIMESTAMP(6) WHERE task = {} AND epoch = {} AND {}",
                     table("millrace_position"), quote_literal(task_), epoch, condition(from));
}

std::string ControlTables::move_sql(std::int64_t epoch, const std::optional<model::Position>& from,
                                    const model::Position& to) const {
  return fmt::format(
      "UPDATE {} SET position_log = {}, position_sequence = {}, token = {}, updated_at = UTC_TIMESTAMP(6) WHERE task = "
      "{} AND epoch = {} AND {}",
      table("millrace_position"), to.log, to.sequence, quote_literal(to.token), quote_literal(task_), epoch,
      condition(from));
}

// No task's name holds a colon.
std::string ControlTables::row_key(const model::TableName& source_name) const {
  return task_ + ":" + quoted(source_name);
}

std::string ControlTables::upsert_row_sql(const std::string& key, const Part& part) const {
  return fmt::format(
      "REPLACE INTO {} (task, epoch, position_log, position_sequence, token, updated_at) VALUES ({}, 0, "
      "{}, {}, {}, UTC_TIMESTAMP(6))",
      table("millrace_position"), quote_literal(key), part.before.log, part.before.sequence,
      quote_literal(fmt::format("{}\n{}", part.nth, part.shape)));
}

std::string ControlTables::part_sql(const Part& part) const { return upsert_row_sql(task_ + ":part", part); }

std::string ControlTables::replayed_sql(const model::TableName& source_name, const Part& part) const {
  return upsert_row_sql(row_key(source_name), part);
}

base::Result<ControlTables::Part> ControlTables::replayed(Session& session, const model::TableName& source_name) const {
  const std::string target = table("millrace_position");
  const Rows rows =
      TRY(session.query(fmt::format("SELECT position_log, position_sequence, '', token FROM {} WHERE task = {}", target,
                                    quote_literal(row_key(source_name))),
                        target));
  if (rows.empty()) return Part{};
  return part_of(position_of(rows[0], 0).value_or(model::Position{}), text_at(rows[0], 3));
}

// ---- DMS's tables

std::string ControlTables::exception_into(std::string_view name, const relational::ApplyException& exception) const {
  return fmt::format("INSERT INTO {} VALUES ({}, {}, {}, UTC_TIMESTAMP(3), {}, {})", table(name),
                     quote_literal(short_name(task_)), quote_literal(short_name(exception.table.schema)),
                     quote_literal(short_name(exception.table.table)), quote_literal(exception.statement),
                     quote_literal(exception.error));
}

std::string ControlTables::exception_sql(const relational::ApplyException& exception) const {
  return exception_into("awsdms_apply_exceptions", exception);
}

std::string ControlTables::load_exception_sql(const relational::ApplyException& exception) const {
  const bool has_own = enabled("FullLoadExceptionTableEnabled");
  return exception_into(has_own ? "awsdms_full_load_exceptions" : "awsdms_apply_exceptions", exception);
}

std::string ControlTables::suspended_sql(const model::TableName& suspended, const std::string& reason) const {
  if (!enabled("SuspendedTablesTableEnabled")) return "";
  return fmt::format("REPLACE INTO {} VALUES ({}, {}, {}, {}, {}, UTC_TIMESTAMP(3))", table("awsdms_suspended_tables"),
                     quote_literal(server_), quote_literal(short_name(task_)),
                     quote_literal(short_name(suspended.schema)), quote_literal(short_name(suspended.table)),
                     quote_literal(reason.substr(0, 32)));
}

base::Result<void> ControlTables::report(Session& session, const std::map<std::string, std::string>& facts) const {
  const std::string server = quote_literal(server_), task = quote_literal(short_name(task_));
  if (enabled("StatusTableEnabled")) {
    TRY(session.run(
        fmt::format("REPLACE INTO {} VALUES ({}, {}, {}, UTC_TIMESTAMP(3), {}, {}, {}, {}, {}, {}, {}, {})",
                    table("awsdms_status"), server, task, fact(facts, "task_status"), fact(facts, "pending_changes"),
                    fact(facts, "disk_swap_size"), fact(facts, "task_memory"), fact(facts, "source_current_position"),
                    fact(facts, "source_current_timestamp"), fact(facts, "source_tail_position"),
                    fact(facts, "source_tail_timestamp"), fact(facts, "source_timestamp_applied")),
        "awsdms_status"));
  }
  if (enabled("HistoryTableEnabled") && facts.contains("timeslot")) {
    const bool is_named = facts.contains("task_status") && !facts.at("task_status").empty();
    TRY(session.run(
        fmt::format("REPLACE INTO {} VALUES ({}, {}, {}, {}, {}, {}, {}, {})", table("awsdms_history"), server, task,
                    is_named ? fact(facts, "task_status") : "'CHANGE PROCESSING'", fact(facts, "timeslot"),
                    fact(facts, "timeslot_duration"), fact(facts, "timeslot_latency"), fact(facts, "timeslot_records"),
                    fact(facts, "timeslot_volume")),
        "awsdms_history"));
  }
  return {};
}

base::Result<void> ControlTables::drop(Session& session) const {
  const std::string others = quote_literal(task_ + ":");
  const auto remove = [&](std::string_view name, const std::string& which) -> base::Result<void> {
    if (!TRY(exists(session, name))) return {};
    return session.run(fmt::format("DELETE FROM {} WHERE {}", table(name), which), name);
  };
  TRY(remove("millrace_position",
             fmt::format("task = {} OR LEFT(task, CHAR_LENGTH({})) = {}", quote_literal(task_), others, others)));
  TRY(remove("millrace_tables", "task = " + quote_literal(task_)));
  for (const std::string_view name : {"awsdms_apply_exceptions", "awsdms_full_load_exceptions", "awsdms_status",
                                      "awsdms_history", "awsdms_suspended_tables"}) {
    TRY(remove(name, "task_name = " + quote_literal(short_name(task_))));
  }
  return {};
}

}  // namespace mysql
