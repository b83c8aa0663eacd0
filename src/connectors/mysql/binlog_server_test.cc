// SPDX-License-Identifier: Apache-2.0
//
// The servers are the oracle: they are given odd values of every type, and what our decoder makes of their binary log
// must be, to the byte, what they print for the same rows.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "connectors/mysql/binlog_fixture.h"

namespace mysql {
namespace {

using mysql_test::Cells;
using mysql_test::Flavour;
using mysql_test::LogReader;
using mysql_test::SqlSession;
using mysql_test::TableTypes;
using mysql_test::TestServer;
using mysql_test::types_of;

class BinlogServer : public ::testing::TestWithParam<Flavour> {
 protected:
  static TestServer& server() {
    static TestServer mariadb(Flavour::mariadb);
    static TestServer mysql(Flavour::mysql, {"--gtid-mode=ON", "--enforce-gtid-consistency=ON"});
    return GetParam() == Flavour::mariadb ? mariadb : mysql;
  }
  void SetUp() override {
    if (!server().running()) GTEST_SKIP() << server().problem();
    db_ = std::make_unique<SqlSession>(server());
    db_->run("SET sql_mode = ''; SET autocommit = 1");
    db_->run("DROP DATABASE t; CREATE DATABASE t");
    db_->run(server().is_mariadb() ? "RESET MASTER" : "RESET BINARY LOGS AND GTIDS");
  }
  bool is_mariadb() const { return server().is_mariadb(); }

  // The rows of t.<table> in its key's order, and in the order they were inserted, must print alike.
  void expect_same(const std::string& table) {
    const TableTypes types = types_of(*db_, table);
    const auto printed = db_->rows("SELECT " + types.select + " FROM t.`" + table + "` ORDER BY id");
    LogReader log(table, types.natives);
    log.read(mysql_test::logged_events(server()));
    ASSERT_EQ(log.rows.size(), printed.size());
    for (std::size_t row = 0; row < printed.size(); ++row) {
      ASSERT_EQ(log.rows[row].after.size(), printed[row].size());
      for (std::size_t i = 0; i < printed[row].size(); ++i) {
        EXPECT_EQ(log.rows[row].after[i], printed[row][i]) << table << " row " << row << " column " << i;
      }
    }
  }
  // A table of one column of that type, filled with those literals; what the server refuses is left out.
  void expect_type(const std::string& type, const std::vector<std::string>& values) {
    const std::string table = "v" + std::to_string(++tables_);
    const std::string problem =
        db_->try_run("CREATE TABLE t." + table + " (id int PRIMARY KEY AUTO_INCREMENT, v " + type + ")");
    ASSERT_EQ(problem, "") << type;
    std::size_t taken = 0;
    for (const std::string& value : values) {
      taken += db_->try_run("INSERT INTO t." + table + " (v) VALUES (" + value + ")").empty() ? 1U : 0U;
    }
    EXPECT_EQ(taken, values.size()) << type;
    SCOPED_TRACE(type);
    expect_same(table);
  }

  std::unique_ptr<SqlSession> db_;

 private:
  int tables_ = 0;
};

TEST_P(BinlogServer, Integers) {
  const std::vector<std::string> values{"NULL", "0",      "1",     "-1",         "127",         "-128",
                                        "255",  "-32768", "65535", "8388607",    "-8388608",    "16777215",
                                        "9e18", "-9e18",  "2e19",  "2147483647", "-2147483648", "4294967295"};
  for (const char* type : {"tinyint", "smallint", "mediumint", "int", "bigint"}) {
    expect_type(type, values);
    expect_type(std::string(type) + " unsigned", values);
    expect_type(std::string(type) + "(7) unsigned zerofill", values);
  }
  expect_type("year", {"0", "1901", "2155", "2024", "NULL"});
  expect_type("bool", {"true", "false", "7"});
  for (const char* type : {"bit(1)", "bit(7)", "bit(8)", "bit(9)", "bit(63)", "bit(64)"}) {
    expect_type(type, {"b'0'", "b'1'", "b'10'", "255", "NULL", "18446744073709551615"});
  }
}

TEST_P(BinlogServer, Decimals) {
  const std::vector<std::string> values{"0",
                                        "1",
                                        "-1",
                                        "0.5",
                                        "-0.5",
                                        "12345.678901234567890123456789",
                                        "-99.9",
                                        "0.00001",
                                        "1e30",
                                        "-1e40",
                                        "123456789.123456789",
                                        "NULL",
                                        "99999999999999999999999999999999999.999999999999999999999999999999"};
  for (const char* type : {"decimal", "decimal(1)", "decimal(1,1)", "decimal(65,30)", "decimal(65,0)", "decimal(30,30)",
                           "decimal(9,9)", "decimal(10,5)", "decimal(18,9)", "decimal(12,2) unsigned",
                           "decimal(12,2) unsigned zerofill", "decimal(4,4) zerofill", "decimal(28,13)"}) {
    expect_type(type, values);
  }
}

TEST_P(BinlogServer, Reals) {
  std::vector<std::string> values{"0",
                                  "-0e0",
                                  "1",
                                  "-1",
                                  "0.1",
                                  "1e15",
                                  "1e14",
                                  "123456789012345",
                                  "1e16",
                                  "1e-14",
                                  "1e-15",
                                  "1e-16",
                                  "1.5e-15",
                                  "1e300",
                                  "-1e300",
                                  "5e-324",
                                  "1e20",
                                  "1.7976931348623157e308",
                                  "2.2250738585072014e-308",
                                  "NULL",
                                  "0.3",
                                  "1234.5678",
                                  "3.4e38",
                                  "1.17549435e-38",
                                  "1e-45",
                                  "16777217",
                                  "9007199254740993",
                                  "1e15+0.3",
                                  "999999999999999.9",
                                  "9999999999999999",
                                  "0.000012345678901234567",
                                  "123456.789e-9"};
  std::mt19937_64 random(7);
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    char text[64];
    std::snprintf(text, sizeof text, "%.17e", i % 3 == 0 ? value : static_cast<double>(bits % 1000000007) / (1 + i));
    values.emplace_back(text);
  }
  expect_type("double", values);
  expect_type("float", values);
  expect_type("double(12,3)", values);
  expect_type("double(20,0)", values);
  expect_type("double unsigned zerofill", values);
  expect_type("float(7,2)", values);
}

TEST_P(BinlogServer, DatesAndTimes) {
  db_->run("SET sql_mode = 'ALLOW_INVALID_DATES'");
  expect_type("date", {"'2024-02-29'", "'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2024-00-00'", "'2024-02-31'",
                       "'0001-01-01'", "NULL"});
  for (const char* fraction : {"", "(1)", "(2)", "(3)", "(4)", "(5)", "(6)"}) {
    const std::string digits(fraction);
    expect_type("time" + digits,
                {"'00:00:00'", "'23:59:59.999999'", "'-00:00:00.5'", "'-00:00:01.25'", "'838:59:59'", "'-838:59:59'",
                 "'100:01:02.000001'", "'-12:34:56.789012'", "'-00:00:00.000001'", "'-00:00:01'", "NULL"});
    expect_type("datetime" + digits, {"'2024-02-29 23:59:59.123456'", "'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'",
                                      "'1000-01-01 00:00:00'", "'2024-00-00 01:02:03.5'",
                                      "'2024-02-31 00:00:00.000001'", "'0001-01-01'", "NULL"});
    expect_type("timestamp" + digits + " NULL",
                {"'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'",
                 "'2024-02-29 12:00:00.987654'", "'1999-12-31 23:59:59.999999'", "NULL"});
  }
  if (!is_mariadb()) return;
  // As servers before 5.6 stored them.
  db_->run("SET GLOBAL mysql56_temporal_format = OFF");
  expect_type("time", {"'00:00:00'", "'-00:00:01'", "'838:59:59'", "'-838:59:59'", "NULL"});
  expect_type("datetime", {"'2024-02-29 23:59:59'", "'0000-00-00'", "'9999-12-31 23:59:59'", "'2024-02-31'", "NULL"});
  expect_type("timestamp NULL", {"'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00'", "NULL"});
  db_->run("SET GLOBAL mysql56_temporal_format = ON");
}

TEST_P(BinlogServer, TextAndBytes) {
  const std::vector<std::string> texts{
      "''", "'a'", "'a  '", "'  '", "'äöü€'", "'日本語'", "'it''s \\\\ \\n\\0x'", "NULL", "repeat('x', 100)"};
  for (const char* type :
       {"char(120)", "varchar(120)", "varchar(500)", "tinytext", "text", "mediumtext", "longtext",
        "char(120) CHARACTER SET utf8mb3", "char(120) CHARACTER SET ucs2", "varchar(120) CHARACTER SET utf16",
        "text CHARACTER SET utf32", "varchar(120) CHARACTER SET utf16le", "char(255) COLLATE utf8mb4_bin"}) {
    expect_type(type, texts);
  }
  expect_type("varchar(10)", {"'😀'", "'\\Z'"});
  const std::vector<std::string> bytes{"''", "x'00'", "x'6100'", "x'ff00fe'", "x'2020'", "NULL"};
  for (const char* type :
       {"binary(5)", "varbinary(5)", "varbinary(300)", "tinyblob", "blob", "mediumblob", "longblob"}) {
    expect_type(type, bytes);
  }
  expect_type("binary(255)", {"repeat('a', 255)", "x'00'"});
}

TEST_P(BinlogServer, CharacterSets) {
  // Every character of the set: codes that the server knows, by way of UTF-32.
  for (const char* set :
       {"latin1",   "latin2",  "latin5", "latin7", "cp1250",  "cp1251", "cp1256", "cp1257", "cp850",
        "cp852",    "cp866",   "koi8r",  "koi8u",  "greek",   "hebrew", "tis620", "macce",  "macroman",
        "armscii8", "geostd8", "dec8",   "hp8",    "keybcs2", "swe7",   "ascii",  "gbk",    "gb2312",
        "big5",     "sjis",    "cp932",  "ujis",   "eucjpms", "euckr",  "gb18030"}) {
    if (is_mariadb() && std::string(set) == "gb18030") continue;
    std::string code_points;
    std::vector<std::string> values;
    for (unsigned point = 1; point < 0x10000; point = point < 0x600 ? point + 1 : point + 7) {
      if (point >= 0xd800 && point < 0xe000) continue;
      char hex[16];
      std::snprintf(hex, sizeof hex, "%08X", point);
      code_points += hex;
      if (code_points.size() < 8 * 2000) continue;
      // What the set has not becomes '?', in the table as well.
      values.push_back("CONVERT(x'" + code_points + "' USING utf32)");
      code_points.clear();
    }
    expect_type(std::string("mediumtext CHARACTER SET ") + set, values);
  }
}

TEST_P(BinlogServer, EnumsAndSets) {
  expect_type("enum('a','b','it''s','ä','')", {"'a'", "'b'", "'it''s'", "'ä'", "''", "'nothing'", "NULL", "3"});
  expect_type("enum('é','ü') CHARACTER SET latin1", {"'é'", "'ü'", "NULL"});
  expect_type("set('a','b','','ü') CHARACTER SET latin1", {"'a'", "'a,b'", "''", "'ü,a'", "15", "NULL"});
  std::string members;
  for (int i = 0; i < 64; ++i) members += (i == 0 ? "'m" : ",'m") + std::to_string(i) + "'";
  expect_type("set(" + members + ")", {"'m63'", "'m0,m63'", "18446744073709551615", "0"});
  members.clear();
  for (int i = 0; i < 300; ++i) members += (i == 0 ? "'m" : ",'m") + std::to_string(i) + "'";
  expect_type("enum(" + members + ")", {"'m0'", "'m299'", "'m255'"});
}

TEST_P(BinlogServer, WithoutMetadata) {
  db_->run(std::string("SET GLOBAL binlog_row_metadata = ") + (is_mariadb() ? "NO_LOG" : "MINIMAL"));
  expect_type("int unsigned", {"4294967295", "NULL"});
  expect_type("bigint", {"-1"});
  expect_type("varchar(20) CHARACTER SET latin1", {"'ä€'"});
  expect_type("char(9) CHARACTER SET sjis", {"'日本'"});
  expect_type("text CHARACTER SET ucs2", {"'ä'"});
  expect_type("enum('é','ü') CHARACTER SET latin1", {"'ü'"});
  expect_type("set('a','ü')", {"'a,ü'"});
  expect_type("binary(5)", {"'a'"});
  expect_type("blob", {"x'00ff'"});
  expect_type("point", {"ST_GeomFromText('POINT(1 2)')"});
  expect_type("decimal(10,3)", {"-1.5"});
  expect_type(is_mariadb() ? "inet6" : "json", {is_mariadb() ? "'::1'" : "'{\"a\": 1.5}'"});
  db_->run("SET GLOBAL binlog_row_metadata = FULL");
}

TEST_P(BinlogServer, Geometry) {
  expect_type("geometry", {"ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0,1 1,2 5)', 4326)", "NULL",
                           "ST_GeomFromText('MULTIPOINT(0 0, 1 1)')"});
}

TEST_P(BinlogServer, KindsOfItsOwn) {
  if (is_mariadb()) {
    expect_type("uuid", {"'01234567-89ab-1def-8123-456789abcdef'", "'01234567-89ab-7def-8123-456789abcdef'",
                         "'01234567-89ab-4def-4123-456789abcd00'", "'00000000-0000-0000-0000-000000000000'",
                         "'01234567-89ab-8def-8123-456789abcdef'", "'01234567-89ab-6def-c123-456789abcdef'",
                         "'01234567-89ab-5def-c123-456789abcdef'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
                         "'01234567-89ab-0def-8123-456789abcdef'", "'01234567-89ab-00ff-ff00-4567895b0000'", "NULL"});
    expect_type("inet6",
                {"'::'", "'1::'", "'::1'", "'1:0:2:3:4:5:6:7'", "'::ffff:1.2.3.4'", "'::1.2.3.4'", "'::1:2'",
                 "'1:0:0:3:0:0:6:7'", "'::ffff:0:0'", "'0:1:0:2:0:3:0:4'", "'fe80::1:0:0:0'", "'ffff::'", "NULL"});
    expect_type("inet4", {"'1.2.3.4'", "'0.0.0.0'", "'255.255.255.255'", "'10.0.0.0'", "NULL"});
    const std::vector<std::string> texts{"''", "'short'", "repeat('long ', 2000)", "NULL", "'ä'", "repeat('z', 70000)"};
    expect_type("text COMPRESSED", texts);
    expect_type("mediumtext COMPRESSED CHARACTER SET latin1", texts);
    expect_type("varchar(12000) COMPRESSED", texts);
    db_->run("SET GLOBAL column_compression_zlib_wrap = 1");
    expect_type("longblob COMPRESSED", texts);
  } else {
    expect_type("vector(3)", {"string_to_vector('[1,2.5,-3]')", "NULL"});
  }
}

// MariaDB's JSON is text.
class BinlogServerOfMysql : public BinlogServer {};

TEST_P(BinlogServerOfMysql, Json) {
  const std::vector<std::string> values{
      "'null'",
      "'true'",
      "'[]'",
      "'{}'",
      "'1'",
      "'-1'",
      "'65535'",
      "'65536'",
      "'-32769'",
      "'4294967296'",
      "'18446744073709551615'",
      "'-9223372036854775808'",
      "'18446744073709551616'",
      "'1.0'",
      "'1e100'",
      "'0.1'",
      "'-0.0'",
      "'1e15'",
      "'1e-20'",
      "'123456789.123'",
      "'\"text\"'",
      "'\"ä€😀\"'",
      "NULL",
      "'\"quote \\\\\" back \\\\\\\\ slash / tab \\\\t nl \\\\n cr \\\\r b \\\\b f \\\\f nul \\\\u0000 \\\\u001f "
      "\\\\u007f\"'",
      "'{\"b\":1,\"a\":[1,2,{\"c\":null}],\"longer key\":false}'",
      "'[[[[]]],{\"a\":{}}]'",
      "JSON_ARRAY(CAST('2024-02-29' AS DATE), CAST('-12:34:56.789' AS TIME(3)), CAST('2024-02-29 12:34:56' AS "
      "DATETIME))",
      "JSON_ARRAY(CAST(1.50 AS DECIMAL(10,2)), CAST(-0.001 AS DECIMAL(20,10)), 1e0, 0.1, 18446744073709551615)",
      "JSON_ARRAY(x'00ff', b'101', CAST('abc' AS BINARY), TIMESTAMP('2020-01-01 00:00:00.123456'), "
      "MAKETIME(838,59,59))",
      "JSON_OBJECT('k', x'deadbeef', 'd', 100000000000000000000.5)",
      "JSON_ARRAY(repeat('x', 200), repeat('y', 20000), repeat('z', 70000))",
      "CONCAT('[', repeat('{\"key\": [1, 2.5, \"t\"]},', 5000), '1]')",
      "CONCAT('{', (WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT "
      "group_concat(concat('\"key', i, '\": ', i * 70000)) FROM n), '}')"};
  db_->run("SET group_concat_max_len = 1000000");
  expect_type("json", values);
}

TEST_P(BinlogServerOfMysql, PartialJson) {
  db_->run("SET binlog_row_value_options = 'PARTIAL_JSON'");
  db_->run("CREATE TABLE t.p (id int PRIMARY KEY, a json, x int, b json)");
  db_->run(
      "INSERT INTO t.p VALUES (1, '{\"a\": [1, 2, 3], \"b\": {\"c d\": \"text\", \"e\": [true]}, \"big\": 1}', 1, "
      "'[1, [2, 3], {\"k\": \"v\"}]')");
  const std::vector<std::string> updates{
      "a = JSON_SET(a, '$.a[1]', 'longer than before')",
      "a = JSON_REPLACE(a, '$.b.\"c d\"', 'x')",
      "b = JSON_REMOVE(b, '$[1]')",
      "b = JSON_SET(b, '$[5]', JSON_ARRAY(1))",
      "a = JSON_REMOVE(a, '$.a[0]'), x = 2",
      "a = JSON_SET(a, '$.new', JSON_OBJECT('q', 1.5)), b = JSON_REPLACE(b, '$[0]', 7)",
      "a = JSON_SET(a, '$.\"qu\\\\\"ote\"', null)",
      "x = 3",
      "a = '{}'",
      "b = JSON_SET(b, '$[last]', 'end')",
      "a = JSON_SET(a, '$.z', 'y')",
      "b = NULL",
      "a = JSON_SET(a, '$.z', repeat('y', 300)), b = '[]'"};
  std::vector<std::string> as, bs;
  for (const std::string& update : updates) {
    db_->run("UPDATE t.p SET " + update + " WHERE id = 1");
    as.push_back(db_->one("SELECT a FROM t.p"));
    bs.push_back(db_->one("SELECT coalesce(b, 'NULL') FROM t.p"));
  }
  // Without the other columns, before and after.
  db_->run("UPDATE t.p SET b = '[1, [2, 3], {\"k\": \"v\"}]' WHERE id = 1");
  db_->run("SET binlog_row_image = MINIMAL; UPDATE t.p SET b = JSON_SET(b, '$[0]', 5) WHERE id = 1");
  LogReader log("p", types_of(*db_, "p").natives);
  log.read(mysql_test::logged_events(server()));
  EXPECT_GT(log.kinds[39], 0);
  ASSERT_EQ(log.rows.size(), updates.size() + 3);
  EXPECT_EQ(log.rows.back().after, (Cells{"<absent>", "<absent>", "<absent>", "<difference>"}));
  for (std::size_t i = 0; i < updates.size(); ++i) {
    const Cells& after = log.rows[i + 1].after;
    EXPECT_EQ(after[1], as[i]) << updates[i];
    EXPECT_EQ(after[3].value_or("NULL"), bs[i]) << updates[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, BinlogServer, ::testing::Values(Flavour::mariadb, Flavour::mysql),
                         [](const auto& test) { return test.param == Flavour::mariadb ? "MariaDB" : "MySQL"; });
INSTANTIATE_TEST_SUITE_P(Servers, BinlogServerOfMysql, ::testing::Values(Flavour::mysql),
                         [](const auto&) { return "MySQL"; });

}  // namespace
}  // namespace mysql
