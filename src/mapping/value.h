// SPDX-License-Identifier: Apache-2.0
//
// Values between canonical cells and expressions: what SQLite knows (NULL, integer, real, text, blob), made from a cell
// of any type and turned into a cell of any type. Pure; bytes are borrowed and live as long as the buffer they stand
// in.
//
// A value becomes a cell only when it keeps its meaning: a text that is no number is no integer, 1.5 is no INT4, a text
// longer than the column is not cut. Numbers are rounded to a NUMERIC's scale, as databases do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/schema.h"

namespace mapping {

struct Value {
  enum class Kind : std::uint8_t { null, integer, real, text, blob };
  Kind kind = Kind::null;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes;

  static Value of(std::int64_t number) { return {Kind::integer, number, 0, {}}; }
  static Value of(double number) { return {Kind::real, 0, number, {}}; }
  static Value of(std::string_view text) { return {Kind::text, 0, 0, text}; }
};

// How a NUMERIC is seen. exact: its text. arithmetic: an integer of up to 18 digits or a real of up to 15 digits, so
// that it compares and adds as a number; its text when it is longer.
enum class NumericView : std::uint8_t { exact, arithmetic };

// `scratch` holds the text of dates and times; it must outlive the value.
Value value_of_fixed(model::Type type, std::int64_t cell, std::string& scratch);
Value value_of_real(double cell);
Value value_of_bytes(model::Type type, std::string_view cell, NumericView view);
// A cell in its canonical encoding.
Value value_of_cell(model::Type type, std::string_view cell, NumericView view, std::string& scratch);

// One cell, decoded. `fixed` for is_fixed, `real` for is_real, `bytes` for all others.
struct PlainCell {
  bool is_null = true;
  std::int64_t fixed = 0;
  double real = 0;
  std::string bytes;
};

// False: the value has no place in a column of that type.
bool to_cell(const Value& value, const model::ColumnType& type, PlainCell& out);

// The least and the greatest value of an integer type; of uint8 what fits into int64.
struct IntegerRange {
  std::int64_t low, high;
};
IntegerRange integer_range(model::Type type);
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_number(model::Type type) { return model::is_integer(type) || type == model::Type::numeric; }
inline bool in_range(model::Type type, std::int64_t value) {
  const IntegerRange range = integer_range(type);
  return value >= range.low && value <= range.high;
}

inline constexpr std::int64_t day_micros = 86'400'000'000;

// "2024-02-29 23:59:59.5" (or T between, a date alone, Z or +00 behind, BC at the end): days since 1970 and
// microseconds of the day. Digits beyond microseconds are dropped. False: no such time.
bool parse_date_and_time(std::string_view text, std::int64_t& days, std::int64_t& micros);
// The same as microseconds since 1970; false also for what these cannot hold.
bool parse_datetime(std::string_view text, std::int64_t& micros);
bool parse_time(std::string_view text, std::int64_t& micros);

}  // namespace mapping
