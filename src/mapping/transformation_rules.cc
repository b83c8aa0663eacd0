// SPDX-License-Identifier: Apache-2.0
//
// Reads transformation rules: which members an action needs, may have and must not have.
#include <algorithm>
#include <limits>

#include "mapping/language.h"
#include "mapping/rule_text.h"

namespace mapping {
namespace {

using base::printable;
using nlohmann::json;

constexpr std::array<Word<RuleAction>, 18> action_words{{
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
    {"add-column", RuleAction::add_column},
    {"change-data-type", RuleAction::change_data_type},
    {"define-primary-key", RuleAction::define_primary_key},
    {"add-before-image-columns", RuleAction::add_before_image_columns},
    {"data-masking-digits-mask", RuleAction::mask_digits},
    {"data-masking-digits-randomize", RuleAction::randomize_digits},
    {"data-masking-hash-mask", RuleAction::hash},
}};

constexpr std::size_t key_columns_max = 32;

base::Result<RuleTarget> target_of(const RuleText& rule) {
  const std::string word = TRY(text_of(rule, rule.members, "rule-target", "", true));
  if (word == "schema") return RuleTarget::schema;
  if (word == "table") return RuleTarget::table;
  if (word == "column") return RuleTarget::column;
  if (word == "table-tablespace" || word == "index-tablespace") {
    return base::failed(errors::not_supported,
                        "rule {} ({}): rule-target {}: only an Oracle target has tablespaces, and there is none here",
                        rule.id, rule.path, word);
  }
  return rule.bad("rule-target \"{}\" is not one of schema, table, column", printable(word));
}

bool takes_value(RuleAction action) {
  return (is_naming(action) && action != RuleAction::convert_lowercase && action != RuleAction::convert_uppercase) ||
         action == RuleAction::add_column || action == RuleAction::mask_digits;
}

base::Result<void> parse_values(const RuleText& rule, TransformationRule& out) {
  const bool replaces = out.action == RuleAction::replace_prefix || out.action == RuleAction::replace_suffix;
  const bool by_expression = out.action == RuleAction::rename && !out.expression.empty();
  if (takes_value(out.action)) {
    out.value = TRY(text_of(rule, rule.members, "value", "", !by_expression));
    if (out.value.empty() && !replaces && !by_expression) return rule.bad("value must not be empty");
  }
  if (replaces) {
    out.old_value = TRY(text_of(rule, rule.members, "old-value", "", true));
    if (out.old_value.empty()) return rule.bad("old-value must not be empty");
  }
  if (out.value.find('\0') != std::string::npos) return rule.bad("value must not hold a NUL character");
  if (out.action == RuleAction::mask_digits && (out.value.size() != 1 || out.value[0] < 0x20 || out.value[0] > 0x7e)) {
    return rule.bad("value must be one printable ASCII character");
  }
  return {};
}

base::Result<void> parse_locator(const RuleText& rule, TransformationRule& out) {
  const json* locator = TRY(locator_of(rule));
  const bool takes_column = out.target == RuleTarget::column && out.action != RuleAction::add_column &&
                            out.action != RuleAction::add_before_image_columns;
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
    return rule.bad("object-locator.column-name does not go with this rule-action and rule-target");
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
  if (out.action == RuleAction::define_primary_key && table.find('%') != std::string::npos) {
    return rule.bad("object-locator.table-name: define-primary-key needs one table, without %");
  }
  return {};
}

base::Result<std::uint64_t> size_of(const RuleText& rule, const json& members, const char* member,
                                    std::uint64_t maximum) {
  const std::string text = TRY(text_of(rule, members, member, "data-type.", false));
  if (text.empty()) return std::uint64_t{0};
  return number_of(rule, text, "data-type." + std::string(member), maximum);
}

base::Result<model::ColumnType> parse_type(const RuleText& rule) {
  const json* members = find(rule.members, "data-type");
  if (members == nullptr) return rule.bad("data-type is missing");
  if (!members->is_object()) return rule.bad("data-type must be an object");
  TRY(only_members(rule, *members, "data-type.", {"type", "precision", "scale", "length"}));
  const std::string word = TRY(text_of(rule, *members, "type", "data-type.", true));
  for (const std::string_view other : {"set", "list", "map", "tuple"}) {
    if (word == other) return rule.later("data-type.type " + word);
  }
  const std::optional<model::Type> type = model::type_from_name(word);
  if (!type) return rule.bad("data-type.type \"{}\" is not a type", printable(word));
  model::ColumnType out;
  out.type = *type;
  const bool is_time = *type == model::Type::datetime || *type == model::Type::time;
  out.precision = static_cast<std::uint16_t>(TRY(size_of(rule, *members, "precision", 1000)));
  out.scale = static_cast<std::int16_t>(TRY(size_of(rule, *members, "scale", is_time ? 9 : 1000)));
  out.length = static_cast<std::uint32_t>(TRY(size_of(rule, *members, "length", 2147483647)));
  if (*type == model::Type::numeric) {
    if (out.precision == 0) out.precision = out.scale > 0 ? std::uint16_t{38} : std::uint16_t{0};
    if (out.precision > 0 && out.scale > out.precision) return rule.bad("data-type.scale is larger than precision");
  } else {
    // Documents carry the fraction digits of a datetime in either member; ours are microseconds.
    if (is_time && find(*members, "scale") == nullptr) out.scale = 6;
    if (is_time) out.scale = std::min<std::int16_t>(out.scale, 6);
    if (!is_time) out.scale = 0;
    out.precision = 0;
  }
  const bool sized = *type == model::Type::string || *type == model::Type::wstring || *type == model::Type::bytes;
  if (!sized) out.length = 0;
  return out;
}

// Header and metadata variables, by name; anything else that begins with AR_ is unknown.
constexpr std::array<std::string_view, 8> variables{
    "AR_H_STREAM_POSITION", "AR_H_TIMESTAMP",     "AR_H_COMMIT_TIMESTAMP", "AR_H_OPERATION", "AR_H_USER",
    "AR_H_CHANGE_SEQ",      "AR_M_SOURCE_SCHEMA", "AR_M_SOURCE_TABLE_NAME"};
constexpr std::string_view of_column_name = "AR_M_SOURCE_COLUMN_NAME";
constexpr std::string_view of_column_type = "AR_M_SOURCE_COLUMN_DATATYPE";

bool is_variable(std::string_view name) {
  return std::find(variables.begin(), variables.end(), name) != variables.end();
}

base::Result<void> check_variables(const RuleText& rule, const TransformationRule& out) {
  for (const std::string& name : out.facts.variables) {
    const bool of_column = name == of_column_name || name == of_column_type;
    if (out.action == RuleAction::rename) {
      const bool known = name.starts_with("AR_M_") && (is_variable(name) || of_column);
      const bool fits = known && (!of_column || out.target == RuleTarget::column);
      if (!fits) return rule.bad("expression: ${} cannot be used in a name", printable(name));
    } else if (of_column || (name.starts_with("AR_") && !is_variable(name))) {
      return rule.bad("expression: unknown variable ${}", printable(name));
    }
  }
  if (out.action == RuleAction::rename && !out.facts.repeatable) {
    return rule.bad("expression: a name must be the same each time");
  }
  return {};
}

base::Result<void> parse_expression(const RuleText& rule, TransformationRule& out) {
  out.expression = TRY(text_of(rule, rule.members, "expression", "", out.action == RuleAction::add_column));
  if (out.expression.empty()) {
    if (out.action == RuleAction::add_column) return rule.bad("expression must not be empty");
    return {};
  }
  if (out.action != RuleAction::add_column && out.action != RuleAction::rename) {
    return rule.bad("expression goes with add-column and rename only");
  }
  base::Result<ExpressionFacts> facts = examine_expression(out.expression);
  if (!facts.ok()) {
    return base::failed(errors::bad_expression, "rule {} ({}): expression: {}", rule.id, rule.path,
                        facts.error().message);
  }
  out.facts = facts.take();
  return check_variables(rule, out);
}

base::Result<void> parse_key(const RuleText& rule, TransformationRule& out) {
  const json* members = find(rule.members, "primary-key-def");
  if (members == nullptr || !members->is_object()) return rule.bad("primary-key-def must be an object");
  TRY(only_members(rule, *members, "primary-key-def.", {"name", "origin", "columns"}));
  out.key.name = TRY(text_of(rule, *members, "name", "primary-key-def.", false));
  const std::string origin = TRY(text_of(rule, *members, "origin", "primary-key-def.", false));
  if (!origin.empty() && origin != "primary-key" && origin != "unique-index") {
    return rule.bad("primary-key-def.origin \"{}\" is not one of primary-key, unique-index", printable(origin));
  }
  out.key.unique_index = origin == "unique-index";
  const json* columns = find(*members, "columns");
  if (columns == nullptr || !columns->is_array() || columns->empty() || columns->size() > key_columns_max) {
    return rule.bad("primary-key-def.columns must be an array of 1 to {} names", key_columns_max);
  }
  for (const json& column : *columns) {
    if (!column.is_string() || column.get<std::string>().empty()) {
      return rule.bad("primary-key-def.columns must hold column names");
    }
    const std::string name = column.get<std::string>();
    if (std::find(out.key.columns.begin(), out.key.columns.end(), name) != out.key.columns.end()) {
      return rule.bad("primary-key-def.columns names {} twice", printable(name));
    }
    out.key.columns.push_back(name);
  }
  return {};
}

base::Result<void> parse_before_image(const RuleText& rule, TransformationRule& out) {
  out.before_image.prefix = "BI_";
  const json* members = find(rule.members, "before-image-def");
  if (members == nullptr) return {};
  if (!members->is_object()) return rule.bad("before-image-def must be an object");
  TRY(only_members(rule, *members, "before-image-def.", {"column-prefix", "column-suffix", "column-filter"}));
  if (find(*members, "column-prefix") != nullptr) {
    out.before_image.prefix = TRY(text_of(rule, *members, "column-prefix", "before-image-def.", true));
  }
  out.before_image.suffix = TRY(text_of(rule, *members, "column-suffix", "before-image-def.", false));
  if (out.before_image.prefix.empty() && out.before_image.suffix.empty()) {
    return rule.bad("before-image-def: column-prefix and column-suffix must not both be empty");
  }
  const std::string filter = TRY(text_of(rule, *members, "column-filter", "before-image-def.", false));
  if (filter == "non-lob") {
    out.before_image.columns = BeforeImage::Columns::not_large;
  } else if (filter == "all") {
    out.before_image.columns = BeforeImage::Columns::all;
  } else if (!filter.empty() && filter != "pk-only") {
    return rule.bad("before-image-def.column-filter \"{}\" is not one of pk-only, non-lob, all", printable(filter));
  }
  return {};
}

base::Result<void> check_target(const RuleText& rule, const TransformationRule& out, const std::string& action) {
  if (is_naming(out.action)) return {};
  const RuleTarget wanted = out.action == RuleAction::define_primary_key ? RuleTarget::table : RuleTarget::column;
  if (out.target == wanted) return {};
  return rule.bad("rule-action {} goes with rule-target {} only", action,
                  wanted == RuleTarget::table ? "table" : "column");
}

// Members that belong to one action only.
base::Result<void> check_members(const RuleText& rule, const TransformationRule& out) {
  TRY(only_members(rule, rule.members, "",
                   {"rule-type", "rule-id", "rule-name", "rule-action", "rule-target", "object-locator", "value",
                    "old-value", "data-type", "expression", "primary-key-def", "before-image-def"}));
  struct Belongs {
    const char* member;
    bool fits;
  };
  const std::array<Belongs, 3> belongs{
      {{"data-type", out.action == RuleAction::add_column || out.action == RuleAction::change_data_type},
       {"primary-key-def", out.action == RuleAction::define_primary_key},
       {"before-image-def", out.action == RuleAction::add_before_image_columns}}};
  for (const Belongs& row : belongs) {
    if (!row.fits && find(rule.members, row.member) != nullptr) {
      return rule.bad("{} does not go with this rule-action", row.member);
    }
  }
  return {};
}

}  // namespace

std::vector<std::string_view> rule_action_words() {
  std::vector<std::string_view> words;
  for (const auto& entry : action_words) words.push_back(entry.word);
  return words;
}

std::vector<std::string_view> expression_variables() {
  std::vector<std::string_view> words{of_column_name, of_column_type};
  words.insert(words.end(), variables.begin(), variables.end());
  return words;
}

base::Result<TransformationRule> parse_transformation(const RuleText& rule) {
  TransformationRule out;
  out.id = rule.id;
  out.precedence = TRY(number_of(rule, rule.id, "rule-id", std::numeric_limits<std::int64_t>::max()));
  const std::string action = TRY(text_of(rule, rule.members, "rule-action", "", true));
  const RuleAction* meaning = find_word(action_words, action);
  if (meaning == nullptr) {
    return rule.bad("rule-action \"{}\" is not one of {}", printable(action), list_words(action_words));
  }
  out.action = *meaning;
  out.target = TRY(target_of(rule));
  TRY(check_target(rule, out, action));
  TRY(check_members(rule, out));
  TRY(parse_expression(rule, out));
  TRY(parse_values(rule, out));
  TRY(parse_locator(rule, out));
  if (out.action == RuleAction::add_column || out.action == RuleAction::change_data_type) {
    out.new_type = TRY(parse_type(rule));
  }
  if (out.action == RuleAction::define_primary_key) TRY(parse_key(rule, out));
  if (out.action == RuleAction::add_before_image_columns) TRY(parse_before_image(rule, out));
  return out;
}

}  // namespace mapping
