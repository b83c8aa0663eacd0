// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/snapshot.h"

#include <gtest/gtest.h>

#include "connectors/postgres/describe.h"
#include "connectors/postgres/options.h"
#include "connectors/postgres/server_fixture.h"

namespace postgres {
namespace {

using postgres_test::SqlSession;

class SnapshotTest : public ::testing::Test {
 protected:
  static postgres_test::TestServer& server() {
    static postgres_test::TestServer one;
    return one;
  }
  void SetUp() override {
    if (!server().running()) GTEST_SKIP() << server().problem();
    db_ = std::make_unique<SqlSession>(server().conninfo("postgres"));
    settings_.host = "127.0.0.1";
    settings_.port = server().port();
    settings_.user = settings_.database = "postgres";
    context_.clock = &clock_;
    db_->run("DROP TABLE IF EXISTS t");
  }
  std::unique_ptr<connect::Snapshot> take(bool capturing = false) {
    auto options = connect::Options::parse(source_options(), {{"ServerName", "127.0.0.1"},
                                                              {"Username", "postgres"},
                                                              {"DatabaseName", "postgres"},
                                                              {"MillraceLockYieldSeconds", "1"}});
    EXPECT_TRUE(options.ok()) << options.error().text();
    auto snapshot = take_snapshot(settings_, *options, context_, capturing);
    EXPECT_TRUE(snapshot.ok()) << snapshot.error().text();
    return snapshot.take();
  }
  model::TableSchemaPtr describe() {
    auto connection = Connection::open(settings_);
    auto tables = describe_tables(*connection, TypeChoices(), {{"public", "t"}});
    EXPECT_TRUE(tables.ok()) << tables.error().text();
    return tables->at(0);
  }
  // All rows of all chunks; the sum of the first column in `sum`.
  base::Result<std::uint64_t> count(connect::Snapshot& snapshot, const model::TableSchemaPtr& table,
                                    const std::vector<connect::Chunk>& chunks, std::int64_t& sum) {
    std::uint64_t rows = 0;
    for (const connect::Chunk& chunk : chunks) {
      auto reader = TRY(snapshot.read(*table, model::stored_columns(*table), chunk, "", connect::ReadForm::rows));
      while (true) {
        model::RowBatch batch(table);
        if (!TRY(reader->next_rows(batch, {}))) break;
        for (const std::int64_t value : batch.columns[0].fixed) sum += value;
      }
      rows += reader->rows();
    }
    return rows;
  }

  base::SystemClock clock_;
  ConnectionSettings settings_;
  connect::Context context_;
  std::unique_ptr<SqlSession> db_;
};

TEST_F(SnapshotTest, ChunksHoldEveryRowOnce) {
  db_->run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  db_->run("INSERT INTO t SELECT n, repeat('x', 200) FROM generate_series(1, 20000) n");
  const auto snapshot = take(true);
  db_->run("DELETE FROM t WHERE id % 2 = 0");
  db_->run("INSERT INTO t SELECT n, 'later' FROM generate_series(30001, 40000) n");
  const auto table = describe();
  const auto chunks = snapshot->chunks(*table, 1 << 20);
  ASSERT_TRUE(chunks.ok()) << chunks.error().text();
  EXPECT_GE(chunks->size(), 4u);
  std::int64_t sum = 0;
  const auto rows = count(*snapshot, table, *chunks, sum);
  ASSERT_TRUE(rows.ok()) << rows.error().text();
  EXPECT_EQ(*rows, 20000u);
  EXPECT_EQ(sum, 20000LL * 20001 / 2);
  EXPECT_GT(snapshot->fence().high, 0u);
}

TEST_F(SnapshotTest, NamesATruncatedTable) {
  db_->run("CREATE TABLE t (id int)");
  db_->run("INSERT INTO t VALUES (1)");
  const auto snapshot = take();
  const auto table = describe();
  const auto chunks = snapshot->chunks(*table, 1 << 20);
  ASSERT_TRUE(chunks.ok());
  db_->run("TRUNCATE t");
  auto reader = snapshot->read(*table, {0}, chunks->at(0), "", connect::ReadForm::raw_text);
  ASSERT_FALSE(reader.ok());
  EXPECT_TRUE(reader.error().is(connect::errors::table_changed)) << reader.error().text();
}

TEST_F(SnapshotTest, GivesWayToALock) {
  db_->run("CREATE TABLE t (id int)");
  db_->run("INSERT INTO t VALUES (1)");
  const auto snapshot = take();
  const auto table = describe();
  const auto chunks = snapshot->chunks(*table, 1 << 20);
  ASSERT_TRUE(chunks.ok());
  db_->run("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
  auto reader = snapshot->read(*table, {0}, chunks->at(0), "", connect::ReadForm::raw_text);
  db_->run("ROLLBACK");
  ASSERT_FALSE(reader.ok());
  EXPECT_TRUE(reader.error().is(connect::errors::chunk_yielded)) << reader.error().text();
}

TEST_F(SnapshotTest, ALostSnapshotIsTransient) {
  db_->run("CREATE TABLE t (id int)");
  const auto snapshot = take();
  const auto table = describe();
  const auto chunks = snapshot->chunks(*table, 1 << 20);
  ASSERT_TRUE(chunks.ok());
  db_->run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace'");
  db_->run("SELECT pg_sleep(0.2)");
  for (int attempt = 0; attempt < 2; ++attempt) {  // the pool's session is gone first, then the snapshot is
    auto reader = snapshot->read(*table, {0}, chunks->at(0), "", connect::ReadForm::raw_text);
    ASSERT_FALSE(reader.ok());
    EXPECT_EQ(reader.error().kind(), base::Kind::transient) << reader.error().text();
  }
}

}  // namespace
}  // namespace postgres
