// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/literal.h"

#include <gtest/gtest.h>

namespace {

using model::Type;

mysql::TargetColumn column_of(const std::string& type, const std::string& collation = "",
                              Type canonical = Type::wstring) {
  mysql::TargetColumn column;
  column.name = "`c`";
  column.type = mysql::parse_type(type, collation).value();
  column.collation = collation;
  column.canonical = canonical;
  return column;
}

std::string literal(const mysql::TargetColumn& column, std::string_view text) {
  std::string sql;
  mysql::append_literal(sql, column, text);
  return sql;
}

std::string native(const mysql::TargetColumn& column, std::int64_t value) {
  std::string cell, scratch;
  model::append_fixed(cell, value);
  return std::string(mysql::native_text(column, cell, scratch));
}

TEST(Literal, only_numerals_stand_without_quotes) {
  EXPECT_EQ(literal(column_of("bigint unsigned"), "18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(literal(column_of("decimal(10,2)"), "-1.50"), "-1.50");
  EXPECT_EQ(literal(column_of("double"), "1e-300"), "1e-300");
  for (const char* hostile : {"1 OR 1=1", "NaN", "", "-", "1.", "1e", ".5", "0x10", "1--"}) {
    EXPECT_TRUE(literal(column_of("int"), hostile).starts_with('\'')) << hostile;
  }
}

TEST(Literal, quotes_bytes_and_bits) {
  EXPECT_EQ(literal(column_of("varchar(9)", "utf8mb4_bin"), "it's \\"), "'it''s \\\\'");
  EXPECT_EQ(literal(column_of("varbinary(9)"), std::string_view("\0\xff", 2)), "X'00ff'");
  EXPECT_EQ(literal(column_of("blob"), ""), "_binary''");
  EXPECT_EQ(literal(column_of("bit(10)"), std::string_view("\1\5", 2)), "261");
  EXPECT_EQ(literal(column_of("float"), "0.1"), "1.00000001490116119e-01");
}

TEST(Literal, canonical_values_become_native_text) {
  const auto datetime = column_of("datetime(6)", "", Type::datetime);
  EXPECT_EQ(native(datetime, 0), "1970-01-01 00:00:00");
  EXPECT_EQ(native(datetime, -1), "1969-12-31 23:59:59.999999");
  EXPECT_EQ(native(datetime, -62135596800000000), "0001-01-01 00:00:00");
  EXPECT_EQ(native(datetime, -62135596800000001), "out of range") << "no other date";
  EXPECT_EQ(native(datetime, 253402300800000000), "out of range") << "the year 10000";
  EXPECT_EQ(native(datetime, model::date_infinity), "out of range");
  EXPECT_EQ(native(column_of("date", "", Type::date), 2932896), "9999-12-31");
  EXPECT_EQ(native(column_of("date", "", Type::date), 2932897), "out of range");
  EXPECT_EQ(native(column_of("tinyint(1)", "", Type::boolean), 1), "1");
  EXPECT_EQ(native(column_of("bit(1)", "", Type::boolean), 1), "\1");
  EXPECT_EQ(native(column_of("varchar(5)", "utf8mb4_bin", Type::boolean), 0), "false");
}

TEST(Literal, load_fields_escape_what_would_end_them) {
  std::string out;
  mysql::append_load_field(out, std::string_view("a\tb\nc\\d\0e\rf", 11));
  EXPECT_EQ(out, "a\\tb\\nc\\\\d\\0e\rf");
}

TEST(Literal, load_converts_what_does_not_store_utf8_as_it_is) {
  std::vector<mysql::TargetColumn> columns = {column_of("int"), column_of("varchar(9)", "latin1_swedish_ci"),
                                              column_of("json"), column_of("text", "utf8mb4_bin"), column_of("blob")};
  EXPECT_EQ(mysql::load_sql("`s`.`t`", columns),
            "LOAD DATA LOCAL INFILE 'millrace' INTO TABLE `s`.`t` CHARACTER SET binary (`c`, @v1, @v2, `c`, `c`) SET "
            "`c` = CONVERT(@v1 USING utf8mb4), `c` = CONVERT(@v2 USING utf8mb4)");
}

TEST(Literal, matches_are_as_exact_as_the_bytes) {
  const auto match = [](const mysql::TargetColumn& column, std::string_view text) {
    std::string sql;
    mysql::append_exact_match(sql, column, text);
    return sql;
  };
  EXPECT_EQ(match(column_of("int"), "5"), "`c` = 5");
  EXPECT_EQ(match(column_of("varchar(9)", "utf8mb4_0900_bin"), "a"), "`c` = 'a'");
  EXPECT_EQ(match(column_of("varchar(9)", "utf8mb4_bin"), "a"),
            "`c` = 'a' AND CAST(CONVERT(`c` USING utf8mb4) AS BINARY) = X'61'")
      << "blanks at the end";
  EXPECT_EQ(match(column_of("json"), "1"), "CAST(CONVERT(`c` USING utf8mb4) AS BINARY) = X'31'");
}

}  // namespace
