// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/copy_binary.h"

#include <array>
#include <bit>
#include <charconv>
#include <limits>

namespace postgres {
namespace {

using base::Result;
using model::Type;

constexpr std::int64_t days_to_2000 = 10'957;
constexpr std::int64_t micros_to_2000 = days_to_2000 * 86'400'000'000;
constexpr std::uint16_t sign_minus = 0x4000, sign_nan = 0xC000, sign_infinity = 0xD000, sign_minus_infinity = 0xF000;
constexpr std::size_t digits_of_group = 4;

template <typename Integer>
void append_be(std::string& out, Integer value) {
  std::array<char, sizeof value> bytes;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    bytes[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * (sizeof value - 1 - i)));
  }
  out.append(bytes.data(), bytes.size());
}

// The length, then the value.
template <typename Integer>
bool append_field(std::string& out, std::int64_t value) {
  if (value < std::numeric_limits<Integer>::min() || value > std::numeric_limits<Integer>::max()) return false;
  append_be<std::uint32_t>(out, sizeof(Integer));
  append_be(out, static_cast<Integer>(value));
  return true;
}

bool append_binary_date(std::string& out, std::int64_t days) {
  if (days == model::date_infinity) return append_field<std::int32_t>(out, std::numeric_limits<std::int32_t>::max());
  if (days == -model::date_infinity) return append_field<std::int32_t>(out, std::numeric_limits<std::int32_t>::min());
  return append_field<std::int32_t>(out, days - days_to_2000);
}

bool append_binary_timestamp(std::string& out, std::int64_t micros) {
  if (micros == model::date_infinity) return append_field<std::int64_t>(out, micros);
  if (micros == -model::date_infinity) {
    return append_field<std::int64_t>(out, std::numeric_limits<std::int64_t>::min());
  }
  return append_field<std::int64_t>(out, micros - micros_to_2000);
}

// What was appended behind `start` is the field: its length goes in front.
bool set_length(std::string& out, std::size_t start, bool good) {
  const auto size = static_cast<std::uint32_t>(out.size() - start - sizeof(std::uint32_t));
  for (std::size_t i = 0; i < sizeof size; ++i) out[start + i] = static_cast<char>(size >> (8 * (3 - i)));
  return good;
}

bool append_numeric_field(std::string& out, std::string_view text) {
  const std::size_t start = out.size();
  append_be<std::uint32_t>(out, 0);
  return set_length(out, start, append_binary_numeric(out, text));
}

bool append_fixed(std::string& out, Type type, SendForm form, std::int64_t value) {
  switch (form) {
    case SendForm::boolean: return append_field<std::int8_t>(out, value != 0 ? 1 : 0);
    case SendForm::int2: return append_field<std::int16_t>(out, value);
    case SendForm::int4: return append_field<std::int32_t>(out, value);
    case SendForm::int8: return append_field<std::int64_t>(out, value);
    case SendForm::date: return append_binary_date(out, value);
    case SendForm::time: return append_field<std::int64_t>(out, value);
    case SendForm::timestamp: return append_binary_timestamp(out, value);
    case SendForm::numeric: {
      std::array<char, 24> digits;
      const auto end = type == Type::uint8
                           ? std::to_chars(digits.begin(), digits.end(), static_cast<std::uint64_t>(value))
                           : std::to_chars(digits.begin(), digits.end(), value);
      return append_numeric_field(out, std::string_view(digits.data(), end.ptr));
    }
    default: return false;
  }
}

void append_real(std::string& out, SendForm form, double value) {
  if (form == SendForm::float4) {
    append_be<std::uint32_t>(out, sizeof(float));
    append_be(out, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
  } else {
    append_be<std::uint32_t>(out, sizeof(double));
    append_be(out, std::bit_cast<std::uint64_t>(value));
  }
}

Result<void> append_bytes(std::string& out, std::string_view value, const CopyTextFull& full) {
  append_be(out, static_cast<std::uint32_t>(value.size()));
  do {
    const std::string_view piece = value.substr(0, value_piece_bytes);
    out.append(piece);
    value.remove_prefix(piece.size());
    if (full && out.size() >= full_bytes) TRY(full(out));
  } while (!value.empty());
  return {};
}

bool is_small_integer(Type type) {
  return type == Type::int1 || type == Type::int2 || type == Type::int4 || type == Type::int8 || type == Type::uint1 ||
         type == Type::uint2 || type == Type::uint4;
}

}  // namespace

std::optional<SendForm> send_form(std::uint32_t oid, Type type) {
  const bool is_integer = is_small_integer(type);
  const bool is_text = type == Type::string || type == Type::wstring || type == Type::clob || type == Type::nclob;
  const auto when = [](bool fits, SendForm form) { return fits ? std::optional(form) : std::nullopt; };
  switch (oid) {
    case 16: return when(type == Type::boolean, SendForm::boolean);
    case 17: return when(is_bytes(type), SendForm::bytea);
    case 21: return when(is_integer, SendForm::int2);
    case 23: return when(is_integer, SendForm::int4);
    case 20: return when(is_integer, SendForm::int8);
    case 25:    // text
    case 1042:  // bpchar
    case 1043: return when(is_text, SendForm::text);
    case 700: return when(type == Type::real4, SendForm::float4);
    case 701: return when(type == Type::real8, SendForm::float8);
    case 1082: return when(type == Type::date, SendForm::date);
    case 1083: return when(type == Type::time, SendForm::time);
    case 1114: return when(type == Type::datetime, SendForm::timestamp);
    case 1700: return when(is_integer || type == Type::uint8 || type == Type::numeric, SendForm::numeric);
    default: return std::nullopt;
  }
}

bool append_binary_numeric(std::string& out, std::string_view text) {
  const auto special = [&](std::uint16_t sign) {
    append_be<std::uint16_t>(out, 0), append_be<std::uint16_t>(out, 0);
    append_be(out, sign), append_be<std::uint16_t>(out, 0);
    return true;
  };
  if (text == "NaN") return special(sign_nan);
  if (text == "Infinity") return special(sign_infinity);
  if (text == "-Infinity") return special(sign_minus_infinity);
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() && fraction.empty()) return false;
  while (whole.starts_with('0')) whole.remove_prefix(1);
  // Digits in groups of four to both sides of the point.
  const std::size_t before = (whole.size() + digits_of_group - 1) / digits_of_group;
  const std::size_t behind = (fraction.size() + digits_of_group - 1) / digits_of_group;
  const std::size_t pad = before * digits_of_group - whole.size();
  const auto digit_at = [&](std::size_t at) -> char {  // of all groups, from the left
    if (at < pad) return '0';
    if (at - pad < whole.size()) return whole[at - pad];
    const std::size_t place = at - pad - whole.size();
    return place < fraction.size() ? fraction[place] : '0';
  };
  const std::size_t start = out.size();
  out.resize(start + 8);
  std::size_t first = before + behind, count = 0;  // groups that are kept
  for (std::size_t group = 0; group < before + behind; ++group) {
    std::uint16_t number = 0;
    for (std::size_t i = 0; i < digits_of_group; ++i) {
      const char digit = digit_at(group * digits_of_group + i);
      if (digit < '0' || digit > '9') return false;
      number = static_cast<std::uint16_t>(number * 10 + (digit - '0'));
    }
    if (number == 0 && count == 0) continue;
    if (count == 0) first = group;
    append_be(out, number);
    ++count;
  }
  while (count > 0 && out.ends_with(std::string_view("\0\0", 2))) {
    out.resize(out.size() - 2);
    --count;
  }
  std::string head;
  append_be(head, static_cast<std::uint16_t>(count));
  append_be(head, static_cast<std::uint16_t>(
                      count == 0 ? 0 : static_cast<std::int64_t>(before) - 1 - static_cast<std::int64_t>(first)));
  append_be(head, is_negative && count != 0 ? sign_minus : std::uint16_t{0});
  append_be(head, static_cast<std::uint16_t>(fraction.size()));
  out.replace(start, head.size(), head);
  return true;
}

Result<bool> append_binary_rows(std::string& out, const model::RowBatch& rows, const std::vector<SendForm>& forms,
                                const CopyTextFull& full) {
  for (std::size_t row = 0; row < rows.rows; ++row) {
    append_be(out, static_cast<std::uint16_t>(forms.size()));
    for (std::size_t i = 0; i < forms.size(); ++i) {
      const model::ColumnVector& column = rows.columns[i];
      if (column.present[row] == 0) {
        append_be<std::uint32_t>(out, 0xffffffff);
      } else if (model::is_fixed(column.type)) {
        if (!append_fixed(out, column.type, forms[i], column.fixed[row])) return false;
      } else if (model::is_real(column.type)) {
        append_real(out, forms[i], column.real[row]);
      } else if (forms[i] == SendForm::numeric) {
        if (!append_numeric_field(out, column.bytes_at(row))) return false;
      } else {
        TRY(append_bytes(out, column.bytes_at(row), full));
      }
    }
    if (full && out.size() >= full_bytes) TRY(full(out));
  }
  return true;
}

}  // namespace postgres
