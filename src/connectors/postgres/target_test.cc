// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/target.h"

#include "connectors/postgres/target_fixture.h"

namespace {

using connect::Preparation;
using connect::ReadForm;
using postgres_test::server;
using postgres_test::SqlSession;
using postgres_test::Surroundings;
using postgres_test::table_of;

class PostgresTarget : public testing::Test {
 protected:
  void SetUp() override {
    if (!server().running()) GTEST_SKIP() << server().problem();
    SqlSession admin(server().conninfo("postgres"));
    admin.run("DROP DATABASE IF EXISTS target WITH (FORCE)");
    admin.run("CREATE DATABASE target");
    target_ = postgres_test::target_on(server(), "target", around_.context);
    db_ = std::make_unique<SqlSession>(server().conninfo("target"));
    ASSERT_TRUE(target_->start(false).ok());
  }
  void TearDown() override {
    target_.reset();
    db_.reset();
  }
  void prepare(const model::TableSchemaPtr& table, Preparation preparation = Preparation::drop_and_create) {
    const auto all = target_->prepare_all({table}, preparation);
    ASSERT_TRUE(all.ok()) << all.error().text();
    const auto one = target_->prepare(table, preparation);
    ASSERT_TRUE(one.ok()) << one.error().text();
  }
  base::Result<std::uint64_t> load_text(const model::TableSchemaPtr& table, const std::string& bytes) {
    auto loader = target_->loader(table, {}, {ReadForm::raw_text});
    if (!loader.ok()) return loader.take_error();
    const auto written = loader.value()->write_raw(bytes);
    if (!written.ok()) return base::Error(written.error());
    return loader.value()->finish();
  }

  Surroundings around_;
  std::unique_ptr<connect::Target> target_;
  std::unique_ptr<SqlSession> db_;
};

TEST_F(PostgresTarget, raw_bytes_load_into_a_table_made_by_us) {
  const auto table = table_of("t", {"id bigint", "name text"});
  prepare(table);
  EXPECT_TRUE(target_->takes_raw(*table, ReadForm::raw_binary));
  const auto rows = load_text(table, "1\ta\n2\t\\N\n");
  ASSERT_TRUE(rows.ok()) << rows.error().text();
  EXPECT_EQ(rows.value(), 2u);
  ASSERT_TRUE(target_->loaded(table).ok());
  EXPECT_EQ(db_->one("SELECT count(*) FROM t WHERE name IS NULL"), "1");
  EXPECT_EQ(db_->one("SELECT count(*) FROM pg_constraint WHERE conrelid = 't'::regclass AND contype = 'p'"), "1");
  ASSERT_TRUE(target_->loaded(table).ok()) << "finishing again after a crash is harmless";
}

// It stood still while a newer one took the task over, and wakes up in the middle of the full load.
TEST_F(PostgresTarget, a_process_that_was_superseded_loads_and_empties_no_more) {
  const auto table = table_of("t", {"id bigint", "name text"});
  prepare(table);
  std::unique_ptr<connect::Target> older;
  auto loader = target_->loader(table, {}, {ReadForm::raw_text});
  auto careful = target_->loader(table, {}, {.form = ReadForm::raw_text, .careful = true});
  ASSERT_TRUE(loader.ok() && careful.ok());
  for (auto* one : {&loader, &careful}) ASSERT_TRUE(one->value()->write_raw("1\ta\n").ok());
  older = std::exchange(target_, postgres_test::target_on(server(), "target", around_.context));
  ASSERT_TRUE(target_->start(true).ok());
  ASSERT_EQ(load_text(table, "2\tb\n").value(), 1u);
  const auto is_superseded = [](const auto& done) { return !done.ok() && done.error().code->name == "pg.superseded"; };
  EXPECT_TRUE(is_superseded(loader.value()->finish()));
  EXPECT_TRUE(is_superseded(careful.value()->finish()));
  EXPECT_TRUE(is_superseded(older->discard(table)));
  EXPECT_TRUE(is_superseded(older->prepare(table, Preparation::drop_and_create)));
  EXPECT_TRUE(is_superseded(older->prepare(table, Preparation::truncate)));
  EXPECT_EQ(db_->one("SELECT string_agg(id::text, ' ') FROM t"), "2");
}

TEST_F(PostgresTarget, an_abandoned_loader_leaves_nothing) {
  const auto table = table_of("t", {"id bigint", "name text"});
  prepare(table);
  {
    auto loader = target_->loader(table, {}, {ReadForm::raw_text});
    ASSERT_TRUE(loader.ok());
    ASSERT_TRUE(loader.value()->write_raw("1\ta\n").ok());
  }
  EXPECT_EQ(db_->one("SELECT count(*) FROM t"), "0");
  EXPECT_EQ(load_text(table, "1\ta\n").value(), 1u) << "the session is used again";
}

TEST_F(PostgresTarget, rows_of_another_family_get_canonical_types) {
  auto table = table_of("t", {"id x", "d x", "n x", "b x", "r x", "s x"});
  table->family = "memory";
  const model::Type types[] = {model::Type::int8,  model::Type::datetime, model::Type::numeric,
                               model::Type::bytes, model::Type::real8,    model::Type::nclob};
  for (std::size_t i = 0; i < 6; ++i) {
    table->columns[i].type = {};
    table->columns[i].type.type = types[i];
  }
  prepare(table);
  model::RowBatch rows(table);
  rows.columns[0].add_fixed(7);
  rows.columns[1].add_fixed(-62135596800000000 - 1);  // the last microsecond before year 1
  rows.columns[2].add_bytes("12345678901234567890.5");
  rows.columns[3].add_bytes(std::string_view("\0\xff", 2));
  rows.columns[4].add_real(0.1);
  rows.columns[5].add_bytes("tab\t nl\n back\\");
  rows.rows = 1;
  auto loader = target_->loader(table, {}, {ReadForm::rows});
  ASSERT_TRUE(loader.ok()) << loader.error().text();
  ASSERT_TRUE(loader.value()->write_rows(rows).ok());
  EXPECT_EQ(loader.value()->finish().value(), 1u);
  EXPECT_EQ(db_->rows("SELECT id, d, n, b, r, s FROM t")[0],
            (std::vector<std::string>{"7", "0001-12-31 23:59:59.999999 BC", "12345678901234567890.5", "\\x00ff", "0.1",
                                      "tab\t nl\n back\\"}));
}

TEST_F(PostgresTarget, a_table_of_another_shape_is_refused_before_anything_changes) {
  db_->run("CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t VALUES (1)");
  const auto table = table_of("t", {"id bigint", "name text"});
  const auto refused = target_->prepare_all({table}, Preparation::truncate);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code->name, "pg.target_shape");
  EXPECT_EQ(db_->one("SELECT count(*) FROM t"), "1");
}

TEST_F(PostgresTarget, dropping_never_cascades) {
  db_->run("CREATE TABLE t (id bigint PRIMARY KEY, name text); CREATE VIEW v AS SELECT * FROM t");
  const auto table = table_of("t", {"id bigint", "name text"});
  ASSERT_TRUE(target_->prepare_all({table}, Preparation::drop_and_create).ok());
  const auto refused = target_->prepare(table, Preparation::drop_and_create);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code->name, "pg.target_dependents");
  EXPECT_EQ(db_->one("SELECT count(*) FROM v"), "0");
}

TEST_F(PostgresTarget, rows_that_were_there_before_are_never_discarded) {
  db_->run("CREATE TABLE t (id bigint PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'mine')");
  const auto table = table_of("t", {"id bigint", "name text"});
  prepare(table, Preparation::do_nothing);
  EXPECT_TRUE(target_->discard(table).ok()) << "no chunk was begun";
  ASSERT_TRUE(load_text(table, "9\tnew\n").ok());
  EXPECT_FALSE(target_->discard(table).ok()) << "which rows are whose is not known";
  EXPECT_EQ(db_->one("SELECT count(*) FROM t"), "2");
  prepare(table, Preparation::truncate);
  ASSERT_TRUE(load_text(table, "2\tours\n").ok());
  EXPECT_TRUE(target_->discard(table).ok());
  EXPECT_EQ(db_->one("SELECT count(*) FROM t"), "0");
}

TEST_F(PostgresTarget, keys_and_secondary_objects_come_after_the_load) {
  auto parent = table_of("parent", {"id bigint"});
  auto child = table_of("child", {"id bigint", "parent_id bigint", "n integer"});
  child->indexes = {{"child_n", false, false, "USING btree (n)"}};
  child->checks = {{"child_positive", false, false, "CHECK ((n > 0))"}};
  child->columns[2].default_expression = "5";
  child->columns[0].identity = model::Identity::by_default;
  child->sequences = {
      {{"public", "child_id_seq"}, 0, true, true, "bigint", 1, 1, 1, 9223372036854775807, 1, false, 41}};
  child->foreign_keys = {{"child_parent", {"parent_id"}, {"public", "parent"}, {"id"}, "ON DELETE CASCADE"}};
  const std::vector<model::TableSchemaPtr> all{child, parent};
  for (int round = 0; round < 2; ++round) {  // the second round drops what the first has made
    ASSERT_TRUE(target_->prepare_all(all, Preparation::drop_and_create).ok());
    for (const auto& table : all) {
      const auto prepared = target_->prepare(table, Preparation::drop_and_create);
      ASSERT_TRUE(prepared.ok()) << prepared.error().text();
    }
    ASSERT_TRUE(load_text(child, "1\t1\t1\n").ok());
    ASSERT_TRUE(load_text(parent, "1\n").ok());
    for (const auto& table : all) ASSERT_TRUE(target_->loaded(table).ok());
    ASSERT_TRUE(target_->loaded_all(all).ok());
  }
  EXPECT_EQ(db_->one("INSERT INTO child (parent_id) VALUES (1) RETURNING id || ' ' || n"), "42 5");
  EXPECT_NE(db_->try_run("INSERT INTO child VALUES (9, 9, 9)"), "");
  EXPECT_NE(db_->try_run("INSERT INTO child VALUES (9, 1, -9)"), "");
  EXPECT_EQ(db_->one("SELECT convalidated FROM pg_constraint WHERE conname = 'child_parent'"), "t");
  EXPECT_EQ(db_->one("SELECT count(*) FROM pg_indexes WHERE indexname = 'child_n'"), "1");
}

TEST_F(PostgresTarget, a_partitioned_table_takes_rows_beyond_its_known_leaves) {
  auto table = table_of("p", {"id bigint", "name text"});
  table->partitioning = "PARTITION BY RANGE (id)";
  table->partitions = {{{"public", "p_low"}, {"public", "p"}, "FOR VALUES FROM (0) TO (10)", ""}};
  prepare(table);
  EXPECT_EQ(load_text(table, "1\ta\n100\tb\n").value(), 2u);
  ASSERT_TRUE(target_->loaded(table).ok());
  EXPECT_EQ(db_->one("SELECT count(*) FROM p_low"), "1");
  prepare(table);  // and again
}

TEST_F(PostgresTarget, user_types_are_made_before_their_tables) {
  auto table = table_of("t", {"id bigint", "m other.mood"});
  using Kind = model::NativeObject::Kind;
  table->requirements = {{Kind::schema, {"", "other"}, "CREATE SCHEMA other"},
                         {Kind::enumeration, {"other", "mood"}, "CREATE TYPE other.mood AS ENUM ('sad', 'ok')"}};
  prepare(table);
  EXPECT_EQ(load_text(table, "1\tok\n").value(), 1u);
  prepare(table);
  table->requirements.push_back({Kind::base_type, {"other", "box3"}, ""});
  const auto refused = target_->prepare_all({table}, Preparation::drop_and_create);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code->name, "pg.target_requirement");
}

TEST_F(PostgresTarget, check_names_missing_rights) {
  db_->run("DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN");
  db_->run("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  const auto poor = postgres_test::target_on(server(), "target", around_.context, "poor");
  const auto findings = poor->check({table_of("t", {"id bigint"})}, Preparation::drop_and_create, true);
  ASSERT_TRUE(findings.ok()) << findings.error().text();
  bool refusal = false, warned = false;
  for (const connect::Finding& finding : findings.value()) {
    refusal = refusal || finding.remedy == "GRANT USAGE, CREATE ON SCHEMA \"public\" TO \"poor\";";
    warned = warned || finding.object == "server setting session_replication_role";
  }
  EXPECT_TRUE(refusal);
  EXPECT_TRUE(warned);
}

}  // namespace
