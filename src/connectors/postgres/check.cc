// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/check.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/postgres/array_text.h"
#include "connectors/postgres/capture_names.h"
#include "connectors/postgres/cells.h"
#include "connectors/postgres/ddl_trigger.h"
#include "connectors/postgres/describe.h"
#include "connectors/postgres/slot.h"

namespace postgres {
namespace {

using base::Result;
using connect::Finding;
using Severity = Finding::Severity;

constexpr std::int64_t sender_timeout_min_ms = 10000;

struct Findings {
  std::vector<Finding> list;
  void add(Severity severity, std::string object, std::string problem, std::string remedy = "") {
    list.push_back({severity, std::move(object), std::move(problem), std::move(remedy)});
  }
};

struct Facts {
  std::string role;
  std::string database;
  bool superuser = false;
  bool replication = false;
  bool creates_in_database = false;
  bool standby = false;
};

// Superusers of a managed service are members of a role instead.
constexpr std::string_view facts_sql =
    "SELECT current_user, current_database(), r.rolsuper,"
    " r.rolreplication OR EXISTS (SELECT FROM pg_roles m WHERE m.rolname IN ('rds_replication', 'rds_superuser')"
    "  AND pg_has_role(r.oid, m.oid, 'MEMBER')),"
    " has_database_privilege(current_database(), 'CREATE'), pg_is_in_recovery() "
    "FROM pg_roles r WHERE r.rolname = current_user";

Result<Facts> read_facts(Connection& connection) {
  const Rows rows = TRY(connection.query(std::string(facts_sql)));
  Facts facts;
  if (rows.empty()) return facts;
  facts.role = text_at(rows[0], 0);
  facts.database = text_at(rows[0], 1);
  facts.superuser = true_at(rows[0], 2);
  facts.replication = true_at(rows[0], 3);
  facts.creates_in_database = true_at(rows[0], 4);
  facts.standby = true_at(rows[0], 5);
  return facts;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.") || host.starts_with("/");
}

void check_server(Connection& connection, const SourceCheck& what, const Facts& facts, Findings& findings) {
  const int version = connection.server_version();
  if (!is_supported(version)) {
    findings.add(Severity::refusal, "server", fmt::format("release {} is not supported as a source", version / 10000),
                 "Use PostgreSQL 13 to 18.");
  }
  if (what.settings.ssl_mode == "none" && !is_loopback(what.settings.host)) {
    findings.add(Severity::warning, "endpoint member SslMode", "the connection is not encrypted (none, the default)",
                 "Set SslMode to require, verify-ca or verify-full.");
  }
  if (what.stream && facts.standby) {
    findings.add(Severity::refusal, "server", "it is a standby, where publications cannot be made",
                 "Connect to the primary.");
  }
}

Result<std::string> setting(Connection& connection, const std::string& name) {
  return TRY(connection.query_value("SELECT setting FROM pg_settings WHERE name = $1", {name})).value_or("");
}

// Slots and senders: one of each must be free, unless our slot is there already.
Result<void> check_limits(Connection& connection, const CaptureNames& names, Findings& findings) {
  const Rows rows = TRY(connection.query(
      "SELECT current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots),"
      " current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication),"
      " current_setting('max_replication_slots')::int, current_setting('max_wal_senders')::int"));
  const bool have_slot = TRY(read_slot(connection, names.slot)).has_value();
  if (!have_slot && number_at(rows[0], 0) <= 0) {
    findings.add(Severity::refusal, "server setting max_replication_slots",
                 fmt::format("all {} replication slots are in use", number_at(rows[0], 2)),
                 fmt::format("ALTER SYSTEM SET max_replication_slots = {}; then restart the server, or drop an unused "
                             "slot with SELECT pg_drop_replication_slot('...');",
                             number_at(rows[0], 2) + 5));
  }
  if (number_at(rows[0], 1) <= 0) {
    findings.add(
        Severity::refusal, "server setting max_wal_senders", fmt::format("all {} are in use", number_at(rows[0], 3)),
        fmt::format("ALTER SYSTEM SET max_wal_senders = {}; then restart the server.", number_at(rows[0], 3) + 5));
  }
  return {};
}

Result<void> check_settings(Connection& connection, Findings& findings) {
  if (const std::string level = TRY(setting(connection, "wal_level")); level != "logical") {
    findings.add(Severity::refusal, "server setting wal_level", fmt::format("it is {}, not logical", level),
                 "ALTER SYSTEM SET wal_level = 'logical'; then restart the server (on RDS: set rds.logical_replication "
                 "to 1 and reboot).");
  }
  const std::int64_t sender_timeout = std::strtoll(TRY(setting(connection, "wal_sender_timeout")).c_str(), nullptr, 10);
  if (sender_timeout > 0 && sender_timeout < sender_timeout_min_ms) {
    findings.add(Severity::warning, "server setting wal_sender_timeout",
                 fmt::format("{} ms is short: the server may cut a stream that waits", sender_timeout),
                 "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();");
  }
  if (const std::string keep = TRY(setting(connection, "max_slot_wal_keep_size")); !keep.empty() && keep != "-1") {
    findings.add(Severity::note, "server setting max_slot_wal_keep_size",
                 fmt::format("the server gives the slot up when it holds more than {} MB of log; the task must then be "
                             "loaded again",
                             keep),
                 "ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf(); or watch the task's latency.");
  }
  const std::string plugins = TRY(setting(connection, "output_plugin_libraries"));
  if (!plugins.empty() && plugins.find("pgoutput") == std::string::npos && plugins.find('*') == std::string::npos) {
    findings.add(Severity::refusal, "server setting output_plugin_libraries", "pgoutput is not listed",
                 fmt::format("ALTER SYSTEM SET output_plugin_libraries = {}; SELECT pg_reload_conf();",
                             quote_literal(plugins + ", pgoutput")));
  }
  const std::string idle = TRY(setting(connection, "idle_in_transaction_session_timeout"));
  if (!idle.empty() && idle != "0") {
    findings.add(Severity::note, "server setting idle_in_transaction_session_timeout",
                 fmt::format("{} ms here; our sessions set it to 0 for themselves", idle));
  }
  return {};
}

void check_role(const Facts& facts, Findings& findings) {
  if (!facts.superuser && !facts.replication) {
    findings.add(Severity::refusal, "role " + facts.role, "it may not open replication connections",
                 fmt::format("ALTER ROLE {} REPLICATION; (on RDS: GRANT rds_replication TO {};) and a pg_hba.conf line "
                             "that admits it",
                             quote_identifier(facts.role), quote_identifier(facts.role)));
  }
  if (!facts.superuser && !facts.creates_in_database) {
    findings.add(Severity::refusal, "database " + facts.database, "the role may not create publications in it",
                 fmt::format("GRANT CREATE ON DATABASE {} TO {};", quote_identifier(facts.database),
                             quote_identifier(facts.role)));
  }
}

Result<void> check_slot(Connection& connection, const CaptureNames& names, Findings& findings) {
  const std::optional<SlotState> slot = TRY(read_slot(connection, names.slot));
  const std::string object = "replication slot " + names.slot;
  if (!names.own_slot && !slot) {
    findings.add(Severity::refusal, object, "the slot named by SlotName does not exist",
                 fmt::format("SELECT pg_create_logical_replication_slot({}, 'pgoutput');", quote_literal(names.slot)));
  }
  if (!slot) return {};
  if (!slot->logical || slot->plugin != "pgoutput" || !slot->of_this_database) {
    findings.add(Severity::refusal, object, "it is not a logical pgoutput slot of this database",
                 "Name another slot, or none.");
  }
  if (!names.own_slot && slot->active_pid) {
    findings.add(Severity::refusal, object, fmt::format("it is in use by pid {}", *slot->active_pid),
                 "Stop its reader.");
  }
  if (slot->health == "lost" || slot->health == "unreserved") {
    findings.add(Severity::warning, object, fmt::format("the server reports its log as {}", slot->health),
                 "Start the task with --start-type reload-target when it is lost.");
  }
  return {};
}

Result<void> check_ddl(Connection& connection, const SourceCheck& what, const CaptureNames& names, Findings& findings) {
  if (!what.options.boolean(option::capture_ddls)) {
    findings.add(Severity::note, "endpoint member CaptureDdls", "off: changed tables are found by comparing shapes");
    return {};
  }
  const bool may = TRY(may_create_ddl_trigger(connection));
  findings.add(Severity::note, "event trigger " + names.ddl_trigger,
               may ? "will be made and reports DDL in the log"
                   : "cannot be made by this role (superusers only): changed tables are found by comparing shapes, and "
                     "only added nullable columns go on by themselves");
  return {};
}

std::vector<std::uint32_t> oids_of(const connect::CapturePlan& plan) {
  std::vector<std::uint32_t> oids;
  for (const model::TableSchemaPtr& table : plan.tables) oids.push_back(static_cast<std::uint32_t>(table->source_id));
  return oids;
}

// Rights on the tables: reading for the load, ownership for the publication.
Result<void> check_privileges(Connection& connection, const SourceCheck& what, const Facts& facts, Findings& findings) {
  const Rows rows = TRY(connection.query(
      "SELECT n.nspname, c.relname, has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'),"
      " pg_has_role(c.relowner, 'USAGE'), pg_get_userbyid(c.relowner), c.relrowsecurity AND NOT"
      " (SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = current_user) AND NOT"
      " (pg_has_role(c.relowner, 'USAGE') AND NOT c.relforcerowsecurity) FROM pg_class c "
      "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY($1::oid[])",
      {array_literal(oids_of(what.plan))}));
  const std::string role = quote_identifier(facts.role);
  for (const Row& row : rows) {
    const model::TableName name{text_at(row, 0), text_at(row, 1)};
    const std::string object = "table " + name.text();
    if (!true_at(row, 2)) {
      findings.add(Severity::refusal, object, "the role may not use its schema",
                   fmt::format("GRANT USAGE ON SCHEMA {} TO {};", quote_identifier(name.schema), role));
    }
    if (what.full_load && !true_at(row, 3)) {
      findings.add(Severity::refusal, object, "the role may not read it",
                   fmt::format("GRANT SELECT ON {} TO {};", quoted(name), role));
    }
    if (what.stream && !facts.superuser && !true_at(row, 4)) {
      findings.add(Severity::refusal, object, "only its owner may publish it",
                   fmt::format("GRANT {} TO {}; or ALTER TABLE {} OWNER TO {};", quote_identifier(text_at(row, 5)),
                               role, quoted(name), role));
    }
    if (true_at(row, 6)) {
      findings.add(Severity::refusal, object, "row security would hide rows from the role",
                   fmt::format("ALTER ROLE {} BYPASSRLS;", role));
    }
  }
  return {};
}

void check_kind(const model::TableSchema& table, const SourceCheck& what, Findings& findings) {
  const std::string object = table.kind + " " + table.source_name.text();
  if (table.kind == "table" || table.kind == "partitioned") return;
  if (table.kind == "unlogged") {
    if (what.stream) {
      findings.add(what.full_load ? Severity::warning : Severity::refusal, object,
                   "its changes are not in the log: it is loaded once and not kept in step",
                   fmt::format("ALTER TABLE {} SET LOGGED;", quoted(table.source_name)));
    }
    return;
  }
  findings.add(what.stream ? Severity::refusal : Severity::note, object,
               what.stream ? "its changes are not in the log" : "it is loaded as it reads at that moment",
               what.stream ? "Exclude it in the selection rules, or load it in a task of its own (full-load)." : "");
}

void check_identity(const model::TableSchema& table, const SourceCheck& what, Findings& findings) {
  if (!what.stream || (table.kind != "table" && table.kind != "partitioned")) return;
  const std::string object = "table " + table.source_name.text();
  if (model::stored_columns(table).empty()) {
    findings.add(Severity::refusal, object, "it has no columns of its own, so that its rows cannot be told apart",
                 "Exclude it in the selection rules, or load it in a task of its own (full-load).");
    return;
  }
  if (!table.partitioning.empty()) {
    findings.add(
        Severity::warning, object,
        "a TRUNCATE, ATTACH, DETACH or DROP of one of its partitions takes or brings rows that the log does not "
        "name: they stay or are missing on the target",
        "Reload the table after such a statement, or DELETE and INSERT the rows instead.");
  }
  if (table.old_image == model::OldImage::none) {
    const std::string problem =
        table.partitions.empty() ? "it has no usable replica identity; published, its own UPDATE and DELETE would fail"
                                 : "the table and its partitions have no replica identity in common; published, UPDATE "
                                   "and DELETE would fail";
    findings.add(what.plan.insert_only_without_identity ? Severity::warning : Severity::refusal, object,
                 what.plan.insert_only_without_identity ? problem + "; only inserts and truncates are taken" : problem,
                 replica_identity_remedy(table));
  }
}

// Sequences feed columns and are set at a clean stop; large objects do not travel.
Result<void> check_others(Connection& connection, const SourceCheck& what, Findings& findings) {
  std::size_t sequences = 0;
  for (const model::TableSchemaPtr& table : what.plan.tables) {
    sequences += table->sequences.size();
    for (const model::Column& column : table->columns) {
      const std::string object = fmt::format("column {}.{}", table->source_name.text(), column.name);
      if (column.type.native == "oid") {
        findings.add(Severity::note, object, "if it points to large objects: these are not copied, only the number");
      }
      if (column.type.native.starts_with("character(") && what.options.boolean(option::trim_space_in_char)) {
        findings.add(Severity::note, object, "files and other databases get it without its trailing blanks",
                     "Set TrimSpaceInChar to false to keep them.");
      }
    }
  }
  if (sequences > 0) {
    findings.add(
        Severity::note, "sequences",
        fmt::format("{} sequence(s) feed columns; a PostgreSQL target gets them with a margin, at the end of the "
                    "load and at a clean stop",
                    sequences));
  }
  const std::string large = TRY(connection.query_value("SELECT count(*) FROM pg_largeobject_metadata")).value_or("0");
  if (large != "0") {
    findings.add(Severity::warning, "large objects", fmt::format("{} in this database; they are not copied", large),
                 "Use bytea columns, or pg_dump --blobs for them.");
  }
  return {};
}

}  // namespace

Result<std::vector<Finding>> check_source(Connection& connection, const SourceCheck& what) {
  Findings findings;
  const Facts facts = TRY(read_facts(connection));
  const CaptureNames names = capture_names(what.options, what.context);
  check_server(connection, what, facts, findings);
  if (what.stream) {
    TRY(check_settings(connection, findings));
    TRY(check_limits(connection, names, findings));
    check_role(facts, findings);
    TRY(check_slot(connection, names, findings));
    TRY(check_ddl(connection, what, names, findings));
  }
  TRY(check_privileges(connection, what, facts, findings));
  for (const model::TableSchemaPtr& table : what.plan.tables) {
    check_kind(*table, what, findings);
    check_identity(*table, what, findings);
  }
  TRY(check_others(connection, what, findings));
  return std::move(findings.list);
}

}  // namespace postgres
