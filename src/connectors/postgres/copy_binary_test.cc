// SPDX-License-Identifier: Apache-2.0
//
// The server is the oracle: the same cells by COPY's text and by its binary form are the same rows.
#include "connectors/postgres/copy_binary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "connectors/postgres/connection.h"
#include "connectors/postgres/server_fixture.h"

namespace postgres {
namespace {

using model::Type;
using postgres_test::SqlSession;
using postgres_test::TestServer;

struct Field {
  const char* type;  // of the target
  std::uint32_t oid;
  Type cells;
};
constexpr Field fields[] = {
    {"boolean", 16, Type::boolean},
    {"smallint", 21, Type::int2},
    {"integer", 23, Type::uint2},
    {"bigint", 20, Type::int8},
    {"numeric(20,0)", 1700, Type::uint8},
    {"numeric", 1700, Type::numeric},
    {"numeric(12,3)", 1700, Type::numeric},
    {"real", 700, Type::real4},
    {"double precision", 701, Type::real8},
    {"date", 1082, Type::date},
    {"time", 1083, Type::time},
    {"timestamp(3)", 1114, Type::datetime},
    {"text", 25, Type::clob},
    {"varchar(9)", 1043, Type::wstring},
    {"char(9)", 1042, Type::string},
    {"bytea", 17, Type::blob},
};

class CopyBinary : public ::testing::Test {
 protected:
  static TestServer& server() {
    static TestServer one;
    return one;
  }
  void SetUp() override {
    if (!server().running()) GTEST_SKIP() << server().problem();
    for (const Field& field : fields) {
      const std::string name = "c" + std::to_string(columns_.size());
      columns_ += (columns_.empty() ? "" : ", ") + name + " " + field.type;
      model::Column& column = table_->columns.emplace_back();
      column.name = name;
      column.type.type = field.cells;
      forms_.push_back(send_form(field.oid, field.cells).value());
    }
  }
  void add(model::RowBatch& rows, std::int64_t number, const std::string& decimal, double real, std::string text) {
    for (std::size_t i = 0; i < std::size(fields); ++i) {
      model::ColumnVector& column = rows.columns[i];
      const Type type = fields[i].cells;
      std::int64_t fixed = number;
      if (type == Type::boolean) fixed = number & 1;
      if (type == Type::int2) fixed = static_cast<std::int16_t>(number);
      if (type == Type::uint2) fixed = static_cast<std::uint16_t>(number);
      if (type == Type::date) fixed = number % 900'000;
      if (type == Type::time) fixed = std::abs(number % 86'400'000'000);
      if (type == Type::datetime) fixed = number % 90'000'000'000'000'000;
      if (model::is_fixed(type))
        column.add_fixed(fixed);
      else if (model::is_real(type))
        column.add_real(type == Type::real4 ? static_cast<float>(real) : real);
      else if (type == Type::numeric)
        column.add_bytes(std::string_view(fields[i].type) == "numeric" ? std::string_view(decimal) : "-12.3456");
      else
        column.add_bytes(type == Type::blob ? text : text.substr(0, type == Type::clob ? std::string::npos : 9));
    }
    ++rows.rows;
  }
  std::string columns_;
  std::shared_ptr<model::TableSchema> table_ = std::make_shared<model::TableSchema>();
  std::vector<SendForm> forms_;
};

TEST_F(CopyBinary, IsWhatTheTextIs) {
  model::RowBatch rows(table_);
  std::mt19937_64 chance(5);
  for (const char* decimal :
       {"0", "-0", "0.00", "00012", "1", "-1.5", "10000", "9999.9999", "0.0001", "0.00001", "100000000",
        "-0.000000000000000000000000000001", "12345678901234567890123456789012345.123456789", "NaN", "Infinity",
        "-Infinity", "1000000000000", "120000.0034"}) {
    add(rows, static_cast<std::int64_t>(chance()), decimal, std::ldexp(static_cast<double>(chance()), -40),
        "tab\t\\n \n'ü");
  }
  for (int i = 0; i < 500; ++i) {
    std::string decimal = std::to_string(chance() >> (i % 60)) + (i % 3 == 0 ? "." + std::to_string(chance()) : "");
    add(rows, static_cast<std::int64_t>(chance() >> (i % 64)), (i % 2 == 0 ? "-" : "") + decimal, 1.0 / (1 + i), "row");
  }
  for (const double real : {0.0, -0.0, 1e300, std::numeric_limits<double>::infinity(), std::nan("")}) {
    add(rows, real == 0 ? 0 : -1, "1", real, "");
  }
  for (model::ColumnVector& column : rows.columns) column.add_null();
  ++rows.rows;
  SqlSession db(server().conninfo("postgres"));
  db.run("CREATE TABLE as_text (" + columns_ + "); CREATE TABLE as_binary (" + columns_ + ")");
  ConnectionSettings settings;
  settings.host = "127.0.0.1";
  settings.port = server().port();
  settings.user = settings.database = "postgres";
  auto connection = Connection::open(settings);
  ASSERT_TRUE(connection.ok()) << connection.error().text();
  std::string text, binary(copy_binary_head);
  ASSERT_TRUE(append_copy_rows(text, rows, nullptr).ok());
  ASSERT_TRUE(append_binary_rows(binary, rows, forms_, nullptr).value());
  binary += copy_binary_end;
  ASSERT_TRUE(connection->copy_in("COPY public.as_text FROM STDIN").ok());
  ASSERT_TRUE(connection->copy_in_write(text).ok());
  const auto by_text = connection->copy_in_finish();
  ASSERT_TRUE(by_text.ok()) << by_text.error().text();
  ASSERT_TRUE(connection->copy_in("COPY public.as_binary FROM STDIN (FORMAT binary)").ok());
  ASSERT_TRUE(connection->copy_in_write(binary).ok());
  const auto by_binary = connection->copy_in_finish();
  ASSERT_TRUE(by_binary.ok()) << by_binary.error().text();
  EXPECT_EQ(*by_binary, rows.rows);
  EXPECT_EQ(*by_text, *by_binary);
  const std::string differing =
      "SELECT count(*) FROM ((SELECT a::text FROM as_text a EXCEPT ALL SELECT b::text FROM as_binary b) UNION ALL "
      "(SELECT b::text FROM as_binary b EXCEPT ALL SELECT a::text FROM as_text a)) d";
  EXPECT_EQ(db.one(differing), "0")
      << db.one("SELECT a::text FROM as_text a EXCEPT ALL SELECT b::text FROM as_binary b LIMIT 1") << "\n"
      << db.one("SELECT b::text FROM as_binary b EXCEPT ALL SELECT a::text FROM as_text a LIMIT 1");
}

TEST_F(CopyBinary, WhatIsOutOfRangeIsNotSent) {
  for (const std::int64_t number : {std::int64_t{40'000}, std::int64_t{-40'000}}) {
    auto table = std::make_shared<model::TableSchema>();
    table->columns.emplace_back().type.type = Type::int4;
    model::RowBatch rows(table);
    rows.columns[0].add_fixed(number);
    rows.rows = 1;
    std::string out;
    EXPECT_FALSE(append_binary_rows(out, rows, {SendForm::int2}, nullptr).value());
    out.clear();
    EXPECT_TRUE(append_binary_rows(out, rows, {SendForm::int4}, nullptr).value());
  }
  std::string out;
  for (const char* text : {"", "1e5", "12a", "."}) EXPECT_FALSE(append_binary_numeric(out, text)) << text;
}

TEST_F(CopyBinary, OtherTypesHaveNoForm) {
  EXPECT_EQ(send_form(1184, Type::datetime), std::nullopt) << "a zone";
  EXPECT_EQ(send_form(3802, Type::clob), std::nullopt) << "jsonb";
  EXPECT_EQ(send_form(2950, Type::string), std::nullopt) << "uuid";
  EXPECT_EQ(send_form(23, Type::uint8), std::nullopt);
  EXPECT_EQ(send_form(700, Type::real8), std::nullopt);
  EXPECT_EQ(send_form(25, Type::int4), std::nullopt);
  EXPECT_EQ(send_form(20000, Type::string), std::nullopt) << "a user's type";
}

}  // namespace
}  // namespace postgres
