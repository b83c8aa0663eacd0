// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/target.h"

#include "connectors/mysql/comparable.h"
#include "connectors/mysql/target_fixture.h"

namespace {

using connect::Preparation;
using connect::ReadForm;
using model::Type;
using mysql_test::table_of;

class MysqlTarget : public mysql_test::OnEachServer {
 protected:
  void SetUp() override {
    if (!server().running()) GTEST_SKIP() << server().problem();
    make_schemas();
    open();
  }
  void open() {
    target_ = mysql_test::target_on(server(), around_.context);
    const auto started = target_->start(false);
    ASSERT_TRUE(started.ok()) << started.error().text();
  }
  void prepare(const model::TableSchemaPtr& table, Preparation preparation = Preparation::drop_and_create) {
    const auto done = target_->prepare_all({table}, preparation);
    ASSERT_TRUE(done.ok()) << done.error().text();
    const auto one = target_->prepare(table, preparation);
    ASSERT_TRUE(one.ok()) << one.error().text() << (one.error().cause ? one.error().cause->text() : "");
  }
  // Rows of text cells: columns of text and bytes as they are, of numbers by their figures. nullptr: NULL.
  model::RowBatch rows_of(const model::TableSchemaPtr& table, const std::vector<std::vector<const char*>>& rows) {
    model::RowBatch batch(table);
    for (const auto& row : rows) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        model::ColumnVector& column = batch.columns[i];
        if (row[i] == nullptr) {
          column.add_null();
        } else if (model::is_fixed(column.type)) {
          column.add_fixed(std::atoll(row[i]));
        } else if (model::is_real(column.type)) {
          column.add_real(std::atof(row[i]));
        } else {
          column.add_bytes(row[i]);
        }
      }
      ++batch.rows;
    }
    return batch;
  }
  base::Result<std::uint64_t> load(const model::TableSchemaPtr& table, model::RowBatch rows, bool careful = false) {
    connect::LoadMode mode;
    mode.careful = careful;
    auto loader = target_->loader(table, {}, mode);
    if (!loader.ok()) return loader.take_error();
    TRY(loader.value()->write_rows(rows));
    auto rows_written = loader.value()->finish();
    rejected_ = loader.value()->take_rejected();
    return rows_written;
  }

  std::vector<std::string> rejected_;
};

TEST_P(MysqlTarget, rows_load_into_a_table_made_by_us) {
  const auto table = table_of("t", {"id bigint", "name varchar(20)"});
  prepare(table);
  const auto rows = load(table, rows_of(table, {{"1", "a\tb\\'"}, {"2", nullptr}, {"3", ""}}));
  ASSERT_TRUE(rows.ok()) << rows.error().text();
  EXPECT_EQ(rows.value(), 3u);
  ASSERT_TRUE(target_->loaded(table).ok());
  EXPECT_EQ(all("t", "id, name"), "(1,a\tb\\') (2,NULL) (3,)");
  ASSERT_TRUE(target_->loaded(table).ok()) << "finishing again after a crash is harmless";
}

TEST_P(MysqlTarget, an_abandoned_loader_leaves_nothing) {
  const auto table = table_of("t", {"id bigint", "name varchar(20)"});
  prepare(table);
  {
    auto loader = target_->loader(table, {}, {});
    ASSERT_TRUE(loader.ok());
    model::RowBatch rows = rows_of(table, {{"1", "a"}});
    ASSERT_TRUE(loader.value()->write_rows(rows).ok());
  }
  EXPECT_EQ(db_->one("SELECT count(*) FROM t"), "0");
  EXPECT_EQ(load(table, rows_of(table, {{"1", "a"}})).value(), 1u);
}

TEST_P(MysqlTarget, every_type_of_the_family) {
  const std::vector<std::string> types = {
      "id int",          "a tinyint unsigned", "b mediumint", "c decimal(20,5)", "d float",        "e double",
      "f bit(1)",        "g bit(12)",          "h year",      "i date",          "j time(3)",      "k datetime(6)",
      "l timestamp(2)",  "m char(5)",          "n text",      "o binary(4)",     "p varbinary(9)", "q mediumblob",
      "r enum('x','y')", "s set('u','v','w')", "t json",      "u geometry"};
  const auto table = table_of("t", types);
  prepare(table);
  const std::string point("\0\0\0\0\1\1\0\0\0\0\0\0\0\0\0\xf0?\0\0\0\0\0\0\0@", 25);
  model::RowBatch rows(table);
  std::size_t at = 0;
  const auto fixed = [&](std::int64_t value) { rows.columns[at++].add_fixed(value); };
  const auto bytes = [&](std::string_view value) { rows.columns[at++].add_bytes(value); };
  fixed(1);
  fixed(255);
  fixed(-8388608);
  bytes("-12345678901234.56789");
  rows.columns[at++].add_real(0.1f);
  rows.columns[at++].add_real(0.1);
  fixed(1);
  bytes(std::string_view("\x0a\x05", 2));
  fixed(1999);
  fixed(0);
  bytes("-837:59:59.500");
  fixed(1);
  fixed(1'000'000);
  bytes("\xc3\xa4 b");
  bytes("tab\t nl\n back\\ \xf0\x9f\x98\x80");
  bytes(std::string_view("\0\x01\0\0", 4));
  bytes(std::string_view("\0\xff\\\t\n", 5));
  bytes("blob");
  bytes("y");
  bytes("u,w");
  bytes("{\"a\": [1, \"\xc3\xa4\"]}");
  bytes(point);
  rows.rows = 1;
  const auto loaded = load(table, std::move(rows));
  ASSERT_TRUE(loaded.ok()) << loaded.error().text() << (loaded.error().cause ? loaded.error().cause->text() : "");
  EXPECT_EQ(db_->one("SELECT CONCAT_WS('|', a, b, c, d, e, f + 0, g + 0, h, i, j, k, l, m, HEX(o), HEX(p), q, r, s, t, "
                     "ST_AsText(u)) FROM t"),
            "255|-8388608|-12345678901234.56789|0.1|0.1|1|2565|1999|1970-01-01|-837:59:59.500|1970-01-01 "
            "00:00:00.000001|1970-01-01 00:00:01.00|\xc3\xa4 b|00010000|00FF5C090A|blob|y|u,w|{\"a\": [1, "
            "\"\xc3\xa4\"]}|POINT(1 2)");
  EXPECT_EQ(db_->one("SELECT n FROM t"), "tab\t nl\n back\\ \xf0\x9f\x98\x80");
}

TEST_P(MysqlTarget, rows_of_another_family_get_canonical_types) {
  auto table = relational_test::table_of("t", {"id x", "d x", "n x", "b x", "r x", "s x", "q x", "k x"}, 1,
                                         "postgresql", "target");
  const Type types[] = {Type::int8,  Type::datetime, Type::numeric, Type::bytes,
                        Type::real8, Type::nclob,    Type::boolean, Type::uint8};
  for (std::size_t i = 0; i < 8; ++i) {
    table->columns[i].type = {};
    table->columns[i].type.type = types[i];
  }
  table->columns[1].type.scale = 6;
  prepare(table);
  model::RowBatch rows(table);
  rows.columns[0].add_fixed(7);
  rows.columns[1].add_fixed(-1);
  rows.columns[2].add_bytes("12345678901234567890.5");
  rows.columns[3].add_bytes(std::string_view("\0\xff", 2));
  rows.columns[4].add_real(0.1);
  rows.columns[5].add_bytes("tab\t nl\n back\\");
  rows.columns[6].add_fixed(1);
  rows.columns[7].add_fixed(-1);
  rows.rows = 1;
  const auto loaded = load(table, std::move(rows));
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  const auto read = target_->comparable()->read_ordered(*table, {0, 1, 2, 3, 4, 5, 6, 7}, {}, "", {});
  ASSERT_TRUE(read.ok()) << read.error().text();
  std::vector<std::optional<std::string>> cells;
  ASSERT_TRUE(read.value()->next(cells, {}).value());
  std::string text;
  for (const auto& cell : cells) text += cell.value_or("NULL") + "|";
  EXPECT_EQ(
      text,
      "7|1969-12-31 23:59:59.999999|12345678901234567890.5|00ff|0.1|tab\t nl\n back\\|true|18446744073709551615|");
  EXPECT_FALSE(read.value()->next(cells, {}).value());
}

TEST_P(MysqlTarget, keys_of_another_family_are_told_apart_by_their_bytes) {
  auto table = relational_test::table_of("t", {"id x"}, 1, "postgresql", "target");
  table->columns[0].type = {};
  table->columns[0].type.type = Type::wstring;
  table->columns[0].type.length = 20;
  prepare(table);
  const auto loaded = load(table, rows_of(table, {{"a"}, {"A"}, {"a "}, {"\xc3\xa4"}}));
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  EXPECT_EQ(loaded.value(), 4u);
}

TEST_P(MysqlTarget, refused_rows_are_found_one_by_one) {
  const auto table = table_of("t", {"id bigint", "name varchar(5)"});
  prepare(table);
  const std::vector<std::vector<const char*>> rows = {{"1", "a"}, {"2", "too long"}, {"3", "c"}, {"3", "twice"}};
  const auto refused = load(table, rows_of(table, rows));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code->name, "connect.row_refused") << refused.error().text();
  EXPECT_EQ(db_->one("SELECT count(*) FROM t"), "0");
  const auto careful = load(table, rows_of(table, rows), true);
  ASSERT_TRUE(careful.ok()) << careful.error().text();
  EXPECT_EQ(careful.value(), 2u);
  EXPECT_EQ(rejected_.size(), 2u);
  EXPECT_EQ(all("t", "id, name"), "(1,a) (3,c)");
  EXPECT_EQ(db_->one("SELECT count(*) FROM awsdms_control.awsdms_apply_exceptions"), "2");
}

TEST_P(MysqlTarget, without_local_files_rows_are_inserted) {
  db_->run("SET GLOBAL local_infile = OFF");
  open();
  const auto table = table_of("t", {"id bigint", "name varchar(20)"});
  prepare(table);
  model::RowBatch rows(table);
  for (int i = 0; i < 12000; ++i) {
    rows.columns[0].add_fixed(i);
    rows.columns[1].add_bytes("a\\'b");
    ++rows.rows;
  }
  const auto loaded = load(table, std::move(rows));
  db_->run("SET GLOBAL local_infile = ON");
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  EXPECT_EQ(loaded.value(), 12000u);
  EXPECT_EQ(db_->one("SELECT CONCAT(count(*), max(name)) FROM t"), "12000a\\'b");
}

TEST_P(MysqlTarget, lines_of_the_family_pass_as_they_are) {
  auto table =
      table_of("t", {"id int", "d date", "dt datetime(2)", "v varchar(9)", "b bit(9)", "f float", "l varchar(9)"});
  table->columns[6].collation = "latin1_bin";
  ASSERT_TRUE(target_->takes_raw(*table, ReadForm::raw_text));
  const std::string lines =
      "1\t0000-00-00\t2024-02-31 00:00:00.25\ta\\tb\\\\\t\\0\\t\t0.10000000149011612\t\xc3\xa4\n"
      "2\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n";
  const std::string wanted =
      "(1,0000-00-00,2024-02-31 00:00:00.25,a\tb\\,9,0.1,\xc3\xa4) (2,NULL,NULL,NULL,NULL,NULL,NULL)";
  for (const bool careful : {false, true}) {
    prepare(table);
    connect::LoadMode mode;
    mode.form = ReadForm::raw_text;
    mode.careful = careful;
    auto loader = target_->loader(table, {}, mode);
    ASSERT_TRUE(loader.ok());
    for (const char c : lines) {  // in pieces of any size
      const auto written = loader.value()->write_raw(std::string_view(&c, 1));
      ASSERT_TRUE(written.ok()) << written.error().text();
    }
    const auto rows = loader.value()->finish();
    ASSERT_TRUE(rows.ok()) << rows.error().text();
    EXPECT_EQ(rows.value(), 2u);
    EXPECT_EQ(all("t", "id, d, dt, v, b + 0, f, l"), wanted);
  }
}

TEST_P(MysqlTarget, a_table_of_another_shape_is_refused_before_anything_changes) {
  db_->run("CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t VALUES (1)");
  const auto table = table_of("t", {"id bigint", "name text"});
  const auto refused = target_->prepare_all({table}, Preparation::truncate);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code->name, "mysql.target_shape");
  EXPECT_EQ(db_->one("SELECT count(*) FROM t"), "1");
}

TEST_P(MysqlTarget, tables_that_others_refer_to_are_not_dropped) {
  db_->run("CREATE TABLE t (id bigint PRIMARY KEY)");
  db_->run("CREATE TABLE theirs (id bigint PRIMARY KEY, FOREIGN KEY (id) REFERENCES t (id))");
  const auto table = table_of("t", {"id bigint", "name text"});
  ASSERT_TRUE(target_->prepare_all({table}, Preparation::drop_and_create).ok());
  const auto refused = target_->prepare(table, Preparation::drop_and_create);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code->name, "mysql.target_dependents");
  EXPECT_EQ(db_->one("SELECT count(*) FROM theirs"), "0");
}

TEST_P(MysqlTarget, rows_that_were_there_before_are_never_discarded) {
  db_->run("CREATE TABLE t (id bigint PRIMARY KEY, name text)");
  db_->run("INSERT INTO t VALUES (1, 'mine')");
  const auto table = table_of("t", {"id bigint", "name text"});
  prepare(table, Preparation::do_nothing);
  EXPECT_TRUE(target_->discard(table).ok()) << "no chunk was begun";
  ASSERT_TRUE(load(table, rows_of(table, {{"9", "new"}})).ok());
  EXPECT_FALSE(target_->discard(table).ok()) << "which rows are whose is not known";
  EXPECT_EQ(db_->one("SELECT count(*) FROM t"), "2");
  prepare(table, Preparation::truncate);
  ASSERT_TRUE(load(table, rows_of(table, {{"2", "ours"}})).ok());
  EXPECT_TRUE(target_->discard(table).ok());
  EXPECT_EQ(db_->one("SELECT count(*) FROM t"), "0");
}

TEST_P(MysqlTarget, keys_and_secondary_objects_come_after_the_load) {
  auto parent = table_of("parent", {"id bigint"});
  auto child = table_of("child", {"id bigint", "parent_id bigint", "n int", "name varchar(20)", "twice int"});
  child->indexes = {{"child_n", false, false, "USING BTREE (`n`,`name`(10))"},
                    {"child_name", true, false, "USING BTREE (`name`)"},
                    {"child_text", false, false, "FULLTEXT (`name`)"}};
  child->checks = {{"child_positive", false, false, "CHECK (`n` > 0)"}};
  child->columns[2].default_expression = "5";
  child->columns[0].identity = model::Identity::by_default;
  child->columns[4].generated = true;
  child->columns[4].generation = "(`n` * 2) STORED";
  child->columns[3].comment = "it's a name";
  child->foreign_keys = {{"child_parent", {"parent_id"}, {"target", "parent"}, {"id"}, "ON DELETE CASCADE"}};
  const std::vector<model::TableSchemaPtr> tables{child, parent};
  for (int round = 0; round < 2; ++round) {  // the second round drops what the first has made
    ASSERT_TRUE(target_->prepare_all(tables, Preparation::drop_and_create).ok());
    for (const auto& table : tables) {
      const auto prepared = target_->prepare(table, Preparation::drop_and_create);
      ASSERT_TRUE(prepared.ok()) << prepared.error().text() << prepared.error().cause->text();
    }
    ASSERT_TRUE(load(child, rows_of(child, {{"41", "1", "1", "x"}})).ok());
    ASSERT_TRUE(load(parent, rows_of(parent, {{"1"}})).ok());
    for (const auto& table : tables) ASSERT_TRUE(target_->loaded(table).ok());
    ASSERT_TRUE(target_->loaded_all(tables).ok());
    ASSERT_TRUE(target_->loaded_all(tables).ok());
  }
  db_->run("INSERT INTO child (parent_id, name) VALUES (1, 'y')");
  EXPECT_EQ(db_->one("SELECT CONCAT_WS(' ', id, n, twice) FROM child WHERE name = 'y'"), "42 5 10")
      << "the counter follows the rows";
  EXPECT_NE(db_->try_run("INSERT INTO child (id, parent_id, n) VALUES (9, 9, 9)"), "");
  EXPECT_NE(db_->try_run("INSERT INTO child (id, parent_id, n) VALUES (9, 1, -9)"), "");
  EXPECT_NE(db_->try_run("INSERT INTO child (parent_id, name) VALUES (1, 'y')"), "");
  EXPECT_EQ(
      db_->one("SELECT count(DISTINCT index_name) FROM information_schema.statistics WHERE table_schema = 'target' "
               "AND index_name LIKE 'child\\_n%'"),
      "2");
  EXPECT_EQ(db_->one("SELECT column_comment FROM information_schema.columns WHERE table_schema = 'target' AND "
                     "column_name = 'name'"),
            "it's a name");
}

TEST_P(MysqlTarget, a_counter_that_leads_another_key) {
  auto table = table_of("t", {"id bigint", "counter int", "v varchar(9)"});
  table->columns[1].identity = model::Identity::by_default;
  table->columns[1].nullable = false;
  table->indexes = {{"by_counter", false, false, "USING BTREE (`counter`)"}};
  prepare(table);
  ASSERT_TRUE(load(table, rows_of(table, {{"1", "7", "a"}, {"2", "0", "b"}})).ok());
  ASSERT_TRUE(target_->loaded(table).ok());
  db_->run("INSERT INTO t (id, v) VALUES (3, 'c')");
  EXPECT_EQ(all("t", "id, counter"), "(1,7) (2,0) (3,8)");
}

TEST_P(MysqlTarget, a_collation_that_the_server_lacks_is_replaced_and_told) {
  auto table = table_of("t", {"id bigint", "v varchar(20)"});
  const bool is_mariadb = GetParam() == mysql_test::Kind::mariadb;
  table->columns[1].collation = is_mariadb ? "utf8mb4_0900_ai_ci" : "utf8mb4_uca1400_ai_ci";
  const auto findings = target_->check({table}, Preparation::drop_and_create, true);
  ASSERT_TRUE(findings.ok()) << findings.error().text();
  bool told = false;
  for (const connect::Finding& finding : findings.value()) {
    told = told || finding.problem.find(table->columns[1].collation) != std::string::npos;
    EXPECT_NE(finding.severity, connect::Finding::Severity::refusal) << finding.object << ": " << finding.problem;
  }
  EXPECT_TRUE(told);
  prepare(table);
  EXPECT_TRUE(db_->one("SELECT v = 'X' FROM (SELECT v FROM t UNION SELECT 'x') q LIMIT 1") == "1");
}

TEST_P(MysqlTarget, check_names_missing_rights_and_clashes) {
  db_->run("DROP USER IF EXISTS poor; CREATE USER poor@'%' IDENTIFIED BY 'secret'");
  db_->run("GRANT SELECT ON target.* TO poor@'%'");
  const auto poor = mysql_test::target_on(server(), around_.context, "poor");
  const auto same = table_of("T", {"id bigint", "v text", "V text"});
  const auto smiling = table_of("t😀", {"id bigint"});
  const auto findings = poor->check({table_of("t", {"id bigint"}), same, smiling}, Preparation::drop_and_create, true);
  ASSERT_TRUE(findings.ok()) << findings.error().text();
  bool rights = false, names = false, plane = false;
  for (const connect::Finding& finding : findings.value()) {
    rights = rights || finding.remedy ==
                           "GRANT INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES ON `target`.* TO "
                           "'poor'@'%';";
    names = names || finding.problem.find("two columns differ in the case") != std::string::npos;
    plane = plane || finding.problem.find("the name of table t😀 has no place") != std::string::npos;
  }
  EXPECT_TRUE(rights);
  EXPECT_TRUE(names);
  EXPECT_TRUE(plane);
  db_->run("DROP USER poor");
}

TEST_P(MysqlTarget, an_older_process_neither_loads_nor_takes_rows_away) {
  const auto table = table_of("t", {"id bigint", "name varchar(20)"});
  prepare(table);
  connect::LoadMode careful;
  careful.careful = true;
  auto one = target_->loader(table, {}, {}), other = target_->loader(table, {}, careful);
  ASSERT_TRUE(one.ok() && other.ok());
  model::RowBatch rows = rows_of(table, {{"1", "late"}}), more = rows_of(table, {{"2", "late"}});
  ASSERT_TRUE(one.value()->write_rows(rows).ok());
  ASSERT_TRUE(other.value()->write_rows(more).ok());
  const auto newer = mysql_test::target_on(server(), around_.context);
  ASSERT_TRUE(newer->start(true).ok());
  db_->run("INSERT INTO t VALUES (7, 'the newer one''s')");
  const auto is_superseded = [](const auto& result) {
    return !result.ok() && result.error().code->name == "mysql.superseded";
  };
  EXPECT_TRUE(is_superseded(one.value()->finish()));
  EXPECT_TRUE(is_superseded(other.value()->finish()));
  EXPECT_TRUE(is_superseded(target_->discard(table)));
  EXPECT_TRUE(is_superseded(target_->prepare(table, Preparation::drop_and_create)));
  EXPECT_EQ(db_->one("SELECT count(*) FROM t WHERE id = 7"), "1");
  one.value().reset();
  other.value().reset();
  EXPECT_EQ(db_->one("SELECT count(*) FROM t"), "1");
}

TEST_P(MysqlTarget, a_script_that_changes_what_literals_mean_is_refused) {
  for (const char* script :
       {"SET sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'", "SET sql_mode = ''", "SET NAMES latin1"}) {
    auto options = connect::Options::parse(mysql::target_options(), {{"ServerName", "127.0.0.1"},
                                                                     {"Port", std::to_string(server().port())},
                                                                     {"Username", "test"},
                                                                     {"Password", "secret"},
                                                                     {"MySQLSettings.AfterConnectScript", script}});
    ASSERT_TRUE(options.ok());
    const auto target = mysql::open_target(options.value(), around_.context);
    const auto started = target.ok() ? target.value()->start(false) : base::Result<void>(base::Error(target.error()));
    ASSERT_FALSE(started.ok()) << script;
    EXPECT_EQ(started.error().code->name, "mysql.session_settings") << started.error().text();
  }
}

TEST_P(MysqlTarget, tasks_do_not_take_each_others_tables) {
  const auto table = table_of("t", {"id bigint"});
  prepare(table);
  mysql_test::Surroundings other;
  other.context.task = "other";
  other.context.task_id = "other";
  const auto theirs = mysql_test::target_on(server(), other.context);
  ASSERT_TRUE(theirs->start(false).ok());
  const auto refused = theirs->prepare_all({table}, Preparation::drop_and_create);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code->name, "mysql.table_taken");
  other.context.task = around_.context.task;
  const auto same = mysql_test::target_on(server(), other.context);
  const auto taken = same->start(true);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code->name, "mysql.task_taken");
}

TEST_P(MysqlTarget, rows_are_read_in_the_order_of_their_bytes) {
  db_->run("CREATE TABLE t (id int PRIMARY KEY, v varchar(9) COLLATE utf8mb4_general_ci, f float)");
  db_->run("INSERT INTO t VALUES (10, 'b', 0.1), (9, 'B', 1), (2, NULL, NULL)");
  const auto table = table_of("t", {"id int", "v varchar(9)", "f float"});
  const auto text = [&](const std::vector<std::uint32_t>& order) {
    const auto read = target_->comparable()->read_ordered(*table, {0, 1, 2}, order, "id > 0", {{2, "f * 2"}});
    EXPECT_TRUE(read.ok()) << read.error().text();
    std::vector<std::optional<std::string>> cells;
    std::string all;
    while (read.value()->next(cells, {}).value()) all += cells[0].value_or("-") + cells[1].value_or("-") + " ";
    return all;
  };
  EXPECT_EQ(text({0}), "10b 2- 9B ");
  EXPECT_EQ(text({1, 0}), "9B 10b 2- ");
}

INSTANTIATE_TEST_SUITE_P(Servers, MysqlTarget, testing::Values(mysql_test::Kind::mariadb, mysql_test::Kind::mysql),
                         mysql_test::name_of);

}  // namespace
