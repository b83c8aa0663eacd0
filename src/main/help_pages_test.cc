// SPDX-License-Identifier: Apache-2.0
#include "main/help_pages.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "main/command_line.h"

#ifndef MILLRACE_SOURCE_FOLDER
#define MILLRACE_SOURCE_FOLDER "."
#endif

namespace main_program {
namespace {

TEST(HelpPages, codes_are_unique_and_have_advice) {
  std::set<std::string_view> names;
  for (const base::Code* code : all_codes()) {
    EXPECT_TRUE(names.insert(code->name).second) << code->name;
    EXPECT_FALSE(code->advice.empty()) << code->name;
  }
  EXPECT_TRUE(names.contains("base.bug"));
  EXPECT_TRUE(names.contains("main.bad_task_file"));
}

TEST(HelpPages, topics) {
  EXPECT_TRUE(help_page("endpoint"));
  EXPECT_TRUE(help_page("errors"));
  EXPECT_TRUE(help_page("main.bad_usage"));
  EXPECT_FALSE(help_page("colours"));
}

TEST(HelpPages, the_settings_page_in_docs_is_the_programs) {
  std::ifstream file(MILLRACE_SOURCE_FOLDER "/docs/task-settings.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), help_page("settings").value_or("")) << "run: ./dev docs";
}

int exit_of(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "millrace");
  const auto parsed = parse_command_line(static_cast<int>(arguments.size()), arguments.data());
  return std::holds_alternative<int>(parsed) ? std::get<int>(parsed) : -1;
}

TEST(CommandLine, exit_codes) {
  EXPECT_EQ(exit_of({"--version"}), 0);
  EXPECT_EQ(exit_of({"run", "--help"}), 0);
  EXPECT_EQ(exit_of({"run"}), 2);
  EXPECT_EQ(exit_of({"run", "t.json", "--start-type", "again"}), 2);
  EXPECT_EQ(exit_of({"run", "t.json", "--progress", "loud"}), 2);
  EXPECT_EQ(exit_of({"run", "t.json", "--progress", "json", "--until", "caught-up"}), -1);
}

}  // namespace
}  // namespace main_program
