// SPDX-License-Identifier: Apache-2.0
//
// Numbers are big endian. date: days, timestamp: microseconds, both since 2000-01-01, with their extremes for
// infinity. numeric: count, weight, sign and display scale, 16 bits each, then digits of base 10000:
//
//   12345.6   0003 0001 0000 0001   0001 0929 1770      1 * 10000^1 + 2345 * 10000^0 + 6000 * 10000^-1, one decimal
#include "connectors/postgres/decode_binary.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/civil.h"

namespace postgres {
namespace {

constexpr std::int64_t days_to_2000 = 10'957;
constexpr std::int64_t micros_a_day = 86'400'000'000;
constexpr std::int64_t micros_to_2000 = days_to_2000 * micros_a_day;
// What the server itself holds: 4714-11-24 BC up to the year 5874897 (date) or 294276 (timestamp).
constexpr std::int64_t date_min = -2'451'545, date_end = 2'145'031'949;
constexpr std::int64_t timestamp_min = -211'813'488'000'000'000, timestamp_end = 9'223'371'331'200'000'000;

template <typename Number>
bool load(std::string_view bytes, Number& number) {
  if (bytes.size() != sizeof number) return false;
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  number = static_cast<Number>(value);
  return true;
}

bool load_float(std::string_view bytes, float& number) {
  std::uint32_t bits = 0;
  if (!load(bytes, bits)) return false;
  number = std::bit_cast<float>(bits);
  return true;
}

bool load_float(std::string_view bytes, double& number) {
  std::uint64_t bits = 0;
  if (!load(bytes, bits)) return false;
  number = std::bit_cast<double>(bits);
  return true;
}

// Days or microseconds since 2000, in range; infinities are the type's extremes.
bool load_date(std::string_view bytes, std::int32_t& days) {
  if (!load(bytes, days)) return false;
  return (days >= date_min && days < date_end) || days == INT32_MIN || days == INT32_MAX;
}

bool load_timestamp(std::string_view bytes, std::int64_t& micros) {
  if (!load(bytes, micros)) return false;
  return (micros >= timestamp_min && micros < timestamp_end) || micros == INT64_MIN || micros == INT64_MAX;
}

bool load_time(std::string_view bytes, std::int64_t& micros) {
  return load(bytes, micros) && micros >= 0 && micros <= micros_a_day;
}

bool load_boolean(std::string_view bytes, bool& value) {
  if (bytes.size() != 1 || static_cast<unsigned char>(bytes[0]) > 1) return false;
  value = bytes[0] == 1;
  return true;
}

template <typename Number>
bool append_integer(std::string_view bytes, std::string& out) {
  Number value = 0;
  if (!load(bytes, value)) return false;
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  return true;
}

char* put_two(char* at, std::int64_t value) {
  *at++ = static_cast<char>('0' + value / 10);
  *at++ = static_cast<char>('0' + value % 10);
  return at;
}

// "2024-02-29"; years of the era before Christ are counted from 1 and marked by the caller at the end.
char* put_date(char* at, const base::CivilDay& day) {
  const std::int64_t year = day.year > 0 ? day.year : 1 - day.year;
  if (year < 10'000) {
    at = put_two(put_two(at, year / 100), year % 100);
  } else {
    at = std::to_chars(at, at + 20, year).ptr;
  }
  *at++ = '-';
  at = put_two(at, day.month);
  *at++ = '-';
  return put_two(at, day.day);
}

// "23:59:59.9": no zeros at the end of the fraction.
char* put_time(char* at, std::int64_t micros) {
  at = put_two(at, micros / 3'600'000'000);
  *at++ = ':';
  at = put_two(at, micros / 60'000'000 % 60);
  *at++ = ':';
  at = put_two(at, micros / 1'000'000 % 60);
  std::int64_t fraction = micros % 1'000'000;
  if (fraction == 0) return at;
  *at++ = '.';
  for (std::int64_t unit = 100'000; fraction != 0; unit /= 10) {
    *at++ = static_cast<char>('0' + fraction / unit);
    fraction %= unit;
  }
  return at;
}

void append_era(std::string& out, const char* text, const char* end, const base::CivilDay& day) {
  out.append(text, end);
  if (day.year <= 0) out += " BC";
}

bool append_date(std::string_view bytes, std::string& out) {
  std::int32_t days = 0;
  if (!load_date(bytes, days)) return false;
  if (days == INT32_MIN || days == INT32_MAX) {
    out += days < 0 ? "-infinity" : "infinity";
    return true;
  }
  char text[40];
  const base::CivilDay day = base::civil_day(days + days_to_2000);
  append_era(out, text, put_date(text, day), day);
  return true;
}

bool append_time(std::string_view bytes, std::string& out) {
  std::int64_t micros = 0;
  if (!load_time(bytes, micros)) return false;
  char text[40];
  out.append(text, put_time(text, micros));
  return true;
}

bool append_timestamp(std::string_view bytes, std::string_view zone, std::string& out) {
  std::int64_t micros = 0;
  if (!load_timestamp(bytes, micros)) return false;
  if (micros == INT64_MIN || micros == INT64_MAX) {
    out += micros < 0 ? "-infinity" : "infinity";
    return true;
  }
  std::int64_t days = micros / micros_a_day;
  std::int64_t rest = micros % micros_a_day;
  if (rest < 0) {
    rest += micros_a_day;
    days -= 1;
  }
  char text[64];
  const base::CivilDay day = base::civil_day(days + days_to_2000);
  char* at = put_date(text, day);
  *at++ = ' ';
  at = put_time(at, rest);
  for (const char c : zone) *at++ = c;
  append_era(out, text, at, day);
  return true;
}

bool append_uuid(std::string_view bytes, std::string& out) {
  static constexpr char digits[] = "0123456789abcdef";
  if (bytes.size() != 16) return false;
  char text[36];
  char* at = text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    const auto byte = static_cast<unsigned char>(bytes[i]);
    *at++ = digits[byte >> 4];
    *at++ = digits[byte & 15];
  }
  out.append(text, at);
  return true;
}

// ---- numeric ----

constexpr std::uint16_t sign_negative = 0x4000, sign_nan = 0xc000, sign_infinity = 0xd000, sign_minus_infinity = 0xf000;
constexpr std::uint16_t display_scale_max = 0x3fff;
constexpr int group_digits = 4;
constexpr std::uint16_t group_base = 10'000;

std::uint16_t word_at(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[2 * index]) << 8 |
                                    static_cast<unsigned char>(bytes[2 * index + 1]));
}

void put_group(char* at, std::uint16_t group) { put_two(put_two(at, group / 100), group % 100); }

void append_digits(std::string_view digits, int weight, int scale, std::string& out) {
  const int count = static_cast<int>(digits.size() / 2);
  const auto group_at = [&](int index) {
    return index >= 0 && index < count ? word_at(digits, static_cast<std::size_t>(index)) : std::uint16_t{0};
  };
  char first[8];
  const std::uint16_t leading = weight < 0 ? std::uint16_t{0} : group_at(0);
  out.append(first, std::to_chars(first, first + sizeof first, leading).ptr);
  std::size_t at = out.size();
  if (weight > 0) {
    out.resize(at + static_cast<std::size_t>(weight) * group_digits);
    for (int index = 1; index <= weight; ++index, at += group_digits) put_group(out.data() + at, group_at(index));
  }
  if (scale == 0) return;
  out += '.';
  at = out.size();
  const int groups = (scale + group_digits - 1) / group_digits;
  out.resize(at + static_cast<std::size_t>(groups) * group_digits);
  for (int i = 0; i < groups; ++i) {
    put_group(out.data() + at + static_cast<std::size_t>(i) * group_digits, group_at(weight + 1 + i));
  }
  out.resize(at + static_cast<std::size_t>(scale));
}

bool append_numeric(std::string_view bytes, std::string& out) {
  if (bytes.size() < 8 || bytes.size() % 2 != 0) return false;
  const std::size_t count = word_at(bytes, 0);
  const int weight = static_cast<std::int16_t>(word_at(bytes, 1));
  const std::uint16_t sign = word_at(bytes, 2);
  const std::uint16_t scale = word_at(bytes, 3);
  const std::string_view digits = bytes.substr(8);
  if (digits.size() != 2 * count) return false;
  if (sign == sign_nan || sign == sign_infinity || sign == sign_minus_infinity) {
    if (count != 0) return false;
    out += sign == sign_nan ? "NaN" : sign == sign_infinity ? "Infinity" : "-Infinity";
    return true;
  }
  if ((sign != 0 && sign != sign_negative) || scale > display_scale_max) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (word_at(digits, i) >= group_base) return false;
  }
  if (sign == sign_negative) out += '-';
  append_digits(digits, weight, scale, out);
  return true;
}

// ---- reals ----
//
// The server's shortest form is that of std::to_chars, but never a decimal half-way between two values, which some
// readers round the wrong way; and with an exponent where it has one.

template <typename Real>
struct Limits;
template <>
struct Limits<double> {
  static constexpr int halfway_bits = 54, digits_max = 17, plain_exponent_max = 15;
};
template <>
struct Limits<float> {
  static constexpr int halfway_bits = 25, digits_max = 9, plain_exponent_max = 6;
};

// digits * 10^exponent, without zeros at the end of the digits.
struct Decimal {
  std::uint64_t digits = 0;
  int exponent = 0;
};

Decimal without_zeros(Decimal decimal) {
  while (decimal.digits != 0 && decimal.digits % 10 == 0) {
    decimal.digits /= 10;
    decimal.exponent += 1;
  }
  return decimal;
}

// Of "d.ddde+xx".
Decimal decimal_of(std::string_view text) {
  Decimal made;
  std::size_t at = 0;
  int behind_point = 0;
  bool is_behind = false;
  for (; at < text.size() && text[at] != 'e'; ++at) {
    if (text[at] == '.') {
      is_behind = true;
      continue;
    }
    made.digits = made.digits * 10 + static_cast<std::uint64_t>(text[at] - '0');
    behind_point += is_behind ? 1 : 0;
  }
  if (at + 1 < text.size() && text[at + 1] == '+') ++at;
  if (at < text.size()) std::from_chars(text.data() + at + 1, text.data() + text.size(), made.exponent);
  made.exponent -= behind_point;
  return without_zeros(made);
}

// Half-way between two neighbours: one binary digit more than a value has. (Denormal ones would need hundreds of
// decimal digits.)
template <typename Real>
bool is_halfway(const Decimal& decimal) {
  constexpr int bits = Limits<Real>::halfway_bits;
  std::uint64_t odd = decimal.digits;
  for (int i = decimal.exponent; i < 0; ++i) {
    if (odd % 5 != 0) return false;
    odd /= 5;
  }
  odd >>= std::countr_zero(odd);
  for (int i = 0; i < decimal.exponent; ++i) {
    if (odd >> bits != 0) return false;
    odd *= 5;
  }
  return std::bit_width(odd) == bits;
}

template <typename Real>
bool reads_as(const Decimal& decimal, Real value) {
  char text[40];
  char* end = std::to_chars(text, text + 24, decimal.digits).ptr;
  *end++ = 'e';
  end = std::to_chars(end, text + sizeof text, decimal.exponent).ptr;
  Real read = 0;
  return std::from_chars(text, end, read).ec == std::errc() && read == value;
}

// The shortest decimal strictly between the half-way points beside the value.
template <typename Real>
Decimal shortest(Real value) {
  char text[40];
  Decimal best = decimal_of({text, std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr});
  if (!is_halfway<Real>(best)) return best;
  for (int precision = 0; precision < Limits<Real>::digits_max; ++precision) {
    const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific, precision).ptr;
    const Decimal rounded = decimal_of({text, end});
    for (const int step : {0, -1, 1}) {
      Decimal tried = rounded;
      tried.digits += static_cast<std::uint64_t>(static_cast<std::int64_t>(step));
      tried = without_zeros(tried);
      if (tried.digits != 0 && !is_halfway<Real>(tried) && reads_as(tried, value)) return tried;
    }
  }
  return best;
}

char* put_exponent(char* at, int exponent) {
  *at++ = 'e';
  *at++ = exponent < 0 ? '-' : '+';
  exponent = std::abs(exponent);
  if (exponent >= 100) {
    *at++ = static_cast<char>('0' + exponent / 100);
    exponent %= 100;
  }
  return put_two(at, exponent);
}

template <typename Real>
void append_shortest(std::string& out, Real value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::signbit(value)) out += '-';
  value = std::fabs(value);
  if (std::isinf(value)) {
    out += "Infinity";
    return;
  }
  if (value == 0) {
    out += '0';
    return;
  }
  const Decimal decimal = shortest(value);
  char digits[24];
  const int count = static_cast<int>(std::to_chars(digits, digits + sizeof digits, decimal.digits).ptr - digits);
  const int exponent = decimal.exponent + count - 1;
  const auto part = [&](int from, int to) { out.append(digits + from, static_cast<std::size_t>(to - from)); };
  const auto zeros = [&](int many) { out.append(static_cast<std::size_t>(many), '0'); };
  if (exponent < -4 || exponent >= Limits<Real>::plain_exponent_max) {
    part(0, 1);
    if (count > 1) out += '.';
    part(1, count);
    char text[16];
    out.append(text, put_exponent(text, exponent));
  } else if (exponent < 0) {
    out += "0.";
    zeros(-exponent - 1);
    part(0, count);
  } else if (count <= exponent + 1) {
    part(0, count);
    zeros(exponent + 1 - count);
  } else {
    part(0, exponent + 1);
    out += '.';
    part(exponent + 1, count);
  }
}

template <typename Real>
bool append_real_of(std::string_view bytes, std::string& out) {
  Real value = 0;
  if (!load_float(bytes, value)) return false;
  append_shortest(out, value);
  return true;
}

template <typename Number>
bool append_fixed_of(std::string_view bytes, std::string& out) {
  Number value = 0;
  if (!load(bytes, value)) return false;
  model::append_fixed(out, static_cast<std::int64_t>(value));
  return true;
}

template <typename Real>
bool append_canonical_real(std::string_view bytes, std::string& out) {
  Real value = 0;
  if (!load_float(bytes, value)) return false;
  model::append_real(out, std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(value));
  return true;
}

bool append_canonical_date(std::string_view bytes, std::string& out) {
  std::int32_t days = 0;
  if (!load_date(bytes, days)) return false;
  const bool is_infinite = days == INT32_MIN || days == INT32_MAX;
  const std::int64_t infinity = days < 0 ? -model::date_infinity : model::date_infinity;
  model::append_fixed(out, is_infinite ? infinity : days + days_to_2000);
  return true;
}

bool append_canonical_timestamp(std::string_view bytes, std::string& out) {
  std::int64_t micros = 0;
  if (!load_timestamp(bytes, micros)) return false;
  if (micros == INT64_MIN || micros == INT64_MAX) {
    model::append_fixed(out, micros < 0 ? -model::date_infinity : model::date_infinity);
    return true;
  }
  std::int64_t at = 0;
  // The last one would read as infinity.
  if (__builtin_add_overflow(micros, micros_to_2000, &at) || at == model::date_infinity) return false;
  model::append_fixed(out, at);
  return true;
}

}  // namespace

BinaryForm binary_form(std::uint32_t oid) {
  switch (oid) {
    case type_oid::boolean: return BinaryForm::boolean;
    case type_oid::int2: return BinaryForm::int2;
    case type_oid::int4: return BinaryForm::int4;
    case type_oid::int8: return BinaryForm::int8;
    case type_oid::oid: return BinaryForm::oid;
    case type_oid::float4: return BinaryForm::float4;
    case type_oid::float8: return BinaryForm::float8;
    case type_oid::numeric: return BinaryForm::numeric;
    case type_oid::text:
    case type_oid::varchar:
    case type_oid::bpchar:
    case type_oid::name:
    case type_oid::json: return BinaryForm::text;
    case type_oid::date: return BinaryForm::date;
    case type_oid::time: return BinaryForm::time;
    case type_oid::timestamp: return BinaryForm::timestamp;
    case type_oid::timestamptz: return BinaryForm::timestamptz;
    case type_oid::uuid: return BinaryForm::uuid;
    case type_oid::bytea: return BinaryForm::bytea;
    case type_oid::jsonb: return BinaryForm::jsonb;
    default: return BinaryForm::none;
  }
}

bool append_native(BinaryForm form, std::string_view bytes, std::string& out) {
  switch (form) {
    case BinaryForm::none: return false;
    case BinaryForm::boolean: {
      bool value = false;
      if (!load_boolean(bytes, value)) return false;
      out += value ? 't' : 'f';
      return true;
    }
    case BinaryForm::int2: return append_integer<std::int16_t>(bytes, out);
    case BinaryForm::int4: return append_integer<std::int32_t>(bytes, out);
    case BinaryForm::int8: return append_integer<std::int64_t>(bytes, out);
    case BinaryForm::oid: return append_integer<std::uint32_t>(bytes, out);
    case BinaryForm::float4: return append_real_of<float>(bytes, out);
    case BinaryForm::float8: return append_real_of<double>(bytes, out);
    case BinaryForm::numeric: return append_numeric(bytes, out);
    case BinaryForm::date: return append_date(bytes, out);
    case BinaryForm::time: return append_time(bytes, out);
    case BinaryForm::timestamp: return append_timestamp(bytes, "", out);
    case BinaryForm::timestamptz: return append_timestamp(bytes, "+00", out);  // every session is in UTC
    case BinaryForm::uuid: return append_uuid(bytes, out);
    case BinaryForm::jsonb:
      if (bytes.empty() || bytes[0] != 1) return false;  // its version
      out.append(bytes.substr(1));
      return true;
    case BinaryForm::text:
    case BinaryForm::bytea: out.append(bytes); return true;
  }
  return false;
}

bool append_canonical(BinaryForm form, TextForm as, std::string_view bytes, std::string& out) {
  const auto both = [form, as](BinaryForm binary, TextForm text) { return form == binary && as == text; };
  if (both(BinaryForm::int2, TextForm::integer2)) return append_fixed_of<std::int16_t>(bytes, out);
  if (both(BinaryForm::int4, TextForm::integer4)) return append_fixed_of<std::int32_t>(bytes, out);
  if (both(BinaryForm::int8, TextForm::integer8)) return append_fixed_of<std::int64_t>(bytes, out);
  if (both(BinaryForm::oid, TextForm::unsigned4)) return append_fixed_of<std::uint32_t>(bytes, out);
  if (both(BinaryForm::float4, TextForm::real4)) return append_canonical_real<float>(bytes, out);
  if (both(BinaryForm::float8, TextForm::real8)) return append_canonical_real<double>(bytes, out);
  if (both(BinaryForm::date, TextForm::date)) return append_canonical_date(bytes, out);
  if (both(BinaryForm::timestamp, TextForm::datetime) || both(BinaryForm::timestamptz, TextForm::datetime)) {
    return append_canonical_timestamp(bytes, out);
  }
  if (both(BinaryForm::time, TextForm::time)) {
    std::int64_t micros = 0;
    if (!load_time(bytes, micros)) return false;
    model::append_fixed(out, micros);
    return true;
  }
  const bool is_text = form != BinaryForm::none && form != BinaryForm::bytea && as == TextForm::verbatim;
  if (is_text || both(BinaryForm::numeric, TextForm::numeric) || both(BinaryForm::bytea, TextForm::hex_bytes)) {
    return append_native(form, bytes, out);
  }
  if (form == BinaryForm::bytea || as == TextForm::hex_bytes) return false;
  if (form == BinaryForm::text) return decode_text(as, bytes, ArenaSink{out});
  std::string text;
  return append_native(form, bytes, text) && decode_text(as, text, ArenaSink{out});
}

}  // namespace postgres
