// SPDX-License-Identifier: Apache-2.0
//
// Each test makes changes and looks at what a reader of the target sees.
#include "connectors/mysql/apply.h"

#include <deque>

#include "connectors/mysql/target_fixture.h"

namespace {

using mysql_test::Changes;
using mysql_test::null_cell;
using mysql_test::table_of;
using mysql_test::unchanged_cell;

class MysqlApply : public mysql_test::ApplyOnEachServer {
 protected:
  void SetUp() override {
    if (!server().running()) GTEST_SKIP() << server().problem();
    make_table();
  }
};

TEST_P(MysqlApply, a_group_and_its_position_are_one) {
  open();
  Changes changes;
  changes.begin().insert(table_, {"4", "four"}).update(table_, {"1", "ONE"}).remove(table_, {"2", null_cell}).commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(all("t"), "(1,ONE) (3,three) (4,four)");
  EXPECT_EQ(report.tables.at(table_->source_name).inserts, 1u);
  EXPECT_EQ(target_->durable().value()->log, 1000u);
  applied(changes);  // the same again is skipped
  EXPECT_EQ(all("t"), "(1,ONE) (3,three) (4,four)");
}

TEST_P(MysqlApply, many_rows_go_as_sets) {
  open();
  Changes changes;
  std::deque<std::string> texts;
  changes.begin();
  for (int id = 10; id < 12010; ++id) {
    changes.insert(table_, {texts.emplace_back(std::to_string(id)).c_str(), "tab\t\\ 'quoted' \n"});
  }
  changes.commit().begin();
  for (int id = 10; id < 6010; ++id) {
    changes.update(table_, {texts.emplace_back(std::to_string(id)).c_str(), null_cell});
  }
  for (int id = 6010; id < 6020; ++id) {
    changes.remove(table_, {texts.emplace_back(std::to_string(id)).c_str(), null_cell});
  }
  changes.commit();
  applied(changes);
  EXPECT_EQ(db_->one("SELECT CONCAT(count(*), ' ', count(v)) FROM t WHERE id >= 10"), "11990 5990");
  EXPECT_EQ(db_->one("SELECT v FROM t WHERE id = 12009"), "tab\t\\ 'quoted' \n");
  Changes again(5000);  // rows that are there, as sets of updates and removes
  again.begin();
  for (int id = 10; id < 6010; ++id) again.update(table_, {std::to_string(id).c_str(), "again"});
  for (int id = 6020; id < 12010; ++id) again.remove(table_, {std::to_string(id).c_str(), null_cell});
  again.commit();
  const connect::ApplyReport report = applied(again);
  EXPECT_EQ(report.tables.at(table_->source_name).put_aside, 0u);
  EXPECT_EQ(db_->one("SELECT CONCAT(count(*), v) FROM t WHERE id >= 10 GROUP BY v"), "6000again");
}

TEST_P(MysqlApply, an_update_of_equal_values_is_an_update) {
  open();
  Changes changes;
  changes.begin().update(table_, {"1", "one"}).update(table_, {"2", "two"}).update(table_, {"3", "three"}).commit();
  EXPECT_EQ(applied(changes).tables.at(table_->source_name).put_aside, 0u);
  Changes some(2000);
  some.begin().update(table_, {"1", "one"}).update(table_, {"2", "two"}).update(table_, {"77", "new"}).commit();
  EXPECT_EQ(applied(some).tables.at(table_->source_name).put_aside, 1u) << "never an insert";
  EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three)");
}

TEST_P(MysqlApply, unchanged_large_values_stay) {
  open();
  const auto wide = table_of("w", {"id bigint", "a text", "b text"});
  db_->run("CREATE TABLE w (id bigint PRIMARY KEY, a text, b text)");
  db_->run("INSERT INTO w VALUES (1, 'a', 'b'), (2, 'a', 'b')");
  Changes changes;
  changes.begin()
      .update(wide, {"1", "A", unchanged_cell})
      .update(wide, {"2", unchanged_cell, "B"})
      .update(wide, {"7", "x", unchanged_cell}, {"1", null_cell, null_cell})  // key change without the value
      .commit();
  applied(changes);
  EXPECT_EQ(all("w", "id, a, b"), "(2,a,B) (7,x,b)");
}

TEST_P(MysqlApply, keys_and_unique_values_are_swapped) {
  open();
  db_->run("CREATE TABLE u (id bigint PRIMARY KEY, n varchar(20) UNIQUE)");
  db_->run("INSERT INTO u VALUES (1, 'a'), (2, 'b')");
  const auto unique = table_of("u", {"id bigint", "n varchar(20)"});
  Changes changes;
  changes.begin()
      .update(unique, {"9", "a"}, {"1", null_cell})
      .update(unique, {"1", "b"}, {"2", null_cell})
      .update(unique, {"2", "a"}, {"9", null_cell})
      .commit();
  applied(changes);
  EXPECT_EQ(all("u", "id, n"), "(1,b) (2,a)");
  Changes values(2000);
  values.begin().update(unique, {"1", "passing"}).update(unique, {"2", "b"}).update(unique, {"1", "a"}).commit();
  const connect::ApplyReport report = applied(values);
  EXPECT_EQ(all("u", "id, n"), "(1,a) (2,b)");
  EXPECT_EQ(report.tables.at(unique->source_name).put_aside, 0u);
}

TEST_P(MysqlApply, keys_of_several_columns) {
  open();
  db_->run("CREATE TABLE m (a int, b varchar(10) COLLATE utf8mb4_bin, c datetime(3), v int, PRIMARY KEY (a, b, c))");
  const auto several = table_of("m", {"a int", "b varchar(10)", "c datetime(3)", "v int"}, 3);
  Changes changes;
  changes.begin();
  for (const char* a : {"1", "2", "3"}) changes.insert(several, {a, "x'y", "2024-02-29 01:02:03.004", "0"});
  changes.commit().begin();
  changes.remove(several, {"1", "x'y", "2024-02-29 01:02:03.004", null_cell});
  changes.update(several, {"2", "x'y", "2024-02-29 01:02:03.004", "22"});
  changes.update(several, {"3", "x'y", "2024-02-29 01:02:03.004", "33"}).commit();
  applied(changes);
  Changes more(5000);
  more.begin().update(several, {"2", "x'y", "2024-02-29 01:02:03.004", "5"});
  more.update(several, {"3", "z", "2024-02-29 01:02:03.004", "6"}, {"3", "x'y", "2024-02-29 01:02:03.004", null_cell});
  more.commit();
  EXPECT_EQ(applied(more).tables.at(several->source_name).put_aside, 0u);
  EXPECT_EQ(all("m", "a, b, v"), "(2,x'y,5) (3,z,6)");
}

TEST_P(MysqlApply, rows_without_a_key_count) {
  open();
  db_->run("CREATE TABLE n (a varchar(20) COLLATE utf8mb4_general_ci, f float, b varbinary(9), g geometry, j json)");
  const std::string point("\0\0\0\0\1\1\0\0\0\0\0\0\0\0\0\xf0?\0\0\0\0\0\0\0@", 25);
  db_->run(
      "INSERT INTO n VALUES ('x', 0.1, 'B', NULL, '{\"a\": 1}'), ('X', 0.1, 'B', NULL, '{\"a\": 1}'), "
      "('x', 0.1, 'B', NULL, '{\"a\": 1}'), (NULL, 1, '', ST_GeomFromText('POINT(1 2)'), NULL)");
  const auto keyless = table_of("n", {"a varchar(20)", "f float", "b varbinary(9)", "g geometry", "j json"}, 0);
  Changes changes;
  const char* f = "0.10000000149011612";
  changes.begin()
      .remove(keyless, {"x", f, "B", null_cell, "{\"a\": 1}"})
      .update(keyless, {"y", f, "C", null_cell, "{\"a\": 1}"}, {"x", f, "B", null_cell, "{\"a\": 1}"})
      .insert(keyless, {"z", "2.5", "", null_cell, null_cell})
      .commit();
  EXPECT_EQ(applied(changes).tables.at(keyless->source_name).put_aside, 0u);
  EXPECT_EQ(all("n", "a, f, b"), "(NULL,1,) (X,0.1,B) (y,0.1,C) (z,2.5,)")
      << "not the row that a collation calls equal";
  Changes of_point(2000);
  of_point.begin().remove(keyless, {null_cell, "1", "", "\1", null_cell}).commit();
  model::Cell& cell = of_point.batch().cells[3];
  cell.offset = of_point.batch().bytes.size();
  cell.size = static_cast<std::uint32_t>(point.size());
  of_point.batch().bytes += point;
  EXPECT_EQ(applied(of_point).tables.at(keyless->source_name).put_aside, 0u);
  EXPECT_EQ(all("n", "a, f, b"), "(X,0.1,B) (y,0.1,C) (z,2.5,)");
}

TEST_P(MysqlApply, a_large_value_passes) {
  open();
  db_->run("CREATE TABLE l (id bigint PRIMARY KEY, v longtext)");
  const auto wide = table_of("l", {"id bigint", "v longtext"});
  const std::string large = "tab\t" + std::string(9u << 20, 'x') + "\\end";
  Changes changes;
  changes.begin().insert(wide, {"1", large.c_str()}).insert(wide, {"2", large.c_str()}).commit();
  changes.begin().update(wide, {"1", "small"}).commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(report.tables.at(wide->source_name).put_aside, 0u);
  EXPECT_EQ(db_->one("SELECT GROUP_CONCAT(length(v) ORDER BY id) FROM l"), "5,9437192");
  EXPECT_EQ(db_->one("SELECT CONCAT(RIGHT(v, 4), LEFT(v, 4)) FROM l WHERE id = 2"), "\\endtab\t");
}

TEST_P(MysqlApply, a_value_without_a_place_is_put_aside_with_its_row) {
  open();
  Changes changes;
  changes.begin().update(table_, {"1", "x"});
  changes.batch().cells.back().state = model::CellState::misfit;
  changes.insert(table_, {"4", "x"});
  changes.batch().cells.back().state = model::CellState::misfit;
  changes.update(table_, {"2", "b"}).commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(report.tables.at(table_->source_name).put_aside, 2u);
  EXPECT_EQ(all("t"), "(1,one) (2,b) (3,three)");
}

TEST_P(MysqlApply, a_conflict_is_written_down_and_the_rest_flows) {
  open();
  Changes changes;
  changes.begin()
      .insert(table_, {"1", "again"})
      .update(table_, {"77", "missing"})
      .remove(table_, {"78", null_cell})
      .insert(table_, {"4", "four"})
      .commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three) (4,four)");
  EXPECT_EQ(report.tables.at(table_->source_name).put_aside, 3u);
  EXPECT_EQ(report.tables.at(table_->source_name).inserts, 1u);
  EXPECT_EQ(db_->one("SELECT count(*) FROM awsdms_control.awsdms_apply_exceptions"), "2")
      << "removes are ignored by default";
  EXPECT_EQ(db_->one("SELECT STATEMENT FROM awsdms_control.awsdms_apply_exceptions ORDER BY 1 LIMIT 1"),
            "INSERT INTO `target`.`t` WHERE `id` = 1");
}

TEST_P(MysqlApply, records_are_replaced_when_the_policy_says_so) {
  policy("ApplyErrorInsertPolicy", "INSERT_RECORD");
  policy("ApplyErrorUpdatePolicy", "UPDATE_RECORD");
  open();
  Changes changes;
  changes.begin().insert(table_, {"1", "again"}).update(table_, {"77", "came"}).commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(all("t"), "(1,again) (2,two) (3,three) (77,came)");
  EXPECT_EQ(report.tables.at(table_->source_name).put_aside, 0u);
}

TEST_P(MysqlApply, stop_task_leaves_data_and_position_as_they_were) {
  policy("ApplyErrorUpdatePolicy", "STOP_TASK");
  open();
  Changes changes;
  changes.begin().insert(table_, {"4", "four"}).update(table_, {"77", "missing"}).commit();
  const auto report = apply(changes);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code->name, "mysql.apply_stopped");
  EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three)");
  EXPECT_EQ(target_->durable().value()->log, 900u);
}

TEST_P(MysqlApply, a_suspended_table_is_reported_and_left_out) {
  policy("ApplyErrorInsertPolicy", "SUSPEND_TABLE");
  around_.context.settings["ControlTablesSettings.SuspendedTablesTableEnabled"] = "true";
  open();
  Changes changes;
  changes.begin().insert(table_, {"1", "again"}).insert(table_, {"4", "four"}).commit();
  const connect::ApplyReport report = applied(changes);
  ASSERT_EQ(report.suspended.size(), 1u);
  EXPECT_TRUE(report.undone);
  EXPECT_EQ(report.suspended[0].second.code->name, "mysql.apply_suspended");
  EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three)");
  EXPECT_EQ(db_->one("SELECT table_name FROM awsdms_control.awsdms_suspended_tables"), "t");
}

TEST_P(MysqlApply, kept_changes_are_replayed_once) {
  policy("ApplyErrorInsertPolicy", "SUSPEND_TABLE");
  open();
  Changes changes;
  changes.begin().insert(table_, {"1", "again"}).insert(table_, {"4", "four"}).commit();
  changes.begin().update(table_, {"2", "b"}).commit();
  ASSERT_EQ(applied(changes).suspended.size(), 1u);
  db_->run("DELETE FROM t WHERE id = 1");
  ASSERT_TRUE(target_->advance({5000, model::sequence_end, ""}).ok());
  open(true);
  ASSERT_TRUE(target_->hold(table_, true).ok());
  for (int time = 0; time < 2; ++time) {
    const auto replayed = target_->replay(changes.batch(), table_->source_name, {});
    ASSERT_TRUE(replayed.ok()) << replayed.error().text();
    EXPECT_TRUE(replayed.value().suspended.empty());
    EXPECT_EQ(all("t"), "(1,again) (2,b) (3,three) (4,four)");
    open(true);
  }
  EXPECT_EQ(target_->durable().value()->log, 5000u);
}

TEST_P(MysqlApply, a_large_transaction_in_parts_is_seen_at_its_end) {
  open();
  Changes changes;
  changes.begin().insert(table_, {"4", "four"});
  applied(changes);
  EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three)");
  changes.next_batch();
  changes.update(table_, {"4", "FOUR"}).commit();
  applied(changes);
  EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three) (4,FOUR)");
  EXPECT_EQ(target_->durable().value()->log, 1000u);
}

TEST_P(MysqlApply, a_process_that_was_superseded_writes_no_more) {
  open();
  const auto newer = mysql_test::target_on(server(), around_.context);
  ASSERT_TRUE(newer->start(true).ok());
  Changes changes;
  changes.begin().insert(table_, {"4", "four"}).commit();
  const auto report = apply(changes);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code->name, "mysql.superseded");
  EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three)");
  const auto altered = table_of("t", {"id bigint", "v varchar(2000)", "n int"});
  Changes ddl;
  ddl.begin().other(model::Op::schema, altered).commit();
  EXPECT_FALSE(apply(ddl).ok());
  EXPECT_EQ(db_->one("SELECT count(*) FROM information_schema.columns WHERE table_schema = 'target'"), "2");
}

TEST_P(MysqlApply, a_connection_cut_inside_a_transaction_leaves_position_and_data_together) {
  open();
  Changes changes;
  changes.begin().insert(table_, {"4", "four"});
  applied(changes);
  const auto others = db_->connection().query(
      "SELECT id FROM information_schema.processlist WHERE user = 'test' AND id <> CONNECTION_ID()");
  ASSERT_TRUE(others.ok());
  for (const mysql::Row& row : others.value()) db_->run("KILL " + row[0].value_or("0"));
  changes.next_batch();
  changes.insert(table_, {"5", "five"}).commit();
  const auto report = apply(changes);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().kind(), base::Kind::transient) << report.error().text();
  open(true);
  EXPECT_EQ(target_->durable().value()->log, 900u);
  EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three)");
  Changes again;
  again.begin().insert(table_, {"4", "four"}).insert(table_, {"5", "five"}).commit();
  applied(again);
  EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three) (4,four) (5,five)");
}

TEST_P(MysqlApply, foreign_keys_are_the_sources) {
  db_->run("CREATE TABLE c (id bigint PRIMARY KEY, t bigint, FOREIGN KEY (t) REFERENCES t (id) ON DELETE CASCADE)");
  db_->run("INSERT INTO c VALUES (1, 1)");
  open();
  const auto child = table_of("c", {"id bigint", "t bigint"});
  Changes changes;
  changes.begin().insert(child, {"2", "50"}).remove(table_, {"1", null_cell}).insert(table_, {"50", "fifty"}).commit();
  applied(changes);
  EXPECT_EQ(all("c", "id, t"), "(1,1) (2,50)") << "the cascade is the source's to log";
}

TEST_P(MysqlApply, a_value_too_long_for_the_target_is_never_cut) {
  open();
  db_->run("CREATE TABLE s (id bigint PRIMARY KEY, v varchar(3))");
  db_->run("INSERT INTO s VALUES (1, 'abc')");
  const auto small = table_of("s", {"id bigint", "v text"});
  Changes changes;
  changes.begin().update(small, {"1", "abcd"}).insert(small, {"2", "xyz"}).commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(all("s"), "(1,abc) (2,xyz)");
  EXPECT_EQ(report.tables.at(small->source_name).put_aside, 1u);
}

TEST_P(MysqlApply, keys_that_a_collation_takes_for_one_are_conflicts_and_harm_no_other_row) {
  open();
  db_->run("CREATE TABLE k (id varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY, v int)");
  db_->run("INSERT INTO k VALUES ('A', 1)");
  auto foreign = table_of("k", {"id text", "v int"});
  foreign->family = "postgresql";  // whose keys tell case apart
  Changes changes;
  changes.begin().insert(foreign, {"a", "2"}).commit();
  changes.begin().update(foreign, {"a", "3"}).remove(foreign, {"a", null_cell}).commit();
  EXPECT_EQ(applied(changes).tables.at(foreign->source_name).put_aside, 0u) << "comes and goes in one group";
  Changes apart(2000);
  apart.begin().insert(foreign, {"a", "2"}).commit();
  EXPECT_EQ(applied(apart).tables.at(foreign->source_name).put_aside, 1u);
  Changes later(3000);
  later.begin().update(foreign, {"a", "3"}).commit();
  EXPECT_EQ(applied(later).tables.at(foreign->source_name).put_aside, 1u);
  EXPECT_EQ(all("k"), "(A,1)");
}

TEST_P(MysqlApply, a_key_of_the_family_under_another_collation_harms_no_other_row) {
  open();
  db_->run("CREATE TABLE k (id varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY, v int)");
  db_->run("INSERT INTO k VALUES ('A', 1), ('b', 2)");
  const auto keyed = table_of("k", {"id varchar(20)", "v int"});  // by its bytes at the source
  Changes changes;
  changes.begin().update(keyed, {"a", "3"}).update(keyed, {"b", "4"}).commit();
  EXPECT_EQ(applied(changes).tables.at(keyed->source_name).put_aside, 1u);
  EXPECT_EQ(all("k"), "(A,1) (b,4)");
}

TEST_P(MysqlApply, a_trigger_that_refuses_a_row_puts_it_aside) {
  open();
  db_->run(
      "CREATE TRIGGER refuses BEFORE INSERT ON t FOR EACH ROW BEGIN IF NEW.id = 5 THEN SIGNAL SQLSTATE '45000' SET "
      "MESSAGE_TEXT = 'no five'; END IF; END");
  Changes changes;
  changes.begin().insert(table_, {"4", "four"}).insert(table_, {"5", "five"}).commit();
  EXPECT_EQ(applied(changes).tables.at(table_->source_name).put_aside, 1u);
  EXPECT_EQ(all("t"), "(1,one) (2,two) (3,three) (4,four)");
}

TEST_P(MysqlApply, a_stop_ends_the_wait_for_a_lock) {
  open();
  db_->run("START TRANSACTION");
  db_->run("UPDATE t SET v = 'held' WHERE id = 1");
  Changes changes;
  changes.begin().update(table_, {"1", "x"}).commit();
  std::stop_source stop;
  base::TaskGroup group;
  group.spawn("stopper", [&](std::stop_token) -> base::Result<void> {
    around_.clock.pause(std::chrono::milliseconds(300), {});
    stop.request_stop();
    return {};
  });
  const auto report = target_->apply(changes.batch(), stop.get_token());
  ASSERT_TRUE(group.join().ok());
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().kind(), base::Kind::canceled) << report.error().text();
  db_->run("ROLLBACK");
  applied(changes);
  EXPECT_EQ(db_->one("SELECT v FROM t WHERE id = 1"), "x");
}

TEST_P(MysqlApply, advance_moves_the_position_and_drop_forgets_the_task) {
  open();
  ASSERT_TRUE(target_->advance({5000, model::sequence_end, "gtid:1-5"}).ok());
  EXPECT_EQ(target_->durable().value()->log, 5000u);
  EXPECT_EQ(target_->durable().value()->token, "gtid:1-5");
  ASSERT_TRUE(target_->drop().ok());
  EXPECT_EQ(db_->one("SELECT count(*) FROM awsdms_control.millrace_position"), "0");
}

TEST_P(MysqlApply, status_and_history_tables_when_enabled) {
  around_.context.settings["ControlTablesSettings.StatusTableEnabled"] = "true";
  around_.context.settings["ControlTablesSettings.HistoryTableEnabled"] = "true";
  open();
  for (int time = 0; time < 2; ++time) {
    const auto reported = target_->report({{"task_status", "CHANGE PROCESSING"},
                                           {"pending_changes", "5"},
                                           {"timeslot", "2026-11-21 06:00:00"},
                                           {"timeslot_records", "9"}});
    ASSERT_TRUE(reported.ok()) << reported.error().text();
  }
  EXPECT_EQ(db_->one("SELECT CONCAT(task_status, pending_changes) FROM awsdms_control.awsdms_status"),
            "CHANGE PROCESSING5");
  EXPECT_EQ(db_->one("SELECT timeslot_records FROM awsdms_control.awsdms_history"), "9");
}

INSTANTIATE_TEST_SUITE_P(Servers, MysqlApply, testing::Values(mysql_test::Kind::mariadb, mysql_test::Kind::mysql),
                         mysql_test::name_of);

}  // namespace
