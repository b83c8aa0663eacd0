// SPDX-License-Identifier: Apache-2.0
#include "main/assessment.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace main_program {
namespace {

using nlohmann::json;
using Severity = connect::Finding::Severity;

const Route postgres_to_mysql{"aurora-postgresql", "mysql", engine::MigrationType::full_load_and_cdc};

model::Column column(const char* name, model::Type type, const char* native) {
  model::Column out;
  out.name = name;
  out.type.type = type;
  out.type.native = native;
  return out;
}

engine::PlannedTable planned(const char* name, std::vector<model::Column> columns, std::vector<std::uint32_t> key,
                             const char* target_family) {
  auto source = std::make_shared<model::TableSchema>();
  source->name = {"public", name};
  source->family = "postgresql";
  source->columns = std::move(columns);
  source->primary_key = std::move(key);
  auto target = std::make_shared<model::TableSchema>(*source);
  target->family = target_family;
  engine::PlannedTable out;
  out.source = std::move(source);
  out.mapped.target = std::move(target);
  return out;
}

engine::Plan some_plan(const char* target_family) {
  engine::Plan plan;
  plan.tables.push_back(
      planned("orders",
              {column("id", model::Type::int4, "integer"), column("at", model::Type::string, "inet"),
               column("marks", model::Type::clob, "integer[]"), column("v", model::Type::clob, "text")},
              {0}, target_family));
  plan.tables.push_back(planned("Orders", {column("body", model::Type::clob, "text")}, {0}, target_family));
  plan.tables.push_back(planned("bare", {column("body", model::Type::clob, "text")}, {}, target_family));
  plan.findings = {{Severity::refusal, "server setting wal_level", "it is replica, not logical", "ALTER SYSTEM"},
                   {Severity::note, "server setting wal_sender_timeout", "fine", ""}};
  return plan;
}

std::map<std::string, std::string> all_verdicts(const engine::Plan& plan, const Route& route) {
  std::map<std::string, std::string> out;
  for (const json& row : verdicts(plan, route, applicable_checks(route))) out[row["name"]] = row["status"];
  return out;
}

TEST(AssessmentTest, EachCheckSaysWhatWasFound) {
  const std::map<std::string, std::string> expected{
      {"all-check-source-selection-rules", "passed"},
      {"millrace-check", "failed"},
      {"mysql-check-target-localinfile-set", "passed"},
      {"postgres-check-ddl-event-trigger", "passed"},
      {"postgres-check-idle-in-transaction-session-timeout", "passed"},
      {"postgres-check-maxslot-wal-keep-size", "passed"},
      {"postgres-check-maxwalsenders", "passed"},
      {"postgres-check-pk-lob", "warning"},
      {"postgres-check-replication-slots-count", "passed"},
      {"postgres-check-similar-table-name", "warning"},
      {"postgres-check-table-with-array", "warning"},
      {"postgres-check-wallevel", "failed"},
      {"postgres-check-walsenderstimeout", "passed"},
      {"table-with-lob-but-without-primary-key-or-unique-constraint", "warning"},
      {"table-with-no-primary-key-or-unique-constraint", "warning"}};
  EXPECT_EQ(all_verdicts(some_plan("mysql"), postgres_to_mysql), expected);
  EXPECT_EQ(all_verdicts(engine::Plan(), postgres_to_mysql)["all-check-source-selection-rules"], "failed");
}

TEST(AssessmentTest, NamesFitEnginesAndKind) {
  const std::vector<std::string> lake{"all-check-source-selection-rules", "millrace-check"};
  EXPECT_EQ(applicable_checks({"mariadb", "s3", engine::MigrationType::full_load}), lake);
  const auto names = applicable_checks({"mariadb", "postgres", engine::MigrationType::cdc});
  EXPECT_EQ(std::count(names.begin(), names.end(), "mariadb-check-binlog-format"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "postgres-check-session-replication-role"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "postgres-check-wallevel"), 0);
}

TEST(AssessmentTest, TypesThatArriveAsText) {
  const json report = type_report(some_plan("mysql"), "shop");
  EXPECT_EQ(report["summary"]["partially-supported"],
            (json{{"data-type", {"inet", "integer[]"}}, {"column-count", 2}}));
  EXPECT_EQ(report["types"][0]["schemas"][0]["tables"][0], (json{{"table-name", "orders"}, {"columns", {"at"}}}));
  EXPECT_TRUE(type_report(some_plan("postgresql"), "shop")["types"].empty());
}

// A check is about findings by their object: one that nobody says any more would pass for ever.
TEST(AssessmentTest, ObjectsAreThoseOfTheConnectors) {
  std::string sources;
  for (const char* folder : {"/src/connectors/postgres", "/src/connectors/mysql", "/src/engine"}) {
    for (const auto& file : std::filesystem::directory_iterator(std::string(MILLRACE_SOURCE_FOLDER) + folder)) {
      std::ifstream text(file.path());
      sources.append(std::istreambuf_iterator<char>(text), {});
    }
  }
  for (const std::string_view object : checked_objects()) {
    EXPECT_NE(sources.find('"' + std::string(object)), std::string::npos) << object;
  }
}

}  // namespace
}  // namespace main_program
