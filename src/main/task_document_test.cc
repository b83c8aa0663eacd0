// SPDX-License-Identifier: Apache-2.0
#include "main/task_document.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace main_program {
namespace {

using connect::OptionKind;
using connect::OptionSpec;
using nlohmann::json;

constexpr OptionSpec specs[] = {
    {.path = "ServerName"},
    {.path = "Port", .kind = OptionKind::integer, .minimum = 1, .maximum = 65535},
    {.path = "Password", .kind = OptionKind::secret},
    {.path = "DatabaseName"},
    {.path = "FakeSettings.SlotName"},
    {.path = "FakeSettings.DatabaseName"},
    {.path = "FakeSettings.SecretsManagerSecretId", .refused = "not here"},
};

const connect::Connector& fake() {
  static const connect::Connector connector{
      .engine_names = {"fake"},
      .source_options = specs,
      .target_options = specs,
      .open_source = [](const connect::Options&,
                        const connect::Context&) -> base::Result<std::unique_ptr<connect::Source>> {
        return base::failed(base::errors::bug, "not opened in tests");
      },
      .open_target = [](const connect::Options&,
                        const connect::Context&) -> base::Result<std::unique_ptr<connect::Target>> {
        return base::failed(base::errors::bug, "not opened in tests");
      }};
  return connector;
}

json minimal() {
  return json::parse(R"({
    "source": {"EndpointIdentifier": "crm", "EngineName": "fake", "ServerName": "db", "Port": 5432, "DatabaseName": "x"},
    "target": {"EndpointIdentifier": "lake", "EngineName": "Fake", "ServerName": "db2"},
    "task": {"ReplicationTaskIdentifier": "crm-to-lake", "MigrationType": "full-load-and-cdc",
      "TableMappings": {"rules": [{"rule-type": "selection", "rule-id": "1", "rule-name": "all", "rule-action": "include",
        "object-locator": {"schema-name": "public", "table-name": "%"}}]}}})");
}

base::Result<TaskDocument> parse(const std::string& text) {
  const connect::Connector* list[] = {&fake()};
  return parse_task_document(text, "task.json", list, [](const std::string& name) {
    return name == "PW" ? std::optional<std::string>("secret") : std::nullopt;
  });
}

std::string refusal(const json& document) {
  const auto parsed = parse(document.dump());
  EXPECT_FALSE(parsed.ok());
  if (parsed.ok()) return "";
  EXPECT_EQ(parsed.error().kind(), base::Kind::input);
  return parsed.error().message;
}

TEST(TaskDocument, minimal) {
  const auto parsed = parse(minimal().dump());
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  EXPECT_EQ(parsed->definition.identifier, "crm-to-lake");
  EXPECT_EQ(parsed->definition.migration_type, engine::MigrationType::full_load_and_cdc);
  EXPECT_EQ(parsed->source.options.integer("Port"), 5432);
  EXPECT_EQ(parsed->source.text, "fake db:5432/x");
  EXPECT_EQ(parsed->definition.chunk_bytes, 64u << 20);
  EXPECT_TRUE(parsed->definition.mapping.selects({"public", "t"}, false));
}

TEST(TaskDocument, inner_documents_as_strings) {
  json document = minimal();
  document["task"]["TableMappings"] = document["task"]["TableMappings"].dump();
  document["task"]["ReplicationTaskSettings"] = R"({"FullLoadSettings":{"CommitRate":7}})";
  const auto parsed = parse(document.dump());
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  EXPECT_EQ(parsed->definition.settings.integer("FullLoadSettings.CommitRate"), 7);
}

TEST(TaskDocument, extra_connection_attributes) {
  json document = minimal();
  document["source"]["ExtraConnectionAttributes"] = "slotName=s1; MillraceChunkMB=8;";
  const auto parsed = parse(document.dump());
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  EXPECT_EQ(parsed->source.options.text("FakeSettings.SlotName"), "s1");
  EXPECT_EQ(parsed->definition.chunk_bytes, 8u << 20);
  document["source"]["ExtraConnectionAttributes"] = "colour=red";
  EXPECT_EQ(refusal(document), "source.ExtraConnectionAttributes: unknown attribute colour");
  document["source"]["ExtraConnectionAttributes"] = "port=1";
  EXPECT_NE(refusal(document).find("given twice"), std::string::npos);
}

TEST(TaskDocument, refuses_with_the_path) {
  const auto with = [](const char* side, const char* member, const json& value) {
    json document = minimal();
    document[side][member] = value;
    return refusal(document);
  };
  EXPECT_EQ(with("source", "Colour", "red"), "source: unknown member Colour");
  EXPECT_EQ(with("source", "Port", 70000), "source: Port: 70000 is outside 1 to 65535");
  EXPECT_EQ(with("source", "EndpointType", "target"),
            "source.EndpointType: \"target\" does not fit, this is the source");
  EXPECT_EQ(with("source", "EngineName", "dbase"), "source.EngineName: \"dbase\" is not one of fake");
  EXPECT_EQ(with("target", "EndpointIdentifier", "crm"),
            "target.EndpointIdentifier: source and target are both named crm");
  EXPECT_EQ(with("source", "ServerName", json::array()), "source.ServerName: must not be an array");
  EXPECT_EQ(with("source", "FakeSettings", {{"SecretsManagerSecretId", "x"}}),
            "source: FakeSettings.SecretsManagerSecretId: not here");
  EXPECT_EQ(with("task", "Colour", 1), "task.Colour: unknown member");
  EXPECT_NE(with("task", "ReplicationTaskIdentifier", "a--b").find("task.ReplicationTaskIdentifier"),
            std::string::npos);
  EXPECT_NE(with("task", "MigrationType", "all").find("task.MigrationType"), std::string::npos);
  EXPECT_NE(with("task", "CdcStartPosition", "0/1").find("goes with MigrationType cdc only"), std::string::npos);
  EXPECT_NE(with("task", "CdcStopPosition", "tomorrow").find("task.CdcStopPosition"), std::string::npos);
}

TEST(TaskDocument, passwords) {
  json document = minimal();
  document["source"]["MillracePasswordEnv"] = "PW";
  EXPECT_EQ(parse(document.dump())->source.options.text("Password"), "secret");
  document["source"]["Password"] = "other";
  EXPECT_EQ(refusal(document), "source.MillracePasswordEnv: does not go with Password");
  document["source"].erase("Password");
  document["source"]["MillracePasswordEnv"] = "NONE";
  EXPECT_NE(refusal(document).find("no variable NONE"), std::string::npos);
}

TEST(TaskDocument, positions) {
  json document = minimal();
  document["task"]["MigrationType"] = "cdc";
  document["task"]["CdcStartPosition"] = "checkpoint:V1#1#000004AF/B00000D0#0#0#*#0#0";
  document["task"]["CdcStopPosition"] = "commit_time:1970-01-01T00:00:01";
  auto parsed = parse(document.dump());
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  EXPECT_EQ(parsed->definition.start_position, "000004AF/B00000D0");
  EXPECT_EQ(parsed->definition.stop_commit_time, 1000000);
  document["task"]["CdcStartPosition"] = "2018-03-08T12:12:12";
  parsed = parse(document.dump());
  EXPECT_TRUE(parsed->definition.start_position.empty());
  EXPECT_EQ(parsed->definition.start_time, 1520511132000000);
}

TEST(TaskDocument, task_id) {
  const std::string id = task_id_of("Crm-To-Lake", "0011");
  EXPECT_TRUE(id.starts_with("crm_to_lake_")) << id;
  EXPECT_NE(id, task_id_of("Crm-To-Lake", "0012"));
  EXPECT_EQ(id, task_id_of("Crm-To-Lake", "0011"));
}

}  // namespace
}  // namespace main_program
