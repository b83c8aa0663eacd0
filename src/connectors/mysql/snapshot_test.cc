// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/snapshot.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "connectors/mysql/describe.h"
#include "connectors/mysql/server_fixture.h"

namespace mysql {
namespace {

using connect::ReadForm;

class SnapshotOf : public ::testing::TestWithParam<mysql_test::Kind> {};

// A snapshot cannot show rows of before a TRUNCATE or ALTER TABLE: the engine loads the table again.
TEST_P(SnapshotOf, a_table_that_changed_since_says_so_in_every_form) {
  mysql_test::TestServer server(GetParam());
  if (!server.running()) GTEST_SKIP() << server.problem();
  mysql_test::SqlSession db(server);
  db.run("CREATE DATABASE s");
  db.run("USE s");
  base::SystemClock clock;
  for (const ReadForm form : {ReadForm::rows, ReadForm::raw_text}) {
    db.run("DROP TABLE IF EXISTS t");
    db.run("CREATE TABLE t (id int PRIMARY KEY, a varchar(9))");
    db.run("INSERT INTO t VALUES (1, 'one')");
    const auto tables = describe_tables(db.connection(), {{"s", "t"}});
    ASSERT_TRUE(tables.ok() && tables->size() == 1);
    SnapshotRequest request;
    request.settings = server.settings();
    request.clock = &clock;
    auto taken = take_snapshot(request, 1, false);
    ASSERT_TRUE(taken.ok()) << taken.error().text();
    db.run("TRUNCATE TABLE t");
    connect::Chunk chunk;
    chunk.table = {"s", "t"};
    auto reader = taken->snapshot->read(*tables->front(), {0, 1}, chunk, "", form, {});
    base::Result<bool> read = reader.ok() ? true : base::Result<bool>(reader.take_error());
    if (read.ok() && form == ReadForm::raw_text) {
      std::string bytes;
      read = (*reader)->next_raw(bytes, {});
    } else if (read.ok()) {
      model::RowBatch batch(tables->front());
      read = (*reader)->next_rows(batch, {});
    }
    ASSERT_FALSE(read.ok());
    EXPECT_TRUE(read.error().is(connect::errors::table_changed)) << read.error().text();
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, SnapshotOf, ::testing::Values(mysql_test::Kind::mariadb, mysql_test::Kind::mysql),
                         [](const auto& test) {
                           return test.param == mysql_test::Kind::mariadb ? "MariaDB" : "MySQL";
                         });

}  // namespace
}  // namespace mysql
