// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/decode.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace postgres {
namespace {

using model::Type;

constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::int64_t micros_per_day = 86'400 * micros_per_second;

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

// Two digits at `p`, or something above 99.
unsigned two_digits(const char* p) {
  const unsigned high = static_cast<unsigned char>(p[0] - '0');
  const unsigned low = static_cast<unsigned char>(p[1] - '0');
  return high < 10 && low < 10 ? high * 10 + low : 100;
}

bool is_leap(std::int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

unsigned days_in_month(std::int64_t year, unsigned month) {
  static constexpr std::array<std::uint8_t, 13> days = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[month];
}

// Days since 1970-01-01 in the proleptic Gregorian calendar; year 0 is 1 BC. March is the first month of the count, so
// that the leap day comes last.
std::int64_t days_of(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

// Reads "YYYY-MM-DD" (four or more digits of year) from the front of `text`.
struct Day {
  std::int64_t year = 0;
  unsigned month = 0, day = 0;
};
bool take_day(std::string_view& text, Day& out) {
  std::size_t digits = 0;
  std::int64_t year = 0;
  while (digits < text.size() && digits < 7 && is_digit(text[digits])) year = year * 10 + (text[digits++] - '0');
  if (digits < 4 || text.size() < digits + 6 || text[digits] != '-' || text[digits + 3] != '-') return false;
  out.year = year;
  out.month = two_digits(text.data() + digits + 1);
  out.day = two_digits(text.data() + digits + 4);
  text.remove_prefix(digits + 6);
  return year >= 1 && out.month >= 1 && out.month <= 12 && out.day >= 1 && out.day <= 31;
}

bool resolve_day(const Day& day, bool before_christ, std::int64_t& days) {
  const std::int64_t year = before_christ ? 1 - day.year : day.year;
  if (day.day > days_in_month(year, day.month)) return false;
  days = days_of(year, day.month, day.day);
  return true;
}

// Reads "HH:MM:SS[.ffffff]" from the front.
bool take_time(std::string_view& text, std::int64_t& micros) {
  if (text.size() < 8 || text[2] != ':' || text[5] != ':') return false;
  const unsigned hour = two_digits(text.data());
  const unsigned minute = two_digits(text.data() + 3);
  const unsigned second = two_digits(text.data() + 6);
  if (hour > 24 || minute > 59 || second > 60) return false;
  text.remove_prefix(8);
  std::int64_t fraction = 0;
  if (!text.empty() && text[0] == '.') {
    std::size_t at = 1;
    std::int64_t unit = micros_per_second;
    while (at < text.size() && at < 7 && is_digit(text[at])) {
      fraction = fraction * 10 + (text[at++] - '0');
      unit /= 10;
    }
    if (at == 1) return false;
    fraction *= unit;
    text.remove_prefix(at);
  }
  micros = (hour * 3600LL + minute * 60LL + second) * micros_per_second + fraction;
  return micros <= micros_per_day;
}

// Reads "+HH[:MM[:SS]]" from the front, when there is one.
bool take_zone(std::string_view& text, std::int64_t& seconds) {
  seconds = 0;
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return true;
  const bool is_west = text[0] == '-';
  text.remove_prefix(1);
  std::int64_t unit = 3600;
  while (true) {
    if (text.size() < 2) return false;
    const unsigned part = two_digits(text.data());
    if (part > 59) return false;
    seconds += part * unit;
    unit /= 60;
    text.remove_prefix(2);
    if (text.empty() || text[0] != ':' || unit == 0) break;
    text.remove_prefix(1);
  }
  if (is_west) seconds = -seconds;
  return true;
}

bool take_era(std::string_view& text) {
  if (text != " BC") return false;
  text = {};
  return true;
}

std::optional<std::int64_t> parse_infinity(std::string_view text) {
  if (text == "infinity") return model::date_infinity;
  if (text == "-infinity") return -model::date_infinity;
  return std::nullopt;
}

constexpr std::array<std::int8_t, 256> make_hex_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (int i = 0; i < 10; ++i) values[static_cast<std::size_t>('0' + i)] = static_cast<std::int8_t>(i);
  for (int i = 0; i < 6; ++i) {
    values[static_cast<std::size_t>('a' + i)] = static_cast<std::int8_t>(10 + i);
    values[static_cast<std::size_t>('A' + i)] = static_cast<std::int8_t>(10 + i);
  }
  return values;
}
constexpr std::array<std::int8_t, 256> hex_values = make_hex_values();

}  // namespace

TextForm text_form(const model::ColumnType& type, const TypeChoices& choices) {
  switch (type.type) {
    case Type::boolean: return TextForm::boolean;
    case Type::int1:
    case Type::int2: return TextForm::integer2;
    case Type::int4: return TextForm::integer4;
    case Type::int8: return TextForm::integer8;
    case Type::uint1:
    case Type::uint2:
    case Type::uint4: return TextForm::unsigned4;
    case Type::uint8: return TextForm::integer8;
    case Type::numeric: return TextForm::numeric;
    case Type::real4: return TextForm::real4;
    case Type::real8: return TextForm::real8;
    case Type::date: return TextForm::date;
    case Type::time: return TextForm::time;
    case Type::datetime: return TextForm::datetime;
    case Type::bytes:
    case Type::blob: return TextForm::hex_bytes;
    case Type::string: return type.length == 5 ? TextForm::boolean_word : TextForm::verbatim;
    case Type::wstring:
      return type.native_id == type_oid::bpchar && choices.trim_char ? TextForm::trimmed : TextForm::verbatim;
    case Type::clob:
    case Type::nclob: return TextForm::verbatim;
  }
  return TextForm::verbatim;
}

std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t low, std::int64_t high) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || value < low || value > high) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_date(std::string_view text) {
  Day day;
  if (!take_day(text, day)) return parse_infinity(text);
  const bool before_christ = take_era(text);
  std::int64_t days = 0;
  if (!text.empty() || !resolve_day(day, before_christ, days)) return std::nullopt;
  return days;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  std::int64_t micros = 0;
  if (!take_time(text, micros) || !text.empty()) return std::nullopt;
  return micros;
}

std::optional<std::int64_t> parse_datetime(std::string_view text) {
  Day day;
  if (!take_day(text, day)) return parse_infinity(text);
  if (text.empty() || text[0] != ' ') return std::nullopt;
  text.remove_prefix(1);
  std::int64_t micros = 0, zone = 0, days = 0, at = 0;
  if (!take_time(text, micros) || !take_zone(text, zone)) return std::nullopt;
  const bool before_christ = take_era(text);
  if (!text.empty() || !resolve_day(day, before_christ, days)) return std::nullopt;
  if (__builtin_mul_overflow(days, micros_per_day, &at)) return std::nullopt;
  if (__builtin_add_overflow(at, micros - zone * micros_per_second, &at)) return std::nullopt;
  if (at == model::date_infinity) return std::nullopt;  // one microsecond too many: it would read as infinity
  return at;
}

std::optional<double> parse_real(std::string_view text, bool single) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  // Only digits begin a number here: from_chars also knows "inf" and "nan" in words of its own.
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  if (text.size() <= first || !is_digit(text[first])) return std::nullopt;
  const char* end = text.data() + text.size();
  double value = 0;
  float narrow = 0;
  const auto parsed = single ? std::from_chars(text.data(), end, narrow) : std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return single ? static_cast<double>(narrow) : value;
}

bool is_numeric_text(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t first = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  if (at == first) return text == "NaN" || text == "Infinity" || text == "-Infinity";
  if (at == text.size()) return true;
  if (text[at] != '.') return false;
  const std::size_t point = at++;
  while (at < text.size() && is_digit(text[at])) ++at;
  return at == text.size() && at > point + 1;
}

constexpr std::size_t money_scale = 4;  // as types.cc maps it
std::size_t money_to_numeric(std::string_view text, char* out) {
  std::size_t size = 0;
  if (text.starts_with('-')) {
    out[size++] = '-';
    text.remove_prefix(1);
  }
  if (!text.starts_with('$')) return 0;
  text.remove_prefix(1);
  for (const char c : text) {
    if (c != ',') out[size++] = c;
  }
  if (!is_numeric_text(std::string_view(out, size))) return 0;
  const std::size_t point = std::string_view(out, size).find('.');
  if (point == std::string_view::npos) return size;
  while (size <= point + money_scale) out[size++] = '0';
  return size;
}

bool decode_hex(std::string_view digits, char* out) {
  int bad = 0;
  const auto* in = reinterpret_cast<const unsigned char*>(digits.data());
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    const int high = hex_values[in[i]];
    const int low = hex_values[in[i + 1]];
    bad |= high | low;
    *out++ = static_cast<char>(static_cast<unsigned>(high) << 4 | static_cast<unsigned>(low & 15));
  }
  return bad >= 0;
}

}  // namespace postgres
