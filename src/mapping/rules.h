// SPDX-License-Identifier: Apache-2.0
//
// The rules of a mapping document, parsed and checked: keyword values are known, companions are present, ids and names
// are unique, locators are well formed. Transformation rules are sorted by precedence (lower rule-id first). Plain
// values, built by parse_rules only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mapping/filter.h"
#include "mapping/pattern.h"
#include "model/schema.h"

namespace mapping {

struct SelectionRule {
  enum class Action { include, exclude, explicitly };
  enum class TableType { table, view, all };
  std::string id;
  Action action = Action::include;
  TableType table_type = TableType::table;
  Pattern schema, table;
  std::int64_t load_order = 0;
  std::vector<Filter> filters;
};

enum class RuleTarget { schema, table, column };

enum class RuleAction {
  rename,
  convert_lowercase,
  convert_uppercase,
  add_prefix,
  remove_prefix,
  replace_prefix,
  add_suffix,
  remove_suffix,
  replace_suffix,
  include_column,
  remove_column,
};
constexpr bool is_naming(RuleAction action) { return action < RuleAction::include_column; }

struct TransformationRule {
  std::string id;
  std::uint64_t precedence = 0;  // the id as a number
  RuleTarget target = RuleTarget::schema;
  RuleAction action = RuleAction::rename;
  Pattern schema, table, column;
  std::optional<model::Type> data_type;
  std::string value;
  std::string old_value;
};

struct RuleSet {
  std::vector<SelectionRule> selections;
  std::vector<TransformationRule> transformations;  // lower rule-id first
  std::string target_schema;
};

base::Result<RuleSet> parse_rules(std::string_view json_text);

// The name after a naming action.
std::string renamed(const TransformationRule& rule, std::string_view name);

}  // namespace mapping
