// SPDX-License-Identifier: Apache-2.0
#include "main/assessment.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace main_program {
namespace {

using connect::Finding;
using engine::Plan;
using engine::PlannedTable;
using nlohmann::json;
using Findings = std::vector<Finding>;

std::string object_of(const PlannedTable& table) { return "table " + table.source->name.text(); }

bool has_key(const model::TableSchema& table) { return !table.primary_key.empty() || !table.unique_keys.empty(); }

bool has_large_object(const model::TableSchema& table) {
  return std::any_of(table.columns.begin(), table.columns.end(),
                     [](const model::Column& column) { return model::is_large_object(column.type.type); });
}

Findings tables_without_key(const Plan& plan) {
  Findings out;
  for (const PlannedTable& table : plan.tables) {
    if (has_key(*table.source)) continue;
    out.push_back({Finding::Severity::warning, object_of(table), "it has neither a primary key nor a unique one",
                   "Give it a primary key: rows that are changed are found by it."});
  }
  return out;
}

Findings large_objects_without_key(const Plan& plan) {
  Findings out;
  for (const PlannedTable& table : plan.tables) {
    if (has_key(*table.source) || !has_large_object(*table.source)) continue;
    out.push_back({Finding::Severity::warning, object_of(table), "it has large values and no key",
                   "Give it a primary key: a large value that the log does not repeat is looked up by it."});
  }
  return out;
}

Findings large_objects_in_key(const Plan& plan) {
  Findings out;
  for (const PlannedTable& table : plan.tables) {
    for (const std::uint32_t column : table.source->primary_key) {
      const model::Column& key = table.source->columns[column];
      if (!model::is_large_object(key.type.type)) continue;
      out.push_back({Finding::Severity::warning, object_of(table),
                     fmt::format("column {} of its primary key may hold large values", key.name), ""});
    }
  }
  return out;
}

Findings arrays(const Plan& plan) {
  Findings out;
  for (const PlannedTable& table : plan.tables) {
    if (table.source->family == table.mapped.target->family) continue;
    for (const model::Column& column : table.source->columns) {
      if (!column.type.native.ends_with("[]")) continue;
      out.push_back({Finding::Severity::warning, object_of(table),
                     fmt::format("column {} is an array, which arrives as text", column.name), ""});
    }
  }
  return out;
}

Findings similar_names(const Plan& plan) {
  std::map<std::string, std::string> seen;
  Findings out;
  for (const PlannedTable& table : plan.tables) {
    std::string folded = table.source->name.text();
    std::transform(folded.begin(), folded.end(), folded.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto [other, fresh] = seen.emplace(folded, table.source->name.text());
    if (fresh) continue;
    out.push_back({Finding::Severity::warning, object_of(table),
                   "its name and " + other->second + " differ in case only",
                   "Rename one in the mapping where the target does not tell case apart."});
  }
  return out;
}

Findings nothing_selected(const Plan& plan) {
  if (!plan.tables.empty()) return {};
  return {{Finding::Severity::refusal, "TableMappings", "the selection rules match no table of the source", ""}};
}

enum class About { any, source_postgres, source_mysql, target_postgres, target_mysql };

struct Check {
  std::string_view name;  // behind the engine's, unless it is about any
  About about;
  bool stream_only;
  std::string_view object;  // of the findings it is about; empty: none
  Findings (*find)(const Plan& plan);
};
constexpr std::string_view everything = "millrace-check";
constexpr Check all_checks[] = {
    {everything, About::any, false, "", nullptr},
    {"all-check-source-selection-rules", About::any, false, "TableMappings", nothing_selected},
    {"table-with-no-primary-key-or-unique-constraint", About::any, true, "", tables_without_key},
    {"table-with-lob-but-without-primary-key-or-unique-constraint", About::any, true, "", large_objects_without_key},
    {"check-wallevel", About::source_postgres, true, "server setting wal_level", nullptr},
    {"check-maxwalsenders", About::source_postgres, true, "server setting max_wal_senders", nullptr},
    {"check-replication-slots-count", About::source_postgres, true, "server setting max_replication_slots", nullptr},
    {"check-walsenderstimeout", About::source_postgres, true, "server setting wal_sender_timeout", nullptr},
    {"check-maxslot-wal-keep-size", About::source_postgres, true, "server setting max_slot_wal_keep_size", nullptr},
    {"check-idle-in-transaction-session-timeout", About::source_postgres, true,
     "server setting idle_in_transaction_session_timeout", nullptr},
    {"check-ddl-event-trigger", About::source_postgres, true, "event trigger ", nullptr},
    {"check-pk-lob", About::source_postgres, false, "", large_objects_in_key},
    {"check-table-with-array", About::source_postgres, false, "", arrays},
    {"check-similar-table-name", About::source_postgres, false, "", similar_names},
    {"check-binlog-enabled", About::source_mysql, true, "server setting log_bin", nullptr},
    {"check-binlog-format", About::source_mysql, true, "server setting binlog_format", nullptr},
    {"check-server-id", About::source_mysql, true, "server setting server_id", nullptr},
    {"check-binlog-image", About::source_mysql, true, "server setting binlog_row_image", nullptr},
    {"check-expire-logs-days", About::source_mysql, true, "server setting binlog_expire_logs_seconds", nullptr},
    {"check-replication-privileges", About::source_mysql, true, "account ", nullptr},
    {"check-session-replication-role", About::target_postgres, false, "server setting session_replication_role",
     nullptr},
    {"check-target-localinfile-set", About::target_mysql, false, "server setting local_infile", nullptr},
};

// What the API's names of checks begin with; empty: there are none for that engine.
std::string_view word_of(std::string_view engine) {
  if (engine.find("postgres") != std::string_view::npos) return "postgres";
  if (engine == "mariadb") return "mariadb";
  if (engine == "mysql" || engine.starts_with("aurora")) return "mysql";
  return "";
}

// nullopt: it does not fit the route.
std::optional<std::string> full_name(const Check& check, const Route& route) {
  if (check.stream_only && route.type == engine::MigrationType::full_load) return std::nullopt;
  if (check.about == About::any) return std::string(check.name);
  const bool of_source = check.about == About::source_postgres || check.about == About::source_mysql;
  const bool postgres = check.about == About::source_postgres || check.about == About::target_postgres;
  const std::string_view word = word_of(of_source ? route.source : route.target);
  if (word.empty() || (word == "postgres") != postgres) return std::nullopt;
  return fmt::format("{}-{}", word, check.name);
}

std::string_view severity_word(Finding::Severity severity) {
  if (severity == Finding::Severity::refusal) return "failed";
  return severity == Finding::Severity::warning ? "warning" : "passed";
}

json verdict(const Check& check, const std::string& name, const Plan& plan) {
  Findings found = check.find == nullptr ? Findings() : check.find(plan);
  for (const Finding& finding : plan.findings) {
    if (check.name == everything || (!check.object.empty() && finding.object.starts_with(check.object))) {
      found.push_back(finding);
    }
  }
  json out{{"name", name}, {"status", "passed"}, {"findings", json::array()}};
  Finding::Severity worst = Finding::Severity::note;
  for (const Finding& finding : found) {
    worst = std::max(worst, finding.severity);
    out["findings"].push_back({{"severity", severity_word(finding.severity)},
                               {"object", finding.object},
                               {"problem", finding.problem},
                               {"remedy", finding.remedy}});
  }
  out["status"] = severity_word(worst);
  return out;
}

bool is_text(const model::ColumnType& type) {
  return type.type == model::Type::string || type.type == model::Type::wstring || type.type == model::Type::clob ||
         type.type == model::Type::nclob;
}

bool is_text_by_name(std::string_view native) {
  constexpr std::array<std::string_view, 8> words{"char", "text", "citext", "name", "enum", "bpchar", "string", "clob"};
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return native.find(word) != std::string_view::npos; });
}

}  // namespace

std::vector<std::string> applicable_checks(const Route& route) {
  std::vector<std::string> out;
  for (const Check& check : all_checks) {
    if (auto name = full_name(check, route)) out.push_back(std::move(*name));
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string_view> checked_objects() {
  std::vector<std::string_view> out;
  for (const Check& check : all_checks) {
    if (!check.object.empty()) out.push_back(check.object);
  }
  return out;
}

json verdicts(const Plan& plan, const Route& route, const std::vector<std::string>& names) {
  json out = json::array();
  for (const Check& check : all_checks) {
    const auto name = full_name(check, route);
    if (name && std::find(names.begin(), names.end(), *name) != names.end()) out.push_back(verdict(check, *name, plan));
  }
  return out;
}

json type_report(const Plan& plan, const std::string& task_name) {
  std::map<std::string, std::map<std::string, std::map<std::string, std::set<std::string>>>> types;
  std::size_t columns = 0;
  for (const PlannedTable& table : plan.tables) {
    if (table.source->family == table.mapped.target->family) continue;
    for (const model::Column& column : table.source->columns) {
      if (!is_text(column.type) || is_text_by_name(column.type.native)) continue;
      const auto added =
          types[column.type.native][table.source->name.schema][table.source->name.table].insert(column.name);
      columns += added.second ? 1 : 0;
    }
  }
  json names = json::array(), rows = json::array();
  for (const auto& [type, schemas] : types) {
    names.push_back(type);
    json row{{"data-type", type}, {"support-level", "partially-supported"}, {"schemas", json::array()}};
    for (const auto& [schema, tables] : schemas) {
      json list = json::array();
      for (const auto& [table, of_table] : tables) list.push_back({{"table-name", table}, {"columns", of_table}});
      row["schemas"].push_back({{"schema-name", schema}, {"tables", std::move(list)}});
    }
    rows.push_back(std::move(row));
  }
  return {{"summary",
           {{"task-name", task_name},
            {"not-supported", {{"data-type", json::array()}, {"column-count", 0}}},
            {"partially-supported", {{"data-type", std::move(names)}, {"column-count", columns}}}}},
          {"types", std::move(rows)}};
}

}  // namespace main_program
