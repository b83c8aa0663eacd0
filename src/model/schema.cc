// SPDX-License-Identifier: Apache-2.0
#include "model/schema.h"

#include <array>
#include <cctype>

namespace model {

static constexpr std::array<std::string_view, 21> type_names{
    "BOOLEAN", "INT1", "INT2", "INT4",     "INT8",   "UINT1",   "UINT2", "UINT4", "UINT8", "NUMERIC", "REAL4",
    "REAL8",   "DATE", "TIME", "DATETIME", "STRING", "WSTRING", "CLOB",  "NCLOB", "BYTES", "BLOB"};

std::string_view type_name(Type type) { return type_names[static_cast<std::size_t>(type)]; }

std::optional<Type> type_from_name(std::string_view name) {
  std::string upper;
  for (const char c : name) upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (std::size_t i = 0; i < type_names.size(); ++i) {
    if (type_names[i] == upper) return static_cast<Type>(i);
  }
  return std::nullopt;
}

std::optional<std::uint32_t> TableSchema::find_column(std::string_view column) const {
  for (std::uint32_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column) return i;
  }
  return std::nullopt;
}

std::vector<std::uint32_t> stored_columns(const TableSchema& schema) {
  std::vector<std::uint32_t> stored;
  for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
    if (!schema.columns[i].generated) stored.push_back(i);
  }
  return stored;
}

}  // namespace model
