// SPDX-License-Identifier: Apache-2.0
//
// What capture makes at a source, against real servers: publications that never harm it, a slot that waits for the
// right transactions, DDL messages in the log, and all of it gone afterwards.
#include <gtest/gtest.h>

#include "base/thread.h"
#include "connectors/postgres/capture_errors.h"
#include "connectors/postgres/comparable.h"
#include "connectors/postgres/ddl_trigger.h"
#include "connectors/postgres/describe.h"
#include "connectors/postgres/publication.h"
#include "connectors/postgres/server_fixture.h"
#include "connectors/postgres/slot.h"

namespace postgres {
namespace {

using postgres_test::SqlSession;
using postgres_test::TestServer;

const PublicationNames names{"millrace_t", "millrace_t_ins"};

class PostgresCapture : public ::testing::TestWithParam<bool> {
 protected:
  static TestServer& server() {
    static TestServer debian;
    static TestServer newer(postgres_test::newer_binaries());
    return GetParam() ? newer : debian;
  }
  void SetUp() override {
    if (!server().running()) FAIL() << server().problem();
    SqlSession admin(server().conninfo("postgres"));
    admin.run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
    admin.run("DROP DATABASE IF EXISTS capture WITH (FORCE)");
    admin.run("CREATE DATABASE capture");
    db_ = std::make_unique<SqlSession>(server().conninfo("capture"));
    connection_.emplace(open());
  }
  ConnectionSettings settings(const std::string& user = "postgres") {
    ConnectionSettings one;
    one.host = "127.0.0.1";
    one.port = server().port();
    one.user = user;
    one.database = "capture";
    return one;
  }
  Connection open(Purpose purpose = Purpose::ordinary) {
    auto opened = Connection::open(settings(), purpose);
    EXPECT_TRUE(opened.ok());
    return std::move(*opened);
  }
  connect::CapturePlan plan_of(const std::vector<std::string>& tables) {
    connect::CapturePlan plan;
    std::vector<model::TableName> wanted;
    for (const std::string& table : tables) wanted.push_back({"public", table});
    auto described = describe_tables(*connection_, {}, wanted);
    EXPECT_TRUE(described.ok());
    plan.tables = *described;
    return plan;
  }
  Patience patience() {
    return Patience{&clock_, [this](const std::string& whom) { waited_for_ = whom; }, {}};
  }
  base::Result<std::vector<std::uint32_t>> align(const connect::CapturePlan& plan) {
    const PublicationPlan wanted = TRY(plan_publications(plan));
    return align_publications(*connection_, names, wanted, patience());
  }

  base::SystemClock clock_;
  std::unique_ptr<SqlSession> db_;
  std::optional<Connection> connection_;
  std::string waited_for_;
};

TEST_P(PostgresCapture, updates_and_deletes_of_the_application_never_fail_because_of_us) {
  db_->run(
      "CREATE TABLE keyed (id int PRIMARY KEY, v text); CREATE TABLE bare (a int, v text);"
      "CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);"
      "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);"
      "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE heir (v text) INHERITS (parent);"
      "CREATE TABLE weak (id int PRIMARY KEY DEFERRABLE)");
  connect::CapturePlan plan = plan_of({"keyed", "bare", "parted", "parent", "weak"});
  auto refused = align(plan);
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().is(capture_errors::missing_replica_identity));
  EXPECT_NE(refused.error().message.find("ALTER TABLE \"public\".\"bare\" REPLICA IDENTITY FULL;"), std::string::npos);
  EXPECT_EQ(db_->one("SELECT count(*) FROM pg_publication"), "0");
  plan.insert_only_without_identity = true;
  auto aligned = align(plan);
  ASSERT_TRUE(aligned.ok()) << aligned.error().text();
  EXPECT_EQ(db_->one("SELECT count(*) FROM pg_publication WHERE puballtables"), "0");
  for (const char* table : {"keyed", "parted"}) {
    db_->run(std::string("INSERT INTO ") + table + " VALUES (1, 'a')");
    db_->run(std::string("UPDATE ") + table + " SET v = 'b' WHERE id = 1");
    db_->run(std::string("DELETE FROM ") + table + " WHERE id = 1");
  }
  db_->run("INSERT INTO bare VALUES (1, 'a'); UPDATE bare SET v = 'b'; DELETE FROM bare");
  db_->run("INSERT INTO weak VALUES (1); UPDATE weak SET id = 2; DELETE FROM weak");
  db_->run("INSERT INTO heir VALUES (1, 'a'); UPDATE heir SET v = 'b'; DELETE FROM heir; TRUNCATE bare, keyed");
  ASSERT_TRUE(drop_publications(*connection_, names).ok());
  ASSERT_TRUE(drop_publications(*connection_, names).ok());
}

TEST_P(PostgresCapture, a_filter_that_an_earlier_version_published_goes) {
  if (connection_->server_version() < 150000) GTEST_SKIP() << "before release 15 publications have no filters";
  db_->run("CREATE TABLE keyed (id int PRIMARY KEY, v text)");
  const connect::CapturePlan plan = plan_of({"keyed"});
  ASSERT_TRUE(align(plan).ok());
  db_->run("ALTER PUBLICATION " + names.all + " SET TABLE ONLY keyed WHERE (id > 5)");
  EXPECT_FALSE(*publications_match(*connection_, names, *plan_publications(plan)));
  const auto aligned = align(plan);
  ASSERT_TRUE(aligned.ok()) << aligned.error().text();
  EXPECT_TRUE(*publications_match(*connection_, names, *plan_publications(plan)));
}

TEST_P(PostgresCapture, publications_follow_the_plan) {
  db_->run("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (v int)");
  ASSERT_TRUE(align(plan_of({"a"})).ok());
  auto added = align(plan_of({"a", "b"}));
  ASSERT_TRUE(added.ok());
  EXPECT_EQ(added->size(), 1u);
  connect::CapturePlan plan = plan_of({"b", "c"});
  plan.insert_only_without_identity = true;
  ASSERT_TRUE(align(plan).ok());
  EXPECT_EQ(db_->one("SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_publication_tables "
                     "WHERE pubname = 'millrace_t'"),
            "b");
  EXPECT_EQ(db_->one("SELECT tablename FROM pg_publication_tables WHERE pubname = 'millrace_t_ins'"), "c");
  const PublicationPlan wanted = *plan_publications(plan);
  EXPECT_TRUE(*publications_match(*connection_, names, wanted));
}

TEST_P(PostgresCapture, an_added_table_waits_for_those_who_were_writing_to_it) {
  db_->run("CREATE TABLE a (id int PRIMARY KEY)");
  const connect::CapturePlan plan = plan_of({"a"});
  SqlSession writer(server().conninfo("capture"));
  writer.run("BEGIN; INSERT INTO a VALUES (1)");
  auto added = align(plan);
  ASSERT_TRUE(added.ok());
  base::TaskGroup group;
  group.spawn("wait", [&](std::stop_token stop) {
    return wait_for_writers(*connection_, *added,
                            Patience{&clock_,
                                     [&](const std::string& whom) {
                                       waited_for_ = whom;
                                       writer.run("COMMIT");
                                     },
                                     stop});
  });
  const base::Result<void> joined = group.join();
  EXPECT_TRUE(joined.ok()) << joined.error().text();
  EXPECT_NE(waited_for_.find("pid " + std::to_string(PQbackendPID(writer.raw()))), std::string::npos) << waited_for_;
}

TEST_P(PostgresCapture, slot_creation_says_who_it_waits_for_and_can_be_stopped) {
  db_->run("CREATE TABLE a (id int PRIMARY KEY)");
  SqlSession writer(server().conninfo("capture"));
  writer.run("BEGIN; INSERT INTO a VALUES (1)");
  Connection keeper = open(Purpose::replication);
  std::stop_source stop;
  auto stopped = create_slot(keeper, *connection_, "millrace_t",
                             Patience{&clock_,
                                      [&](const std::string& whom) {
                                        waited_for_ = whom;
                                        stop.request_stop();
                                      },
                                      stop.get_token()});
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().kind(), base::Kind::canceled) << stopped.error().text();
  EXPECT_NE(waited_for_.find("pid " + std::to_string(PQbackendPID(writer.raw()))), std::string::npos) << waited_for_;
  EXPECT_FALSE((*read_slot(*connection_, "millrace_t")).has_value());
  Connection second = open(Purpose::replication);
  auto made = create_slot(second, *connection_, "millrace_t",
                          Patience{&clock_, [&](const std::string&) { writer.run("COMMIT"); }, {}});
  ASSERT_TRUE(made.ok()) << made.error().text();
  // The snapshot holds exactly what is committed below the consistent point.
  db_->run("INSERT INTO a VALUES (2)");
  Connection reader = open();
  ASSERT_TRUE(reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ").ok());
  ASSERT_TRUE(reader.execute("SET TRANSACTION SNAPSHOT '" + made->snapshot + "'").ok());
  EXPECT_EQ((*reader.query_value("SELECT string_agg(id::text, ',') FROM public.a")).value_or(""), "1");
  auto slot = read_slot(*connection_, "millrace_t");
  ASSERT_TRUE(slot.ok() && slot->has_value());
  EXPECT_EQ((**slot).confirmed, made->consistent_point);
  EXPECT_EQ((**slot).plugin, "pgoutput");
  ASSERT_TRUE(drop_slot(*connection_, "millrace_t", patience()).ok());
  ASSERT_TRUE(drop_slot(*connection_, "millrace_t", patience()).ok());
}

TEST_P(PostgresCapture, ddl_is_reported_in_the_log_and_never_fails) {
  const std::string odd = "odd \"name";
  EXPECT_TRUE(*create_ddl_trigger(*connection_, "public", odd));
  EXPECT_TRUE(*create_ddl_trigger(*connection_, "public", odd));
  db_->run("SELECT pg_create_logical_replication_slot('millrace_t', 'test_decoding')");
  db_->run(
      "CREATE TABLE \"q\"\"t\" (a int); ALTER TABLE \"q\"\"t\" ADD COLUMN b int; CREATE TEMP TABLE tt (a int);"
      "CREATE INDEX ON \"q\"\"t\" (a); DROP TABLE \"q\"\"t\"; CREATE VIEW v AS SELECT 1");
  std::vector<std::string> messages;
  for (const auto& row : db_->rows("SELECT data FROM pg_logical_slot_get_changes('millrace_t', NULL, NULL) "
                                   "WHERE data LIKE 'message:%prefix: millrace_ddl,%'")) {
    messages.push_back(row[0]);
  }
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_NE(messages[1].find("millrace_ddl"), std::string::npos);
  EXPECT_NE(messages[1].find("\"table\" : \"q\\\"t\""), std::string::npos) << messages[1];
  EXPECT_NE(messages[2].find("sql_drop"), std::string::npos);
  ASSERT_TRUE(drop_ddl_trigger(*connection_, odd).ok());
  EXPECT_EQ(db_->one("SELECT count(*) FROM pg_event_trigger"), "0");
  EXPECT_EQ(db_->one("SELECT count(*) FROM pg_proc WHERE proname LIKE 'odd%'"), "0");
}

TEST_P(PostgresCapture, a_role_with_the_least_rights_is_enough_but_for_the_event_trigger) {
  db_->run(
      "DROP ROLE IF EXISTS mover; CREATE ROLE mover LOGIN REPLICATION; CREATE ROLE app; GRANT app TO mover;"
      "CREATE SCHEMA shop; CREATE TABLE shop.orders (id int PRIMARY KEY); ALTER TABLE shop.orders OWNER TO app;"
      "GRANT USAGE, CREATE ON SCHEMA shop TO app; GRANT CREATE ON DATABASE capture TO mover");
  auto least = Connection::open(settings("mover"));
  ASSERT_TRUE(least.ok());
  connect::CapturePlan plan;
  plan.tables = *describe_tables(*least, {}, {{"shop", "orders"}});
  auto aligned = align_publications(*least, names, *plan_publications(plan), patience());
  EXPECT_TRUE(aligned.ok()) << aligned.error().text();
  EXPECT_FALSE(*create_ddl_trigger(*least, "public", "millrace_t_ddl"));
  auto keeper = Connection::open(settings("mover"), Purpose::replication);
  ASSERT_TRUE(keeper.ok());
  EXPECT_TRUE(create_slot(*keeper, *least, "millrace_t", patience()).ok());
  EXPECT_TRUE(drop_slot(*least, "millrace_t", patience()).ok());
  EXPECT_TRUE(drop_publications(*least, names).ok());
  db_->run("DROP OWNED BY app, mover CASCADE; DROP ROLE mover; DROP ROLE app");
}

TEST_P(PostgresCapture, rows_are_read_in_the_bytewise_order_of_their_text) {
  db_->run(
      "CREATE TABLE t (k text, v float8); INSERT INTO t VALUES ('b', 0.1), ('B', NULL), (E'a\\t\\\\n\\n', 1e300), "
      "('é', 'NaN'), (NULL, 1)");
  Comparable comparable(settings());
  const connect::CapturePlan plan = plan_of({"t"});
  auto reader = comparable.read_ordered(*plan.tables[0], {0, 1}, {0}, "", {});
  ASSERT_TRUE(reader.ok()) << reader.error().text();
  std::vector<std::vector<std::optional<std::string>>> rows;
  std::vector<std::optional<std::string>> cells;
  while (*(*reader)->next(cells, {})) rows.push_back(cells);
  const std::vector<std::vector<std::optional<std::string>>> expected = {
      {"B", std::nullopt}, {"a\t\\n\n", "1e+300"}, {"b", "0.1"}, {"é", "NaN"}, {std::nullopt, "1"}};
  EXPECT_EQ(rows, expected);
}

INSTANTIATE_TEST_SUITE_P(Releases, PostgresCapture, ::testing::Values(false, true),
                         [](const auto& one) { return one.param ? "newer" : "debian"; });

TEST(PostgresLsn, text_and_number_are_the_same) {
  EXPECT_EQ(lsn_of("4AF/B00000D0"), 0x4AFB00000D0ull);
  EXPECT_EQ(lsn_of("000004AF/B00000D0"), 0x4AFB00000D0ull);
  EXPECT_EQ(lsn_text(0x4AFB00000D0ull), "4AF/B00000D0");
  for (const char* text : {"", "/", "1/", "/1", "x/1", "1/123456789", "1/ 2"}) EXPECT_FALSE(lsn_of(text)) << text;
}

}  // namespace
}  // namespace postgres
