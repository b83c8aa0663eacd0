// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/character_set.h"
#include "connectors/mysql/types.h"
#include "convert/definition.h"

namespace mysql {
namespace {

using base::Result;
using connect::Finding;
using Severity = Finding::Severity;

constexpr int mysql_version_min = 80000;
constexpr int mariadb_version_min = 100600;
constexpr int logs_cascades_version = 90600;  // MySQL: changes made by foreign keys are in the binlog

struct Findings {
  std::vector<Finding> list;
  void add(Severity severity, std::string object, std::string problem, std::string remedy = "") {
    list.push_back({severity, std::move(object), std::move(problem), std::move(remedy)});
  }
};

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.") || host.starts_with("/");
}

void check_server(const Connection& connection, const SourceCheck& what, Findings& findings) {
  const Server& server = connection.server();
  if (server.version < (server.is_mariadb ? mariadb_version_min : mysql_version_min)) {
    findings.add(Severity::refusal, "server", server.text + " is not supported as a source",
                 "Use MySQL 8.0 or later, MariaDB 10.6 or later.");
  }
  if (what.settings.ssl_mode == "none" && !is_loopback(what.settings.host)) {
    findings.add(Severity::warning, "endpoint member SslMode", "the connection is not encrypted (none, the default)",
                 "Set SslMode to require, verify-ca or verify-full.");
  }
}

using Variables = std::map<std::string, std::string>;

Result<Variables> read_variables(Connection& connection) {
  Variables variables;
  for (const Row& row : TRY(connection.query(
           "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', 'binlog_row_image', "
           "'binlog_row_metadata', 'server_id', 'gtid_mode', 'lower_case_table_names', 'sql_mode', "
           "'binlog_row_value_options', 'expire_logs_days', 'binlog_expire_logs_seconds', 'system_time_zone', "
           "'time_zone', 'log_slave_updates', 'log_replica_updates')"))) {
    variables[text_at(row, 0)] = text_at(row, 1);
  }
  return variables;
}

void check_binlog(const Variables& is, Findings& findings) {
  const auto value = [&](const char* name) {
    const auto found = is.find(name);
    return found == is.end() ? std::string() : found->second;
  };
  if (value("log_bin") != "ON") {
    findings.add(Severity::refusal, "server setting log_bin", "the server writes no binary log",
                 "Start the server with --log-bin and a --server-id.");
    return;
  }
  if (value("binlog_format") != "ROW" && is.contains("binlog_format")) {
    findings.add(Severity::refusal, "server setting binlog_format", "it is " + value("binlog_format") + ", not ROW",
                 "SET GLOBAL binlog_format = ROW; and let all sessions connect anew.");
  }
  if (value("server_id") == "0") {
    findings.add(Severity::refusal, "server setting server_id", "it is 0, with which no replica may read",
                 "SET GLOBAL server_id = 1;");
  }
  if (value("binlog_row_image") != "FULL" && is.contains("binlog_row_image")) {
    findings.add(Severity::warning, "server setting binlog_row_image",
                 value("binlog_row_image") +
                     ": updates carry what changed and the key only; rows that a filter of the "
                     "mapping moves out and in cannot be followed",
                 "SET GLOBAL binlog_row_image = FULL;");
  }
  if (is.contains("binlog_row_metadata") && value("binlog_row_metadata") != "FULL") {
    findings.add(Severity::note, "server setting binlog_row_metadata",
                 "it is not FULL: the names of columns are followed by the DDL in the log",
                 "SET GLOBAL binlog_row_metadata = FULL;");
  }
  const std::string seconds = value("binlog_expire_logs_seconds"), days = value("expire_logs_days");
  const double kept = !seconds.empty() && seconds != "0" ? std::strtod(seconds.c_str(), nullptr)
                                                         : std::strtod(days.c_str(), nullptr) * 86400;
  if (kept > 0 && kept < 86400) {
    findings.add(Severity::warning, "server setting binlog_expire_logs_seconds",
                 fmt::format("the log is kept for {:.0f} s only: a task that is down for longer must load again", kept),
                 "SET GLOBAL binlog_expire_logs_seconds = 259200;");
  }
  if (value("lower_case_table_names") != "0" && is.contains("lower_case_table_names")) {
    findings.add(Severity::note, "server setting lower_case_table_names",
                 "it is " + value("lower_case_table_names") + ": names of tables have no case here");
  }
  const std::string zone = value("time_zone") == "SYSTEM" ? value("system_time_zone") : value("time_zone");
  findings.add(Severity::note, "server setting time_zone",
               zone + "; TIMESTAMP values are copied in UTC, DATETIME values as they are");
}

// What SHOW GRANTS says to be granted on all or some objects, upper case.
Result<std::string> read_grants(Connection& connection) {
  std::string grants;
  for (const Row& row : TRY(connection.query("SHOW GRANTS"))) grants += text_at(row, 0) + "\n";
  std::transform(grants.begin(), grants.end(), grants.begin(), [](unsigned char c) { return std::toupper(c); });
  return grants;
}

Result<void> check_privileges(Connection& connection, const SourceCheck& what, Findings& findings) {
  const std::string grants = TRY(read_grants(connection));
  const auto has = [&](std::string_view privilege) {
    return grants.find(privilege) != std::string::npos || grants.find("ALL PRIVILEGES ON *.*") != std::string::npos;
  };
  const std::string user = TRY(connection.query_value("SELECT CURRENT_USER()")).value_or("");
  const std::size_t at = user.rfind('@');
  const std::string account = at == std::string::npos
                                  ? quote_literal(user)
                                  : quote_literal(user.substr(0, at)) + "@" + quote_literal(user.substr(at + 1));
  const auto need = [&](Severity severity, const std::string& privilege, const std::string& why) {
    findings.add(severity, "account " + user, "lacks " + privilege + ": " + why,
                 fmt::format("GRANT {} ON *.* TO {};", privilege, account));
  };
  if (!what.stream) return {};
  if (!has("REPLICATION SLAVE")) need(Severity::refusal, "REPLICATION SLAVE", "it may not read the binary log");
  const bool sees_place = has("REPLICATION CLIENT") || has("BINLOG MONITOR") || has("SUPER");
  if (!sees_place) {
    need(Severity::refusal, connection.server().is_mariadb ? "BINLOG MONITOR" : "REPLICATION CLIENT",
         "it may not see where the log is");
  }
  const bool may_lock = has("RELOAD") || has("FLUSH_TABLES");
  if (what.full_load && !may_lock) {
    need(connection.server().is_mariadb ? Severity::note : Severity::refusal, "RELOAD",
         connection.server().is_mariadb ? "while the server is written to, the load goes through one session"
                                        : "the moment where load and changes meet cannot be found");
  }
  return {};
}

// Engines of the plan's tables: a snapshot holds only those that know transactions.
Result<void> check_engines(Connection& connection, const SourceCheck& what, Findings& findings) {
  std::map<model::TableName, std::string> engines;
  for (const Row& row : TRY(connection.query(
           "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE ENGINE NOT IN "
           "('InnoDB', 'ROCKSDB', 'ndbcluster')"))) {
    engines[{text_at(row, 0), text_at(row, 1)}] = text_at(row, 2);
  }
  for (const model::TableSchemaPtr& table : what.plan.tables) {
    const auto found = engines.find(table->name);
    if (found == engines.end()) continue;
    findings.add(what.stream ? Severity::refusal : Severity::warning, "table " + table->name.text(),
                 found->second + " knows no transactions: load and changes do not meet at one moment",
                 fmt::format("ALTER TABLE {} ENGINE=InnoDB;", quote_name(table->name.schema, table->name.table)));
  }
  return {};
}

void check_columns(const model::TableSchema& table, bool stream, Findings& findings) {
  for (const model::Column& column : table.columns) {
    const std::string object = fmt::format("column {}.{}", table.name.text(), column.name);
    const Result<NativeType> native = parse_type(column.type.native, column.collation);
    if (!native.ok()) {
      findings.add(Severity::refusal, object, "type " + column.type.native + " is not known",
                   "Leave the column out by a remove-column rule.");
      continue;
    }
    if (!stream || native->character_set.empty()) continue;
    if (const auto converter = TextConverter::open(native->character_set); !converter.ok()) {
      findings.add(Severity::refusal, object, "character set " + native->character_set + " cannot be converted",
                   "Leave the column out by a remove-column rule.");
    }
  }
}

void check_tables(const Server& server, const SourceCheck& what, Findings& findings) {
  const bool is_all_logged = logs_cascades(server.is_mariadb, static_cast<int>(server.version));
  for (const model::TableSchemaPtr& table : what.plan.tables) {
    const std::string object = "table " + table->name.text();
    check_columns(*table, what.stream, findings);
    if (!what.stream) continue;
    if (table->kind == "view") {
      findings.add(Severity::refusal, object, "a view has no changes in the log", "Select it in a full-load task.");
    }
    if (table->kind == "system versioned") {
      findings.add(Severity::refusal, object, "changes of system-versioned tables cannot be followed",
                   "Select it in a full-load task.");
    }
    for (const model::ForeignKey& key : table->foreign_keys) {
      if (is_all_logged || !convert::acts(key.rules)) continue;
      findings.add(Severity::refusal, object,
                   fmt::format("foreign key {} ({}): what it changes by itself is not in this server's log", key.name,
                               key.rules),
                   fmt::format("ALTER TABLE {} DROP FOREIGN KEY {}; or make it RESTRICT, or load the table only.",
                               quote_name(table->name.schema, table->name.table), quote_identifier(key.name)));
    }
  }
}

Result<void> check_prepared(Connection& connection, Findings& findings) {
  const Result<Rows> rows = connection.query("XA RECOVER");
  if (rows.ok() && rows->empty()) return {};
  if (!rows.ok()) {
    findings.add(Severity::note, "server", "XA RECOVER is not allowed: prepared XA transactions cannot be waited for");
    return {};
  }
  findings.add(Severity::warning, "server",
               fmt::format("{} prepared XA transactions: the start waits for their end", rows->size()),
               "XA RECOVER lists them; XA COMMIT or XA ROLLBACK ends them.");
  return {};
}

}  // namespace

bool logs_cascades(bool is_mariadb, int version) { return !is_mariadb && version >= logs_cascades_version; }

Result<std::vector<Finding>> check_source(Connection& connection, const SourceCheck& what) {
  Findings findings;
  check_server(connection, what, findings);
  if (what.stream) {
    check_binlog(TRY(read_variables(connection)), findings);
    TRY(check_prepared(connection, findings));
  }
  TRY(check_privileges(connection, what, findings));
  TRY(check_engines(connection, what, findings));
  check_tables(connection.server(), what, findings);
  return std::move(findings.list);
}

}  // namespace mysql
