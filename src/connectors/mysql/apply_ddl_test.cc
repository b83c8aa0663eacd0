// SPDX-License-Identifier: Apache-2.0
//
// Schema changes, which commit by themselves, among the changes of rows.
#include "connectors/mysql/apply.h"
#include "connectors/mysql/target_fixture.h"

namespace {

using mysql_test::Changes;
using mysql_test::null_cell;
using mysql_test::table_of;

class MysqlApplyDdl : public mysql_test::ApplyOnEachServer {
 protected:
  void SetUp() override {
    if (!server().running()) GTEST_SKIP() << server().problem();
    make_table();
  }
};

TEST_P(MysqlApplyDdl, truncate_stands_in_the_transaction) {
  db_->run("CREATE TABLE c (id bigint PRIMARY KEY, t bigint, FOREIGN KEY (t) REFERENCES t (id))");
  db_->run("INSERT INTO c VALUES (1, 1)");
  open();
  const auto child = table_of("c", {"id bigint", "t bigint"});
  Changes changes;
  changes.begin()
      .insert(table_, {"4", "four"})
      .other(model::Op::truncate, table_)
      .other(model::Op::truncate, child)
      .insert(table_, {"5", "five"})
      .commit();
  applied(changes);
  EXPECT_EQ(all("t"), "(5,five)");
  EXPECT_EQ(all("c", "id, t"), "");
}

TEST_P(MysqlApplyDdl, columns_are_added_dropped_renamed_and_altered) {
  open();
  auto after = table_of("t", {"id bigint", "w varchar(20)", "n int"});
  after->columns[2].default_expression = "7";
  Changes changes;
  changes.begin()
      .insert(table_, {"4", "four"})
      .other(model::Op::schema, after)
      .insert(after, {"5", "five", "1"})
      .commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_TRUE(report.suspended.empty());
  EXPECT_EQ(all("t", "id, w, n"), "(1,one,7) (2,two,7) (3,three,7) (4,four,7) (5,five,1)");
  EXPECT_EQ(target_->durable().value()->log, 1000u);
  auto dropped = table_of("t", {"id bigint", "gone text", "n int"});
  dropped->columns.erase(dropped->columns.begin() + 1);
  dropped->columns[1].default_expression = "7";
  Changes more(2000);
  more.begin().other(model::Op::schema, dropped).update(dropped, {"5", "2"}).commit();
  EXPECT_TRUE(applied(more).suspended.empty());
  EXPECT_EQ(all("t", "id, n"), "(1,7) (2,7) (3,7) (4,7) (5,2)");
  Changes gone(3000);
  gone.begin().other(model::Op::drop_table, dropped).commit();
  applied(gone);
  EXPECT_EQ(db_->one("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'target'"), "0");
}

TEST_P(MysqlApplyDdl, what_uses_a_dropped_column_goes_with_it) {
  db_->run(
      "CREATE TABLE c (id bigint PRIMARY KEY, p bigint, n int, m int, CONSTRAINT larger CHECK (n > m), "
      "CONSTRAINT positive CHECK (m > 0), CONSTRAINT f FOREIGN KEY (p) REFERENCES t (id))");
  open();
  const auto before = table_of("c", {"id bigint", "p bigint", "n int", "m int"});
  auto after = table_of("c", {"id bigint", "p bigint", "n int", "m int"});
  after->columns.erase(after->columns.begin() + 1, after->columns.begin() + 3);
  Changes changes;
  changes.begin()
      .other(model::Op::schema, before)
      .insert(before, {"1", "1", "3", "2"})
      .other(model::Op::schema, after)
      .insert(after, {"2", "1"})
      .commit();
  EXPECT_TRUE(applied(changes).suspended.empty());
  EXPECT_EQ(all("c", "id, m"), "(1,2) (2,1)");
  EXPECT_NE(db_->try_run("INSERT INTO c VALUES (3, 0)"), "") << "the other check stays";
}

// The process dies at each step of a group that a schema change cuts in two.
TEST_P(MysqlApplyDdl, a_group_with_a_schema_change_is_applied_once_whenever_the_process_dies) {
  auto after = table_of("t", {"id bigint", "v varchar(2000)", "n int"});
  const auto make = [&](Changes& changes) {
    changes.begin().insert(table_, {"4", "four"}).commit();
    changes.begin().insert(table_, {"5", "five"}).other(model::Op::schema, after).insert(after, {"6", "six", "1"});
    changes.commit();
  };
  const std::string whole = "(1,one,NULL) (2,two,NULL) (3,three,NULL) (4,four,NULL) (5,five,NULL) (6,six,1)";
  // What is found: the note without the change, then the note with the change made.
  for (const bool is_made : {false, true}) {
    db_->run("DROP TABLE t");
    db_->run("CREATE TABLE t (id bigint PRIMARY KEY, v varchar(2000) COLLATE utf8mb4_bin)");
    db_->run("INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')");
    open();
    // The change fails in the middle: another session holds the table, and the wait is over before it lets go.
    mysql_test::SqlSession blocker(server());
    blocker.run("START TRANSACTION");
    blocker.run("SELECT * FROM target.t");
    Changes first;
    make(first);
    std::stop_source stop;
    base::TaskGroup group;
    group.spawn("stopper", [&](std::stop_token) -> base::Result<void> {
      around_.clock.pause(std::chrono::milliseconds(700), {});
      stop.request_stop();
      return {};
    });
    const auto cut = target_->apply(first.batch(), stop.get_token());
    ASSERT_TRUE(group.join().ok());
    ASSERT_FALSE(cut.ok());
    blocker.run("ROLLBACK");
    target_.reset();
    around_.clock.pause(std::chrono::milliseconds(300), {});
    // The server may have done the change that nobody waited for.
    const bool there =
        db_->one(
            "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'target' AND column_name = 'n'") ==
        "1";
    if (is_made && !there) db_->run("ALTER TABLE t ADD COLUMN n int");
    if (!is_made && there) db_->run("ALTER TABLE t DROP COLUMN n");
    EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three) (4,four) (5,five)") << "what stands before it is durable";
    open(true);
    EXPECT_EQ(target_->durable().value()->log, 1000u) << "the first transaction is whole";
    Changes part(1010);  // and it dies again behind the change, before the transaction's end
    part.begin().insert(table_, {"5", "five"}).other(model::Op::schema, after);
    EXPECT_TRUE(applied(part).suspended.empty());
    open(true);
    Changes again;
    make(again);
    EXPECT_TRUE(applied(again).suspended.empty());
    EXPECT_EQ(all("t", "id, v, n"), whole);
    EXPECT_EQ(target_->durable().value()->log, 1010u);
    applied(again);
    EXPECT_EQ(all("t", "id, v, n"), whole);
  }
}

// Rows around two changes of shape in a row, of a table without a key: none twice, wherever the process dies.
TEST_P(MysqlApplyDdl, rows_around_changes_of_shape_are_applied_once) {
  const auto plain = table_of("n", {"a int"}, 0);
  const auto more = table_of("n", {"a int", "b int"}, 0), most = table_of("n", {"a int", "b int", "c int"}, 0);
  for (int dies = 0; dies < 6; ++dies) {
    db_->run("DROP TABLE IF EXISTS n");
    db_->run("CREATE TABLE n (a int)");
    open();
    ASSERT_TRUE(target_->resume_apply({plain}).ok());
    Changes changes;
    const auto step = [&](int number) {
      if (number == 0) changes.begin().insert(plain, {"1"});
      if (number == 1) changes.other(model::Op::schema, more);
      if (number == 2) changes.other(model::Op::schema, most);
      if (number == 3) changes.insert(most, {"2", "2", "2"});
      if (number == 4) changes.other(model::Op::schema, plain);
      if (number == 5) changes.insert(plain, {"3"}).commit();
    };
    for (int number = 0; number <= dies; ++number) step(number);
    if (dies < 5) {
      EXPECT_TRUE(applied(changes).suspended.empty());
    }
    Changes whole;
    std::swap(changes, whole);
    open(true);  // what was not committed is gone
    ASSERT_TRUE(target_->resume_apply({plain}).ok());
    changes = Changes();
    for (int number = 0; number <= 5; ++number) step(number);
    const connect::ApplyReport report = applied(changes);
    EXPECT_TRUE(report.suspended.empty()) << report.suspended[0].second.text();
    EXPECT_EQ(all("n", "a, a"), "(1,1) (2,2) (3,3)") << "died at step " << dies;
  }
}

TEST_P(MysqlApplyDdl, a_table_that_is_suspended_behind_a_schema_change_is_replayed_from_there) {
  policy("ApplyErrorInsertPolicy", "SUSPEND_TABLE");
  open();
  auto after = table_of("t", {"id bigint", "v varchar(2000)", "n int"});
  Changes changes;
  changes.begin().insert(table_, {"4", "four"}).other(model::Op::schema, after).insert(after, {"1", "again", "1"});
  changes.commit();
  const connect::ApplyReport report = applied(changes);
  ASSERT_EQ(report.suspended.size(), 1u);
  EXPECT_FALSE(report.undone) << "what stands before the change is kept";
  EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three) (4,four)");
  db_->run("DELETE FROM t WHERE id = 1");
  open(true);
  ASSERT_TRUE(target_->advance({1000, model::sequence_end, ""}).ok());
  ASSERT_TRUE(target_->hold(table_, true).ok());
  const auto replayed = target_->replay(changes.batch(), table_->source_name, {});
  ASSERT_TRUE(replayed.ok()) << replayed.error().text();
  ASSERT_TRUE(replayed.value().suspended.empty()) << replayed.value().suspended[0].second.text();
  EXPECT_EQ(all("t", "id, v, n"), "(1,again,1) (2,two,NULL) (3,three,NULL) (4,four,NULL)");
}

TEST_P(MysqlApplyDdl, values_the_log_does_not_carry_suspend_the_table) {
  open();
  auto after = table_of("t", {"id bigint", "v varchar(2000)", "u varchar(40)"});
  after->columns[2].default_expression = "(uuid())";
  Changes changes;
  changes.begin().other(model::Op::schema, after).insert(after, {"5", "five", "x"}).commit();
  const connect::ApplyReport report = applied(changes);
  ASSERT_EQ(report.suspended.size(), 1u);
  EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three)");
}

TEST_P(MysqlApplyDdl, columns_added_while_the_task_was_down_are_added_here_too) {
  open();
  open(true);
  const auto after = table_of("t", {"id bigint", "v varchar(2000)", "n int"});
  table_ = after;
  open(true);
  Changes changes;
  changes.begin().other(model::Op::schema, after).insert(after, {"5", "five", "1"}).commit();
  EXPECT_TRUE(applied(changes).suspended.empty());
  EXPECT_EQ(all("t", "id, v, n"), "(1,one,NULL) (2,two,NULL) (3,three,NULL) (5,five,1)");
  const auto more = table_of("t", {"id bigint", "v varchar(2000)", "n int", "m int"});
  table_ = more;
  open(true);
  Changes rows(2000);  // met by a row first
  rows.begin().insert(more, {"6", "six", "1", "2"}).commit();
  EXPECT_TRUE(applied(rows).suspended.empty());
  EXPECT_EQ(db_->one("SELECT m FROM t WHERE id = 6"), "2");
}

TEST_P(MysqlApplyDdl, two_tables_that_lack_columns_get_them_before_their_rows) {
  db_->run("CREATE TABLE o (id bigint PRIMARY KEY)");
  const auto other = table_of("o", {"id bigint", "n int"});
  table_ = table_of("t", {"id bigint", "v varchar(2000)", "n int"});
  open();
  Changes changes;
  changes.begin().insert(other, {"1", "2"}).insert(table_, {"9", "nine", "3"}).commit();
  EXPECT_TRUE(applied(changes).suspended.empty());
  EXPECT_EQ(all("o", "id, n"), "(1,2)");
  EXPECT_EQ(db_->one("SELECT n FROM t WHERE id = 9"), "3");
}

INSTANTIATE_TEST_SUITE_P(Servers, MysqlApplyDdl, testing::Values(mysql_test::Kind::mariadb, mysql_test::Kind::mysql),
                         mysql_test::name_of);

}  // namespace
