// SPDX-License-Identifier: Apache-2.0
#include "relational/landed_names.h"

#include <fmt/format.h>

#include <algorithm>

namespace relational {
namespace {

constexpr std::size_t postgres_name_bytes = 63;
constexpr std::size_t mysql_name_characters = 64;

// FNV-1a.
std::uint32_t hash_of(std::string_view text) {
  std::uint32_t hash = 2166136261u;
  for (const unsigned char c : text) hash = (hash ^ c) * 16777619u;
  return hash;
}

// MySQL's names have no room for characters of four bytes.
std::string without_long_characters(std::string_view text) {
  std::string kept;
  bool is_long = false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0xC0) is_long = static_cast<unsigned char>(c) >= 0xF0;
    if (static_cast<unsigned char>(c) < 0x80) is_long = false;
    if (!is_long) kept += c;
  }
  return kept;
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

bool is_named_by_schema(convert::Language language, Object kind) {
  return (language == convert::Language::postgresql) == (kind == Object::index);
}

std::string object_name(convert::Language language, std::string_view table, const std::string& name) {
  const std::string before = table.empty() ? "" : std::string(table) + "_";
  std::string full = name.starts_with(before) ? name : before + name;
  if (language == convert::Language::mysql && full == "PRIMARY") full += "_";
  const bool is_mysql = language == convert::Language::mysql;
  const std::string kept = is_mysql ? without_long_characters(full) : full;
  const bool has_room = is_mysql ? characters_of(full) <= mysql_name_characters : full.size() <= postgres_name_bytes;
  const bool ends_blank = is_mysql && full.ends_with(' ');
  if (has_room && kept == full && !ends_blank) return full;
  const std::string tail = fmt::format("_{:08x}", hash_of(full));
  std::size_t end = std::min(kept.size(), postgres_name_bytes - tail.size());  // enough for both
  while (end > 0 && end < kept.size() && !begins_character(kept[end])) --end;
  return kept.substr(0, end) + tail;
}

std::string quoted(convert::Language language, const std::string& name) {
  const char mark = language == convert::Language::mysql ? '`' : '"';
  std::string text(1, mark);
  for (const char c : name) {
    if (c == mark) text += c;
    text += c;
  }
  return text + mark;
}

std::size_t characters_of(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), begins_character));
}

std::optional<std::uint32_t> find_landed(const model::TableSchema& table, const std::string& source_name) {
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
    const model::Column& column = table.columns[i];
    if ((column.source_name.empty() ? column.name : column.source_name) == source_name) return i;
  }
  return std::nullopt;
}

}  // namespace relational
