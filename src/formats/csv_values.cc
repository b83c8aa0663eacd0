// SPDX-License-Identifier: Apache-2.0
#include "formats/csv_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "model/cell_text.h"

namespace formats {
namespace {

constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::int64_t micros_per_day = 86'400 * micros_per_second;

constexpr auto make_digit_pairs() {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}
constexpr std::array<char, 200> digit_pairs = make_digit_pairs();

char* put_two(char* to, unsigned value) {
  std::memcpy(to, &digit_pairs[2 * static_cast<std::size_t>(value)], 2);
  return to + 2;
}

// Writes the digits so that they end at `end`; returns where they start.
char* put_backwards(char* end, std::uint64_t value) {
  while (value >= 100) {
    end -= 2;
    std::memcpy(end, &digit_pairs[2 * (value % 100)], 2);
    value /= 100;
  }
  if (value >= 10) {
    end -= 2;
    std::memcpy(end, &digit_pairs[2 * value], 2);
    return end;
  }
  *--end = static_cast<char>('0' + value);
  return end;
}

char* put_year(char* to, std::uint64_t year) {
  if (year < 10000) {
    to = put_two(to, static_cast<unsigned>(year / 100));
    return put_two(to, static_cast<unsigned>(year % 100));
  }
  char digits[24];
  const char* start = put_backwards(digits + sizeof digits, year);
  const auto length = static_cast<std::size_t>(digits + sizeof digits - start);
  std::memcpy(to, start, length);
  return to + length;
}

char* put_day(char* to, const CivilDay& day) {
  to = put_year(to, static_cast<std::uint64_t>(day.year > 0 ? day.year : 1 - day.year));
  *to++ = '-';
  to = put_two(to, day.month);
  *to++ = '-';
  return put_two(to, day.day);
}

char* put_time(char* to, std::int64_t micros, int fraction_digits) {
  const auto seconds = static_cast<unsigned>(micros / micros_per_second);
  auto fraction = static_cast<unsigned>(micros % micros_per_second);
  to = put_two(to, seconds / 3600);
  *to++ = ':';
  to = put_two(to, seconds / 60 % 60);
  *to++ = ':';
  to = put_two(to, seconds % 60);
  if (fraction_digits <= 0) return to;
  char digits[6];
  put_two(put_two(put_two(digits, fraction / 10000), fraction / 100 % 100), fraction % 100);
  const int count = std::min(fraction_digits, 6);
  *to++ = '.';
  std::memcpy(to, digits, static_cast<std::size_t>(count));
  return to + count;
}

bool append_special_real(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "Infinity" : "-Infinity";
  } else {
    return false;
  }
  return true;
}

void append_scientific(std::string& out, double value, int digits) {
  if (append_special_real(out, value)) return;
  char text[40];
  char* start = text;
  if (!std::signbit(value)) *start++ = '+';
  const auto done = std::to_chars(start, text + sizeof text, value, std::chars_format::scientific, digits);
  out.append(text, static_cast<std::size_t>(done.ptr - text));
}

}  // namespace

std::int64_t days_since_1970(const CivilDay& day) {
  const std::int64_t year = day.year - (day.month <= 2 ? 1 : 0);
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t month = day.month > 2 ? day.month - 3 : day.month + 9;
  const std::int64_t day_of_year = (153 * month + 2) / 5 + day.day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

void append_unsigned(std::string& out, std::uint64_t value) {
  char digits[24];
  const char* start = put_backwards(digits + sizeof digits, value);
  out.append(start, static_cast<std::size_t>(digits + sizeof digits - start));
}

void append_integer(std::string& out, std::int64_t value) {
  char digits[24];
  const bool negative = value < 0;
  const auto bits = static_cast<std::uint64_t>(value);
  char* start = put_backwards(digits + sizeof digits, negative ? 0 - bits : bits);
  if (negative) *--start = '-';
  out.append(start, static_cast<std::size_t>(digits + sizeof digits - start));
}

void append_real8(std::string& out, double value) { append_scientific(out, value, 16); }
void append_real4(std::string& out, double value) { append_scientific(out, value, 8); }

void append_date(std::string& out, std::int64_t days) {
  if (days == model::date_infinity || days == -model::date_infinity) {
    out += days > 0 ? "infinity" : "-infinity";
    return;
  }
  const CivilDay day = civil_day(days);
  char text[40];
  out.append(text, static_cast<std::size_t>(put_day(text, day) - text));
  if (day.year <= 0) out += " BC";
}

void append_time(std::string& out, std::int64_t micros, int fraction_digits) {
  char text[24];
  out.append(text, static_cast<std::size_t>(put_time(text, micros, fraction_digits) - text));
}

void append_datetime(std::string& out, std::int64_t micros, int fraction_digits) {
  if (micros == model::date_infinity || micros == -model::date_infinity) {
    out += micros > 0 ? "infinity" : "-infinity";
    return;
  }
  std::int64_t days = micros / micros_per_day;
  std::int64_t rest = micros % micros_per_day;
  if (rest < 0) {
    rest += micros_per_day;
    --days;
  }
  const CivilDay day = civil_day(days);
  char text[64];
  char* end = put_day(text, day);
  *end++ = ' ';
  end = put_time(end, rest, fraction_digits);
  out.append(text, static_cast<std::size_t>(end - text));
  if (day.year <= 0) out += " BC";
}

void append_numeric(std::string& out, std::string_view text, unsigned precision, int scale) {
  out += text;
  if (precision == 0 || scale <= 0 || text.empty()) return;
  const char last = text.back();
  if (last < '0' || last > '9') return;  // NaN, Infinity
  const std::size_t point = text.find('.');
  const auto wanted = static_cast<std::size_t>(scale);
  if (point == std::string_view::npos) {
    out += '.';
    out.append(wanted, '0');
    return;
  }
  const std::size_t decimals = text.size() - point - 1;
  if (decimals < wanted) out.append(wanted - decimals, '0');
  for (std::size_t surplus = decimals; surplus > wanted && out.back() == '0'; --surplus) out.pop_back();
}

void append_hex(std::string& out, std::string_view bytes) {
  constexpr char digits[] = "0123456789ABCDEF";
  const std::size_t start = out.size();
  out.resize(start + 2 * bytes.size());
  char* to = out.data() + start;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    *to++ = digits[byte >> 4];
    *to++ = digits[byte & 15];
  }
}

namespace {

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); }

bool real_text_of(model::Type type, std::string& text) {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") return true;
  std::string_view rest = text;
  if (!rest.empty() && rest.front() == '+') rest.remove_prefix(1);
  double value = 0;
  const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (read.ec != std::errc() || read.ptr != rest.data() + rest.size()) return false;
  text = model::real_text(type, value);
  return true;
}

// "2020-01-02 03:04:05.100000 BC" -> "2020-01-02 03:04:05.1 BC"
void trim_fraction(std::string& text) {
  const std::size_t point = text.find('.');
  if (point == std::string::npos) return;
  std::size_t end = point + 1;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  std::size_t keep = end;
  while (keep > point + 1 && text[keep - 1] == '0') --keep;
  if (keep == point + 1) keep = point;
  text.erase(keep, end - keep);
}

}  // namespace

bool to_cell_text(model::Type type, std::string& text) {
  using model::Type;
  switch (type) {
    case Type::boolean: return text == "true" || text == "false";
    case Type::real4:
    case Type::real8: return real_text_of(type, text);
    case Type::bytes:
    case Type::blob:
      if (text.size() % 2 != 0 || !std::all_of(text.begin(), text.end(), is_hex)) return false;
      for (char& c : text) c = c >= 'A' ? static_cast<char>(c - 'A' + 'a') : c;
      return true;
    case Type::time:
    case Type::datetime: trim_fraction(text); return true;
    default: return true;
  }
}

}  // namespace formats
