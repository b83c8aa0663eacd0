// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/target_check.h"

#include <algorithm>
#include <set>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/destination.h"
#include "connectors/mysql/prepare.h"
#include "connectors/mysql/target_errors.h"
#include "relational/key_graph.h"
#include "relational/landed_names.h"
#include "relational/landed_objects.h"
#include "relational/row_key.h"

namespace mysql {
namespace {

using connect::Finding;
using model::TableSchema;
using Severity = connect::Finding::Severity;

constexpr std::size_t name_characters_max = 64;
constexpr std::int64_t packet_bytes_advised = 64 << 20;

std::string table_object(const TableSchema& table) { return "table " + table.name.text(); }

// ---- the server

std::string folded(std::string name) {
  const auto fold = [](unsigned char c) { return static_cast<char>(c < 0x80 ? std::tolower(c) : c); };
  std::transform(name.begin(), name.end(), name.begin(), fold);
  return name;
}

// `folding`: lower_case_table_names. 1 stores names in lower case, 2 as they are given; neither tells their case.
void check_cases(std::int64_t folding, const std::vector<model::TableSchemaPtr>& tables, const CheckPlan& plan,
                 std::vector<Finding>& findings) {
  constexpr std::int64_t stores_lower = 1;
  if (folding == 0) return;
  const std::string setting = fmt::format("(lower_case_table_names = {})", folding);
  if (folding == stores_lower && folded(plan.control_schema) != plan.control_schema) {
    findings.push_back({Severity::refusal, "schema " + plan.control_schema,
                        "the server keeps names in lower case " + setting,
                        "write ControlTablesSettings.ControlSchema in lower case"});
  }
  std::map<model::TableName, std::string> lower;
  for (const model::TableSchemaPtr& table : tables) {
    const model::TableName name{folded(table->name.schema), folded(table->name.table)};
    const auto [other, is_new] = lower.emplace(name, table->name.text());
    if (!is_new && other->second != table->name.text()) {
      findings.push_back({Severity::refusal, table_object(*table),
                          fmt::format("and {} are one table here: the server does not tell the case of names {}",
                                      other->second, setting),
                          "rename one of them in the table mappings"});
    }
    if (folding == stores_lower && name != table->name) {
      findings.push_back({Severity::refusal, table_object(*table), "the server keeps names in lower case " + setting,
                          "give schema and table the rule-action convert-lowercase in the table mappings"});
    }
  }
}

base::Result<void> check_settings(Session& session, const std::vector<model::TableSchemaPtr>& tables,
                                  const CheckPlan& plan, std::vector<Finding>& findings) {
  const Rows rows = TRY(session.query(
      "SELECT @@read_only, @@local_infile, @@max_allowed_packet, @@lower_case_table_names, @@innodb_read_only, "
      "IF(@@global.time_zone = 'SYSTEM', @@system_time_zone, @@global.time_zone)",
      "settings"));
  const Row& row = rows.at(0);
  const auto is_on = [&](std::size_t at) { return text_at(row, at) == "1" || text_at(row, at) == "ON"; };
  if (is_on(0) || is_on(4)) {
    findings.push_back({Severity::warning, "server setting read_only",
                        "the server takes writes of privileged accounts only; is it a replica?",
                        "name the writable server, or SET GLOBAL read_only = OFF;"});
  }
  if (!is_on(1)) {
    findings.push_back({Severity::note, "server setting local_infile",
                        "is off: rows are loaded by INSERT, at about half the speed", "SET GLOBAL local_infile = ON;"});
  }
  if (number_at(row, 2) < packet_bytes_advised) {
    findings.push_back({Severity::note, "server setting max_allowed_packet",
                        fmt::format("is {} bytes: a change of a row that is larger stops the task", number_at(row, 2)),
                        "SET GLOBAL max_allowed_packet = 1073741824;"});
  }
  if (const std::string zone = text_at(row, 5); zone != "UTC" && zone != "+00:00") {
    findings.push_back(
        {Severity::note, "server setting time_zone",
         zone + "; the task writes in UTC: a TIMESTAMP is the same moment, and shows as each session says", ""});
  }
  check_cases(number_at(row, 3), tables, plan, findings);
  return {};
}

// ---- rights

// "GRANT SELECT, INSERT ON `s`.* TO ..." gives these for that scope.
struct Grant {
  std::set<std::string> rights;
  std::string scope;
};

std::optional<Grant> read_grant(const std::string& line) {
  const std::size_t on = line.find(" ON ");
  const std::size_t to = line.find(" TO ", on == std::string::npos ? 0 : on + 4);
  if (!line.starts_with("GRANT ") || on == std::string::npos || to == std::string::npos) return std::nullopt;
  Grant grant;
  grant.scope = line.substr(on + 4, to - on - 4);
  std::string right;
  for (const char c : line.substr(6, on - 6) + ",") {
    if (c != ',') {
      if (c != ' ' || !right.empty()) right += c;
      continue;
    }
    grant.rights.insert(right);
    right.clear();
  }
  return grant;
}

base::Result<void> check_rights(Session& session, const std::vector<model::TableSchemaPtr>& tables,
                                const CheckPlan& plan, std::vector<Finding>& findings) {
  std::vector<Grant> grants;
  for (const Row& row : TRY(session.query("SHOW GRANTS", "rights"))) {
    if (std::optional<Grant> grant = read_grant(text_at(row, 0))) grants.push_back(std::move(*grant));
  }
  const std::string account = text_at(TRY(session.query("SELECT CURRENT_USER()", "rights")).at(0), 0);
  std::set<std::string> schemas{plan.control_schema};
  for (const model::TableSchemaPtr& table : tables) schemas.insert(table->name.schema);
  for (const std::string& schema : schemas) {
    const std::string scope = quote_identifier(schema) + ".*";
    std::string missing;
    for (const char* right :
         {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES"}) {
      const bool is_given = std::any_of(grants.begin(), grants.end(), [&](const Grant& grant) {
        const bool covers = grant.scope == "*.*" || grant.scope == scope;
        return covers && (grant.rights.contains(right) || grant.rights.contains("ALL PRIVILEGES"));
      });
      if (!is_given) missing += (missing.empty() ? "" : ", ") + std::string(right);
    }
    if (missing.empty()) continue;
    const std::size_t at = account.rfind('@');
    // Rights may come by a role, a pattern or table by table: the server will say.
    findings.push_back({Severity::warning, "schema " + schema, "the account is not seen to have " + missing,
                        fmt::format("GRANT {} ON {} TO {}@{};", missing, scope, quote_literal(account.substr(0, at)),
                                    quote_literal(at == std::string::npos ? "%" : account.substr(at + 1)))});
  }
  return {};
}

// ---- tables

bool is_beyond_basic_plane(char c) { return static_cast<unsigned char>(c) >= 0xF0; }

void check_names(const TableSchema& table, std::vector<Finding>& findings) {
  const auto check = [&](const std::string& what, const std::string& name) {
    const bool has_room = relational::characters_of(name) <= name_characters_max && !name.empty();
    if (has_room && name.back() != ' ' && std::none_of(name.begin(), name.end(), is_beyond_basic_plane)) return;
    findings.push_back({Severity::refusal, table_object(table),
                        fmt::format("the name of {} has no place: {} characters at most, none beyond U+FFFF, and no "
                                    "blank at the end",
                                    what, name_characters_max),
                        "give it another name in the table mappings"});
  };
  check("schema " + table.name.schema, table.name.schema);
  check("table " + table.name.table, table.name.table);
  std::set<std::string> lower;
  for (const model::Column& column : table.columns) {
    check("column " + column.name, column.name);
    std::string folded = column.name;
    std::transform(folded.begin(), folded.end(), folded.begin(), [](unsigned char c) { return std::tolower(c); });
    if (lower.insert(folded).second) continue;
    findings.push_back({Severity::refusal, table_object(table),
                        "two columns differ in the case of their name only: " + column.name,
                        "rename one of them in the table mappings"});
  }
}

// Types of another family that have less room here.
void check_types(const TableSchema& table, std::vector<Finding>& findings) {
  if (table.family == family_name) return;
  const std::vector<std::uint32_t> stored = model::stored_columns(table);
  std::set<std::uint32_t> key;
  for (const std::uint32_t place : relational::row_key(table)) key.insert(stored[place]);
  std::string dates, keys;
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
    const model::Column& column = table.columns[i];
    const model::Type type = column.type.type;
    if (type == model::Type::date || type == model::Type::datetime) dates += (dates.empty() ? "" : ", ") + column.name;
    const bool is_long =
        type == model::Type::clob || type == model::Type::nclob || type == model::Type::blob || column.type.length == 0;
    const bool is_text = type == model::Type::string || type == model::Type::wstring || model::is_large_object(type) ||
                         type == model::Type::bytes;
    if (key.contains(i) && is_text && is_long) keys += (keys.empty() ? "" : ", ") + column.name;
  }
  if (!dates.empty()) {
    findings.push_back({Severity::note, table_object(table),
                        "dates outside of the years 1 to 9999 and infinity have no place here: " + dates, ""});
  }
  if (!keys.empty()) {
    findings.push_back(
        {Severity::warning, table_object(table),
         "text of any length is in its key, which has a limit here: longer values are data errors: " + keys,
         "create the table by hand with the lengths you need, and use TRUNCATE_BEFORE_LOAD"});
  }
}

void check_definitions(const Dialect& dialect, const TableSchema& table, const CheckPlan& plan,
                       std::vector<Finding>& findings) {
  if (plan.stream && relational::row_key(table).empty()) {
    findings.push_back({Severity::note, table_object(table),
                        "has no key: updates and deletes look for one row equal in all columns, which reads the table",
                        ""});
  }
  if (!table.object_tags.empty()) {
    findings.push_back(
        {Severity::note, table_object(table), "object tags are for files; they have no effect here", ""});
  }
  if (table.family != family_name) return;
  const bool has_definitions = !table.indexes.empty() || !table.checks.empty() || !table.partitioning.empty();
  if (plan.secondary && has_definitions && !relational::keeps_column_names(table)) {
    findings.push_back({Severity::warning, table_object(table),
                        "columns are renamed, so its secondary indexes, checks and partitioning are not carried over",
                        "create them on the target by hand"});
  }
  for (const model::Column& column : table.columns) {
    const std::string landing = landing_collation(dialect, table, column);
    if (landing.empty() || column.collation.empty() || landing == column.collation) continue;
    findings.push_back({Severity::warning, table_object(table),
                        fmt::format("column {}: the server has no collation {}; it gets {}, which may tell other "
                                    "values apart",
                                    column.name, column.collation, landing),
                        ""});
  }
}

// What is there already.
base::Result<void> check_existing(Session& session, const TableSchema& table, std::vector<Finding>& findings) {
  const base::Result<model::TableSchemaPtr> found = examine(session, table);
  if (!found.ok()) {
    if (!found.error().is(target_errors::shape)) return base::Error(found.error());
    findings.push_back(
        {Severity::refusal, table_object(table), found.error().message, std::string(found.error().code->advice)});
    return {};
  }
  if (*found == nullptr) return {};
  const std::vector<TargetColumn> columns = TRY(read_target_columns(session, table));
  const std::vector<std::uint32_t> stored = model::stored_columns(table);
  for (const std::uint32_t place : relational::row_key(table)) {
    if (keeps_apart(table, table.columns[stored[place]], columns[place])) continue;
    findings.push_back({Severity::warning, table_object(table),
                        fmt::format("key column {} has the collation {}: keys of the source that differ in case, "
                                    "accents or blanks at the end may be one here, which is a conflict",
                                    columns[place].name, columns[place].collation),
                        "ALTER TABLE ... MODIFY it with a collation that ends in _bin"});
  }
  const Rows triggers = TRY(session.query(
      fmt::format("SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {} AND "
                  "EVENT_OBJECT_TABLE = {}",
                  quote_literal(table.name.schema), quote_literal(table.name.table)),
      table_object(table)));
  for (const Row& row : triggers) {
    findings.push_back({Severity::warning, table_object(table),
                        fmt::format("trigger {} fires for rows that the task writes", text_at(row, 0)),
                        fmt::format("DROP TRIGGER {};", quote_name(table.name.schema, text_at(row, 0)))});
  }
  return {};
}

}  // namespace

base::Result<std::vector<Finding>> check_target(Session& session, const std::vector<model::TableSchemaPtr>& tables,
                                                const CheckPlan& plan) {
  std::vector<Finding> findings;
  const Dialect dialect = TRY(read_dialect(session));
  TRY(check_settings(session, tables, plan, findings));
  TRY(check_rights(session, tables, plan, findings));
  std::set<model::TableName> names;
  for (const model::TableSchemaPtr& table : tables) {
    if (!names.insert(table->name).second) {
      findings.push_back({Severity::refusal, table_object(*table), "two tables of the source land here",
                          "rename one of them in the table mappings"});
    }
    check_definitions(dialect, *table, plan, findings);
    if (plan.secondary) {
      using relational::Language;
      relational::add_findings(*table, relational::in_words_of(Language::mysql, *table).remarks, findings);
      relational::add_findings(*table, relational::foreign_keys_in_words_of(Language::mysql, *table, tables).remarks,
                               findings);
    }
    check_types(*table, findings);
    check_names(*table, findings);
    if (plan.preparation != connect::Preparation::drop_and_create) TRY(check_existing(session, *table, findings));
  }
  if (plan.stream) {
    const auto compares_as_source = [&](const TableSchema& table, const model::Column& column) {
      return table.family == family_name && landing_collation(dialect, table, column) == column.collation;
    };
    relational::add_key_problems(tables, compares_as_source, findings);
  }
  return findings;
}

}  // namespace mysql
