// SPDX-License-Identifier: Apache-2.0
#include "mapping/rules.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "mapping/language.h"
#include "mapping/rule_text.h"

namespace mapping {
namespace {

using base::printable;
using nlohmann::json;

constexpr std::size_t rules_max = 100000;

constexpr std::array<Word<FilterOperator>, 9> operator_words{{
    {"eq", FilterOperator::eq},
    {"noteq", FilterOperator::noteq},
    {"lte", FilterOperator::lte},
    {"ste", FilterOperator::lte},
    {"gte", FilterOperator::gte},
    {"between", FilterOperator::between},
    {"notbetween", FilterOperator::notbetween},
    {"null", FilterOperator::null},
    {"notnull", FilterOperator::notnull},
}};

base::Result<FilterCondition> parse_condition(const RuleText& rule, const json& members, const std::string& place) {
  if (!members.is_object()) return rule.bad("{} must be an object", place.substr(0, place.size() - 1));
  TRY(only_members(rule, members, place, {"filter-operator", "value", "start-value", "end-value"}));
  const std::string word = TRY(text_of(rule, members, "filter-operator", place, true));
  const FilterOperator* op = find_word(operator_words, word);
  if (op == nullptr) {
    return rule.bad("{}filter-operator \"{}\" is not one of {}", place, printable(word), list_words(operator_words));
  }
  FilterCondition condition;
  condition.op = *op;
  const bool range = *op == FilterOperator::between || *op == FilterOperator::notbetween;
  const bool bare = *op == FilterOperator::null || *op == FilterOperator::notnull;
  if (range) {
    condition.value = TRY(text_of(rule, members, "start-value", place, true));
    condition.end = TRY(text_of(rule, members, "end-value", place, true));
    if (find(members, "value") != nullptr) return rule.bad("{}value does not go with {}", place, word);
    return condition;
  }
  if (find(members, "start-value") != nullptr || find(members, "end-value") != nullptr) {
    return rule.bad("{}start-value and end-value do not go with {}", place, word);
  }
  // Documents carry an empty value beside null and notnull.
  if (!bare) condition.value = TRY(text_of(rule, members, "value", place, true));
  return condition;
}

base::Result<Filter> parse_filter(const RuleText& rule, const json& members, const std::string& place) {
  if (!members.is_object()) return rule.bad("{} must be an object", place);
  TRY(only_members(rule, members, place + ".", {"filter-type", "column-name", "filter-conditions"}));
  const std::string type = TRY(text_of(rule, members, "filter-type", place + ".", true));
  if (type != "source") return rule.bad("{}.filter-type must be source, not \"{}\"", place, printable(type));
  Filter filter;
  filter.rule_id = rule.id;
  filter.column = TRY(text_of(rule, members, "column-name", place + ".", true));
  const json* conditions = find(members, "filter-conditions");
  if (conditions == nullptr || !conditions->is_array() || conditions->empty()) {
    return rule.bad("{}.filter-conditions must be an array with at least one condition", place);
  }
  for (std::size_t i = 0; i < conditions->size(); ++i) {
    filter.conditions.push_back(
        TRY(parse_condition(rule, (*conditions)[i], fmt::format("{}.filter-conditions[{}].", place, i))));
  }
  return filter;
}

std::string text_of(const json& members) { return members.dump(-1, ' ', false, json::error_handler_t::replace); }

base::Result<std::vector<Filter>> parse_filters(const RuleText& rule, const SelectionRule& selection) {
  std::vector<Filter> filters;
  const json* given = find(rule.members, "filters");
  if (given == nullptr) return filters;
  if (!given->is_array()) return rule.bad("filters must be an array");
  if (given->empty()) return filters;
  if (selection.action != SelectionRule::Action::include) {
    return rule.bad("filters go with rule-action include only");
  }
  if (!selection.schema.names_one_object() || !selection.table.names_one_object()) {
    return rule.bad("exact schema and table name required when using filters");
  }
  for (std::size_t i = 0; i < given->size(); ++i) {
    filters.push_back(TRY(parse_filter(rule, (*given)[i], fmt::format("filters[{}]", i))));
  }
  return filters;
}

base::Result<SelectionRule> parse_selection(const RuleText& rule) {
  using Action = SelectionRule::Action;
  TRY(only_members(rule, rule.members, "",
                   {"rule-type", "rule-id", "rule-name", "rule-action", "object-locator", "load-order", "filters"}));
  SelectionRule selection;
  selection.id = rule.id;
  const std::string action = TRY(text_of(rule, rule.members, "rule-action", "", true));
  if (action == "exclude") {
    selection.action = Action::exclude;
  } else if (action == "explicit") {
    selection.action = Action::explicitly;
  } else if (action != "include") {
    return rule.bad("rule-action \"{}\" is not one of include, exclude, explicit", printable(action));
  }
  const json* locator = TRY(locator_of(rule));
  TRY(only_members(rule, *locator, "object-locator.", {"schema-name", "table-name", "table-type"}));
  const std::string schema = TRY(text_of(rule, *locator, "schema-name", "object-locator.", true));
  const std::string table = TRY(text_of(rule, *locator, "table-name", "object-locator.", true));
  if (schema.empty() || table.empty()) return rule.bad("object-locator: schema-name and table-name must not be empty");
  if (selection.action == Action::explicitly) {
    if (schema.find('%') != std::string::npos || table.find('%') != std::string::npos) {
      return rule.bad("exact schema and table name required with rule-action explicit");
    }
    selection.schema = Pattern::exact(schema);
    selection.table = Pattern::exact(table);
  } else {
    selection.schema = TRY(pattern_of(rule, "schema-name", schema));
    selection.table = TRY(pattern_of(rule, "table-name", table));
  }
  const std::string type = TRY(text_of(rule, *locator, "table-type", "object-locator.", false));
  if (type == "view") {
    selection.table_type = SelectionRule::TableType::view;
  } else if (type == "all") {
    selection.table_type = SelectionRule::TableType::all;
  } else if (!type.empty() && type != "table") {
    return rule.bad("object-locator.table-type \"{}\" is not one of table, view, all", printable(type));
  }
  const std::string order = TRY(text_of(rule, rule.members, "load-order", "", false));
  if (!order.empty()) {
    selection.load_order = static_cast<std::int64_t>(TRY(number_of(rule, order, "load-order", 2147483647)));
  }
  selection.filters = TRY(parse_filters(rule, selection));
  if (!selection.filters.empty()) selection.text = text_of(*find(rule.members, "filters"));
  return selection;
}

base::Result<void> parse_rule(const RuleText& rule, RuleSet& out) {
  const std::string type = TRY(text_of(rule, rule.members, "rule-type", "", true));
  if (type == "selection") {
    out.selections.push_back(TRY(parse_selection(rule)));
  } else if (type == "transformation") {
    TransformationRule& made = out.transformations.emplace_back(TRY(parse_transformation(rule)));
    json members = rule.members;
    for (const char* name : {"rule-id", "rule-name"}) members.erase(name);
    made.text = text_of(members);
  } else if (type == "table-settings") {
    out.table_settings.push_back(TRY(parse_table_settings(rule)));
  } else if (type == "post-processing") {
    out.tags.push_back(TRY(parse_tags(rule)));
  } else if (type == "validation") {
    out.validations.push_back(TRY(parse_validation(rule)));
  } else if (type == "object-mapping") {
    out.object_mappings.push_back(TRY(parse_object_mapping(rule)));
  } else {
    return rule.bad(
        "rule-type \"{}\" is not one of selection, transformation, table-settings, object-mapping, post-processing, "
        "validation",
        printable(type));
  }
  return {};
}

// The rule's id, checked to be a number and new.
base::Result<std::string> id_of(RuleText& rule, std::set<std::string>& ids, std::set<std::string>& names) {
  const std::string id = TRY(text_of(rule, rule.members, "rule-id", "", true));
  TRY(number_of(rule, id, "rule-id", std::numeric_limits<std::int64_t>::max()));
  const std::string plain = id.substr(std::min(id.find_first_not_of('0'), id.size() - 1));
  rule.id = plain;
  if (!ids.insert(plain).second) return rule.bad("rule-id {} is used twice", plain);
  const std::string name = TRY(text_of(rule, rule.members, "rule-name", "", false));
  if (!name.empty() && !names.insert(name).second) return rule.bad("rule-name \"{}\" is used twice", printable(name));
  return plain;
}

}  // namespace

std::vector<std::string_view> filter_operator_words() {
  std::vector<std::string_view> words;
  for (const auto& entry : operator_words) words.push_back(entry.word);
  return words;
}

base::Result<RuleSet> parse_rules(std::string_view json_text) {
  const json document = TRY(base::parse_json(json_text, "TableMappings"));
  if (!document.is_object()) return base::failed(errors::bad_rule, "TableMappings must be an object with member rules");
  for (const auto& [name, value] : document.items()) {
    if (name != "rules") return base::failed(errors::bad_rule, "TableMappings: unknown member {}", printable(name));
  }
  const json* rules = find(document, "rules");
  if (rules == nullptr || !rules->is_array())
    return base::failed(errors::bad_rule, "TableMappings: rules must be an array");
  if (rules->size() > rules_max) return base::failed(errors::bad_rule, "TableMappings: more than {} rules", rules_max);
  RuleSet out;
  std::set<std::string> ids;
  std::set<std::string> names;
  for (std::size_t i = 0; i < rules->size(); ++i) {
    RuleText rule{(*rules)[i], fmt::format("rules[{}]", i), ""};
    if (!rule.members.is_object()) return rule.bad("must be an object, not {}", base::json_kind(rule.members));
    TRY(id_of(rule, ids, names));
    TRY(parse_rule(rule, out));
  }
  const auto includes = [](const SelectionRule& rule) { return rule.action != SelectionRule::Action::exclude; };
  if (std::none_of(out.selections.begin(), out.selections.end(), includes)) {
    return base::failed(errors::bad_rule,
                        "TableMappings: at least one selection rule with include or explicit is needed");
  }
  std::stable_sort(out.transformations.begin(), out.transformations.end(),
                   [](const auto& a, const auto& b) { return a.precedence < b.precedence; });
  return out;
}

}  // namespace mapping
