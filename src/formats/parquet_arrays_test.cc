// SPDX-License-Identifier: Apache-2.0
#include "formats/parquet_arrays.h"

#include <gtest/gtest.h>

#include <string>

namespace formats {
namespace {

std::string digits_of(Int128 value) {
  const bool negative = value < 0;
  std::string text;
  for (auto rest = static_cast<UInt128>(negative ? -value : value); rest != 0; rest /= 10) {
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  return (negative ? "-" : "") + (text.empty() ? "0" : text);
}

std::string parsed(std::string_view text, int precision, int scale) {
  const std::optional<Int128> value = parse_decimal(text, precision, scale);
  return value ? digits_of(*value) : "none";
}

TEST(ParquetDecimal, IsScaledToItsColumn) {
  EXPECT_EQ(parsed("12.5", 5, 2), "1250");
  EXPECT_EQ(parsed("-12.5", 5, 2), "-1250");
  EXPECT_EQ(parsed("0.05", 2, 2), "5");  // the zero in front takes no digit
  EXPECT_EQ(parsed(".05", 2, 2), "5");
  EXPECT_EQ(parsed("7", 3, 2), "700");
  EXPECT_EQ(parsed("7.10", 3, 1), "71");  // zeros behind the scale are nothing
  EXPECT_EQ(parsed("-0", 3, 1), "0");
}

TEST(ParquetDecimal, FillsItsPrecisionAndNoMore) {
  EXPECT_EQ(parsed("999.99", 5, 2), "99999");
  EXPECT_EQ(parsed("1000.00", 5, 2), "none");
  EXPECT_EQ(parsed("1000", 5, 2), "none");
  EXPECT_EQ(parsed("1.001", 5, 2), "none");
  EXPECT_EQ(parsed("999999999999999999", 18, 0), "999999999999999999");
  EXPECT_EQ(parsed("9999999999999999999", 19, 0), "9999999999999999999");
  EXPECT_EQ(parsed("-99999999999999999999999999999999999999", 38, 0), "-99999999999999999999999999999999999999");
  EXPECT_EQ(parsed("1", 38, 37), "1" + std::string(37, '0'));
  EXPECT_EQ(parsed("0.00000000000000000001", 38, 20), "1");
}

TEST(ParquetDecimal, RefusesWhatIsNoPlainNumber) {
  for (const char* text : {"", "-", "NaN", "1e5", "1.2.3", "--1", "+1", " 1", "1 ", "1,5", "-Infinity"}) {
    EXPECT_EQ(parsed(text, 10, 2), "none") << text;
  }
}

}  // namespace
}  // namespace formats
