// SPDX-License-Identifier: Apache-2.0
#include "server/columns.h"

#include <algorithm>

#include "base/json.h"

namespace server {
namespace {

constexpr std::size_t cell_bytes_max = 200;

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

}  // namespace

std::vector<std::string> columns(const std::vector<TextRow>& rows) {
  std::vector<TextRow> clean;
  std::vector<std::size_t> widths;
  for (const TextRow& row : rows) {
    clean.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      clean.back().push_back(base::printable(row[i], cell_bytes_max));
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], width_of(clean.back().back()));
    }
  }
  std::vector<std::string> lines;
  for (const TextRow& row : clean) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += row[i] + std::string(widths[i] - width_of(row[i]) + 2, ' ');
    while (!line.empty() && line.back() == ' ') line.pop_back();
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string fitted(const std::string& line, std::size_t width) {
  if (width_of(line) <= width) return line;
  std::string out;
  std::size_t taken = 0;
  for (const char c : line) {
    if (begins_character(c) && ++taken >= width) break;
    out += c;
  }
  return out + "~";
}

}  // namespace server
