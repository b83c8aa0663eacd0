// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/character_set.h"
#include "connectors/mysql/log_window.h"
#include "connectors/mysql/snapshot_moment.h"
#include "connectors/mysql/types.h"

namespace mysql {
namespace {

using base::Result;
using connect::Finding;
using Severity = Finding::Severity;

constexpr int mysql_version_min = 80000;
constexpr int mariadb_version_min = 100600;

constexpr std::string_view table_locks =
    "the selected tables are locked against writers for that moment (LOCK TABLES ... READ)";

struct Findings {
  std::vector<Finding> list;
  void add(Severity severity, std::string object, std::string problem, std::string remedy = "") {
    list.push_back({severity, std::move(object), std::move(problem), std::move(remedy)});
  }
  void append(std::vector<Finding> more) {
    for (Finding& finding : more) list.push_back(std::move(finding));
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

// Empty: this server has no such variable.
std::string value_of(const Variables& variables, const char* name) {
  const auto found = variables.find(name);
  return found == variables.end() ? std::string() : found->second;
}

void check_binlog(const Variables& is, Findings& findings) {
  const auto value = [&](const char* name) { return value_of(is, name); };
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
}

// Our sessions have a mode of their own. What sessions of others could write, and how their statements read, remains.
void check_mode(const std::string& modes, bool stream, Findings& findings) {
  const auto has = [&](std::string_view mode) {
    return ("," + modes + ",").find(fmt::format(",{},", mode)) != std::string::npos;
  };
  const auto add = [&](const std::string& problem, const std::string& remedy = "") {
    findings.add(remedy.empty() ? Severity::note : Severity::warning, "server setting sql_mode", problem, remedy);
  };
  const bool is_strict = has("STRICT_TRANS_TABLES") || has("STRICT_ALL_TABLES");
  std::string dates;
  if (!is_strict || !has("NO_ZERO_DATE")) dates = "zero dates";
  if (!is_strict || !has("NO_ZERO_IN_DATE"))
    dates += dates.empty() ? "dates with zero parts" : ", dates with zero parts";
  if (has("ALLOW_INVALID_DATES")) dates += std::string(dates.empty() ? "" : ", ") + "dates like 02-31";
  if (!dates.empty()) {
    add("it lets in " + dates + ": data errors on a target of another family, or NULL with MillraceZeroDateAsNull");
  }
  if (!is_strict) add("it is not strict: values were cut to fit when they were written, and are copied as they are");
  if (has("PAD_CHAR_TO_FULL_LENGTH")) {
    add("PAD_CHAR_TO_FULL_LENGTH fills CHAR values with blanks when they are read; they are copied without");
  }
  if (has("NO_BACKSLASH_ESCAPES") || has("ANSI_QUOTES")) {
    add("NO_BACKSLASH_ESCAPES or ANSI_QUOTES: statements in the log are read as the mode in which they ran says");
  }
  if (stream && has("ORACLE")) {
    add("ORACLE lets in statements of another language: a table that one of them changes is put aside",
        "Change tables in sessions without it: SET SESSION sql_mode = '';");
  }
}

// What SHOW GRANTS says to be granted on all or some objects, upper case.
Result<std::string> read_grants(Connection& connection) {
  std::string grants;
  for (const Row& row : TRY(connection.query("SHOW GRANTS"))) grants += text_at(row, 0) + "\n";
  std::transform(grants.begin(), grants.end(), grants.begin(), [](unsigned char c) { return std::toupper(c); });
  return grants;
}

struct Account {
  std::string user;    // "u@%"
  std::string quoted;  // 'u'@'%'
};

Result<Account> read_account(Connection& connection) {
  const std::string user = TRY(connection.query_value("SELECT CURRENT_USER()")).value_or("");
  const std::size_t at = user.rfind('@');
  if (at == std::string::npos) return Account{user, quote_literal(user)};
  return Account{user, quote_literal(user.substr(0, at)) + "@" + quote_literal(user.substr(at + 1))};
}

// Asked by a table that is not there: who may lock is told so, who may not is denied before.
Result<std::set<std::string>> schemas_without_locks(Connection& connection, const connect::CapturePlan& plan) {
  std::set<std::string> schemas, without;
  for (const model::TableSchemaPtr& table : plan.tables) schemas.insert(table->name.schema);
  for (const std::string& schema : schemas) {
    const Result<std::uint64_t> locked =
        connection.execute(fmt::format("LOCK TABLES {} READ", quote_name(schema, "millrace no such table")));
    if (locked.ok())
      TRY(connection.execute("UNLOCK TABLES"));
    else if (is_lock_denied(connection.last_errno()))
      without.insert(schema);
  }
  return without;
}

// Empty: rows that change in the moment in which a load begins can come from the log.
Result<std::string> window_problem(Connection& connection) {
  const std::string mode = TRY(connection.query_value("SELECT @@GLOBAL.gtid_mode")).value_or("");
  const std::string image = TRY(connection.query_value("SELECT @@GLOBAL.binlog_row_image")).value_or("");
  if (mode == "ON" && image == "FULL") return std::string();
  return fmt::format(
      "without locks the moment where load and changes meet is found with gtid_mode=ON and "
      "binlog_row_image=FULL only; they are {} and {}",
      mode, image);
}

// MySQL without the global read lock. `remedy`: what gives the right to lock tables; empty: it is there.
Result<void> check_window(Connection& connection, const SourceCheck& what, const std::string& object,
                          const std::string& remedy, Findings& findings) {
  const std::string problem = TRY(window_problem(connection));
  if (!problem.empty()) {
    findings.add(remedy.empty() ? Severity::note : Severity::refusal, object,
                 remedy.empty() ? "lacks RELOAD: " + std::string(table_locks) : "lacks RELOAD, and " + problem, remedy);
    return {};
  }
  findings.add(
      Severity::note, object,
      "lacks RELOAD: the load locks nothing; rows that change in the moment in which it begins come from the log");
  for (const auto& [table, why] : rigid_tables(what.plan)) {
    if (remedy.empty()) {
      findings.add(Severity::note, "table " + table.text(),
                   why + ": if it is written when the load begins, " + std::string(table_locks));
    } else {
      findings.add(Severity::warning, "table " + table.text(),
                   why + ": without the right to lock, the load waits for a moment in which the table is not written",
                   remedy);
    }
  }
  return {};
}

// Which way a load takes to the moment in which its snapshots open; see snapshot_moment.h.
Result<void> check_moment(Connection& connection, const SourceCheck& what, const Account& account, bool may_lock_all,
                          Findings& findings) {
  const std::string object = "account " + account.user;
  const std::set<std::string> without = TRY(schemas_without_locks(connection, what.plan));
  std::string remedy;
  for (const std::string& schema : without) {
    remedy += fmt::format("{}GRANT LOCK TABLES ON {}.* TO {};", remedy.empty() ? "" : " ", quote_identifier(schema),
                          account.quoted);
  }
  const std::map<model::TableName, std::string> engines = TRY(engines_without_transactions(connection));
  for (const model::TableSchemaPtr& table : what.plan.tables) {
    if (!engines.contains(table->name) || !without.contains(table->name.schema)) continue;
    findings.add(Severity::refusal, "table " + table->name.text(),
                 "it is loaded under a read lock, and the account lacks LOCK TABLES", remedy);
  }
  const bool is_mariadb = connection.server().is_mariadb;
  if (!may_lock_all && !is_mariadb) return check_window(connection, what, object, remedy, findings);
  if (may_lock_all && is_mariadb) return {};
  if (may_lock_all) {
    const bool has_other = without.empty() || TRY(window_problem(connection)).empty();
    findings.add(
        Severity::note, object,
        fmt::format("the load begins under a global read lock of a moment (FLUSH TABLES WITH READ LOCK); where "
                    "the server denies it, as RDS and Aurora do, {}",
                    has_other ? "without" : "it fails"),
        has_other ? "" : remedy);
  } else if (without.empty()) {
    findings.add(Severity::note, object, "lacks RELOAD: while the server is written to, " + std::string(table_locks));
  } else {
    findings.add(Severity::note, object,
                 "lacks RELOAD and LOCK TABLES: while the server is written to, the load goes through one session",
                 remedy);
  }
  return {};
}

Result<void> check_privileges(Connection& connection, const SourceCheck& what, Findings& findings) {
  const std::string grants = TRY(read_grants(connection));
  const auto has = [&](std::string_view privilege) {
    return grants.find(privilege) != std::string::npos || grants.find("ALL PRIVILEGES ON *.*") != std::string::npos;
  };
  const Account account = TRY(read_account(connection));
  const auto need = [&](Severity severity, const std::string& privilege, const std::string& why) {
    findings.add(severity, "account " + account.user, "lacks " + privilege + ": " + why,
                 fmt::format("GRANT {} ON *.* TO {};", privilege, account.quoted));
  };
  const bool may_lock_all = has("RELOAD") || has("FLUSH_TABLES");
  if (!what.stream) {
    if (!may_lock_all && !connection.server().is_mariadb) {
      need(Severity::note, "RELOAD", "a load that no changes follow then goes through one session");
    }
    return {};
  }
  if (!has("REPLICATION SLAVE")) need(Severity::refusal, "REPLICATION SLAVE", "it may not read the binary log");
  const bool sees_place = has("REPLICATION CLIENT") || has("BINLOG MONITOR") || has("SUPER");
  if (!sees_place) {
    need(Severity::refusal, connection.server().is_mariadb ? "BINLOG MONITOR" : "REPLICATION CLIENT",
         "it may not see where the log is");
  }
  if (what.full_load) return check_moment(connection, what, account, may_lock_all, findings);
  return {};
}

// A snapshot holds only tables that know transactions. Others are loaded under a read lock, if they take one and their
// rows are in the log as they change.
Result<void> check_engines(Connection& connection, const SourceCheck& what, Findings& findings) {
  const std::map<model::TableName, std::string> engines = TRY(engines_without_transactions(connection));
  for (const model::TableSchemaPtr& table : what.plan.tables) {
    const auto found = engines.find(table->name);
    if (found == engines.end()) continue;
    const std::string object = "table " + table->name.text(),
                      remedy = fmt::format("ALTER TABLE {} ENGINE=InnoDB;",
                                           quote_name(table->name.schema, table->name.table));
    if (what.stream && found->second != "MyISAM" && found->second != "Aria") {
      findings.add(Severity::refusal, object,
                   found->second + " knows no transactions: load and changes do not meet at one moment", remedy);
    } else if (!what.stream) {
      findings.add(Severity::warning, object,
                   found->second + " knows no transactions: what is written while it is loaded may be half there",
                   remedy);
    } else if (what.full_load) {
      findings.add(
          Severity::warning, object,
          found->second + " knows no transactions: it is locked against writers while the task loads its tables",
          remedy);
    }
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

void check_tables(const SourceCheck& what, Findings& findings) {
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

Result<std::map<model::TableName, std::string>> engines_without_transactions(Connection& connection) {
  std::map<model::TableName, std::string> engines;
  for (const Row& row : TRY(connection.query(
           "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE ENGINE NOT IN "
           "('InnoDB', 'ROCKSDB', 'ndbcluster')"))) {
    engines[{text_at(row, 0), text_at(row, 1)}] = text_at(row, 2);
  }
  return engines;
}

std::vector<Finding> check_variables(const Variables& variables, bool stream) {
  Findings findings;
  if (stream) check_binlog(variables, findings);
  const std::string folding = value_of(variables, "lower_case_table_names");
  if (folding != "0" && !folding.empty()) {
    findings.add(Severity::note, "server setting lower_case_table_names",
                 "it is " + folding + ": names of tables have no case here");
  }
  check_mode(value_of(variables, "sql_mode"), stream, findings);
  const std::string zone = value_of(variables, "time_zone");
  const std::string system = value_of(variables, "system_time_zone");
  findings.add(
      Severity::note, "server setting time_zone",
      (zone == "SYSTEM" ? system : zone) + "; TIMESTAMP values are copied in UTC, DATETIME values as they are");
  return std::move(findings.list);
}

Result<std::vector<Finding>> check_source(Connection& connection, const SourceCheck& what) {
  Findings findings;
  check_server(connection, what, findings);
  findings.append(check_variables(TRY(read_variables(connection)), what.stream));
  if (what.stream) TRY(check_prepared(connection, findings));
  TRY(check_privileges(connection, what, findings));
  TRY(check_engines(connection, what, findings));
  check_tables(what, findings);
  return std::move(findings.list);
}

}  // namespace mysql
