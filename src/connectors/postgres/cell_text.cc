// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/cell_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/civil.h"
#include "connectors/postgres/decode.h"
#include "model/change.h"

namespace postgres {
namespace {

using model::Type;

constexpr std::int64_t micros_per_day = 86'400'000'000;

void append_padded(std::string& out, std::int64_t value, std::size_t digits) {
  const std::string text = std::to_string(value);
  if (text.size() < digits) out.append(digits - text.size(), '0');
  out += text;
}

// Returns whether the year is before Christ: the caller appends " BC" at the end.
bool append_date(std::string& out, std::int64_t days) {
  const base::CivilDay civil = base::civil_day(days);
  const bool before_christ = civil.year <= 0;
  append_padded(out, before_christ ? 1 - civil.year : civil.year, 4);
  out += '-';
  append_padded(out, civil.month, 2);
  out += '-';
  append_padded(out, civil.day, 2);
  return before_christ;
}

void append_time(std::string& out, std::int64_t micros) {
  append_padded(out, micros / 3'600'000'000, 2);
  out += ':';
  append_padded(out, micros / 60'000'000 % 60, 2);
  out += ':';
  append_padded(out, micros / 1'000'000 % 60, 2);
  if (micros % 1'000'000 != 0) {
    out += '.';
    append_padded(out, micros % 1'000'000, 6);
  }
}

void append_hex(std::string& out, std::string_view bytes) {
  out += "\\x";
  append_hex_digits(out, bytes);
}

// What COPY must escape: backslash and the bytes it reads as a delimiter or line end.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> table{};
  table['\\'] = '\\';
  table['\b'] = 'b';
  table['\f'] = 'f';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  table['\v'] = 'v';
  return table;
}
constexpr std::array<char, 256> escapes = make_escapes();

}  // namespace

void append_hex_digits(std::string& out, std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::size_t at = out.size();
  out.resize(at + 2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out[at++] = digits[byte >> 4];
    out[at++] = digits[byte & 15];
  }
}

void append_fixed_text(std::string& out, Type type, std::int64_t value) {
  const bool infinite = value == model::date_infinity || value == -model::date_infinity;
  switch (type) {
    case Type::boolean: out += value != 0 ? 't' : 'f'; return;
    case Type::uint8: out += std::to_string(static_cast<std::uint64_t>(value)); return;
    case Type::date:
    case Type::datetime: {
      if (infinite) {
        out += value > 0 ? "infinity" : "-infinity";
        return;
      }
      std::int64_t days = value, rest = 0;
      if (type == Type::datetime) {
        days = value / micros_per_day;
        rest = value % micros_per_day;
        if (rest < 0) {
          rest += micros_per_day;
          --days;
        }
      }
      const bool before_christ = append_date(out, days);
      if (type == Type::datetime) {
        out += ' ';
        append_time(out, rest);
      }
      if (before_christ) out += " BC";
      return;
    }
    case Type::time: append_time(out, value); return;
    default: out += std::to_string(value); return;
  }
}

void append_real_text(std::string& out, Type type, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "Infinity" : "-Infinity";
  } else {
    char text[64];
    const auto end = type == Type::real4 ? std::to_chars(text, text + sizeof text, static_cast<float>(value))
                                         : std::to_chars(text, text + sizeof text, value);
    out.append(text, end.ptr);
  }
}

void append_cell_text(std::string& out, Type type, std::string_view cell) {
  if (model::is_fixed(type)) return append_fixed_text(out, type, model::load_fixed(cell));
  if (model::is_real(type)) return append_real_text(out, type, model::load_real(cell));
  if (is_bytes(type)) return append_hex(out, cell);
  out += cell;
}

void append_copy_field(std::string& out, std::string_view text) {
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char escape = escapes[static_cast<unsigned char>(text[i])];
    if (escape == 0) continue;
    out.append(text, start, i - start);
    out += '\\';
    out += escape;
    start = i + 1;
  }
  out.append(text, start, text.size() - start);
}

namespace {

base::Result<void> append_copy_bytes(std::string& out, Type type, std::string_view value, const CopyTextFull& full) {
  if (is_bytes(type)) out += "\\\\x";  // the escaped form of \x; digits need none
  do {
    const std::string_view piece = value.substr(0, value_piece_bytes);
    if (is_bytes(type)) {
      append_hex_digits(out, piece);
    } else {
      append_copy_field(out, piece);
    }
    value.remove_prefix(piece.size());
    if (full && out.size() >= full_bytes) TRY(full(out));
  } while (!value.empty());
  return {};
}

}  // namespace

base::Result<void> append_copy_rows(std::string& out, const model::RowBatch& rows, const CopyTextFull& full) {
  for (std::size_t row = 0; row < rows.rows; ++row) {
    for (std::size_t i = 0; i < rows.columns.size(); ++i) {
      const model::ColumnVector& column = rows.columns[i];
      if (i != 0) out += '\t';
      if (column.present[row] == 0) {
        out += copy_null;
      } else if (model::is_fixed(column.type)) {
        append_fixed_text(out, column.type, column.fixed[row]);
      } else if (model::is_real(column.type)) {
        append_real_text(out, column.type, column.real[row]);
      } else {
        TRY(append_copy_bytes(out, column.type, column.bytes_at(row), full));
      }
    }
    out += '\n';
  }
  return {};
}

}  // namespace postgres
