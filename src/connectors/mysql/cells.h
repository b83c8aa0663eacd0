// SPDX-License-Identifier: Apache-2.0
//
// Reading the cells of an answer, which are text as the server wrote it. NULL reads as empty or 0. Pure; any thread.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include "connectors/mysql/connection.h"

namespace mysql {

inline std::string text_at(const Row& row, std::size_t column) {
  return column < row.size() && row[column] ? *row[column] : std::string();
}
inline bool null_at(const Row& row, std::size_t column) { return column >= row.size() || !row[column]; }
inline std::int64_t number_at(const Row& row, std::size_t column) {
  return std::strtoll(text_at(row, column).c_str(), nullptr, 10);
}

}  // namespace mysql
