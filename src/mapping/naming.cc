// SPDX-License-Identifier: Apache-2.0
//
// Case is folded for ASCII letters only, as databases fold identifiers, so that a name never depends on a locale.
#include <algorithm>

#include "mapping/errors.h"
#include "mapping/rules.h"

namespace mapping {

namespace {

std::string renamed_plainly(const TransformationRule& rule, std::string_view name) {
  std::string out(name);
  switch (rule.action) {
    case RuleAction::rename: return rule.value;
    case RuleAction::add_prefix: return rule.value + out;
    case RuleAction::add_suffix: return out + rule.value;
    case RuleAction::remove_prefix: return name.starts_with(rule.value) ? out.substr(rule.value.size()) : out;
    case RuleAction::remove_suffix:
      return name.ends_with(rule.value) ? out.substr(0, out.size() - rule.value.size()) : out;
    case RuleAction::replace_prefix:
      return name.starts_with(rule.old_value) ? rule.value + out.substr(rule.old_value.size()) : out;
    case RuleAction::replace_suffix:
      return name.ends_with(rule.old_value) ? out.substr(0, out.size() - rule.old_value.size()) + rule.value : out;
    case RuleAction::convert_lowercase:
      std::transform(out.begin(), out.end(), out.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      return out;
    case RuleAction::convert_uppercase:
      std::transform(out.begin(), out.end(), out.begin(),
                     [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
      return out;
    default: return out;
  }
}

}  // namespace

base::Result<std::string> NameMaker::by_expression(const TransformationRule& rule, const NamedObject& object) {
  if (engine_ == nullptr) engine_ = TRY(ExpressionEngine::open());
  if (!prepared_.contains(&rule)) prepared_[&rule] = TRY(engine_->prepare(rule.expression));
  std::vector<Value> values;
  for (const std::string& name : rule.facts.variables) {
    const std::string_view text = name == "AR_M_SOURCE_SCHEMA"        ? object.table.schema
                                  : name == "AR_M_SOURCE_TABLE_NAME"  ? object.table.table
                                  : name == "AR_M_SOURCE_COLUMN_NAME" ? object.column
                                                                      : object.column_type;
    values.push_back(Value::of(text));
  }
  const base::Result<Value> value = engine_->evaluate(prepared_[&rule], values);
  if (!value.ok()) {
    return base::failed(errors::bad_expression, "rule {}, table {}: {}", rule.id, object.table.text(),
                        value.error().message);
  }
  if (value->kind != Value::Kind::text || value->bytes.empty() || value->bytes.find('\0') != std::string_view::npos) {
    return base::failed(errors::bad_expression, "rule {}, table {}: the expression gives no text for a name", rule.id,
                        object.table.text());
  }
  return std::string(value->bytes);
}

base::Result<std::string> NameMaker::renamed(const TransformationRule& rule, std::string_view name,
                                             const NamedObject& object) {
  if (rule.action == RuleAction::rename && !rule.expression.empty()) return by_expression(rule, object);
  return renamed_plainly(rule, name);
}

}  // namespace mapping
