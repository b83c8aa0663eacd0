// SPDX-License-Identifier: Apache-2.0
#include "engine/settings.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#ifndef MILLRACE_SOURCE_FOLDER
#define MILLRACE_SOURCE_FOLDER "."
#endif

namespace engine {
namespace {

using nlohmann::json;

const std::string top = MILLRACE_SOURCE_FOLDER;

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string refusal(std::string_view text) {
  const auto settings = Settings::parse(text);
  EXPECT_FALSE(settings.ok()) << text;
  return settings.ok() ? "" : settings.error().message;
}

// {"A":{"B":value}} for "A.B", and [{...}] for "[]".
json document(std::string path, json value) {
  while (!path.empty()) {
    const std::size_t dot = path.rfind('.');
    const std::string name = path.substr(dot == std::string::npos ? 0 : dot + 1);
    path = dot == std::string::npos ? "" : path.substr(0, dot);
    const bool in_list = name.ends_with("[]");
    value = json{{name.substr(0, name.size() - (in_list ? 2 : 0)), in_list ? json::array({value}) : value}};
  }
  return value;
}

// Another value than the default that the declaration allows.
json other_value(const SettingSpec& spec) {
  switch (spec.kind) {
    case SettingKind::boolean: return spec.default_value != "true";
    case SettingKind::integer: return spec.maximum - (std::to_string(spec.maximum) == spec.default_value ? 1 : 0);
    case SettingKind::text: return "other";
    case SettingKind::code_point: return 41;
    case SettingKind::nothing: return "given";
    case SettingKind::choice: break;
  }
  std::istringstream choices{std::string(spec.choices)};
  for (std::string choice; std::getline(choices, choice, '|');) {
    if (choice != spec.default_value) return choice;
  }
  return std::string(spec.default_value);
}

TEST(Settings, defaults) {
  const Settings settings;
  EXPECT_EQ(settings.integer("FullLoadSettings.MaxFullLoadSubTasks"), 8);
  EXPECT_EQ(settings.text("FullLoadSettings.TargetTablePrepMode"), "DROP_AND_CREATE");
  EXPECT_TRUE(settings.boolean("ErrorBehavior.FailOnNoTablesCaptured"));
  EXPECT_FALSE(settings.is_set("FullLoadSettings.MaxFullLoadSubTasks"));
  EXPECT_EQ(settings.flattened().at("FullLoadSettings.CommitRate"), "10000");
}

// tests/cases/settings/default.json is what DMS returns for a task without settings.
TEST(Settings, the_default_document_is_dms_s) {
  const std::string theirs = read(top + "/tests/cases/settings/default.json");
  EXPECT_EQ(json::parse(Settings().document()), json::parse(theirs));
  const auto again = Settings::parse(theirs);
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_TRUE(again->remarks().empty());
  EXPECT_EQ(again->document(), Settings().document());
}

TEST(Settings, every_key_is_declared_in_full) {
  for (const SettingSpec& spec : setting_specs()) {
    EXPECT_FALSE(spec.about.empty()) << spec.path;
    EXPECT_FALSE(spec.test.empty()) << spec.path;
    if (spec.use != SettingUse::obeyed) {
      EXPECT_FALSE(spec.why.empty()) << spec.path;
    }
    const auto given = Settings::parse(document(std::string(spec.path), nullptr).dump());
    if (spec.path.find("[]") == std::string_view::npos) {
      EXPECT_TRUE(given.ok()) << spec.path << ": null stands for the default";
    }
  }
}

TEST(Settings, every_named_test_exists) {
  std::string scenarios, tests;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(top + "/tests/e2e")) {
    if (entry.path().extension() == ".py") scenarios += read(entry.path());
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(top + "/src")) {
    if (entry.path().string().ends_with("_test.cc")) tests += read(entry.path());
  }
  for (const SettingSpec& spec : setting_specs()) {
    const std::string name(spec.test);
    const bool is_scenario = scenarios.find("@scenario(\"" + name + "\")") != std::string::npos;
    const std::size_t dot = name.find('.');
    const std::string unit =
        "TEST(" + name.substr(0, dot) + ", " + name.substr(std::min(dot, name.size() - 1) + 1) + ")";
    EXPECT_TRUE(is_scenario || tests.find(unit) != std::string::npos) << spec.path << " names " << name;
  }
}

TEST(Settings, merges_over_the_defaults) {
  const auto settings = Settings::parse(R"({"FullLoadSettings":{"CommitRate":500,"MaxFullLoadSubTasks":null},
    "StreamBufferSettings":{"StreamBufferCount":9},"BeforeImageSettings":null,
    "ControlTablesSettings":{"historyTimeslotInMinutes":7},
    "Logging":{"LogComponents":[{"Id":"SORTER","Severity":"LOGGER_SEVERITY_DEBUG"}]}})");
  ASSERT_TRUE(settings.ok()) << settings.error().text();
  EXPECT_EQ(settings->integer("FullLoadSettings.CommitRate"), 500);
  EXPECT_TRUE(settings->is_chosen("FullLoadSettings.CommitRate"));
  EXPECT_EQ(settings->integer("FullLoadSettings.MaxFullLoadSubTasks"), 8);
  EXPECT_EQ(settings->integer("ControlTablesSettings.HistoryTimeslotInMinutes"), 7);
  ASSERT_EQ(settings->remarks().size(), 2u);
  EXPECT_EQ(
      settings->remarks()[1],
      "StreamBufferSettings.StreamBufferCount has no effect: buffers are weighed in bytes under one memory budget");
  const json echoed = json::parse(settings->document());
  EXPECT_EQ(echoed["FullLoadSettings"]["CommitRate"], 500);
  EXPECT_EQ(echoed["Logging"]["LogComponents"].size(), 19u) << "a map by Id";
  EXPECT_EQ(echoed["Logging"]["LogComponents"][6]["Severity"], "LOGGER_SEVERITY_DEBUG");
}

TEST(Settings, keys_of_no_effect_are_accepted_and_told) {
  for (const SettingSpec& spec : setting_specs()) {
    if (spec.use != SettingUse::no_effect) continue;
    const json given = document(std::string(spec.path), other_value(spec));
    const auto settings = Settings::parse(given.dump());
    ASSERT_TRUE(settings.ok()) << settings.error().text();
    ASSERT_EQ(settings->remarks().size(), 1u) << spec.path;
    EXPECT_EQ(settings->remarks()[0], fmt::format("{} has no effect: {}", spec.path, spec.why));
    json echoed = json::parse(settings->document());
    echoed.merge_patch(given);
    EXPECT_EQ(echoed, json::parse(settings->document())) << spec.path << " is echoed";
  }
}

TEST(Settings, refused_keys_say_why) {
  for (const SettingSpec& spec : setting_specs()) {
    if (spec.use != SettingUse::refused) continue;
    const std::string message = refusal(document(std::string(spec.path), other_value(spec)).dump());
    EXPECT_TRUE(message.starts_with(fmt::format("{}: {}", spec.path, spec.why))) << message;
  }
}

TEST(Settings, obeyed_keys_take_their_values_only) {
  for (const SettingSpec& spec : setting_specs()) {
    if (spec.use != SettingUse::obeyed || spec.path.find("[]") != std::string_view::npos) continue;
    const std::string path(spec.path);
    const auto settings = Settings::parse(document(path, other_value(spec)).dump());
    ASSERT_TRUE(settings.ok()) << settings.error().text();
    EXPECT_TRUE(settings->is_set(path)) << path;
    EXPECT_TRUE(refusal(document(path, json::array()).dump()).starts_with(path + ": must be")) << path;
    if (spec.kind == SettingKind::integer) {
      EXPECT_EQ(refusal(document(path, spec.maximum + 1).dump()),
                fmt::format("{}: {} is outside {} to {}", path, spec.maximum + 1, spec.minimum, spec.maximum));
    }
  }
}

TEST(Settings, refuses_with_the_path) {
  EXPECT_EQ(refusal(R"({"FullLoadSettings":{"Colour":1}})"), "FullLoadSettings.Colour: unknown member");
  EXPECT_EQ(refusal(R"({"FullLoadSettings":{"MaxFullLoadSubTask":4}})"),
            "FullLoadSettings.MaxFullLoadSubTask: unknown member; is FullLoadSettings.MaxFullLoadSubTasks meant?");
  EXPECT_EQ(refusal(R"({"CommitRate":4})"), "CommitRate: unknown member; is FullLoadSettings.CommitRate meant?");
  EXPECT_EQ(refusal(R"({"FullLoadSetting":{}})"), "FullLoadSetting: unknown member; is FullLoadSettings meant?");
  EXPECT_EQ(refusal(R"({"FullLoadSettings":7})"), "FullLoadSettings: must be an object, not a number");
  EXPECT_EQ(refusal(R"({"FullLoadSettings":{"MaxFullLoadSubTasks":50}})"),
            "FullLoadSettings.MaxFullLoadSubTasks: 50 is outside 1 to 49");
  EXPECT_EQ(refusal(R"({"FullLoadSettings":{"MaxFullLoadSubTasks":"8"}})"),
            "FullLoadSettings.MaxFullLoadSubTasks: must be a whole number, not a string");
  EXPECT_EQ(
      refusal(R"({"FullLoadSettings":{"TargetTablePrepMode":"DROP"}})"),
      "FullLoadSettings.TargetTablePrepMode: \"DROP\" is not one of DO_NOTHING|DROP_AND_CREATE|TRUNCATE_BEFORE_LOAD");
  EXPECT_TRUE(
      refusal("{").ends_with("line 1, column 2 (in the top level): expected a member's name in double quotes") ||
      refusal("{").find("line 1, column 2") != std::string::npos);
}

TEST(Settings, lists_name_the_entry) {
  const auto components = [](std::string_view entries) {
    return fmt::format(R"({{"Logging":{{"LogComponents":{}}}}})", entries);
  };
  EXPECT_TRUE(
      refusal(components(R"([{"Id":"NOPE"}])")).starts_with("Logging.LogComponents[0].Id: \"NOPE\" is not one"));
  EXPECT_EQ(refusal(components(R"([{"Id":"IO"},{"Id":"IO"}])")), "Logging.LogComponents[1].Id: IO is given twice");
  EXPECT_EQ(refusal(components(R"([{"Severity":"LOGGER_SEVERITY_INFO"}])")), "Logging.LogComponents[0].Id: is missing");
  EXPECT_EQ(refusal(components(R"({"Id":"IO"})")), "Logging.LogComponents: must be an array, not an object");
  EXPECT_EQ(
      refusal(R"({"CharacterSetSettings":{"CharacterReplacements":[{"SourceCharacterCodePoint":"xy"}]}})"),
      "CharacterSetSettings.CharacterReplacements[0].SourceCharacterCodePoint: must be the hexadecimal digits of a "
      "character's code point, like 62 or \"AD\"");
}

TEST(Settings, members_that_exclude_each_other) {
  EXPECT_NE(refusal(R"({"FullLoadSettings":{"StopTaskCachedChangesApplied":true,
      "StopTaskCachedChangesNotApplied":true}})")
                .find("StopTaskCachedChangesNotApplied"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"TargetMetadata":{"FullLobMode":true,"LimitedSizeLobMode":true}})").find("LimitedSizeLobMode"),
            std::string::npos);
}

}  // namespace
}  // namespace engine
