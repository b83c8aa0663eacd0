// SPDX-License-Identifier: Apache-2.0
#include "mapping/native_text.h"

#include <cctype>

namespace mapping {
namespace {

std::string with_doubled_quotes(std::string_view name) {
  std::string out;
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out;
}

bool is_name_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) != 0 || c == '_' || c == '$';
}

bool holds_word(const std::string& sql, const std::string& word) {
  for (std::size_t at = sql.find(word); at != std::string::npos; at = sql.find(word, at + 1)) {
    const std::size_t after = at + word.size();
    if ((at == 0 || !is_name_byte(sql[at - 1])) && (after == sql.size() || !is_name_byte(sql[after]))) return true;
  }
  return false;
}

}  // namespace

std::string quoted_name(std::string_view name) { return "\"" + with_doubled_quotes(name) + "\""; }

bool mentions(const std::string& sql, const std::string& column) {
  return holds_word(sql, with_doubled_quotes(column));
}

}  // namespace mapping
