// SPDX-License-Identifier: Apache-2.0
//
// Case is folded for ASCII letters only, as databases fold identifiers, so that a name never depends on a locale.
#include <algorithm>

#include "mapping/rules.h"

namespace mapping {

std::string renamed(const TransformationRule& rule, std::string_view name) {
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
    case RuleAction::include_column:
    case RuleAction::remove_column: return out;
  }
  return out;
}

}  // namespace mapping
