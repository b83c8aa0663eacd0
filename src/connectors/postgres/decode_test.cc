// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/decode.h"

#include <gtest/gtest.h>

#include <cmath>

#include "connectors/postgres/connection.h"
#include "connectors/postgres/copy_text.h"
#include "connectors/postgres/server_fixture.h"

namespace postgres {
namespace {

using model::Type;

TEST(ParseDate, KnowsErasAndInfinity) {
  EXPECT_EQ(parse_date("1970-01-01"), 0);
  EXPECT_EQ(parse_date("2000-02-29"), 11016);
  EXPECT_EQ(parse_date("0001-01-01 BC"), -719528);
  EXPECT_EQ(parse_date("4713-01-01 BC"), -2440550);
  EXPECT_EQ(parse_date("5874897-12-31"), 2145042905);
  EXPECT_EQ(parse_date("infinity"), model::date_infinity);
  EXPECT_EQ(parse_date("-infinity"), -model::date_infinity);
  for (const char* bad :
       {"", "1970-1-01", "1970-13-01", "1999-02-29", "1970-01-01x", "0000-01-01", "1970-01-00", "x"}) {
    EXPECT_EQ(parse_date(bad), std::nullopt) << bad;
  }
}

TEST(ParseTime, Checks) {
  EXPECT_EQ(parse_time("00:00:01.5"), 1'500'000);
  EXPECT_EQ(parse_time("24:00:00"), 86'400'000'000);
  EXPECT_EQ(parse_time("23:59:59.999999"), 86'399'999'999);
  for (const char* bad : {"24:00:01", "1:00:00", "12:60:00", "12:00:00.", "12:00:00.1234567", ""}) {
    EXPECT_EQ(parse_time(bad), std::nullopt) << bad;
  }
}

TEST(ParseDatetime, Checks) {
  EXPECT_EQ(parse_datetime("1970-01-01 00:00:00"), 0);
  EXPECT_EQ(parse_datetime("1970-01-01 00:00:00.000001+00"), 1);
  EXPECT_EQ(parse_datetime("1970-01-01 01:30:00+01:30"), 0);
  EXPECT_EQ(parse_datetime("1969-12-31 23:59:59.999999"), -1);
  EXPECT_EQ(parse_datetime("0001-01-01 00:00:00 BC"), -719528LL * 86'400'000'000);
  EXPECT_EQ(parse_datetime("1970-01-01T00:00:00"), std::nullopt);
  EXPECT_EQ(parse_datetime("999999-01-01 00:00:00"), std::nullopt);
  EXPECT_EQ(parse_datetime("294247-01-10 04:00:54.775806"), model::date_infinity - 1);
  EXPECT_EQ(parse_datetime("294247-01-10 04:00:54.775807"), std::nullopt) << "would read as infinity";
  EXPECT_EQ(parse_datetime("294276-12-31 23:59:59.999999"), std::nullopt);
}

TEST(ParseReal, OnlyTheServersWords) {
  EXPECT_EQ(parse_real("1e-05", false), 1e-05);
  EXPECT_EQ(parse_real("0.1", true), static_cast<double>(0.1f));
  EXPECT_TRUE(std::isnan(*parse_real("NaN", false)));
  for (const char* bad : {"nan", "inf", "", "-", "1x", "0x10"}) EXPECT_EQ(parse_real(bad, false), std::nullopt) << bad;
}

TEST(Numeric, TextAndMoney) {
  EXPECT_TRUE(is_numeric_text("-12.50"));
  EXPECT_TRUE(is_numeric_text("NaN"));
  for (const char* bad : {"", "-", ".5", "5.", "1e5", "1,000"}) EXPECT_FALSE(is_numeric_text(bad)) << bad;
  char out[64];
  EXPECT_EQ(std::string(out, money_to_numeric("-$1,234.50", out)), "-1234.5000");
  EXPECT_EQ(money_to_numeric("1,234.50", out), 0u);
}

model::TableSchema table_of(std::vector<std::pair<std::uint32_t, std::int32_t>> types) {
  model::TableSchema table;
  table.name = {"public", "t"};
  for (const auto& [oid, modifier] : types) {
    model::Column column;
    column.name = "c" + std::to_string(table.columns.size());
    column.type.native_id = oid;
    canonical_type(oid, modifier, 'b', TypeChoices(), column.type);
    table.columns.push_back(column);
  }
  return table;
}

TEST(CopyText, UnescapesAndCountsFields) {
  const model::TableSchema table = table_of({{type_oid::text, -1}, {type_oid::int4, -1}, {type_oid::bytea, -1}});
  CopyTextRows rows(table, {0, 1, 2}, TypeChoices());
  model::RowBatch batch(std::make_shared<model::TableSchema>(table));
  ASSERT_TRUE(rows.check(batch).ok());
  ASSERT_TRUE(rows.add("a\\tb\\\\c\\n\t-7\t\\\\x00ff\n", batch).ok());
  ASSERT_TRUE(rows.add("\\N\t\\N\t\\N\n", batch).ok());
  ASSERT_TRUE(rows.add("\t0\t\\\\x\n", batch).ok());
  EXPECT_EQ(batch.rows, 3u);
  EXPECT_EQ(batch.columns[0].bytes_at(0), "a\tb\\c\n");
  EXPECT_EQ(batch.columns[1].fixed[0], -7);
  EXPECT_EQ(batch.columns[2].bytes_at(0), std::string("\0\xff", 2));
  EXPECT_EQ(batch.columns[0].present[1], 0);
  EXPECT_EQ(batch.columns[0].present[2], 1);
  for (const char* misfit : {"a\tb\t\\\\x\n", "a\t1\t\\\\x0\n"}) EXPECT_TRUE(rows.add(misfit, batch).ok()) << misfit;
  EXPECT_EQ(batch.rejected.size(), 2u);
  EXPECT_EQ(batch.rows, 3u);
  for (const model::ColumnVector& column : batch.columns) EXPECT_EQ(column.present.size(), 3u);
  EXPECT_EQ(batch.columns[2].bytes_at(0), std::string("\0\xff", 2));
  for (const char* bad : {"a\t1\n", "a\t1\t\\\\x\tb\n", "a\t1\t\\\\x", "\\\n", ""}) {
    EXPECT_FALSE(rows.add(bad, batch).ok()) << bad;
  }
}

TEST(CanonicalType, IsLossless) {
  model::ColumnType type;
  canonical_type(type_oid::numeric, -1, 'b', TypeChoices(), type);
  EXPECT_EQ(type.type, Type::numeric);
  EXPECT_EQ(type.precision, 0);
  canonical_type(type_oid::numeric, ((12 << 16) | 2) + 4, 'b', TypeChoices(), type);
  EXPECT_EQ(type.precision, 12);
  EXPECT_EQ(type.scale, 2);
  canonical_type(type_oid::numeric, ((3 << 16) | (-2 & 0x7ff)) + 4, 'b', TypeChoices(), type);
  EXPECT_EQ(type.scale, -2);
  canonical_type(type_oid::varchar, 24, 'b', TypeChoices(), type);
  EXPECT_EQ(type.type, Type::wstring);
  EXPECT_EQ(type.length, 20u);
  canonical_type(1007, -1, 'b', TypeChoices(), type);
  EXPECT_EQ(type.type, Type::nclob);
}

// The database writes a value as text and, itself, as the number we should have read.
TEST(DecodeText, AgreesWithTheServer) {
  static postgres_test::TestServer server;
  if (!server.running()) GTEST_SKIP() << server.problem();
  ConnectionSettings settings;
  settings.host = "127.0.0.1";
  settings.port = server.port();
  settings.user = "postgres";
  settings.database = "postgres";
  auto connection = Connection::open(settings);
  ASSERT_TRUE(connection.ok()) << connection.error().text();
  auto dates = connection->query(
      "SELECT d::text, (d - date '1970-01-01')::text FROM (SELECT date '4713-01-01 BC'"
      " + (n * 7919) AS d FROM generate_series(0, 5000) n) s");
  ASSERT_TRUE(dates.ok()) << dates.error().text();
  for (const Row& row : *dates) EXPECT_EQ(parse_date(*row[0]), std::stoll(*row[1])) << *row[0];
  auto times = connection->query(
      "SELECT t::text, (extract(epoch FROM t) * 1000000)::numeric(40,0)::text FROM (SELECT timestamptz '4713-01-01 BC'"
      " + n * interval '1234567.891234 s' * 50 AS t FROM generate_series(0, 5000) n) s");
  ASSERT_TRUE(times.ok()) << times.error().text();
  for (const Row& row : *times) EXPECT_EQ(parse_datetime(*row[0]), std::stoll(*row[1])) << *row[0];
  auto money = connection->query(
      "SELECT m::text, m::numeric(38,4)::text FROM unnest('{-92233720368547758.08,0,1234.5}'::money[]) m");
  ASSERT_TRUE(money.ok()) << money.error().text();
  for (const Row& row : *money) {
    char out[64];
    EXPECT_EQ(std::string(out, money_to_numeric(*row[0], out)), *row[1]);
  }
}

}  // namespace
}  // namespace postgres
