// SPDX-License-Identifier: Apache-2.0
//
// Aligned columns for a terminal: the first row is the head, each column is as wide as its widest cell. Control
// characters become '?'. Pure.
#pragma once

#include <string>
#include <vector>

namespace server {

using TextRow = std::vector<std::string>;

// A line for each row, without its end.
std::vector<std::string> columns(const std::vector<TextRow>& rows);
// At most so many characters; what is cut off shows as a last '~'.
std::string fitted(const std::string& line, std::size_t width);

}  // namespace server
