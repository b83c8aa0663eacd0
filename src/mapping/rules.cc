// SPDX-License-Identifier: Apache-2.0
#include "mapping/rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>

#include "base/json.h"
#include "mapping/errors.h"

namespace mapping {
namespace {

using base::printable;
using nlohmann::json;

constexpr std::size_t rules_max = 100000;

template <typename T>
struct Word {
  std::string_view word;
  T meaning;
};

constexpr std::array<Word<RuleAction>, 11> action_words{{
    {"rename", RuleAction::rename},
    {"convert-lowercase", RuleAction::convert_lowercase},
    {"convert-uppercase", RuleAction::convert_uppercase},
    {"add-prefix", RuleAction::add_prefix},
    {"remove-prefix", RuleAction::remove_prefix},
    {"replace-prefix", RuleAction::replace_prefix},
    {"add-suffix", RuleAction::add_suffix},
    {"remove-suffix", RuleAction::remove_suffix},
    {"replace-suffix", RuleAction::replace_suffix},
    {"include-column", RuleAction::include_column},
    {"remove-column", RuleAction::remove_column},
}};

constexpr std::array<std::string_view, 7> later_actions{"add-column",
                                                        "change-data-type",
                                                        "define-primary-key",
                                                        "add-before-image-columns",
                                                        "data-masking-digits-mask",
                                                        "data-masking-digits-randomize",
                                                        "data-masking-hash-mask"};

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

// One rule while it is read: its JSON, its place and its id for messages.
struct RuleText {
  const json& members;
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

// A string, or a number written as one where the document may hold either.
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

base::Result<const json*> locator_of(const RuleText& rule) {
  const json* locator = find(rule.members, "object-locator");
  if (locator == nullptr) return rule.bad("object-locator is missing");
  if (!locator->is_object()) return rule.bad("object-locator must be an object");
  return locator;
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
  return selection;
}

base::Result<RuleTarget> target_of(const RuleText& rule) {
  const std::string word = TRY(text_of(rule, rule.members, "rule-target", "", true));
  if (word == "schema") return RuleTarget::schema;
  if (word == "table") return RuleTarget::table;
  if (word == "column") return RuleTarget::column;
  if (word == "table-tablespace" || word == "index-tablespace") return rule.later("rule-target " + word);
  return rule.bad("rule-target \"{}\" is not one of schema, table, column", printable(word));
}

base::Result<void> parse_values(const RuleText& rule, TransformationRule& out) {
  const bool replaces = out.action == RuleAction::replace_prefix || out.action == RuleAction::replace_suffix;
  const bool bare = out.action == RuleAction::convert_lowercase || out.action == RuleAction::convert_uppercase ||
                    !is_naming(out.action);
  const bool may_be_empty = replaces;
  if (!bare) {
    out.value = TRY(text_of(rule, rule.members, "value", "", true));
    if (out.value.empty() && !may_be_empty) return rule.bad("value must not be empty");
  }
  if (replaces) {
    out.old_value = TRY(text_of(rule, rule.members, "old-value", "", true));
    if (out.old_value.empty()) return rule.bad("old-value must not be empty");
  }
  if (out.value.find('\0') != std::string::npos) return rule.bad("value must not hold a NUL character");
  return {};
}

base::Result<void> parse_locator(const RuleText& rule, TransformationRule& out) {
  const json* locator = TRY(locator_of(rule));
  const bool takes_column = out.target == RuleTarget::column;
  TRY(only_members(rule, *locator, "object-locator.", {"schema-name", "table-name", "column-name", "data-type"}));
  const std::string schema = TRY(text_of(rule, *locator, "schema-name", "object-locator.", true));
  const std::string table =
      TRY(text_of(rule, *locator, "table-name", "object-locator.", out.target != RuleTarget::schema));
  const std::string column = TRY(text_of(rule, *locator, "column-name", "object-locator.", takes_column));
  const std::string data_type = TRY(text_of(rule, *locator, "data-type", "object-locator.", false));
  if (out.target == RuleTarget::schema && !table.empty() && table != "%") {
    return rule.bad("object-locator.table-name does not go with rule-target schema");
  }
  if (!takes_column && !column.empty() && column != "%") {
    return rule.bad("object-locator.column-name goes with rule-target column only");
  }
  if (!data_type.empty()) {
    out.data_type = model::type_from_name(data_type);
    if (!takes_column) return rule.bad("object-locator.data-type goes with rule-target column only");
    if (!out.data_type) return rule.bad("object-locator.data-type \"{}\" is not a type", printable(data_type));
    if (column != "%") return rule.bad("object-locator.data-type needs column-name %");
  }
  out.schema = TRY(pattern_of(rule, "schema-name", schema));
  out.table = TRY(pattern_of(rule, "table-name", table.empty() ? "%" : table));
  out.column = TRY(pattern_of(rule, "column-name", column.empty() ? "%" : column));
  return {};
}

base::Result<TransformationRule> parse_transformation(const RuleText& rule) {
  TransformationRule out;
  out.id = rule.id;
  out.precedence = TRY(number_of(rule, rule.id, "rule-id", std::numeric_limits<std::int64_t>::max()));
  const std::string action = TRY(text_of(rule, rule.members, "rule-action", "", true));
  if (std::find(later_actions.begin(), later_actions.end(), action) != later_actions.end()) {
    return rule.later("rule-action " + action);
  }
  for (const char* member : {"expression", "primary-key-def", "before-image-def", "data-type"}) {
    if (find(rule.members, member) != nullptr) return rule.later(member);
  }
  TRY(only_members(
      rule, rule.members, "",
      {"rule-type", "rule-id", "rule-name", "rule-action", "rule-target", "object-locator", "value", "old-value"}));
  const RuleAction* meaning = find_word(action_words, action);
  if (meaning == nullptr) {
    return rule.bad("rule-action \"{}\" is not one of {}", printable(action), list_words(action_words));
  }
  out.action = *meaning;
  out.target = TRY(target_of(rule));
  if (!is_naming(out.action) && out.target != RuleTarget::column) {
    return rule.bad("rule-action {} goes with rule-target column only", action);
  }
  TRY(parse_values(rule, out));
  TRY(parse_locator(rule, out));
  return out;
}

base::Result<void> parse_rule(const RuleText& rule, RuleSet& out) {
  const std::string type = TRY(text_of(rule, rule.members, "rule-type", "", true));
  if (type == "selection") {
    out.selections.push_back(TRY(parse_selection(rule)));
    return {};
  }
  if (type == "transformation") {
    out.transformations.push_back(TRY(parse_transformation(rule)));
    return {};
  }
  for (const std::string_view later : {"table-settings", "object-mapping", "post-processing", "validation"}) {
    if (type == later) return rule.later("rule-type " + type);
  }
  return rule.bad("rule-type \"{}\" is not one of selection, transformation", printable(type));
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
