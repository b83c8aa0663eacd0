// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/connection.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/thread.h"
#include "connect/source.h"
#include "connectors/postgres/server_fixture.h"

namespace postgres {
namespace {

postgres_test::TestServer& server() {
  static postgres_test::TestServer one;
  return one;
}

ConnectionSettings settings() {
  ConnectionSettings made;
  made.host = "127.0.0.1";
  made.port = server().port();
  made.user = "postgres";
  made.database = "postgres";
  return made;
}

class ConnectionTest : public ::testing::Test {
  void SetUp() override {
    if (!server().running()) GTEST_SKIP() << server().problem();
  }
};

TEST(Quoting, IsSafe) {
  EXPECT_EQ(quote_identifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal("a\\b"), " E'a\\\\b'");
}

TEST(Sqlstates, LongestPrefixWins) {
  EXPECT_EQ(&code_of_sqlstate("42501"), &errors::privilege_missing);
  EXPECT_EQ(&code_of_sqlstate("42601"), &errors::server_error);
  EXPECT_EQ(&code_of_sqlstate("42P01"), &connect::errors::table_missing);
  EXPECT_EQ(code_of_sqlstate("08006").kind, base::Kind::transient);
  EXPECT_EQ(code_of_sqlstate("ZZ999").kind, base::Kind::task);
  EXPECT_EQ(&code_of_sqlstate("53100"), &errors::disk_full);
  EXPECT_EQ(&code_of_sqlstate("53400"), &errors::resources_exhausted);
}

TEST_F(ConnectionTest, QueriesWithParameters) {
  auto connection = Connection::open(settings());
  ASSERT_TRUE(connection.ok()) << connection.error().text();
  auto rows = connection->query("SELECT $1::int4 + 1, $2::text, current_setting('TimeZone')", {"41", std::nullopt});
  ASSERT_TRUE(rows.ok()) << rows.error().text();
  EXPECT_EQ((*rows)[0][0], "42");
  EXPECT_EQ((*rows)[0][1], std::nullopt);
  EXPECT_EQ((*rows)[0][2], "UTC");
  EXPECT_EQ(connection->execute("CREATE TEMP TABLE t AS SELECT generate_series(1, 7)").value(), 7u);
  EXPECT_EQ(connection->query_value("SELECT count(*) FROM t").value(), "7");
}

TEST_F(ConnectionTest, NamesWhatFailed) {
  auto connection = Connection::open(settings());
  ASSERT_TRUE(connection.ok());
  auto missing = connection->query("SELECT * FROM public.nothing_here");
  ASSERT_FALSE(missing.ok());
  EXPECT_TRUE(missing.error().is(connect::errors::table_missing));
  EXPECT_NE(missing.error().message.find("42P01"), std::string::npos);
  EXPECT_EQ(connection->last_sqlstate(), "42P01");
  auto value = connection->query("SELECT $1::int4", {"secret-value"});
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().text().find("secret-value"), std::string::npos) << value.error().text();
  EXPECT_TRUE(connection->query("SELECT 1").ok());

  ConnectionSettings wrong = settings();
  wrong.database = "no_such_database";
  EXPECT_TRUE(Connection::open(wrong).error().is(errors::database_missing)) << Connection::open(wrong).error().text();
  wrong = settings();
  wrong.port = postgres_test::free_port();
  EXPECT_TRUE(Connection::open(wrong).error().is(errors::unreachable));
  wrong = settings();
  wrong.ssl_mode = "require";
  EXPECT_TRUE(Connection::open(wrong).error().is(errors::tls_failed)) << Connection::open(wrong).error().text();
}

TEST_F(ConnectionTest, CopiesInAndOut) {
  auto connection = Connection::open(settings());
  ASSERT_TRUE(connection.ok());
  ASSERT_TRUE(connection->execute("CREATE TEMP TABLE c (a int, b text)").ok());
  ASSERT_TRUE(connection->copy_in("COPY c FROM STDIN").ok());
  ASSERT_TRUE(connection->copy_in_write("1\tx\n2\t\\N\n").ok());
  EXPECT_EQ(connection->copy_in_finish().value(), 2u);
  ASSERT_TRUE(connection->copy_in("COPY c FROM STDIN").ok());
  ASSERT_TRUE(connection->copy_in_write("oops\tx\n").ok());
  EXPECT_TRUE(connection->copy_in_finish().error().is(errors::value_refused));
  ASSERT_TRUE(connection->copy_in("COPY c FROM STDIN").ok());
  ASSERT_TRUE(connection->copy_in_write("3\tx\n").ok());
  ASSERT_TRUE(connection->copy_in_abort("changed our mind").ok());
  ASSERT_TRUE(connection->copy_out("COPY c TO STDOUT").ok());
  std::string all;
  while (true) {
    auto row = connection->copy_out_next();
    ASSERT_TRUE(row.ok());
    if (!*row) break;
    all += **row;
  }
  EXPECT_EQ(all, "1\tx\n2\t\\N\n");
  EXPECT_EQ(connection->copied_rows(), 2u);
  EXPECT_FALSE(connection->in_transaction());
}

TEST_F(ConnectionTest, StopCancelsTheStatement) {
  auto connection = Connection::open(settings());
  ASSERT_TRUE(connection.ok());
  std::stop_source stop;
  base::TaskGroup group;
  group.spawn("stopper", [&](std::stop_token token) -> base::Result<void> {
    base::SystemClock().pause(std::chrono::milliseconds(100), token);
    stop.request_stop();
    return {};
  });
  auto slept = connection->execute("SELECT pg_sleep(30)", stop.get_token());
  ASSERT_FALSE(slept.ok());
  EXPECT_TRUE(slept.error().is(base::errors::canceled)) << slept.error().text();
  EXPECT_TRUE(connection->query("SELECT 1").ok());
  EXPECT_TRUE(group.join().ok());
}

TEST_F(ConnectionTest, SpeaksReplication) {
  auto connection = Connection::open(settings(), Purpose::replication);
  ASSERT_TRUE(connection.ok()) << connection.error().text();
  auto rows = connection->query("IDENTIFY_SYSTEM");
  ASSERT_TRUE(rows.ok()) << rows.error().text();
  EXPECT_EQ((*rows)[0][3], "postgres");
  EXPECT_EQ(connection->query_value("SHOW wal_sender_timeout").value(), "1min");
}

}  // namespace
}  // namespace postgres
