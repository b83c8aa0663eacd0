// SPDX-License-Identifier: Apache-2.0
#include "relational/shape_change.h"

#include <algorithm>

namespace relational {

using model::Column;
using model::TableSchema;

const Column* by_ordinal(const TableSchema& table, std::int32_t ordinal) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                  [&](const Column& column) { return column.ordinal == ordinal; });
  return found == table.columns.end() ? nullptr : &*found;
}

namespace {

// Gives numbers to the columns of `table` that have none: those of `other` when both have the same names; ones of their
// own when every column of `other` is one of the numbered. False: they may be any of the rest of `other`.
bool settle_unknown(TableSchema& table, const TableSchema& other) {
  constexpr std::int32_t own_numbers = 1 << 20;
  const auto is_unknown = [](const Column& column) { return column.ordinal < 0; };
  if (std::none_of(table.columns.begin(), table.columns.end(), is_unknown)) return true;
  const auto is_named = [&](const Column& column) {
    const auto same = other.find_column(column.name);
    return same && other.columns[*same].type.native_id == column.type.native_id;
  };
  const auto is_numbered = [&](const Column& column) { return by_ordinal(table, column.ordinal) != nullptr; };
  const bool same_names =
      table.columns.size() == other.columns.size() && std::all_of(table.columns.begin(), table.columns.end(), is_named);
  if (!same_names && !std::all_of(other.columns.begin(), other.columns.end(), is_numbered)) return false;
  std::int32_t next = own_numbers;
  for (Column& column : table.columns) {
    if (!is_unknown(column)) continue;
    column.ordinal = same_names ? other.columns[*other.find_column(column.name)].ordinal : next++;
  }
  return true;
}

}  // namespace

bool number_columns(TableSchema& before, TableSchema& after) {
  return settle_unknown(before, after) && settle_unknown(after, before);
}

}  // namespace relational
