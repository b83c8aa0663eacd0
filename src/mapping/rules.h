// SPDX-License-Identifier: Apache-2.0
//
// The rules of a mapping document, parsed and checked: keyword values are known, companions are present, ids and names
// are unique, locators are well formed. Transformation rules are sorted by precedence (lower rule-id first). Plain
// values, built by parse_rules only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mapping/expression.h"
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
  std::string text;  // of the filters, as given; empty: none
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
  add_column,
  change_data_type,
  define_primary_key,
  add_before_image_columns,
  mask_digits,
  randomize_digits,
  hash,
};
constexpr bool is_naming(RuleAction action) { return action < RuleAction::include_column; }
constexpr bool is_choice(RuleAction action) {
  return action == RuleAction::include_column || action == RuleAction::remove_column;
}
constexpr bool is_mask(RuleAction action) { return action >= RuleAction::mask_digits; }

struct KeyDefinition {
  std::string name;
  bool unique_index = false;  // origin unique-index: a unique index beside the source's primary key
  std::vector<std::string> columns;
};

struct BeforeImage {
  enum class Columns { key, not_large, all };
  std::string prefix, suffix;
  Columns columns = Columns::key;
};

struct TransformationRule {
  std::string id;
  std::uint64_t precedence = 0;  // the id as a number
  RuleTarget target = RuleTarget::schema;
  RuleAction action = RuleAction::rename;
  Pattern schema, table, column;
  std::optional<model::Type> data_type;
  std::string value;
  std::string old_value;
  std::optional<model::ColumnType> new_type;  // add-column, change-data-type
  std::string expression;                     // add-column; with rename: gives the new name
  ExpressionFacts facts;                      // of the expression
  KeyDefinition key;
  BeforeImage before_image;
  std::string text;  // as given, without its id and name
};

struct TableSettingsRule {
  std::string id;
  model::TableName table;
  std::vector<std::string> partitions;  // of partitions-list
  // Boundary tuples over these columns, ascending: n of them make n + 1 segments. Empty: our own chunks.
  std::vector<std::string> range_columns;
  std::vector<std::vector<std::string>> boundaries;
  std::optional<std::uint64_t> lob_limit;  // bytes; 0: values are whole; nullopt: as the task's settings say
};

// post-processing: tags of the objects that are written for a table.
struct TagRule {
  std::string id;
  Pattern schema, table;
  std::vector<std::pair<std::string, std::string>> tags;  // ${schema-name} and ${table-name} not yet replaced
};

// override-validation-function: SQL in place of a column's value when both sides are compared.
struct ValidationRule {
  std::string id;
  Pattern schema, table, column;
  std::string source_function, target_function;  // with ${column-name}
};

// object-mapping: understood, and of use to streaming targets only.
struct ObjectMappingRule {
  std::string id;
  Pattern schema, table;
};

struct RuleSet {
  std::vector<SelectionRule> selections;
  std::vector<TransformationRule> transformations;  // lower rule-id first
  std::vector<TableSettingsRule> table_settings;
  std::vector<TagRule> tags;
  std::vector<ValidationRule> validations;
  std::vector<ObjectMappingRule> object_mappings;
  std::string target_schema;
  bool large_objects = true;
};

base::Result<RuleSet> parse_rules(std::string_view json_text);

// What an expression of a rename may name.
struct NamedObject {
  const model::TableName& table;
  std::string_view column;
  std::string_view column_type;
};
// Names after a naming action; expressions are prepared once. One thread; the rules must outlive it.
class NameMaker {
 public:
  // mapping.bad_expression when an expression gives no text.
  base::Result<std::string> renamed(const TransformationRule& rule, std::string_view name, const NamedObject& object);

 private:
  base::Result<std::string> by_expression(const TransformationRule& rule, const NamedObject& object);

  std::unique_ptr<ExpressionEngine> engine_;
  std::map<const TransformationRule*, std::size_t> prepared_;
};

}  // namespace mapping
