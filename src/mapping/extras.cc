// SPDX-License-Identifier: Apache-2.0
#include "mapping/extras.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "mapping/errors.h"

namespace mapping {
namespace {

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

std::string filled(const std::string& text, const model::TableName& table) {
  return replaced(replaced(text, "${schema-name}", table.schema), "${table-name}", table.table);
}

// Letters of any script, digits, blanks and + - = . _ : / @
bool is_tag_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || std::isalnum(byte) != 0 || std::string_view(" +-=._:/@").find(c) != std::string_view::npos;
  });
}

}  // namespace

base::Result<std::vector<std::pair<std::string, std::string>>> object_tags_of(const RuleSet& rules,
                                                                              const model::TableName& table) {
  const TagRule* best = nullptr;
  std::array<std::size_t, 2> best_rank{};
  for (const TagRule& rule : rules.tags) {
    if (!rule.schema.matches(table.schema) || !rule.table.matches(table.table)) continue;
    const std::array<std::size_t, 2> rank{rule.table.exactness(), rule.schema.exactness()};
    if (best != nullptr && rank <= best_rank) continue;
    best = &rule;
    best_rank = rank;
  }
  std::vector<std::pair<std::string, std::string>> tags;
  if (best == nullptr) return tags;
  for (const auto& [key, value] : best->tags) {
    tags.emplace_back(filled(key, table), filled(value, table));
    const auto& [full_key, full_value] = tags.back();
    if (is_tag_text(full_key) && is_tag_text(full_value) && full_key.size() <= tag_key_max &&
        full_value.size() <= tag_value_max && !full_key.starts_with("aws:")) {
      continue;
    }
    return base::failed(errors::bad_transformation,
                        "rule {}: a tag of table {} is longer than S3 allows (key 128, value 256) or holds other "
                        "characters than letters, digits, blanks and + - = . _ : / @",
                        best->id, table.text());
  }
  return tags;
}

std::map<std::uint32_t, MappedTable::Override> overrides_of(const RuleSet& rules, const model::TableSchema& source,
                                                            const model::TableSchema& target,
                                                            const std::vector<ColumnSource>& sources) {
  std::map<std::uint32_t, MappedTable::Override> overrides;
  for (const ValidationRule& rule : rules.validations) {
    if (!rule.schema.matches(source.name.schema) || !rule.table.matches(source.name.table)) continue;
    for (std::uint32_t i = 0; i < target.columns.size(); ++i) {
      const bool in_key =
          std::find(target.primary_key.begin(), target.primary_key.end(), i) != target.primary_key.end();
      if (in_key || sources[i].column == no_column || sources[i].kind == ColumnSource::Kind::before_image) continue;
      if (!rule.column.matches(source.columns[sources[i].column].name)) continue;
      overrides.emplace(i, MappedTable::Override{rule.id, rule.source_function, rule.target_function});
    }
  }
  return overrides;
}

}  // namespace mapping
