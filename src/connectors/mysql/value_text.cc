// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/value_text.h"

#include <charconv>
#include <limits>
#include <optional>

#include "base/civil.h"

namespace mysql {
namespace {

using model::Type;

constexpr std::int64_t micros_of_second = 1'000'000;
constexpr std::int64_t micros_of_day = 86'400 * micros_of_second;

// Fixed digits at a place; nullopt when one is none.
std::optional<unsigned> digits_at(std::string_view text, std::size_t at, std::size_t count) {
  unsigned value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  return value;
}

enum class DateKind { good, zero, malformed };

// "2024-02-29". Zero dates are all with a part that is zero, and days that no month has: the calendar knows none.
DateKind read_date(std::string_view text, std::int64_t& days) {
  const auto year = digits_at(text, 0, 4), month = digits_at(text, 5, 2), day = digits_at(text, 8, 2);
  if (!year || !month || !day || text[4] != '-' || text[7] != '-') return DateKind::malformed;
  if (*month == 0 || *day == 0 || *year == 0 || *month > 12 || *day > base::days_of_month(*year, *month)) {
    return DateKind::zero;
  }
  days = base::civil_days(*year, *month, *day);
  return DateKind::good;
}

// "23:59:59.123456" of a day.
bool read_clock(std::string_view text, std::int64_t& micros) {
  const auto hour = digits_at(text, 0, 2), minute = digits_at(text, 3, 2), second = digits_at(text, 6, 2);
  if (!hour || !minute || !second || text[2] != ':' || text[5] != ':') return false;
  if (*hour > 23 || *minute > 59 || *second > 59) return false;
  micros = ((*hour * 60ll + *minute) * 60 + *second) * micros_of_second;
  if (text.size() == 8) return true;
  if (text[8] != '.' || text.size() < 10 || text.size() > 15) return false;
  const std::optional<unsigned> fraction = digits_at(text, 9, text.size() - 9);
  if (!fraction) return false;
  std::int64_t part = *fraction;
  for (std::size_t digits = text.size() - 9; digits < 6; ++digits) part *= 10;
  micros += part;
  return true;
}

Converted misfit(std::string_view why, std::string& out) {
  out.append(why);
  return Converted::misfit;
}

Converted zero_date(const ValueChoices& choices, std::string& out) {
  if (choices.zero_date_as_null) return Converted::null;
  return misfit("a zero or invalid date (MillraceZeroDateAsNull takes it as NULL)", out);
}

Converted fixed(std::int64_t value, std::string& out) {
  model::append_fixed(out, value);
  return Converted::value;
}

Converted convert_date(std::string_view text, const ValueChoices& choices, std::string& out) {
  std::int64_t days = 0;
  switch (read_date(text, days)) {
    case DateKind::zero: return zero_date(choices, out);
    case DateKind::malformed: return misfit("no date", out);
    case DateKind::good: break;
  }
  return text.size() == 10 ? fixed(days, out) : misfit("no date", out);
}

Converted convert_datetime(std::string_view text, const ValueChoices& choices, std::string& out) {
  std::int64_t days = 0, micros = 0;
  if (text.size() < 19 || text[10] != ' ') return misfit("no date and time", out);
  switch (read_date(text.substr(0, 10), days)) {
    case DateKind::zero: return zero_date(choices, out);
    case DateKind::malformed: return misfit("no date and time", out);
    case DateKind::good: break;
  }
  if (!read_clock(text.substr(11), micros)) return misfit("no date and time", out);
  return fixed(days * micros_of_day + micros, out);
}

template <typename Integer>
Converted convert_integer(std::string_view text, std::string& out) {
  Integer value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc() || at != end) return misfit("no integer", out);
  return fixed(static_cast<std::int64_t>(value), out);
}

Converted convert_real(std::string_view text, std::string& out) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc() || at != end) return misfit("no number", out);
  model::append_real(out, value);
  return Converted::value;
}

// Columns with ZEROFILL come with zeros in front.
Converted convert_numeric(std::string_view text, std::string& out) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  while (text.size() > 1 && text[0] == '0' && text[1] != '.') text.remove_prefix(1);
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos) return misfit("no number", out);
  if (is_negative) out += '-';
  out.append(text);
  return Converted::value;
}

Converted convert_bit(std::string_view text, std::string& out) {
  if (text.size() != 1) return misfit("no single bit", out);
  return fixed(text[0] != '\0' ? 1 : 0, out);
}

}  // namespace

Converted canonical_cell(const NativeType& native, Type type, std::string_view text, const ValueChoices& choices,
                         std::string& out) {
  switch (type) {
    case Type::boolean:
      return native.kind == Kind::bit ? convert_bit(text, out) : convert_integer<std::int64_t>(text, out);
    case Type::int1:
    case Type::int2:
    case Type::int4:
    case Type::int8:
    case Type::uint1:
    case Type::uint2:
    case Type::uint4: return convert_integer<std::int64_t>(text, out);
    case Type::uint8: return convert_integer<std::uint64_t>(text, out);
    case Type::real4:
    case Type::real8: return convert_real(text, out);
    case Type::numeric: return convert_numeric(text, out);
    case Type::date: return convert_date(text, choices, out);
    case Type::datetime: return convert_datetime(text, choices, out);
    case Type::time: return misfit("no time of day", out);  // TIME is text: it passes 24 hours
    case Type::string:
    case Type::wstring:
    case Type::clob:
    case Type::nclob:
    case Type::bytes:
    case Type::blob: out.append(text); return Converted::value;
  }
  return misfit("no such type", out);
}

}  // namespace mysql
