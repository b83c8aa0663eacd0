// SPDX-License-Identifier: Apache-2.0
//
// Ranges of every kind of key hold each row once, by the server's own count, and none holds nearly all.
#include "connectors/mysql/chunk_ranges.h"

#include <gtest/gtest.h>

#include "connectors/mysql/describe.h"
#include "connectors/mysql/server_fixture.h"

namespace mysql {
namespace {

struct Case {
  const char* columns;
  const char* rows;        // of numbers g from 1 to 20000
  double share_max = 0.4;  // of the rows that one range may hold
};

const Case cases[] = {
    {"a varchar(40) COLLATE utf8mb4_general_ci, PRIMARY KEY (a)", "CONCAT(IF(g % 2, 'User-', 'uSer-'), g)"},
    {"a char(32) CHARACTER SET latin1, PRIMARY KEY (a)", "SUBSTR(SHA2(g, 224), 1, 32)"},
    {"a varchar(60) CHARACTER SET ucs2, PRIMARY KEY (a)", "CONCAT('it''s ü\\\\ ', g * 37 % 20000, ' ', g)"},
    {"a binary(16), PRIMARY KEY (a)", "UNHEX(SUBSTR(SHA2(g, 224), 1, 32))"},
    {"a decimal(20,4), PRIMARY KEY (a)", "g * 1.0001 - 10000"},
    {"a datetime(3), PRIMARY KEY (a)", "'2020-02-29 23:59:59.5' + INTERVAL g * 601 SECOND"},
    {"tenant int, day date, n int, PRIMARY KEY (tenant, day, n)",
     "IF(g < 16000, 7, g), '2024-01-01' + INTERVAL g % 300 DAY, g"},
    {"kind varchar(9), id bigint unsigned, PRIMARY KEY (kind, id)",
     "IF(g % 10, 'most', 'few'), 18446744073709551615 - g"},
    {"id int, PRIMARY KEY (id)", "IF(g = 20000, 2000000, g)", 1},
};

class RangesOf : public ::testing::TestWithParam<mysql_test::Kind> {};

TEST_P(RangesOf, every_row_is_in_one_range) {
  mysql_test::TestServer server(GetParam());
  if (!server.running()) GTEST_SKIP() << server.problem();
  mysql_test::SqlSession db(server);
  db.run("CREATE DATABASE r");
  db.run("USE r");
  db.run(GetParam() == mysql_test::Kind::mysql ? "SET cte_max_recursion_depth = 30000"
                                               : "SET max_recursive_iterations = 30000");
  for (const Case& one : cases) {
    db.run("DROP TABLE IF EXISTS t");
    db.run(std::string("CREATE TABLE t (") + one.columns + ", pad char(200) DEFAULT 'x')");
    db.run(std::string("INSERT INTO t WITH RECURSIVE s (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 20000) "
                       "SELECT ") +
           one.rows + ", 'x' FROM s");
    db.one("ANALYZE TABLE t");
    const auto tables = describe_tables(db.connection(), {{"r", "t"}});
    ASSERT_TRUE(tables.ok() && tables->size() == 1);
    auto chunks = cut_into_ranges(db.connection(), *tables->front(), 500'000, "");
    ASSERT_TRUE(chunks.ok()) << one.columns << chunks.error().text();
    EXPECT_GE(chunks->size(), 4U) << one.columns;
    EXPECT_LE(chunks->size(), 40U) << one.columns;
    long sum = 0, largest = 0;
    for (const connect::Chunk& chunk : *chunks) {
      const long rows = std::stol(db.one("SELECT COUNT(*) FROM t WHERE " + chunk.predicate));
      sum += rows;
      largest = std::max(largest, rows);
    }
    EXPECT_EQ(sum, 20000) << one.columns;
    EXPECT_LE(largest, 20000 * one.share_max) << one.columns;
  }
}

TEST_P(RangesOf, keys_that_have_no_literal_are_one_range) {
  mysql_test::TestServer server(GetParam());
  if (!server.running()) GTEST_SKIP() << server.problem();
  mysql_test::SqlSession db(server);
  db.run("CREATE DATABASE r");
  db.run("USE r");
  for (const char* columns : {"a double PRIMARY KEY", "a enum('x','y') PRIMARY KEY", "a int", "a bit(9) PRIMARY KEY"}) {
    db.run("DROP TABLE IF EXISTS t");
    db.run(std::string("CREATE TABLE t (") + columns + ")");
    db.run("INSERT INTO t VALUES (1), (2)");
    db.one("ANALYZE TABLE t");
    const auto tables = describe_tables(db.connection(), {{"r", "t"}});
    ASSERT_TRUE(tables.ok() && tables->size() == 1);
    auto chunks = cut_into_ranges(db.connection(), *tables->front(), 1000, "");
    ASSERT_TRUE(chunks.ok()) << columns << chunks.error().text();
    ASSERT_EQ(chunks->size(), 1U) << columns;
    EXPECT_EQ(chunks->front().predicate, "") << columns;
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, RangesOf, ::testing::Values(mysql_test::Kind::mariadb, mysql_test::Kind::mysql),
                         [](const auto& test) {
                           return test.param == mysql_test::Kind::mariadb ? "MariaDB" : "MySQL";
                         });

std::vector<std::string> guesses(const std::string& type, const std::string& low, const std::string& high,
                                 std::size_t count) {
  model::Column column;
  column.type.native = type;
  if (type.starts_with("varchar")) column.collation = "utf8mb4_general_ci";
  return guesses_between(column, low, high, count);
}

TEST(Guesses, LieBetween) {
  EXPECT_EQ(guesses("int(11)", "-10", "30", 3), (std::vector<std::string>{"0", "10", "20"}));
  EXPECT_EQ(guesses("date", "2024-01-01", "2024-03-01", 1), (std::vector<std::string>{"2024-02-01"}));
  EXPECT_EQ(guesses("datetime", "2024-01-31 00:00:00", "2024-02-01 00:00:00", 1),
            (std::vector<std::string>{"2024-01-28 12:00:00"}))
      << "no day that a month may lack";
  EXPECT_EQ(guesses("varchar(9)", "user-1", "user-3", 1).at(0).substr(0, 6), "user-2");
  EXPECT_EQ(guesses("varchar(9)", "ü1", "ü3", 1).at(0).substr(0, 3), "ü2");
  EXPECT_TRUE(guesses("varchar(9)", "a", "a", 5).empty());
  EXPECT_TRUE(guesses("varchar(9)", "b", "A", 5).empty()) << "the collation orders otherwise than bytes";
  EXPECT_EQ(guesses("binary(2)", std::string("\x00\x00", 2), "\x80", 1).at(0).at(0), '\x40');
}

}  // namespace
}  // namespace mysql
