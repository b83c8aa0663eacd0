// SPDX-License-Identifier: Apache-2.0
//
// Each test makes changes and looks at what a reader of the target sees.
#include "connectors/postgres/apply.h"

#include "connectors/postgres/target_fixture.h"

namespace {

using postgres_test::Changes;
using postgres_test::null_cell;
using postgres_test::server;
using postgres_test::SqlSession;
using postgres_test::Surroundings;
using postgres_test::table_of;
using postgres_test::unchanged_cell;

class Apply : public testing::Test {
 protected:
  void SetUp() override {
    if (!server().running()) GTEST_SKIP() << server().problem();
    SqlSession admin(server().conninfo("postgres"));
    admin.run("DROP DATABASE IF EXISTS target WITH (FORCE)");
    admin.run("CREATE DATABASE target");
    db_ = std::make_unique<SqlSession>(server().conninfo("target"));
    db_->run(
        "CREATE TABLE t (id bigint PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')");
  }
  void TearDown() override {
    target_.reset();
    db_.reset();
  }
  // Opens (again) as a process of its own would.
  void open(bool resume = false, const std::string& user = "postgres") {
    target_ = postgres_test::target_on(server(), "target", around_.context, user);
    const auto started = target_->start(resume);
    ASSERT_TRUE(started.ok()) << started.error().text();
    if (!resume) {
      const auto begun = target_->begin_apply({900, model::sequence_end, ""}, {table_});
      ASSERT_TRUE(begun.ok()) << begun.error().text();
    }
  }
  base::Result<connect::ApplyReport> apply(Changes& changes) { return target_->apply(changes.batch(), {}); }
  connect::ApplyReport applied(Changes& changes) {
    auto report = apply(changes);
    EXPECT_TRUE(report.ok()) << report.error().text();
    return report.ok() ? report.take() : connect::ApplyReport();
  }
  std::string all(const std::string& name = "t") {
    return db_->one("SELECT coalesce(string_agg(x::text, ' ' ORDER BY x::text), '') FROM " + name + " x");
  }
  void policy(const std::string& name, const std::string& value) {
    around_.context.settings["ErrorBehavior." + name] = value;
  }

  Surroundings around_;
  std::unique_ptr<connect::Target> target_;
  std::unique_ptr<SqlSession> db_;
  model::TableSchemaPtr table_ = table_of("t", {"id bigint", "v text"});
};

TEST_F(Apply, a_group_and_its_position_are_one) {
  open();
  Changes changes;
  changes.begin().insert(table_, {"4", "four"}).update(table_, {"1", "ONE"}).remove(table_, {"2", null_cell}).commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(all(), "(1,ONE) (3,three) (4,four)");
  EXPECT_EQ(report.tables.at(table_->source_name).inserts, 1u);
  EXPECT_EQ(target_->durable().value()->log, 1000u);
  applied(changes);  // the same again is skipped
  EXPECT_EQ(all(), "(1,ONE) (3,three) (4,four)");
}

TEST_F(Apply, many_rows_go_as_sets) {
  open();
  Changes changes;
  std::deque<std::string> texts;
  changes.begin();
  for (int id = 10; id < 1010; ++id)
    changes.insert(table_, {texts.emplace_back(std::to_string(id)).c_str(), "tab\t\\"});
  changes.commit().begin();
  for (int id = 10; id < 510; ++id) changes.update(table_, {texts.emplace_back(std::to_string(id)).c_str(), null_cell});
  for (int id = 510; id < 520; ++id)
    changes.remove(table_, {texts.emplace_back(std::to_string(id)).c_str(), null_cell});
  changes.commit();
  applied(changes);
  EXPECT_EQ(db_->one("SELECT count(*) || ' ' || count(v) FROM t WHERE id >= 10"), "990 490");
  EXPECT_EQ(db_->one("SELECT v FROM t WHERE id = 1009"), "tab\t\\");
}

TEST_F(Apply, unchanged_large_values_stay) {
  open();
  const auto wide = table_of("w", {"id bigint", "a text", "b text"});
  db_->run("CREATE TABLE w (id bigint PRIMARY KEY, a text, b text); INSERT INTO w VALUES (1, 'a', 'b'), (2, 'a', 'b')");
  Changes changes;
  changes.begin()
      .update(wide, {"1", "A", unchanged_cell})
      .update(wide, {"2", unchanged_cell, "B"})
      .update(wide, {"7", "x", unchanged_cell}, {"1", null_cell, null_cell})  // key change without the value
      .commit();
  applied(changes);
  EXPECT_EQ(all("w"), "(2,a,B) (7,x,b)");
}

TEST_F(Apply, keys_and_unique_values_are_swapped) {
  open();
  db_->run("CREATE TABLE u (id bigint PRIMARY KEY, n text UNIQUE); INSERT INTO u VALUES (1, 'a'), (2, 'b')");
  const auto unique = table_of("u", {"id bigint", "n text"});
  Changes changes;
  changes.begin()
      .update(unique, {"9", "a"}, {"1", null_cell})
      .update(unique, {"1", "b"}, {"2", null_cell})
      .update(unique, {"2", "a"}, {"9", null_cell})
      .commit();
  applied(changes);
  EXPECT_EQ(all("u"), "(1,b) (2,a)");
  Changes values(2000);
  values.begin().update(unique, {"1", "passing"}).update(unique, {"2", "b"}).update(unique, {"1", "a"}).commit();
  const connect::ApplyReport report = applied(values);
  EXPECT_EQ(all("u"), "(1,a) (2,b)");
  EXPECT_EQ(report.tables.at(unique->source_name).put_aside, 0u);
}

TEST_F(Apply, rows_without_a_key_count) {
  open();
  db_->run("CREATE TABLE n (a text, j json); INSERT INTO n VALUES ('x', '{}'), ('x', '{}'), (NULL, '[1]')");
  const auto keyless = table_of("n", {"a text", "j json"}, 0);
  Changes changes;
  changes.begin()
      .remove(keyless, {"x", "{}"})
      .update(keyless, {null_cell, "[2]"}, {null_cell, "[1]"})
      .insert(keyless, {"y", "1"})
      .commit();
  applied(changes);
  EXPECT_EQ(all("n"), "(,[2]) (x,{}) (y,1)");
}

TEST_F(Apply, a_large_value_passes_in_pieces) {
  open();
  const std::string large(9u << 20, 'x');
  const std::string odd = "tab\t" + large + "\\end";
  Changes changes;
  changes.begin()
      .insert(table_, {"4", large.c_str()})
      .update(table_, {"1", odd.c_str()})
      .update(table_, {"2", "b"})
      .commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(report.tables.at(table_->source_name).put_aside, 0u);
  EXPECT_EQ(db_->one("SELECT string_agg(length(v)::text, ' ' ORDER BY id) FROM t"), "9437192 1 5 9437184");
  EXPECT_EQ(db_->one("SELECT right(v, 4) || left(v, 4) FROM t WHERE id = 1"), "\\endtab\t");
}

TEST_F(Apply, bytes_are_raw_and_become_hex_on_the_way) {
  open();
  db_->run("CREATE TABLE b (id bytea PRIMARY KEY, v bytea)");
  const auto bytes = table_of("b", {"id bytea", "v bytea"});
  for (model::Column& column : bytes->columns) column.type.type = model::Type::blob;
  const std::string large(9u << 20, '\\');
  Changes changes;
  changes.begin()
      .insert(bytes, {"\x01\xff", "\\x"})
      .insert(bytes, {"gone", ""})
      .insert(bytes, {"large", large.c_str()})
      .commit();
  changes.begin().update(bytes, {"\x01\xff", "new"}).remove(bytes, {"gone", null_cell}).commit();
  for (int i = 0; i < 600; ++i) changes.begin().insert(bytes, {std::to_string(i).c_str(), "\t\n"}).commit();
  applied(changes);
  EXPECT_EQ(db_->one("SELECT string_agg(id::text || v, ' ') FROM b WHERE length(v) = 3"), "\\x01ff\\x6e6577");
  EXPECT_EQ(db_->one("SELECT count(*) FROM b WHERE v = '\\x090a'"), "600");
  EXPECT_EQ(db_->one("SELECT md5(v) = md5(repeat('\\', 9437184)) FROM b WHERE id = 'large'"), "t");
  Changes earlier(50'000);  // from a relay of an earlier version
  earlier.begin().insert(bytes, {"\\x05", "\\x0102"}).commit();
  earlier.batch().forms[0] = model::CellForm::native_hex;
  applied(earlier);
  EXPECT_EQ(db_->one("SELECT v FROM b WHERE id = '\\x05'"), "\\x0102");
}

TEST_F(Apply, a_value_without_a_place_is_put_aside_with_its_row) {
  open();
  db_->run("CREATE TABLE n (a text)");
  const auto keyless = table_of("n", {"a text"}, 0);
  Changes changes;
  changes.begin().update(table_, {"1", "x"});
  changes.batch().cells.back().state = model::CellState::misfit;
  changes.insert(table_, {"4", "x"});
  changes.batch().cells.back().state = model::CellState::misfit;
  changes.insert(keyless, {"x"});
  changes.batch().cells.back().state = model::CellState::misfit;
  changes.update(table_, {"2", "b"}).insert(keyless, {"y"}).commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(report.tables.at(table_->source_name).put_aside, 2u);
  EXPECT_EQ(report.tables.at(keyless->source_name).put_aside, 1u);
  EXPECT_EQ(all(), "(1,one) (2,b) (3,three)");
  EXPECT_EQ(all("n"), "(y)");
}

TEST_F(Apply, large_rows_in_conflict_pass_in_pieces_too) {
  policy("ApplyErrorUpdatePolicy", "UPDATE_RECORD");
  open();
  const std::string large(5u << 20, 'x');
  Changes changes;
  changes.begin()
      .insert(table_, {"1", large.c_str()})
      .update(table_, {"2", large.c_str()})
      .update(table_, {"77", large.c_str()})
      .insert(table_, {"4", large.c_str()})
      .commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(report.tables.at(table_->source_name).put_aside, 1u);
  EXPECT_EQ(db_->one("SELECT string_agg(id || ' ' || length(v), ', ' ORDER BY id) FROM t"),
            "1 3, 2 5242880, 3 5, 4 5242880, 77 5242880");
}

TEST_F(Apply, inserts_into_a_table_without_a_key_go_as_a_set) {
  open();
  db_->run("CREATE TABLE n (a text)");
  const auto keyless = table_of("n", {"a text"}, 0);
  Changes changes;
  changes.begin();
  for (int i = 0; i < 100; ++i) changes.insert(keyless, {"same"});
  changes.commit();
  EXPECT_EQ(applied(changes).tables.at(keyless->source_name).inserts, 100u);
  EXPECT_EQ(db_->one("SELECT count(*) FROM n"), "100");
}

TEST_F(Apply, a_conflict_is_written_down_and_the_rest_flows) {
  open();
  Changes changes;
  changes.begin()
      .insert(table_, {"1", "again"})
      .update(table_, {"77", "missing"})
      .remove(table_, {"78", null_cell})
      .insert(table_, {"4", "four"})
      .commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(all(), "(1,one) (2,two) (3,three) (4,four)");
  EXPECT_EQ(report.tables.at(table_->source_name).put_aside, 3u);
  EXPECT_EQ(report.tables.at(table_->source_name).inserts, 1u);
  EXPECT_EQ(db_->one("SELECT count(*) FROM awsdms_apply_exceptions"), "2") << "removes are ignored by default";
  EXPECT_EQ(db_->one("SELECT \"STATEMENT\" FROM awsdms_apply_exceptions ORDER BY 1 LIMIT 1"),
            "INSERT INTO \"public\".\"t\" WHERE \"id\" = '1'");
}

TEST_F(Apply, records_are_replaced_when_the_policy_says_so) {
  policy("ApplyErrorInsertPolicy", "INSERT_RECORD");
  policy("ApplyErrorUpdatePolicy", "UPDATE_RECORD");
  open();
  Changes changes;
  changes.begin().insert(table_, {"1", "again"}).update(table_, {"77", "came"}).commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(all(), "(1,again) (2,two) (3,three) (77,came)");
  EXPECT_EQ(report.tables.at(table_->source_name).put_aside, 0u);
}

TEST_F(Apply, stop_task_leaves_data_and_position_as_they_were) {
  policy("ApplyErrorUpdatePolicy", "STOP_TASK");
  open();
  Changes changes;
  changes.begin().insert(table_, {"4", "four"}).update(table_, {"77", "missing"}).commit();
  const auto report = apply(changes);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code->name, "pg.apply_stopped");
  EXPECT_EQ(all(), "(1,one) (2,two) (3,three)");
  EXPECT_EQ(target_->durable().value()->log, 900u);
}

TEST_F(Apply, a_suspended_table_is_reported_and_left_out) {
  policy("ApplyErrorInsertPolicy", "SUSPEND_TABLE");
  around_.context.settings["ControlTablesSettings.SuspendedTablesTableEnabled"] = "true";
  open();
  Changes changes;
  changes.begin().insert(table_, {"1", "again"}).insert(table_, {"4", "four"}).commit();
  const connect::ApplyReport report = applied(changes);
  ASSERT_EQ(report.suspended.size(), 1u);
  EXPECT_EQ(report.suspended[0].second.code->name, "pg.apply_suspended");
  EXPECT_EQ(all(), "(1,one) (2,two) (3,three)");
  EXPECT_EQ(db_->one("SELECT table_name FROM awsdms_suspended_tables"), "t");
}

TEST_F(Apply, too_many_conflicts_escalate) {
  policy("ApplyErrorEscalationPolicy", "STOP_TASK");
  policy("ApplyErrorEscalationCount", "2");
  open();
  Changes first, second(2000);
  first.begin().update(table_, {"77", "missing"}).commit();
  applied(first);
  second.begin().update(table_, {"78", "missing"}).commit();
  EXPECT_FALSE(apply(second).ok());
}

TEST_F(Apply, a_large_transaction_in_parts_is_seen_at_its_end) {
  open();
  Changes changes;
  changes.begin().insert(table_, {"4", "four"});
  applied(changes);
  EXPECT_EQ(all(), "(1,one) (2,two) (3,three)");
  changes.next_batch();
  changes.update(table_, {"4", "FOUR"}).commit();
  applied(changes);
  EXPECT_EQ(all(), "(1,one) (2,two) (3,three) (4,FOUR)");
  EXPECT_EQ(target_->durable().value()->log, 1000u);
}

TEST_F(Apply, a_process_that_was_superseded_writes_no_more) {
  open();
  const auto newer = postgres_test::target_on(server(), "target", around_.context);
  ASSERT_TRUE(newer->start(true).ok());
  Changes changes;
  changes.begin().insert(table_, {"4", "four"}).commit();
  const auto report = apply(changes);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code->name, "pg.superseded");
  EXPECT_EQ(all(), "(1,one) (2,two) (3,three)");
}

TEST_F(Apply, a_connection_cut_inside_a_transaction_leaves_position_and_data_together) {
  open();
  Changes changes;
  changes.begin().insert(table_, {"4", "four"});
  applied(changes);
  db_->run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'millrace%'");
  changes.next_batch();
  changes.insert(table_, {"5", "five"}).commit();
  const auto report = apply(changes);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().kind(), base::Kind::transient);
  open(true);
  EXPECT_EQ(target_->durable().value()->log, 900u);
  EXPECT_EQ(all(), "(1,one) (2,two) (3,three)");
  Changes again;
  again.begin().insert(table_, {"4", "four"}).insert(table_, {"5", "five"}).commit();
  applied(again);
  EXPECT_EQ(all(), "(1,one) (2,two) (3,three) (4,four) (5,five)");
}

TEST_F(Apply, triggers_and_foreign_keys_are_quiet_where_the_right_is_there) {
  db_->run(
      "CREATE TABLE c (id bigint PRIMARY KEY, t bigint REFERENCES t ON DELETE CASCADE); INSERT INTO c VALUES (1, 1)");
  open();
  const auto child = table_of("c", {"id bigint", "t bigint"});
  Changes changes;
  changes.begin().insert(child, {"2", "50"}).remove(table_, {"1", null_cell}).insert(table_, {"50", "fifty"}).commit();
  applied(changes);
  EXPECT_EQ(all("c"), "(1,1) (2,50)") << "the cascade is the source's to log";
}

TEST_F(Apply, without_the_right_parents_go_first_and_children_leave_first) {
  db_->run("DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN; GRANT ALL ON SCHEMA public TO plain");
  db_->run(
      "CREATE TABLE c (id bigint PRIMARY KEY, t bigint REFERENCES t ON DELETE CASCADE); INSERT INTO c VALUES (1, 1)");
  db_->run("ALTER TABLE t OWNER TO plain; ALTER TABLE c OWNER TO plain");
  open(false, "plain");
  auto child = table_of("c", {"id bigint", "t bigint"});
  child->foreign_keys = {{"c_t", {"t"}, {"public", "t"}, {"id"}, "ON DELETE CASCADE"}};
  Changes changes;
  changes.begin()
      .insert(table_, {"50", "fifty"})
      .insert(child, {"2", "50"})
      .remove(child, {"1", null_cell})
      .remove(table_, {"1", null_cell})
      .commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(all("c"), "(2,50)");
  EXPECT_EQ(all("t"), "(2,two) (3,three) (50,fifty)");
  EXPECT_EQ(report.tables.at(child->source_name).put_aside, 0u);
}

TEST_F(Apply, truncate_takes_all_tables_of_one_command) {
  db_->run("CREATE TABLE c (id bigint PRIMARY KEY, t bigint REFERENCES t); INSERT INTO c VALUES (1, 1)");
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
  EXPECT_EQ(all(), "(5,five)");
  EXPECT_EQ(all("c"), "");
}

TEST_F(Apply, columns_are_added_dropped_renamed_and_altered) {
  open();
  auto after =
      std::make_shared<model::TableSchema>(*table_of("t", {"id bigint", "w character varying(20)", "n integer"}));
  after->columns[2].default_expression = "7";
  Changes changes;
  changes.begin()
      .insert(table_, {"4", "four"})
      .other(model::Op::schema, after)
      .insert(after, {"5", "five", "1"})
      .commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_TRUE(report.suspended.empty());
  EXPECT_EQ(all(), "(1,one,7) (2,two,7) (3,three,7) (4,four,7) (5,five,1)");
  auto dropped = table_of("t", {"id bigint", "gone text", "n integer"});
  dropped->columns.erase(dropped->columns.begin() + 1);
  Changes more(2000);
  more.begin().other(model::Op::schema, dropped).update(dropped, {"5", "2"}).commit();
  applied(more);
  EXPECT_EQ(all(), "(1,7) (2,7) (3,7) (4,7) (5,2)");
}

// Died behind a commit of a replay, which begins at the first kept change again: the shape is the one reached, although
// hold() tells the one before.
TEST_F(Apply, a_replay_goes_on_with_the_shape_it_had_reached) {
  open();
  const auto swapped = std::make_shared<model::TableSchema>(*table_of("t", {"id bigint", "w text", "n integer"}));
  auto last = std::make_shared<model::TableSchema>(*swapped);
  last->columns[1].name = "v";
  Changes kept(500);
  kept.begin().other(model::Op::schema, swapped).insert(swapped, {"4", "four", "1"}).commit();
  const auto replay = [&](Changes& changes) {
    auto report = target_->replay(changes.batch(), table_->source_name, {});
    EXPECT_TRUE(report.ok()) << report.error().text();
    EXPECT_TRUE(report.ok() && report->suspended.empty());
  };
  ASSERT_TRUE(target_->hold(table_, true).ok());
  replay(kept);
  EXPECT_EQ(all(), "(1,one,) (2,two,) (3,three,) (4,four,1)");
  open(true);
  ASSERT_TRUE(target_->resume_apply({}).ok());
  ASSERT_TRUE(target_->hold(table_, true).ok());
  kept.begin().other(model::Op::schema, last).insert(last, {"5", "five", "2"}).commit();
  replay(kept);
  EXPECT_EQ(all(), "(1,one,) (2,two,) (3,three,) (4,four,1) (5,five,2)");
}

TEST_F(Apply, values_the_log_does_not_carry_suspend_the_table) {
  open();
  auto after = table_of("t", {"id bigint", "v text", "at timestamp"});
  after->columns[2].default_expression = "now()";
  Changes changes;
  changes.begin().other(model::Op::schema, after).insert(after, {"5", "five", "2026-01-01"}).commit();
  const connect::ApplyReport report = applied(changes);
  ASSERT_EQ(report.suspended.size(), 1u);
  EXPECT_EQ(all(), "(1,one) (2,two) (3,three)");
}

TEST_F(Apply, a_value_too_long_for_the_target_is_never_cut) {
  open();
  db_->run("CREATE TABLE s (id bigint PRIMARY KEY, v varchar(3)); INSERT INTO s VALUES (1, 'abc')");
  const auto small = table_of("s", {"id bigint", "v text"});
  Changes changes;
  changes.begin().update(small, {"1", "abcd"}).insert(small, {"2", "xyz"}).commit();
  const connect::ApplyReport report = applied(changes);
  EXPECT_EQ(all("s"), "(1,abc) (2,xyz)");
  EXPECT_EQ(report.tables.at(small->source_name).put_aside, 1u);
}

TEST_F(Apply, columns_added_while_the_task_was_down_are_added_here_too) {
  open();
  open(true);
  const auto after = table_of("t", {"id bigint", "v text", "n integer"});
  Changes changes;
  changes.begin().other(model::Op::schema, after).insert(after, {"5", "five", "1"}).commit();
  EXPECT_TRUE(applied(changes).suspended.empty());
  EXPECT_EQ(all(), "(1,one,) (2,two,) (3,three,) (5,five,1)");
  open(true);
  const auto renamed = table_of("t", {"id bigint", "w text", "n integer"});
  Changes more(2000);
  more.begin().insert(renamed, {"6", "six", "1"}).commit();
  EXPECT_EQ(applied(more).suspended.size(), 1u) << "a rename cannot be told from a drop and an add";
}

TEST_F(Apply, sequences_go_past_the_rows_at_a_clean_stop) {
  open();
  db_->run("CREATE TABLE q (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text)");
  auto numbered = table_of("q", {"id bigint", "v text"});
  numbered->sequences = {{{"public", "q_id_seq"}, 0, true, true, "bigint", 1, 1, 1, 9223372036854775807, 1, false, 1}};
  Changes changes;
  changes.begin().insert(numbered, {"500", "a"}).update(numbered, {"500", "b"}).commit();
  applied(changes);
  ASSERT_TRUE(target_->flush().ok());
  ASSERT_TRUE(target_->flush().ok());
  EXPECT_EQ(db_->one("INSERT INTO q (v) VALUES ('x') RETURNING id"), "1501");
}

TEST_F(Apply, a_stop_ends_the_wait_for_a_lock) {
  open();
  db_->run("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
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
  EXPECT_EQ(report.error().kind(), base::Kind::canceled);
  db_->run("COMMIT");
  applied(changes);
  EXPECT_EQ(db_->one("SELECT v FROM t WHERE id = 1"), "x");
}

TEST_F(Apply, advance_moves_the_position_and_drop_forgets_the_task) {
  open();
  ASSERT_TRUE(target_->advance({5000, model::sequence_end, "t"}).ok());
  EXPECT_EQ(target_->durable().value()->log, 5000u);
  EXPECT_EQ(target_->durable().value()->token, "t");
  ASSERT_TRUE(target_->drop().ok());
  EXPECT_EQ(db_->one("SELECT count(*) FROM millrace_position"), "0");
}

TEST_F(Apply, status_and_history_tables_when_enabled) {
  around_.context.settings["ControlTablesSettings.StatusTableEnabled"] = "true";
  around_.context.settings["ControlTablesSettings.HistoryTableEnabled"] = "true";
  around_.context.control_schema = "odd \"schema";
  open();
  const auto reported = target_->report({{"task_status", "CHANGE PROCESSING"},
                                         {"pending_changes", "5"},
                                         {"timeslot", "2026-11-21 06:00:00"},
                                         {"timeslot_records", "9"}});
  ASSERT_TRUE(reported.ok()) << reported.error().text();
  EXPECT_EQ(db_->one("SELECT task_status || pending_changes FROM \"odd \"\"schema\".awsdms_status"),
            "CHANGE PROCESSING5");
  EXPECT_EQ(db_->one("SELECT timeslot_records FROM \"odd \"\"schema\".awsdms_history"), "9");
}

}  // namespace
