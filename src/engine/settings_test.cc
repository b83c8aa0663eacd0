// SPDX-License-Identifier: Apache-2.0
#include "engine/settings.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

std::string refusal(std::string_view text) {
  const auto settings = Settings::parse(text);
  EXPECT_FALSE(settings.ok()) << text;
  return settings.ok() ? "" : settings.error().message;
}

TEST(Settings, defaults) {
  const Settings settings;
  EXPECT_EQ(settings.integer("FullLoadSettings.MaxFullLoadSubTasks"), 8);
  EXPECT_EQ(settings.text("FullLoadSettings.TargetTablePrepMode"), "DROP_AND_CREATE");
  EXPECT_TRUE(settings.boolean("ErrorBehavior.FailOnNoTablesCaptured"));
  EXPECT_FALSE(settings.is_set("FullLoadSettings.MaxFullLoadSubTasks"));
  EXPECT_EQ(settings.flattened().at("FullLoadSettings.CommitRate"), "10000");
}

TEST(Settings, merges_over_the_defaults) {
  const auto settings = Settings::parse(R"({"FullLoadSettings":{"CommitRate":500,"MaxFullLoadSubTasks":null},
    "StreamBufferSettings":{"StreamBufferCount":9},"BeforeImageSettings":null,
    "Logging":{"LogComponents":[{"Id":"SORTER","Severity":"LOGGER_SEVERITY_DEBUG"}]}})");
  ASSERT_TRUE(settings.ok()) << settings.error().text();
  EXPECT_EQ(settings->integer("FullLoadSettings.CommitRate"), 500);
  EXPECT_TRUE(settings->is_set("FullLoadSettings.CommitRate"));
  EXPECT_EQ(settings->integer("FullLoadSettings.MaxFullLoadSubTasks"), 8);
  ASSERT_EQ(settings->remarks().size(), 2u);
  EXPECT_EQ(
      settings->remarks()[1],
      "StreamBufferSettings.StreamBufferCount has no effect: buffers are weighed in bytes under one memory budget");
}

TEST(Settings, refuses_with_the_path) {
  EXPECT_EQ(refusal(R"({"FullLoadSettings":{"Colour":1}})"), "FullLoadSettings.Colour: unknown member");
  EXPECT_EQ(refusal(R"({"FullLoadSettings":{"MaxFullLoadSubTasks":50}})"),
            "FullLoadSettings.MaxFullLoadSubTasks: 50 is outside 1 to 49");
  EXPECT_EQ(refusal(R"({"FullLoadSettings":{"MaxFullLoadSubTasks":"8"}})"),
            "FullLoadSettings.MaxFullLoadSubTasks: must be a whole number, not a string");
  EXPECT_EQ(
      refusal(R"({"FullLoadSettings":{"TargetTablePrepMode":"DROP"}})"),
      "FullLoadSettings.TargetTablePrepMode: \"DROP\" is not one of DO_NOTHING|DROP_AND_CREATE|TRUNCATE_BEFORE_LOAD");
  EXPECT_EQ(refusal(R"({"TTSettings":{"EnableTT":true}})"),
            "TTSettings.EnableTT: time travel logs are not supported yet");
  EXPECT_NE(refusal(R"({"BeforeImageSettings":{"EnableBeforeImage":true}})").find("BeforeImageSettings: "),
            std::string::npos);
  EXPECT_NE(refusal(R"({"TargetMetadata":{"LobMaxSize":64}})").find("LobMaxSize"), std::string::npos);
  EXPECT_NE(refusal(R"({"Logging":{"LogComponents":[{"Id":"NOPE"}]}})").find("Logging.LogComponents[0].Id"),
            std::string::npos);
  EXPECT_NE(refusal("{").find("line 1, column 2"), std::string::npos);
}

TEST(Settings, losing_defaults_are_not_chosen) {
  EXPECT_TRUE(Settings::parse(R"({"TargetMetadata":{"LimitedSizeLobMode":true,"LobMaxSize":32}})").ok());
}

TEST(Settings, every_default_is_valid) {
  for (const SettingSpec& spec : setting_specs()) {
    if (spec.use != SettingUse::obeyed) {
      EXPECT_FALSE(spec.reason.empty()) << spec.path;
    }
  }
}

}  // namespace
}  // namespace engine
