// SPDX-License-Identifier: Apache-2.0
//
// One rule of a mapping document while it is read: its JSON, its place and its id, for messages that name the member's
// path. Shared by the readers of the kinds of rules; lives for the length of parse_rules.
#pragma once

#include <array>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "mapping/errors.h"
#include "mapping/pattern.h"
#include "mapping/rules.h"

namespace mapping {

template <typename T>
struct Word {
  std::string_view word;
  T meaning;
};

template <typename T, std::size_t n>
const T* find_word(const std::array<Word<T>, n>& words, std::string_view word) {
  for (const auto& entry : words) {
    if (entry.word == word) return &entry.meaning;
  }
  return nullptr;
}

template <typename T, std::size_t n>
std::string list_words(const std::array<Word<T>, n>& words) {
  std::string out;
  for (const auto& entry : words) out += (out.empty() ? "" : ", ") + std::string(entry.word);
  return out;
}

struct RuleText {
  const nlohmann::json& members;
  std::string path;  // "rules[3]"
  std::string id;

  template <typename... Args>
  base::Error bad(fmt::format_string<Args...> format, Args&&... args) const {
    return base::failed(errors::bad_rule, "rule {} ({}): {}", id.empty() ? "without id" : id, path,
                        fmt::format(format, std::forward<Args>(args)...));
  }
  base::Error later(std::string_view what) const {
    return base::failed(errors::not_supported, "rule {}: {} is not supported yet", id, what);
  }
};

// Absent and null are the same: the console writes null for what does not apply.
const nlohmann::json* find(const nlohmann::json& object, const char* member);
base::Result<void> only_members(const RuleText& rule, const nlohmann::json& object, const std::string& place,
                                std::initializer_list<std::string_view> known);
// A string, or a number written as one where the document may hold either; empty when it is absent and not required.
base::Result<std::string> text_of(const RuleText& rule, const nlohmann::json& object, const char* member,
                                  const std::string& place, bool required);
base::Result<std::uint64_t> number_of(const RuleText& rule, const std::string& text, std::string_view member,
                                      std::uint64_t maximum);
base::Result<Pattern> pattern_of(const RuleText& rule, const char* member, const std::string& text);
base::Result<const nlohmann::json*> locator_of(const RuleText& rule);
// Both are required and name one object each, without wildcards.
base::Result<model::TableName> exact_table(const RuleText& rule, const nlohmann::json& locator);

// The readers of the kinds of rules.
base::Result<TransformationRule> parse_transformation(const RuleText& rule);
base::Result<TableSettingsRule> parse_table_settings(const RuleText& rule);
base::Result<TagRule> parse_tags(const RuleText& rule);
base::Result<ValidationRule> parse_validation(const RuleText& rule);
base::Result<ObjectMappingRule> parse_object_mapping(const RuleText& rule);

}  // namespace mapping
