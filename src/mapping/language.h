// SPDX-License-Identifier: Apache-2.0
//
// The table-mapping language, word by word: what Millrace does about it, and the test that shows it. The one list from
// which docs/mappings.md is written (./dev docs); a test holds it against what the parser and the expression engine
// know, so that no word is there without a row.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace mapping {

enum class Standing { obeyed, no_effect, refused };

struct LanguageRow {
  std::string_view section;
  std::string_view word;  // several of one standing are parted by ", "
  Standing standing = Standing::obeyed;
  std::string_view remark;
  // A file of tests/cases/mapping or tests/cases/tasks ("x.test"), a unit test's file ("x_test.cc"), or a scenario of
  // tests/e2e ("mapping.x").
  std::string_view shown_by;
};

std::span<const LanguageRow> language();

// What the parsers know, to hold the list against.
std::vector<std::string_view> rule_action_words();
std::vector<std::string_view> filter_operator_words();
std::vector<std::string_view> expression_variables();

}  // namespace mapping
