// SPDX-License-Identifier: Apache-2.0
#include "model/cell_text.h"

#include <fmt/format.h>

#include <cmath>

#include "base/civil.h"
#include "model/change.h"

namespace model {
namespace {

constexpr std::int64_t day_micros = 86'400'000'000;

std::string date_text(std::int64_t days, std::string_view suffix) {
  const base::CivilDay date = base::civil_day(days);
  const bool is_bc = date.year <= 0;
  return fmt::format("{:04}-{:02}-{:02}{}{}", is_bc ? 1 - date.year : date.year, date.month, date.day, suffix,
                     is_bc ? " BC" : "");
}

std::string time_text(std::int64_t micros) {
  std::string text =
      fmt::format("{:02}:{:02}:{:02}", micros / 3'600'000'000, micros / 60'000'000 % 60, micros / 1'000'000 % 60);
  if (micros % 1'000'000 == 0) return text;
  text += fmt::format(".{:06}", micros % 1'000'000);
  while (text.back() == '0') text.pop_back();
  return text;
}

}  // namespace

std::string fixed_text(Type type, std::int64_t value) {
  switch (type) {
    case Type::boolean: return value != 0 ? "true" : "false";
    case Type::uint8: return std::to_string(static_cast<std::uint64_t>(value));
    case Type::date:
    case Type::datetime: {
      if (value == date_infinity) return "infinity";
      if (value == -date_infinity) return "-infinity";
      if (type == Type::date) return date_text(value, "");
      std::int64_t days = value / day_micros;
      std::int64_t rest = value % day_micros;
      if (rest < 0) {
        rest += day_micros;
        --days;
      }
      return date_text(days, " " + time_text(rest));
    }
    case Type::time: return time_text(value);
    default: return std::to_string(value);
  }
}

std::string real_text(Type type, double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (type == Type::real4) return fmt::format("{}", static_cast<float>(value));
  return fmt::format("{}", value);
}

std::string cell_text(Type type, std::string_view cell) {
  if (is_fixed(type)) return fixed_text(type, load_fixed(cell));
  if (is_real(type)) return real_text(type, load_real(cell));
  if (type != Type::bytes && type != Type::blob) return std::string(cell);
  std::string hex;
  for (const char byte : cell) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

std::string column_text(const ColumnVector& column, std::size_t row) {
  if (is_fixed(column.type)) return fixed_text(column.type, column.fixed[row]);
  if (is_real(column.type)) return real_text(column.type, column.real[row]);
  return cell_text(column.type, column.bytes_at(row));
}

}  // namespace model
