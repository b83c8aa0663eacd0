// SPDX-License-Identifier: Apache-2.0
#include "main/settings_pages.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/settings.h"

namespace main_program {
namespace {

TEST(SettingsPages, every_key_has_its_row) {
  const std::string page = settings_page();
  for (const engine::SettingSpec& spec : engine::setting_specs()) {
    const std::string_view section = engine::section_of(spec);
    const std::string name(spec.path == section ? section : spec.path.substr(section.size() + 1));
    EXPECT_NE(page.find("\n| `" + name + "` |"), std::string::npos) << spec.path;
    EXPECT_NE(page.find("\n## " + std::string(section) + "\n"), std::string::npos) << spec.path;
  }
}

TEST(SettingsPages, explains_a_key_by_its_last_name) {
  const auto text = settings_text("LobMaxSize");
  ASSERT_TRUE(text.ok()) << text.error().text();
  EXPECT_TRUE(text->starts_with("TargetMetadata.LobMaxSize\n  integer, default 32, 1 to 2097151\n")) << *text;
  const auto refused = settings_text("EnableTT");
  ASSERT_TRUE(refused.ok());
  EXPECT_NE(refused->find("Refused, but for its default: "), std::string::npos);
}

TEST(SettingsPages, explains_a_section_and_everything_as_json) {
  const auto section = settings_json("StreamBufferSettings");
  ASSERT_TRUE(section.ok());
  EXPECT_EQ(nlohmann::json::parse(*section).size(), 3u);
  const auto all = settings_json("");
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(nlohmann::json::parse(*all).size(), engine::setting_specs().size());
}

TEST(SettingsPages, says_what_is_like_an_unknown_key) {
  const auto unknown = settings_text("LobMaxSiz");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().message, "there is no task setting LobMaxSiz; is TargetMetadata.LobMaxSize meant?");
}

}  // namespace
}  // namespace main_program
