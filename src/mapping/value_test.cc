// SPDX-License-Identifier: Apache-2.0
#include "mapping/value.h"

#include <gtest/gtest.h>

#include "model/cell_text.h"

namespace mapping {
namespace {

using model::Type;

model::ColumnType type_of(Type type, std::uint16_t precision = 0, std::int16_t scale = 0, std::uint32_t length = 0) {
  model::ColumnType out;
  out.type = type;
  out.precision = precision;
  out.scale = scale;
  out.length = length;
  return out;
}

// The cell's text, or "no place".
std::string cell(const Value& value, const model::ColumnType& type) {
  PlainCell out;
  if (!to_cell(value, type, out)) return "no place";
  if (out.is_null) return "null";
  if (model::is_fixed(type.type)) return model::fixed_text(type.type, out.fixed);
  if (model::is_real(type.type)) return model::real_text(type.type, out.real);
  return out.bytes;
}

Value text_value(std::string_view value) { return Value::of(value); }
Value number_value(std::int64_t value) { return Value::of(value); }
Value real(double value) { return Value::of(value); }

TEST(Value, numbers) {
  EXPECT_EQ(cell(text_value("12"), type_of(Type::int4)), "12");
  EXPECT_EQ(cell(text_value("12.0"), type_of(Type::int4)), "12");
  EXPECT_EQ(cell(text_value("12.5"), type_of(Type::int4)), "no place");
  EXPECT_EQ(cell(text_value("x"), type_of(Type::int4)), "no place");
  EXPECT_EQ(cell(real(3), type_of(Type::int8)), "3");
  EXPECT_EQ(cell(real(1e300), type_of(Type::int8)), "no place");
  EXPECT_EQ(cell(number_value(40000), type_of(Type::int2)), "no place");
  EXPECT_EQ(cell(number_value(-1), type_of(Type::uint4)), "no place");
  EXPECT_EQ(cell(text_value("18446744073709551615"), type_of(Type::uint8)), "18446744073709551615");
  EXPECT_EQ(cell(real(0.1 + 0.2), type_of(Type::numeric, 12, 2)), "0.30");
  EXPECT_EQ(cell(text_value("-9.995"), type_of(Type::numeric, 12, 2)), "-10.00");
  EXPECT_EQ(cell(text_value("-0.001"), type_of(Type::numeric, 12, 2)), "0.00");
  EXPECT_EQ(cell(text_value("99.5"), type_of(Type::numeric, 2, 0)), "no place");
  EXPECT_EQ(cell(real(1e-7), type_of(Type::numeric)), "0.0000001");
  EXPECT_EQ(cell(real(1e22), type_of(Type::numeric)), "10000000000000000000000");
  EXPECT_EQ(cell(text_value("12345678901234567890.123"), type_of(Type::numeric)), "12345678901234567890.123");
  EXPECT_EQ(cell(text_value("1.5"), type_of(Type::real8)), "1.5");
  EXPECT_EQ(cell(text_value("yes"), type_of(Type::boolean)), "true");
  EXPECT_EQ(cell(number_value(2), type_of(Type::boolean)), "no place");
}

TEST(Value, dates_and_times) {
  EXPECT_EQ(cell(text_value("2024-02-29"), type_of(Type::date)), "2024-02-29");
  EXPECT_EQ(cell(text_value("2023-02-29"), type_of(Type::date)), "no place");
  EXPECT_EQ(cell(text_value("2024-02-29 10:00:00"), type_of(Type::date)), "no place");
  EXPECT_EQ(cell(text_value("2024-02-29T10:00:00.1234567Z"), type_of(Type::datetime)), "2024-02-29 10:00:00.123456");
  EXPECT_EQ(cell(text_value("1900-03-01"), type_of(Type::datetime)), "1900-03-01 00:00:00");
  EXPECT_EQ(cell(text_value("23:59:59.5"), type_of(Type::time)), "23:59:59.5");
  EXPECT_EQ(cell(text_value("25:00"), type_of(Type::time)), "no place");
}

TEST(Value, texts_are_not_cut) {
  EXPECT_EQ(cell(text_value("grün"), type_of(Type::string, 0, 0, 4)), "grün");
  EXPECT_EQ(cell(text_value("grünn"), type_of(Type::string, 0, 0, 4)), "no place");
  EXPECT_EQ(cell(number_value(5), type_of(Type::string)), "5");
  EXPECT_EQ(cell(Value(), type_of(Type::string)), "null");
}

TEST(Value, numerics_in_expressions_are_numbers_as_far_as_exact) {
  EXPECT_EQ(value_of_bytes(Type::numeric, "12", NumericView::arithmetic).kind, Value::Kind::integer);
  EXPECT_EQ(value_of_bytes(Type::numeric, "12.50", NumericView::arithmetic).kind, Value::Kind::real);
  EXPECT_EQ(value_of_bytes(Type::numeric, "1234567890123456.5", NumericView::arithmetic).kind, Value::Kind::text);
  EXPECT_EQ(value_of_bytes(Type::numeric, "12.50", NumericView::exact).bytes, "12.50");
}

}  // namespace
}  // namespace mapping
