// SPDX-License-Identifier: Apache-2.0
#include "main/table_text.h"

#include <algorithm>

#include "base/json.h"

namespace main_program {
namespace {

constexpr std::size_t cell_bytes_max = 200;

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::string TableText::text(std::size_t indent) const {
  std::vector<std::size_t> widths;
  std::vector<std::vector<std::string>> clean;
  for (const auto& row : rows_) {
    clean.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      clean.back().push_back(base::printable(row[i], cell_bytes_max));
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], width_of(clean.back().back()));
    }
  }
  std::string out;
  for (const auto& row : clean) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < row.size(); ++i) line += row[i] + std::string(widths[i] - width_of(row[i]) + 2, ' ');
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

}  // namespace main_program
