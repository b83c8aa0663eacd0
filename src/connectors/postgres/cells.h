// SPDX-License-Identifier: Apache-2.0
//
// Reading the cells of a catalogue answer, which are text as the server wrote it. NULL reads as empty, 0 or false.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include "connectors/postgres/connection.h"
#include "model/schema.h"

namespace postgres {

inline std::string text_at(const Row& row, std::size_t column) {
  return column < row.size() && row[column] ? *row[column] : std::string();
}
inline bool null_at(const Row& row, std::size_t column) { return column >= row.size() || !row[column]; }
inline bool true_at(const Row& row, std::size_t column) { return text_at(row, column) == "t"; }
inline std::int64_t number_at(const Row& row, std::size_t column) {
  return std::strtoll(text_at(row, column).c_str(), nullptr, 10);
}
inline std::uint32_t oid_at(const Row& row, std::size_t column) {
  return static_cast<std::uint32_t>(std::strtoul(text_at(row, column).c_str(), nullptr, 10));
}
// The single character of a "char" column; 0 for NULL or empty.
inline char char_at(const Row& row, std::size_t column) {
  const std::string text = text_at(row, column);
  return text.empty() ? '\0' : text[0];
}
inline std::string quoted(const model::TableName& name) { return quote_name(name.schema, name.table); }

}  // namespace postgres
