// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/literal.h"

#include <fmt/format.h>

#include <cstdlib>

#include "connectors/mysql/connection.h"
#include "model/cell_text.h"

namespace mysql {
namespace {

using model::Type;

constexpr std::int64_t day_micros = 86'400'000'000;
constexpr std::int64_t first_day = -719'162;  // 0001-01-01
constexpr std::int64_t last_day = 2'932'896;  // 9999-12-31
constexpr std::string_view no_such_value = "out of range";

bool is_number(Kind kind) {
  switch (kind) {
    case Kind::tiny:
    case Kind::small:
    case Kind::medium:
    case Kind::integer:
    case Kind::big:
    case Kind::real8:
    case Kind::decimal:
    case Kind::year: return true;
    default: return false;
  }
}

bool is_bytes_kind(Kind kind) {
  return kind == Kind::binary || kind == Kind::blob || kind == Kind::geometry || kind == Kind::vector;
}

// Digits with a sign, a point and an exponent: what may stand in a statement without quotes.
bool is_numeral(std::string_view text) {
  std::size_t at = !text.empty() && text[0] == '-' ? 1 : 0;
  const auto digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at > from;
  };
  if (!digits()) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

// Big endian bytes as a number.
std::uint64_t bits_of(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::string bytes_of_bits(std::uint64_t value, std::uint64_t bits) {
  std::string bytes((bits + 7) / 8, '\0');
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte, value >>= 8) *byte = static_cast<char>(value & 0xff);
  return bytes;
}

std::string_view fixed_native(const TargetColumn& column, Type type, std::int64_t value, std::string& scratch) {
  if (type == Type::date || type == Type::datetime) {
    const bool is_infinite = value == model::date_infinity || value == -model::date_infinity;
    const std::int64_t days = type == Type::date ? value : value / day_micros - (value % day_micros < 0 ? 1 : 0);
    if (is_infinite || days < first_day || days > last_day) return no_such_value;
  }
  if (column.type.kind == Kind::bit) {
    scratch = bytes_of_bits(static_cast<std::uint64_t>(value), column.type.length);
  } else if (type == Type::boolean && !column.is_text()) {
    scratch = value != 0 ? "1" : "0";
  } else {
    scratch = model::fixed_text(type, value);
  }
  return scratch;
}

// A float's own value, all digits: 0.1 as it is written is another one.
std::string exact_real4(std::string_view text) {
  return fmt::format("{:.17e}", static_cast<double>(std::strtof(std::string(text).c_str(), nullptr)));
}

}  // namespace

bool TargetColumn::is_text() const {
  switch (type.kind) {
    case Kind::character:
    case Kind::text:
    case Kind::enumeration:
    case Kind::set:
    case Kind::json: return true;
    default: return false;
  }
}

bool TargetColumn::takes_raw_text() const {
  if (type.kind == Kind::json || type.kind == Kind::uuid || type.kind == Kind::inet4 || type.kind == Kind::inet6) {
    return false;
  }
  const std::string& set = type.character_set;
  return !is_text() || set == "utf8mb4" || set == "utf8mb3" || set == "utf8" || set == "ascii";
}

bool TargetColumn::tells_bytes_apart() const {
  if (type.kind == Kind::json) return false;
  return !is_text() || collation.ends_with("_0900_bin") || collation.ends_with("_nopad_bin") || collation == "binary";
}

std::string_view native_text(const TargetColumn& column, std::string_view cell, std::string& scratch) {
  if (model::is_fixed(column.canonical)) {
    return fixed_native(column, column.canonical, model::load_fixed(cell), scratch);
  }
  if (!model::is_real(column.canonical)) return cell;
  scratch = model::real_text(column.canonical, model::load_real(cell));
  return scratch;
}

std::string_view native_text(const TargetColumn& column, const model::ColumnVector& cells, std::size_t row,
                             std::string& scratch) {
  if (model::is_fixed(cells.type)) return fixed_native(column, cells.type, cells.fixed[row], scratch);
  if (!model::is_real(cells.type)) return cells.bytes_at(row);
  scratch = model::real_text(cells.type, cells.real[row]);
  return scratch;
}

void append_literal(std::string& sql, const TargetColumn& column, std::string_view text) {
  const Kind kind = column.type.kind;
  if (is_number(kind) && is_numeral(text)) {
    sql += text;
  } else if (kind == Kind::real4 && is_numeral(text)) {
    sql += exact_real4(text);
  } else if (kind == Kind::bit && text.size() <= 8) {
    sql += std::to_string(bits_of(text));
  } else if (is_bytes_kind(kind)) {
    sql += quote_bytes(text);
  } else {
    sql += quote_literal(text);
  }
}

void append_null_match(std::string& sql, const TargetColumn& column) { sql += column.name + " IS NULL"; }

void append_exact_match(std::string& sql, const TargetColumn& column, std::string_view text) {
  if (column.type.kind == Kind::geometry || column.type.kind == Kind::vector) {
    sql += fmt::format("HEX({}) = HEX({})", column.name, quote_bytes(text));
    return;
  }
  if (column.type.kind != Kind::json) {  // by an index, where there is one
    sql += column.name + " = ";
    append_literal(sql, column, text);
  }
  if (column.tells_bytes_apart()) return;
  if (column.type.kind != Kind::json) sql += " AND ";
  sql += fmt::format("CAST(CONVERT({} USING utf8mb4) AS BINARY) = {}", column.name, quote_bytes(text));
}

void append_load_field(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '\0': out += "\\0"; break;
      case '\\': out += "\\\\"; break;
      case '\t': out += "\\t"; break;
      case '\n': out += "\\n"; break;
      default: out += c;
    }
  }
}

std::string load_field_text(std::string_view field) {
  std::string text;
  for (std::size_t at = 0; at < field.size(); ++at) {
    if (field[at] != '\\' || at + 1 == field.size()) {
      text += field[at];
      continue;
    }
    const char c = field[++at];
    text += c == '0' ? '\0' : c == 't' ? '\t' : c == 'n' ? '\n' : c;
  }
  return text;
}

std::string load_sql(const std::string& table, const std::vector<TargetColumn>& columns) {
  std::string fields, conversions;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) fields += ", ";
    if (columns[i].takes_raw_text()) {
      fields += columns[i].name;
      continue;
    }
    fields += fmt::format("@v{}", i);
    conversions +=
        fmt::format("{}{} = CONVERT(@v{} USING utf8mb4)", conversions.empty() ? " SET " : ", ", columns[i].name, i);
  }
  return fmt::format("LOAD DATA LOCAL INFILE 'millrace' INTO TABLE {} CHARACTER SET binary ({}){}", table, fields,
                     conversions);
}

}  // namespace mysql
