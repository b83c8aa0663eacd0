// SPDX-License-Identifier: Apache-2.0
#include "relational/row_key.h"

#include <algorithm>

namespace relational {

using model::TableSchema;

std::vector<std::uint32_t> row_key(const TableSchema& table) {
  const std::vector<std::uint32_t> stored = model::stored_columns(table);
  const auto place = [&](std::uint32_t column) {
    return static_cast<std::uint32_t>(std::find(stored.begin(), stored.end(), column) - stored.begin());
  };
  std::vector<std::uint32_t> columns = table.primary_key;
  if (table.old_image == model::OldImage::key) {
    const bool logged = std::all_of(columns.begin(), columns.end(), [&](std::uint32_t column) {
      return std::find(table.old_key.begin(), table.old_key.end(), column) != table.old_key.end();
    });
    if (columns.empty() || !logged) columns = table.old_key;
  }
  if (columns.empty() && table.old_image == model::OldImage::full) {
    for (const auto& unique : table.unique_keys) {
      const bool solid = std::all_of(unique.begin(), unique.end(), [&](std::uint32_t column) {
        return !table.columns[column].nullable && !table.columns[column].generated;
      });
      if (solid && !unique.empty()) columns = unique;
      if (!columns.empty()) break;
    }
  }
  std::vector<std::uint32_t> places;
  for (const std::uint32_t column : columns) {
    if (place(column) >= stored.size()) return {};
    places.push_back(place(column));
  }
  return places;
}

bool keeps_column_names(const TableSchema& table) {
  return std::all_of(table.columns.begin(), table.columns.end(), [](const model::Column& column) {
    return column.source_name.empty() || column.source_name == column.name;
  });
}

model::TableName landed(const TableSchema& table, const model::TableName& source_object) {
  model::TableName name = source_object;
  if (name.schema == table.source_name.schema) name.schema = table.name.schema;
  return name;
}

bool has_columns(const TableSchema& table, const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(),
                     [&](const std::string& name) { return table.find_column(name).has_value(); });
}

}  // namespace relational
