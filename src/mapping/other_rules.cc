// SPDX-License-Identifier: Apache-2.0
//
// Reads the rules that change no row: object tags, validation, object mappings.
#include <algorithm>
#include <array>

#include "mapping/extras.h"
#include "mapping/rule_text.h"

namespace mapping {
namespace {

using base::printable;
using nlohmann::json;

constexpr std::size_t tags_max = 10;

base::Result<std::string> tag_text(const RuleText& rule, const json& members, const char* member,
                                   const std::string& place, std::size_t length_max) {
  const std::string text = TRY(text_of(rule, members, member, place, true));
  if (text.size() > length_max) return rule.bad("{}{} has more than {} bytes", place, member, length_max);
  return text;
}

base::Result<void> parse_one_tag(const RuleText& rule, const json& members, const std::string& place, TagRule& out) {
  if (!members.is_object()) return rule.bad("{} must be an object", place);
  TRY(only_members(rule, members, place + ".", {"key", "value"}));
  std::pair<std::string, std::string> tag;
  tag.first = TRY(tag_text(rule, members, "key", place + ".", tag_key_max));
  tag.second = TRY(tag_text(rule, members, "value", place + ".", tag_value_max));
  if (tag.first.empty()) return rule.bad("{}.key must not be empty", place);
  for (const auto& [key, value] : out.tags) {
    if (key == tag.first) return rule.bad("tag-set names the key {} twice", printable(key));
  }
  out.tags.push_back(std::move(tag));
  return {};
}

struct Locator {
  Pattern schema, table, column;
};

base::Result<Locator> parse_patterns(const RuleText& rule, bool takes_column, bool table_required) {
  const json* locator = TRY(locator_of(rule));
  TRY(only_members(rule, *locator, "object-locator.",
                   {"schema-name", "table-name", takes_column ? "column-name" : ""}));
  const std::string table = TRY(text_of(rule, *locator, "table-name", "object-locator.", table_required));
  Locator out;
  out.schema =
      TRY(pattern_of(rule, "schema-name", TRY(text_of(rule, *locator, "schema-name", "object-locator.", true))));
  out.table = TRY(pattern_of(rule, "table-name", table.empty() ? "%" : table));
  if (takes_column) {
    out.column =
        TRY(pattern_of(rule, "column-name", TRY(text_of(rule, *locator, "column-name", "object-locator.", true))));
  }
  return out;
}

// One expression: what opens closes, and nothing ends the statement.
base::Result<std::string> function_of(const RuleText& rule, const char* member) {
  const std::string text = TRY(text_of(rule, rule.members, member, "", true));
  if (text.find("${column-name}") == std::string::npos) return rule.bad("{} does not use ${{column-name}}", member);
  if (!is_closed(text) || text.find(';') != std::string::npos || text.find('\0') != std::string::npos) {
    return rule.bad("{} is not one whole SQL expression", member);
  }
  return text;
}

base::Result<void> parse_mapping_parameters(const RuleText& rule) {
  const json* parameters = find(rule.members, "mapping-parameters");
  if (parameters == nullptr) return {};
  if (!parameters->is_object()) return rule.bad("mapping-parameters must be an object");
  TRY(only_members(rule, *parameters, "mapping-parameters.",
                   {"partition-key-type", "partition-key-name", "partition-key", "sort-key-name", "exclude-columns",
                    "attribute-mappings", "condition-expression"}));
  const std::string type = TRY(text_of(rule, *parameters, "partition-key-type", "mapping-parameters.", false));
  constexpr std::array<std::string_view, 6> types{"",         "schema-table",  "transaction-id", "primary-key",
                                                  "constant", "attribute-name"};
  if (std::find(types.begin(), types.end(), type) == types.end()) {
    return rule.bad(
        "mapping-parameters.partition-key-type \"{}\" is not one of schema-table, transaction-id, primary-key, "
        "constant, "
        "attribute-name",
        printable(type));
  }
  for (const char* member : {"exclude-columns", "attribute-mappings"}) {
    const json* list = find(*parameters, member);
    if (list != nullptr && !list->is_array()) return rule.bad("mapping-parameters.{} must be an array", member);
  }
  return {};
}

}  // namespace

base::Result<TagRule> parse_tags(const RuleText& rule) {
  TRY(only_members(rule, rule.members, "",
                   {"rule-type", "rule-id", "rule-name", "rule-action", "object-locator", "tag-set"}));
  const std::string action = TRY(text_of(rule, rule.members, "rule-action", "", true));
  if (action != "add-tag") return rule.bad("rule-action \"{}\" is not add-tag", printable(action));
  TagRule out;
  out.id = rule.id;
  Locator locator = TRY(parse_patterns(rule, false, true));
  out.schema = std::move(locator.schema);
  out.table = std::move(locator.table);
  const json* tags = find(rule.members, "tag-set");
  if (tags == nullptr || !tags->is_array() || tags->empty() || tags->size() > tags_max) {
    return rule.bad("tag-set must be an array of 1 to {} objects with key and value", tags_max);
  }
  for (std::size_t i = 0; i < tags->size(); ++i) {
    TRY(parse_one_tag(rule, (*tags)[i], fmt::format("tag-set[{}]", i), out));
  }
  return out;
}

base::Result<ValidationRule> parse_validation(const RuleText& rule) {
  TRY(only_members(rule, rule.members, "",
                   {"rule-type", "rule-id", "rule-name", "rule-action", "rule-target", "object-locator",
                    "source-function", "target-function"}));
  const std::string action = TRY(text_of(rule, rule.members, "rule-action", "", true));
  if (action != "override-validation-function") {
    return rule.bad("rule-action \"{}\" is not override-validation-function", printable(action));
  }
  const std::string target = TRY(text_of(rule, rule.members, "rule-target", "", true));
  if (target != "column") return rule.bad("rule-target \"{}\" is not column", printable(target));
  ValidationRule out;
  out.id = rule.id;
  Locator locator = TRY(parse_patterns(rule, true, true));
  out.schema = std::move(locator.schema);
  out.table = std::move(locator.table);
  out.column = std::move(locator.column);
  out.source_function = TRY(function_of(rule, "source-function"));
  out.target_function = TRY(function_of(rule, "target-function"));
  return out;
}

base::Result<ObjectMappingRule> parse_object_mapping(const RuleText& rule) {
  TRY(only_members(rule, rule.members, "",
                   {"rule-type", "rule-id", "rule-name", "rule-action", "object-locator", "target-table-name",
                    "kafka-target-topic", "mapping-parameters"}));
  const std::string action = TRY(text_of(rule, rule.members, "rule-action", "", true));
  if (action != "map-record-to-record" && action != "map-record-to-document") {
    return rule.bad("rule-action \"{}\" is not one of map-record-to-record, map-record-to-document", printable(action));
  }
  ObjectMappingRule out;
  out.id = rule.id;
  Locator locator = TRY(parse_patterns(rule, false, false));
  out.schema = std::move(locator.schema);
  out.table = std::move(locator.table);
  TRY(parse_mapping_parameters(rule));
  return out;
}

}  // namespace mapping
