// SPDX-License-Identifier: Apache-2.0
#include "mapping/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "model/cell_text.h"
#include "model/change.h"

namespace mapping {
namespace {

using model::Type;
using Kind = Value::Kind;

constexpr std::int64_t datetime_days_max = std::numeric_limits<std::int64_t>::max() / day_micros - 1;
constexpr std::size_t integer_digits_max = 18;
constexpr std::size_t real_digits_max = 15;
constexpr double int64_end = 9223372036854775808.0;

// -?digits[.digits], taken apart.
struct Decimal {
  bool negative = false;
  std::string whole, fraction;
};

bool parse_decimal(std::string_view text, Decimal& out) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    out.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? "" : text.substr(point + 1);
  if (whole.empty() && fraction.empty()) return false;
  if (!std::all_of(whole.begin(), whole.end(), is_digit)) return false;
  if (!std::all_of(fraction.begin(), fraction.end(), is_digit)) return false;
  out.whole = whole.substr(std::min(whole.find_first_not_of('0'), whole.size()));
  out.fraction = fraction;
  return true;
}

// One more in the last place of whole and fraction together.
void count_up(Decimal& number) {
  for (std::string* digits : {&number.fraction, &number.whole}) {
    for (auto digit = digits->rbegin(); digit != digits->rend(); ++digit) {
      if (*digit != '9') {
        ++*digit;
        return;
      }
      *digit = '0';
    }
  }
  number.whole.insert(number.whole.begin(), '1');
}

bool decimal_cell(std::string_view text, const model::ColumnType& type, std::string& out) {
  Decimal number;
  if (!parse_decimal(text, number)) return false;
  if (type.precision > 0) {
    const auto scale = static_cast<std::size_t>(std::max<int>(type.scale, 0));
    const bool up = number.fraction.size() > scale && number.fraction[scale] >= '5';
    number.fraction.resize(scale, '0');
    if (up) count_up(number);
    if (number.whole.size() + scale > type.precision) return false;
  }
  const auto zeros = [](const std::string& digits) { return digits.find_first_not_of('0') == std::string::npos; };
  out = number.negative && !(zeros(number.whole) && zeros(number.fraction)) ? "-" : "";
  out += number.whole.empty() ? "0" : number.whole;
  if (!number.fraction.empty()) out += "." + number.fraction;
  return true;
}

// The shortest decimal text that reads back, without an exponent.
std::string plain_real(double real) {
  const std::string text = fmt::format("{}", real);
  const std::size_t mark = text.find('e');
  if (mark == std::string::npos) return text;
  int exponent = 0;
  const std::size_t digits_at = text[mark + 1] == '+' ? mark + 2 : mark + 1;
  std::from_chars(text.data() + digits_at, text.data() + text.size(), exponent);
  const std::string sign = real < 0 ? "-" : "";
  std::string digits = text.substr(sign.size(), mark - sign.size());
  std::size_t point = std::min(digits.find('.'), digits.size());
  std::erase(digits, '.');
  if (exponent < 0) {
    const auto zeros = static_cast<std::size_t>(-exponent);
    digits.insert(0, zeros, '0');
    return sign + digits.insert(point, ".");
  }
  point += static_cast<std::size_t>(exponent);
  if (digits.size() <= point) return sign + digits.append(point - digits.size(), '0');
  return sign + digits.insert(point, ".");
}

bool numeric_cell(const Value& value, const model::ColumnType& type, std::string& out) {
  switch (value.kind) {
    case Kind::integer: return decimal_cell(std::to_string(value.integer), type, out);
    case Kind::real:
      if (!std::isfinite(value.real)) return false;
      return decimal_cell(type.precision > 0 ? fmt::format("{:.{}f}", value.real, std::max<int>(type.scale, 0))
                                             : plain_real(value.real),
                          type, out);
    case Kind::text:
      if (value.bytes == "NaN" || (type.precision == 0 && (value.bytes == "Infinity" || value.bytes == "-Infinity"))) {
        out = value.bytes;
        return true;
      }
      return decimal_cell(value.bytes, type, out);
    default: return false;
  }
}

bool whole_number(const Value& value, std::int64_t& out) {
  if (value.kind == Kind::integer) {
    out = value.integer;
    return true;
  }
  if (value.kind == Kind::real) {
    if (std::trunc(value.real) != value.real || value.real < -int64_end || value.real >= int64_end) return false;
    out = static_cast<std::int64_t>(value.real);
    return true;
  }
  if (value.kind != Kind::text) return false;
  Decimal number;
  if (!parse_decimal(value.bytes, number)) return false;
  if (number.fraction.find_first_not_of('0') != std::string::npos) return false;
  const std::string digits = (number.negative ? "-" : "") + (number.whole.empty() ? "0" : number.whole);
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return code == std::errc() && end == digits.data() + digits.size();
}

bool integer_cell(const Value& value, Type type, std::int64_t& out) {
  if (type == Type::uint8 && value.kind == Kind::text) {
    std::uint64_t number = 0;
    const char* const stop = value.bytes.data() + value.bytes.size();
    const auto [end, code] = std::from_chars(value.bytes.data(), stop, number);
    out = static_cast<std::int64_t>(number);
    return code == std::errc() && end == stop && !value.bytes.empty();
  }
  if (!whole_number(value, out)) return false;
  if (type == Type::uint8) return out >= 0;
  return in_range(type, out);
}

bool boolean_cell(const Value& value, std::int64_t& out) {
  if (value.kind == Kind::integer && (value.integer == 0 || value.integer == 1)) {
    out = value.integer;
    return true;
  }
  if (value.kind != Kind::text) return false;
  for (const std::string_view yes : {"true", "t", "1", "TRUE", "True", "yes", "y"}) {
    if (value.bytes == yes) return (out = 1) == 1;
  }
  for (const std::string_view no : {"false", "f", "0", "FALSE", "False", "no", "n"}) {
    if (value.bytes == no) return (out = 0) == 0;
  }
  return false;
}

bool real_cell(const Value& value, double& out) {
  if (value.kind == Kind::real) return out = value.real, true;
  if (value.kind == Kind::integer) return out = static_cast<double>(value.integer), true;
  if (value.kind != Kind::text) return false;
  if (value.bytes == "NaN") return out = std::nan(""), true;
  if (value.bytes == "Infinity" || value.bytes == "-Infinity") {
    return out = value.bytes[0] == '-' ? -HUGE_VAL : HUGE_VAL, true;
  }
  const char* const stop = value.bytes.data() + value.bytes.size();
  const auto [end, code] = std::from_chars(value.bytes.data(), stop, out);
  return code == std::errc() && end == stop && std::isfinite(out);
}

// Days since 1970-01-01 (the era arithmetic of Howard Hinnant's "date algorithms").
std::int64_t days_of(std::int64_t year, unsigned month, unsigned day) {
  const std::int64_t shifted = month <= 2 ? year - 1 : year;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  const std::int64_t year_of_era = shifted - era * 400;
  const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

bool take_number(std::string_view& text, std::size_t digits_min, std::size_t digits_max, std::int64_t& out) {
  std::size_t digits = 0;
  out = 0;
  while (digits < text.size() && digits < digits_max && is_digit(text[digits])) out = out * 10 + (text[digits++] - '0');
  text.remove_prefix(digits);
  return digits >= digits_min;
}

bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

bool take_date(std::string_view& text, bool before_christ, std::int64_t& days) {
  std::int64_t year = 0, month = 0, day = 0;
  if (!take_number(text, 4, 7, year) || !take_word(text, "-") || !take_number(text, 2, 2, month) ||
      !take_word(text, "-") || !take_number(text, 2, 2, day)) {
    return false;
  }
  if (month < 1 || month > 12 || day < 1 || day > 31) return false;
  if (before_christ) year = 1 - year;
  days = days_of(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  const std::int64_t next = month == 12 ? days_of(year + 1, 1, 1) : days_of(year, static_cast<unsigned>(month) + 1, 1);
  return days < next;
}

// Digits beyond microseconds are dropped.
bool take_time(std::string_view& text, std::int64_t& micros) {
  std::int64_t hours = 0, minutes = 0, seconds = 0;
  if (!take_number(text, 2, 2, hours) || !take_word(text, ":") || !take_number(text, 2, 2, minutes)) return false;
  if (take_word(text, ":") && !take_number(text, 2, 2, seconds)) return false;
  std::int64_t fraction = 0;
  if (take_word(text, ".")) {
    std::size_t digits = 0;
    for (; !text.empty() && is_digit(text[0]); ++digits, text.remove_prefix(1)) {
      if (digits < 6) fraction = fraction * 10 + (text[0] - '0');
    }
    for (; digits < 6; ++digits) fraction *= 10;
  }
  micros = ((hours * 60 + minutes) * 60 + seconds) * 1'000'000 + fraction;
  return minutes < 60 && seconds < 60 && micros <= day_micros;
}

bool infinite(std::string_view text, std::int64_t& out) {
  if (text != "infinity" && text != "-infinity") return false;
  out = text[0] == '-' ? -model::date_infinity : model::date_infinity;
  return true;
}

bool date_cell(const Value& value, std::int64_t& days) {
  if (value.kind != Kind::text) return false;
  if (infinite(value.bytes, days)) return true;
  std::int64_t micros = 0;
  return parse_date_and_time(value.bytes, days, micros) && micros == 0;
}

bool time_cell(const Value& value, std::int64_t& micros) {
  return value.kind == Kind::text && parse_time(value.bytes, micros);
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool text_cell(const Value& value, const model::ColumnType& type, std::string& out) {
  switch (value.kind) {
    case Kind::integer: out = std::to_string(value.integer); break;
    case Kind::real: out = model::real_text(Type::real8, value.real); break;
    case Kind::text: out = value.bytes; break;
    default: return false;
  }
  return type.length == 0 || characters(out) <= type.length;
}

}  // namespace

IntegerRange integer_range(Type type) {
  switch (type) {
    case Type::int1: return {-128, 127};
    case Type::int2: return {-32768, 32767};
    case Type::int4: return {-2147483648LL, 2147483647};
    case Type::uint1: return {0, 255};
    case Type::uint2: return {0, 65535};
    case Type::uint4: return {0, 4294967295LL};
    default: return {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
  }
}

bool parse_date_and_time(std::string_view text, std::int64_t& days, std::int64_t& micros) {
  constexpr std::string_view before_christ = " BC";
  const bool is_before = text.ends_with(before_christ);
  if (is_before) text.remove_suffix(before_christ.size());
  if (!take_date(text, is_before, days)) return false;
  micros = 0;
  if (take_word(text, " ") || take_word(text, "T")) {
    if (!take_time(text, micros)) return false;
    if (!take_word(text, "Z")) take_word(text, "+00");
  }
  return text.empty();
}

bool parse_datetime(std::string_view text, std::int64_t& micros) {
  std::int64_t days = 0, time = 0;
  if (!parse_date_and_time(text, days, time)) return false;
  if (days > datetime_days_max || days < -datetime_days_max) return false;
  micros = days * day_micros + time;
  return true;
}

bool parse_time(std::string_view text, std::int64_t& micros) { return take_time(text, micros) && text.empty(); }

Value value_of_fixed(Type type, std::int64_t cell, std::string& scratch) {
  const bool is_text =
      type == Type::date || type == Type::time || type == Type::datetime || (type == Type::uint8 && cell < 0);
  if (!is_text) return Value::of(cell);
  scratch = model::fixed_text(type, cell);
  return Value::of(std::string_view(scratch));
}

// SQLite takes NaN for NULL, so it goes as text.
Value value_of_real(double cell) { return std::isnan(cell) ? Value::of(std::string_view("NaN")) : Value::of(cell); }

Value value_of_bytes(Type type, std::string_view cell, NumericView view) {
  if (type == Type::bytes || type == Type::blob) return {Kind::blob, 0, 0, cell};
  if (type != Type::numeric || view == NumericView::exact) return Value::of(cell);
  const char* const stop = cell.data() + cell.size();
  const std::size_t digits = static_cast<std::size_t>(std::count_if(cell.begin(), cell.end(), is_digit));
  if (digits <= integer_digits_max && cell.find('.') == std::string_view::npos) {
    std::int64_t number = 0;
    const auto [end, code] = std::from_chars(cell.data(), stop, number);
    if (code == std::errc() && end == stop) return Value::of(number);
  }
  if (digits <= real_digits_max) {
    double number = 0;
    const auto [end, code] = std::from_chars(cell.data(), stop, number);
    if (code == std::errc() && end == stop && std::isfinite(number)) return Value::of(number);
  }
  return Value::of(cell);
}

Value value_of_cell(Type type, std::string_view cell, NumericView view, std::string& scratch) {
  if (model::is_fixed(type)) return value_of_fixed(type, model::load_fixed(cell), scratch);
  if (model::is_real(type)) return value_of_real(model::load_real(cell));
  return value_of_bytes(type, cell, view);
}

bool to_cell(const Value& value, const model::ColumnType& type, PlainCell& out) {
  out.is_null = value.kind == Kind::null;
  if (out.is_null) return true;
  switch (type.type) {
    case Type::boolean: return boolean_cell(value, out.fixed);
    case Type::numeric: return numeric_cell(value, type, out.bytes);
    case Type::real4:
      if (!real_cell(value, out.real)) return false;
      out.real = static_cast<double>(static_cast<float>(out.real));
      return true;
    case Type::real8: return real_cell(value, out.real);
    case Type::date: return date_cell(value, out.fixed);
    case Type::time: return time_cell(value, out.fixed);
    case Type::datetime:
      return value.kind == Kind::text && (infinite(value.bytes, out.fixed) || parse_datetime(value.bytes, out.fixed));
    case Type::string:
    case Type::wstring:
    case Type::clob:
    case Type::nclob: return text_cell(value, type, out.bytes);
    case Type::bytes:
    case Type::blob:
      if (value.kind != Kind::text && value.kind != Kind::blob) return false;
      out.bytes = value.bytes;
      return type.length == 0 || out.bytes.size() <= type.length;
    default: return integer_cell(value, type.type, out.fixed);
  }
}

}  // namespace mapping
