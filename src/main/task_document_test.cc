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
    {.path = "Username"},
    {.path = "FakeSettings.SecretsManagerSecretId"},
    {.path = "FakeSettings.SecretsManagerAccessRoleArn"},
    {.path = "FakeSettings.AskNobody", .refused = "not here"},
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
  EXPECT_EQ(with("source", "FakeSettings", {{"AskNobody", "x"}}), "source: FakeSettings.AskNobody: not here");
  EXPECT_EQ(with("task", "Colour", 1), "task.Colour: unknown member");
  EXPECT_NE(with("task", "ReplicationTaskIdentifier", "a--b").find("task.ReplicationTaskIdentifier"),
            std::string::npos);
  EXPECT_NE(with("task", "MigrationType", "all").find("task.MigrationType"), std::string::npos);
  EXPECT_NE(with("task", "CdcStartPosition", "0/1").find("goes with MigrationType cdc only"), std::string::npos);
  EXPECT_NE(with("task", "CdcStopPosition", "tomorrow").find("task.CdcStopPosition"), std::string::npos);
}

// The source names a secret, whose text is that.
base::Result<TaskDocument> parse_with_secret(json source, const std::string& secret) {
  const connect::Connector* list[] = {&fake()};
  json document = minimal();
  source["EngineName"] = "fake";
  document["source"] = std::move(source);
  return parse_task_document(
      document.dump(), "task.json", list, [](const std::string&) { return std::optional<std::string>("other"); },
      [&](const std::string& id) -> base::Result<std::optional<std::string>> {
        EXPECT_EQ(id, "prod/shop");
        return secret.empty() ? std::nullopt : std::optional<std::string>(secret);
      });
}

TEST(TaskDocument, a_secret_has_user_password_host_and_port) {
  const json named{{"FakeSettings", {{"SecretsManagerSecretId", "prod/shop"}, {"SecretsManagerAccessRoleArn", "r"}}}};
  const auto parsed = parse_with_secret(
      named, R"({"username": "ann", "password": "hush", "host": "db", "port": 15, "dbname": "x", "engine": {}})");
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  const connect::Options& options = parsed->source.options;
  EXPECT_EQ(options.text("Username") + options.text("Password") + options.text("ServerName"), "annhushdb");
  EXPECT_EQ(options.integer("Port"), 15);
  EXPECT_EQ(parsed->source.text, "fake db:15/x");
  json elsewhere = named;
  elsewhere["DatabaseName"] = "y";
  const auto other = parse_with_secret(elsewhere, R"({"username": "a", "password": "b", "host": "c", "dbname": "x"})");
  EXPECT_EQ(other->source.text, "fake c/y");
  EXPECT_EQ(parse_with_secret(named, "")->source.text, "fake secret prod/shop /");
}

TEST(TaskDocument, a_bad_secret_is_refused_and_not_repeated) {
  const json named{{"FakeSettings", {{"SecretsManagerSecretId", "prod/shop"}}}};
  for (const char* secret :
       {"hush", "[\"hush\"]", R"({"username": "hush"})", R"({"username": "hush", "password": 1.5, "host": "h"})",
        R"({"username": "hush", "password": "", "host": "h"})", R"({"username":"hush","username":"hush"})",
        R"({"username": "u", "password": "p", "host": "h", "port": "hush"})"}) {
    const auto parsed = parse_with_secret(named, secret);
    ASSERT_FALSE(parsed.ok()) << secret;
    EXPECT_EQ(parsed.error().code->name, "main.bad_secret");
    EXPECT_EQ(parsed.error().text().find("hush"), std::string::npos) << parsed.error().text();
  }
  for (const char* member : {"Username", "Password", "ServerName", "MillracePasswordEnv"}) {
    json both = named;
    both[member] = "x";
    const auto parsed = parse_with_secret(both, "{}");
    ASSERT_FALSE(parsed.ok()) << member;
    EXPECT_NE(parsed.error().text().find("does not go with SecretsManagerSecretId"), std::string::npos);
  }
  const auto alone = parse_with_secret({{"FakeSettings", {{"SecretsManagerAccessRoleArn", "r"}}}}, "{}");
  ASSERT_FALSE(alone.ok());
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
