// SPDX-License-Identifier: Apache-2.0
//
// Every word that the parser or the expression engine knows has its row, and every row its test.
#include "mapping/language.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "mapping/expression.h"
#include "model/schema.h"

namespace mapping {
namespace {

namespace fs = std::filesystem;
const fs::path top = MILLRACE_SOURCE_FOLDER;

// The words of a section, in lower case.
std::set<std::string> words_of(std::string_view section) {
  std::set<std::string> words;
  for (const LanguageRow& row : language()) {
    if (row.section != section) continue;
    std::string list(row.word);
    for (std::size_t comma = list.find(", "); comma != std::string::npos; comma = list.find(", ")) {
      words.insert(list.substr(0, comma));
      list.erase(0, comma + 2);
    }
    words.insert(list);
  }
  std::set<std::string> small;
  for (std::string word : words) {
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
    small.insert(std::move(word));
  }
  return small;
}

void expect_rows(std::string_view section, std::vector<std::string> known) {
  const std::set<std::string> words = words_of(section);
  for (std::string& word : known) {
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
    EXPECT_TRUE(words.contains(word)) << section << " " << word << " has no row in mapping/language.cc";
  }
}

std::vector<std::string> texts(const std::vector<std::string_view>& words, const std::string& before = "") {
  std::vector<std::string> out;
  for (const std::string_view word : words) out.push_back(before + std::string(word));
  return out;
}

std::string all_scenarios() {
  std::stringstream text;
  for (const auto& entry : fs::directory_iterator(top / "tests/e2e")) {
    if (entry.path().extension() == ".py") text << std::ifstream(entry.path()).rdbuf();
  }
  return text.str();
}

TEST(Language, every_known_word_has_its_row) {
  expect_rows("rule-action", texts(rule_action_words()));
  expect_rows("filter-operator", texts(filter_operator_words()));
  expect_rows("variable", texts(expression_variables(), "$"));
  const auto functions = expression_functions();
  expect_rows("function", texts({functions.begin(), functions.end()}));
  std::vector<std::string> types;
  for (int type = 0; type <= static_cast<int>(model::Type::blob); ++type) {
    types.emplace_back(model::type_name(static_cast<model::Type>(type)));
  }
  expect_rows("data-type", types);
}

TEST(Language, every_row_has_its_test) {
  const std::string scenarios = all_scenarios();
  for (const LanguageRow& row : language()) {
    const std::string shown(row.shown_by);
    bool found = scenarios.find("@scenario(\"" + shown + "\")") != std::string::npos;
    for (const char* folder : {"tests/cases/mapping", "tests/cases/tasks", "src/mapping"}) {
      found = found || fs::exists(top / folder / shown);
    }
    EXPECT_TRUE(found) << row.section << " " << row.word << ": there is no test " << shown;
  }
}

// A case file that shows a single word has it in its document.
TEST(Language, case_files_hold_the_words_that_they_show) {
  const std::set<std::string_view> literal{"rule-action", "filter-operator", "rule-type", "variable"};
  for (const LanguageRow& row : language()) {
    const std::string shown(row.shown_by);
    if (!shown.ends_with(".test") || !literal.contains(row.section)) continue;
    if (row.word == "$COLUMN") continue;
    std::stringstream text;
    for (const char* folder : {"tests/cases/mapping", "tests/cases/tasks"}) {
      if (fs::exists(top / folder / shown)) text << std::ifstream(top / folder / shown).rdbuf();
    }
    EXPECT_NE(text.str().find(row.word), std::string::npos) << shown << " does not use " << row.word;
  }
}

}  // namespace
}  // namespace mapping
