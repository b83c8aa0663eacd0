// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/binlog_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "base/civil.h"
#include "connectors/mysql/byte_reader.h"
#include "connectors/mysql/decimal_size.h"

namespace mysql::binlog {
namespace {

constexpr std::array<std::uint32_t, 7> powers_of_ten{1, 10, 100, 1000, 10'000, 100'000, 1'000'000};

char* put_digits(char* at, std::uint64_t value, int count) {
  for (int i = count - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return at + count;
}

char* put_clock(char* at, std::uint64_t hour, std::uint64_t minute, std::uint64_t second) {
  at = put_digits(at, hour, hour > 99 ? 3 : 2);
  *at++ = ':';
  at = put_digits(at, minute, 2);
  *at++ = ':';
  return put_digits(at, second, 2);
}

char* put_fraction(char* at, std::uint32_t micros, int digits) {
  if (digits <= 0) return at;
  *at++ = '.';
  return put_digits(at, micros / powers_of_ten[static_cast<std::size_t>(6 - digits)], digits);
}

char* put_date(char* at, std::uint64_t year, std::uint64_t month, std::uint64_t day) {
  at = put_digits(at, year, 4);
  *at++ = '-';
  at = put_digits(at, month, 2);
  *at++ = '-';
  return put_digits(at, day, 2);
}

std::size_t fraction_size(int fraction) { return static_cast<std::size_t>((fraction + 1) / 2); }

// The bytes behind the whole seconds hold two digits each; of an odd number of digits the last is always 0.
std::uint32_t micros_of(std::uint64_t part, int fraction) {
  const std::uint32_t micros = static_cast<std::uint32_t>(part) * powers_of_ten[6 - 2 * fraction_size(fraction)];
  return micros - micros % powers_of_ten[static_cast<std::size_t>(6 - fraction)];
}

// The fewest digits that read back as the value: 0.<digits> * 10^point.
struct Digits {
  explicit Digits(double value) {
    // "d.ddde-xx"
    char made[40];
    const char* const end = std::to_chars(made, made + sizeof made, value, std::chars_format::scientific).ptr;
    const char* at = made;
    for (; *at != 'e'; ++at) {
      if (*at != '.') text[count++] = *at;
    }
    std::from_chars(at[1] == '+' ? at + 2 : at + 1, end, point);
    ++point;
  }
  // With so many digits behind the point, which are enough; none: without it.
  void append_plain(int scale, std::string& out) const {
    const int whole = std::clamp(point, 0, count);
    out.append(text, static_cast<std::size_t>(whole));
    out.append(static_cast<std::size_t>(point > count ? point - count : point <= 0 ? 1 : 0), '0');
    if (scale <= 0) return;
    out += '.';
    const int zeros = point < 0 ? -point : 0;
    out.append(static_cast<std::size_t>(zeros), '0');
    out.append(text + whole, static_cast<std::size_t>(count - whole));
    out.append(static_cast<std::size_t>(scale - zeros - (count - whole)), '0');
  }

  char text[24] = {};
  int count = 0;
  int point = 0;
};

bool fraction_fits(std::string_view bytes, std::size_t whole, int fraction) {
  return fraction >= 0 && fraction <= 6 && bytes.size() == whole + fraction_size(fraction);
}

}  // namespace

bool append_double(double value, std::string& out) {
  constexpr int plain_places = 15;
  if (!std::isfinite(value)) return false;
  if (std::signbit(value)) out += '-';
  if (value == 0) {
    out += '0';
    return true;
  }
  const Digits digits(std::fabs(value));
  if (digits.point > -plain_places && (digits.point <= plain_places || digits.count > digits.point)) {
    digits.append_plain(digits.count - digits.point, out);
    return true;
  }
  out += digits.text[0];
  if (digits.count > 1) out += '.';
  out.append(digits.text + 1, static_cast<std::size_t>(digits.count - 1));
  out += 'e';
  char exponent[8];
  out.append(exponent, std::to_chars(exponent, exponent + sizeof exponent, digits.point - 1).ptr);
  return true;
}

bool append_fixed_double(double value, int scale, std::string& out) {
  if (!std::isfinite(value) || scale < 0 || scale > 30) return false;
  const Digits digits(std::fabs(value));
  if (value != 0 && digits.count - digits.point <= scale) {
    if (value < 0) out += '-';
    digits.append_plain(scale, out);
    return true;
  }
  char text[400];
  const auto [end, code] = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, scale);
  if (code != std::errc()) return false;
  out.append(text, end);
  return true;
}

bool append_decimal(std::string_view bytes, std::size_t precision, std::size_t scale, std::size_t digits_in_front,
                    std::string& out) {
  constexpr std::array<std::uint32_t, 10> limits{1,       10,        100,        1000,        10'000,
                                                 100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};
  if (precision == 0 || precision > 81 || scale > precision || bytes.size() != decimal_size(precision, scale)) {
    return false;
  }
  std::array<char, 48> plain{};
  std::memcpy(plain.data(), bytes.data(), bytes.size());
  plain[0] = static_cast<char>(plain[0] ^ 0x80);  // so that bytes sort as the numbers do
  const bool negative = (plain[0] & 0x80) != 0;
  if (negative) {
    for (std::size_t i = 0; i < bytes.size(); ++i) plain[i] = static_cast<char>(~plain[i]);
  }
  std::array<char, 96> digits{};
  char* put = digits.data();
  ByteReader in(std::string_view(plain.data(), bytes.size()));
  const auto group = [&](std::size_t count) {
    if (count == 0) return true;
    const std::uint64_t value = in.big_endian(decimal_digits_size[count]);
    if (value >= limits[count]) return false;
    put = put_digits(put, value, static_cast<int>(count));
    return true;
  };
  const std::size_t whole = precision - scale;
  bool good = group(whole % decimal_group_digits);
  for (std::size_t i = 0; good && i < whole / decimal_group_digits; ++i) good = group(decimal_group_digits);
  for (std::size_t i = 0; good && i < scale / decimal_group_digits; ++i) good = group(decimal_group_digits);
  if (!good || !group(scale % decimal_group_digits)) return false;
  std::size_t first = 0;
  while (first < whole && digits[first] == '0' && whole - first > digits_in_front) ++first;
  if (negative) out += '-';
  if (first == whole) out += '0';
  out.append(digits.data() + first, whole - first);
  if (scale > 0) {
    out += '.';
    out.append(digits.data() + whole, scale);
  }
  return true;
}

bool load_datetime2(std::string_view bytes, int fraction, PackedMoment& out) {
  constexpr std::uint64_t zero = 0x80'0000'0000;
  if (!fraction_fits(bytes, 5, fraction)) return false;
  ByteReader in(bytes);
  const std::uint64_t whole = in.big_endian(5);
  if (whole < zero) return false;
  out.bits = whole - zero;
  out.micros = micros_of(in.big_endian(fraction_size(fraction)), fraction);
  return true;
}

bool load_time2(std::string_view bytes, int fraction, PackedDuration& out) {
  if (!fraction_fits(bytes, 3, fraction)) return false;
  // Whole and fraction are one number, so that bytes sort as the times do.
  const int shift = static_cast<int>(8 * fraction_size(fraction));
  const std::int64_t zero = std::int64_t{0x80'0000} << shift;
  std::int64_t value = static_cast<std::int64_t>(ByteReader(bytes).big_endian(bytes.size())) - zero;
  out.negative = value < 0;
  if (out.negative) value = -value;
  out.bits = static_cast<std::uint64_t>(value >> shift);
  out.micros = micros_of(static_cast<std::uint64_t>(value) & ((std::uint64_t{1} << shift) - 1), fraction);
  return true;
}

bool load_timestamp2(std::string_view bytes, int fraction, std::int64_t& seconds, std::uint32_t& micros) {
  if (!fraction_fits(bytes, 4, fraction)) return false;
  ByteReader in(bytes);
  seconds = static_cast<std::int64_t>(in.big_endian(4));
  micros = micros_of(in.big_endian(fraction_size(fraction)), fraction);
  return true;
}

bool append_date_of(const PackedMoment& moment, std::string& out) {
  if (moment.year() > 9999 || moment.month() > 12) return false;
  char text[16];
  out.append(text, put_date(text, moment.year(), moment.month(), moment.day()));
  return true;
}

bool append_moment(const PackedMoment& moment, int fraction, std::string& out) {
  if (moment.hour() > 23 || moment.minute() > 59 || moment.second() > 59 || moment.micros > 999'999) return false;
  if (!append_date_of(moment, out)) return false;
  char text[24];
  text[0] = ' ';
  char* at = put_clock(text + 1, moment.hour(), moment.minute(), moment.second());
  out.append(text, put_fraction(at, moment.micros, fraction));
  return true;
}

bool append_duration(const PackedDuration& duration, int fraction, std::string& out) {
  const std::uint64_t hour = duration.bits >> 12, minute = duration.bits >> 6 & 63, second = duration.bits & 63;
  if (hour > 838 || minute > 59 || second > 59 || duration.micros > 999'999) return false;
  char text[24];
  if (duration.negative) out += '-';
  char* at = put_clock(text, hour, minute, second);
  out.append(text, put_fraction(at, duration.micros, fraction));
  return true;
}

bool append_timestamp(std::int64_t seconds, std::uint32_t micros, int fraction, std::string& out) {
  constexpr std::int64_t seconds_of_day = 86'400;
  PackedMoment moment;
  moment.micros = micros;
  if (seconds != 0 || micros != 0) {
    const base::CivilDay day = base::civil_day(seconds / seconds_of_day);
    const auto clock = static_cast<std::uint64_t>(seconds % seconds_of_day);
    moment.bits = ((static_cast<std::uint64_t>(day.year) * 13 + day.month) << 5 | day.day) << 17 | clock / 3600 << 12 |
                  clock / 60 % 60 << 6 | clock % 60;
  }
  return append_moment(moment, fraction, out);
}

}  // namespace mysql::binlog
