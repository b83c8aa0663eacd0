// SPDX-License-Identifier: Apache-2.0
#include "mapping/rule_text.h"

#include <algorithm>
#include <charconv>

namespace mapping {

using base::printable;
using nlohmann::json;

const json* find(const json& object, const char* member) {
  const auto found = object.find(member);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

base::Result<void> only_members(const RuleText& rule, const json& object, const std::string& place,
                                std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end() && !value.is_null()) {
      return rule.bad("unknown member {}{}", place, printable(name));
    }
  }
  return {};
}

base::Result<std::string> text_of(const RuleText& rule, const json& object, const char* member,
                                  const std::string& place, bool required) {
  const json* value = find(object, member);
  if (value == nullptr) {
    if (required) return rule.bad("{}{} is missing", place, member);
    return std::string();
  }
  if (value->is_number_integer()) return value->dump();
  if (!value->is_string()) {
    return rule.bad("{}{} must be a string, not {}", place, member, base::json_kind(*value));
  }
  return value->get<std::string>();
}

base::Result<std::uint64_t> number_of(const RuleText& rule, const std::string& text, std::string_view member,
                                      std::uint64_t maximum) {
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || code != std::errc() || end != text.data() + text.size() || number > maximum) {
    return rule.bad("{} must be a whole number up to {}", member, maximum);
  }
  return number;
}

base::Result<Pattern> pattern_of(const RuleText& rule, const char* member, const std::string& text) {
  auto pattern = Pattern::parse(text);
  if (!pattern.ok()) return rule.bad("object-locator.{}: {}", member, pattern.error().message);
  return std::move(pattern).take();
}

base::Result<const json*> locator_of(const RuleText& rule) {
  const json* locator = find(rule.members, "object-locator");
  if (locator == nullptr) return rule.bad("object-locator is missing");
  if (!locator->is_object()) return rule.bad("object-locator must be an object");
  return locator;
}

base::Result<model::TableName> exact_table(const RuleText& rule, const json& locator) {
  model::TableName name;
  name.schema = TRY(text_of(rule, locator, "schema-name", "object-locator.", true));
  name.table = TRY(text_of(rule, locator, "table-name", "object-locator.", true));
  if (name.schema.empty() || name.table.empty() ||
      !TRY(pattern_of(rule, "schema-name", name.schema)).names_one_object() ||
      !TRY(pattern_of(rule, "table-name", name.table)).names_one_object()) {
    return rule.bad("object-locator: exact schema and table name required");
  }
  return name;
}

}  // namespace mapping
