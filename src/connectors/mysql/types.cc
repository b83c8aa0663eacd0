// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

namespace mysql {
namespace {

using base::failed;
using base::Result;

struct NamedKind {
  std::string_view name;
  Kind kind;
  std::uint64_t length = 0;  // text and blob: the most bytes; binary: what no figure means
  bool is_fixed = false;
};

constexpr std::array named_kinds{
    NamedKind{"tinyint", Kind::tiny},
    NamedKind{"smallint", Kind::small},
    NamedKind{"mediumint", Kind::medium},
    NamedKind{"int", Kind::integer},
    NamedKind{"bigint", Kind::big},
    NamedKind{"float", Kind::real4},
    NamedKind{"double", Kind::real8},
    NamedKind{"decimal", Kind::decimal},
    NamedKind{"bit", Kind::bit, 1},
    NamedKind{"year", Kind::year},
    NamedKind{"date", Kind::date},
    NamedKind{"time", Kind::time},
    NamedKind{"datetime", Kind::datetime},
    NamedKind{"timestamp", Kind::timestamp},
    NamedKind{"char", Kind::character, 1, true},
    NamedKind{"varchar", Kind::character},
    NamedKind{"tinytext", Kind::text, 255},
    NamedKind{"text", Kind::text, 65535},
    NamedKind{"mediumtext", Kind::text, 16777215},
    NamedKind{"longtext", Kind::text, 4294967295},
    NamedKind{"binary", Kind::binary, 1, true},
    NamedKind{"varbinary", Kind::binary},
    NamedKind{"tinyblob", Kind::blob, 255},
    NamedKind{"blob", Kind::blob, 65535},
    NamedKind{"mediumblob", Kind::blob, 16777215},
    NamedKind{"longblob", Kind::blob, 4294967295},
    NamedKind{"enum", Kind::enumeration},
    NamedKind{"set", Kind::set},
    NamedKind{"json", Kind::json},
    NamedKind{"geometry", Kind::geometry},
    NamedKind{"point", Kind::geometry},
    NamedKind{"linestring", Kind::geometry},
    NamedKind{"polygon", Kind::geometry},
    NamedKind{"multipoint", Kind::geometry},
    NamedKind{"multilinestring", Kind::geometry},
    NamedKind{"multipolygon", Kind::geometry},
    NamedKind{"geometrycollection", Kind::geometry},
    NamedKind{"geomcollection", Kind::geometry},
    NamedKind{"vector", Kind::vector},
    NamedKind{"uuid", Kind::uuid},
    NamedKind{"inet4", Kind::inet4},
    NamedKind{"inet6", Kind::inet6},
};

// 'it''s','b' up to the closing bracket. nullopt: malformed.
std::optional<std::vector<std::string>> quoted_list(std::string_view text) {
  std::vector<std::string> members;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] != '\'') return std::nullopt;
    std::string& member = members.emplace_back();
    for (++at; at < text.size(); ++at) {
      if (text[at] != '\'') {
        member += text[at];
        continue;
      }
      if (at + 1 >= text.size() || text[at + 1] != '\'') break;
      member += text[++at];
    }
    if (at++ >= text.size()) return std::nullopt;
    if (at < text.size() && text[at++] != ',') return std::nullopt;
  }
  return members;
}

// "12,2" -> up to two figures.
bool read_figures(std::string_view text, std::uint64_t& first, std::uint64_t& second) {
  const char* const end = text.data() + text.size();
  auto [at, code] = std::from_chars(text.data(), end, first);
  if (code != std::errc()) return false;
  if (at == end) return true;
  if (*at != ',') return false;
  const auto [last, again] = std::from_chars(at + 1, end, second);
  return again == std::errc() && last == end;
}

bool has_word(std::string_view text, std::string_view word) { return text.find(word) != std::string_view::npos; }

bool is_text_like(Kind kind) {
  return kind == Kind::character || kind == Kind::text || kind == Kind::enumeration || kind == Kind::set;
}

void apply_figures(std::uint64_t first, std::uint64_t second, NativeType& type) {
  switch (type.kind) {
    case Kind::decimal:
    case Kind::real4:  // float(7,2)
    case Kind::real8:
      type.precision = static_cast<std::uint16_t>(first);
      type.scale = static_cast<std::int16_t>(second);
      return;
    case Kind::time:
    case Kind::datetime:
    case Kind::timestamp: type.fraction = static_cast<std::uint8_t>(std::min<std::uint64_t>(first, 6)); return;
    default: type.length = first; return;
  }
}

std::uint32_t longest(const std::vector<std::string>& members) {
  std::size_t size = 0;
  for (const std::string& member : members) size = std::max(size, member.size());
  return static_cast<std::uint32_t>(size);
}

std::uint32_t all_together(const std::vector<std::string>& members) {
  std::size_t size = members.empty() ? 0 : members.size() - 1;
  for (const std::string& member : members) size += member.size();
  return static_cast<std::uint32_t>(size);
}

constexpr std::uint32_t key_text_length_max = 191;  // utf8mb4 characters in the 767 bytes of any row format
constexpr std::uint32_t varchar_length_max = 16383;
constexpr std::uint32_t varbinary_length_max = 65535 - 2;

std::string text_type(std::uint32_t length, bool is_key) {
  if (is_key && (length == 0 || length > 768))
    return fmt::format("varchar({})", length == 0 ? key_text_length_max : 768);
  if (length == 0 || length > varchar_length_max) return "longtext";
  return fmt::format("varchar({})", length);
}

std::string bytes_type(std::uint32_t length, bool is_key) {
  if (is_key && (length == 0 || length > 3072)) return fmt::format("varbinary({})", length == 0 ? 767 : 3072);
  if (length == 0 || length > varbinary_length_max) return "longblob";
  return fmt::format("varbinary({})", length);
}

std::string with_fraction(std::string_view name, std::int16_t scale) {
  return scale > 0 ? fmt::format("{}({})", name, std::min<int>(scale, 6)) : std::string(name);
}

constexpr std::uint16_t decimal_precision_max = 65;
constexpr std::int16_t decimal_scale_max = 30;

// Without a precision, or beyond the server's own: digits as text, all of them.
std::string numeric_type(const model::ColumnType& type, bool is_key) {
  const bool fits = type.precision > 0 && type.precision <= decimal_precision_max && type.scale >= 0 &&
                    type.scale <= decimal_scale_max && type.scale <= static_cast<std::int16_t>(type.precision);
  if (fits) return fmt::format("decimal({},{})", type.precision, type.scale);
  return is_key ? fmt::format("varchar({})", key_text_length_max) : "longtext";
}

}  // namespace

std::string_view character_set_of(std::string_view collation) { return collation.substr(0, collation.find('_')); }

Result<NativeType> parse_type(std::string_view column_type, std::string_view collation) {
  const std::size_t open = column_type.find('(');
  const std::size_t word_end = std::min(open, column_type.find(' '));
  const std::string_view word = column_type.substr(0, word_end);
  const auto found =
      std::find_if(named_kinds.begin(), named_kinds.end(), [&](const NamedKind& one) { return one.name == word; });
  if (found == named_kinds.end()) return failed(errors::unknown_type, "type {}", column_type);
  NativeType type;
  type.kind = found->kind;
  type.length = found->length;
  type.is_fixed = found->is_fixed;
  if (type.kind == Kind::decimal) type.precision = 10;
  if (is_text_like(type.kind)) type.character_set = character_set_of(collation);
  std::string_view rest = column_type.substr(word.size());
  if (open != std::string_view::npos && open == word.size()) {
    const std::size_t close = column_type.rfind(')');
    if (close == std::string_view::npos) return failed(errors::unknown_type, "type {}", column_type);
    const std::string_view inside = column_type.substr(open + 1, close - open - 1);
    rest = column_type.substr(close + 1);
    if (type.kind == Kind::enumeration || type.kind == Kind::set) {
      std::optional<std::vector<std::string>> members = quoted_list(inside);
      if (!members) return failed(errors::unknown_type, "type {}", column_type);
      type.members = std::move(*members);
    } else {
      std::uint64_t first = 0, second = 0;
      if (!read_figures(inside, first, second)) return failed(errors::unknown_type, "type {}", column_type);
      apply_figures(first, second, type);
    }
  }
  type.is_unsigned = has_word(rest, "unsigned");
  type.zerofill = has_word(rest, "zerofill");
  return type;
}

void canonical_type(const NativeType& native, model::ColumnType& type) {
  using model::Type;
  type.length = 0;
  type.precision = 0;
  type.scale = 0;
  const bool natural = native.is_unsigned;
  switch (native.kind) {
    case Kind::tiny: type.type = natural ? Type::uint1 : Type::int1; return;
    case Kind::small: type.type = natural ? Type::uint2 : Type::int2; return;
    case Kind::medium:
    case Kind::integer: type.type = natural ? Type::uint4 : Type::int4; return;
    case Kind::big: type.type = natural ? Type::uint8 : Type::int8; return;
    case Kind::real4: type.type = Type::real4; return;
    case Kind::real8: type.type = Type::real8; return;
    case Kind::decimal:
      type.type = Type::numeric;
      type.precision = native.precision;
      type.scale = native.scale;
      return;
    case Kind::bit:
      type.type = native.length == 1 ? Type::boolean : Type::bytes;
      type.length = native.length == 1 ? 0 : static_cast<std::uint32_t>((native.length + 7) / 8);
      return;
    case Kind::year: type.type = Type::int2; return;
    case Kind::date: type.type = Type::date; return;
    case Kind::time:
      type.type = Type::string;
      type.length = native.fraction == 0 ? 10 : 11u + native.fraction;
      return;
    case Kind::datetime:
    case Kind::timestamp:
      type.type = Type::datetime;
      type.scale = native.fraction;
      return;
    case Kind::character:
      type.type = Type::wstring;
      type.length = static_cast<std::uint32_t>(native.length);
      return;
    case Kind::text: type.type = native.length <= 65535 ? Type::wstring : Type::nclob; return;
    case Kind::binary:
      type.type = Type::bytes;
      type.length = static_cast<std::uint32_t>(native.length);
      return;
    case Kind::blob:
      type.type = native.length <= 65535 ? Type::bytes : Type::blob;
      type.length = native.length <= 65535 ? static_cast<std::uint32_t>(native.length) : 0;
      return;
    case Kind::enumeration:
      type.type = Type::wstring;
      type.length = longest(native.members);
      return;
    case Kind::set:
      type.type = Type::wstring;
      type.length = all_together(native.members);
      return;
    case Kind::json: type.type = Type::clob; return;
    case Kind::geometry:
    case Kind::vector: type.type = Type::blob; return;
    case Kind::uuid:
      type.type = Type::string;
      type.length = 36;
      return;
    case Kind::inet4:
    case Kind::inet6:
      type.type = Type::string;
      type.length = 45;
      return;
  }
}

std::string target_type(const model::ColumnType& type, bool is_key) {
  using model::Type;
  switch (type.type) {
    case Type::boolean: return "tinyint(1)";
    case Type::int1: return "tinyint";
    case Type::int2: return "smallint";
    case Type::int4: return "int";
    case Type::int8: return "bigint";
    case Type::uint1: return "tinyint unsigned";
    case Type::uint2: return "smallint unsigned";
    case Type::uint4: return "int unsigned";
    case Type::uint8: return "bigint unsigned";
    case Type::numeric: return numeric_type(type, is_key);
    case Type::real4: return "float";
    case Type::real8: return "double";
    case Type::date: return "date";
    case Type::time: return with_fraction("time", type.scale);
    case Type::datetime: return with_fraction("datetime", type.scale);
    case Type::string:
    case Type::wstring: return text_type(type.length, is_key);
    case Type::clob:
    case Type::nclob: return is_key ? text_type(0, true) : "longtext";
    case Type::bytes: return bytes_type(type.length, is_key);
    case Type::blob: return is_key ? bytes_type(0, true) : "longblob";
  }
  return "longtext";
}

}  // namespace mysql
