// SPDX-License-Identifier: Apache-2.0
#include "model/cell_text.h"

#include <gtest/gtest.h>

namespace model {
namespace {

TEST(CellText, dates_and_times) {
  EXPECT_EQ(fixed_text(Type::date, 0), "1970-01-01");
  EXPECT_EQ(fixed_text(Type::date, 19'782), "2024-02-29");
  EXPECT_EQ(fixed_text(Type::date, -735'160), "0044-03-15 BC");
  EXPECT_EQ(fixed_text(Type::date, date_infinity), "infinity");
  EXPECT_EQ(fixed_text(Type::datetime, -1), "1969-12-31 23:59:59.999999");
  EXPECT_EQ(fixed_text(Type::datetime, 1'500'000), "1970-01-01 00:00:01.5");
  EXPECT_EQ(fixed_text(Type::time, 86'400'000'000), "24:00:00");
}

TEST(CellText, numbers) {
  EXPECT_EQ(fixed_text(Type::uint8, -1), "18446744073709551615");
  EXPECT_EQ(real_text(Type::real8, 0.1), "0.1");
  EXPECT_EQ(real_text(Type::real4, 0.1f), "0.1");
  EXPECT_EQ(real_text(Type::real8, -0.0), "-0");
  EXPECT_EQ(cell_text(Type::blob, std::string_view("\x01\xff", 2)), "01ff");
}

}  // namespace
}  // namespace model
