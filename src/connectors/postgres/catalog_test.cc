// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/catalog.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "connectors/postgres/options.h"
#include "connectors/postgres/server_fixture.h"

namespace postgres {
namespace {

using model::NativeObject;
using postgres_test::SqlSession;
using postgres_test::TestServer;

constexpr const char* odd_schema = "odd.\"schema";
constexpr const char* odd_table = "We \"ird.tablé 😀";

constexpr const char* odd_tables = R"sql(
CREATE SCHEMA "odd.""schema";
CREATE TYPE public.mood AS ENUM ('sad', 'it''s ok', 'happy');
CREATE DOMAIN public.posint AS int DEFAULT 1 NOT NULL CONSTRAINT pos CHECK (VALUE > 0);
CREATE TYPE "odd.""schema"."Point 3" AS (x float8, m public.mood, "z z" numeric(5,2));
CREATE DOMAIN public.moods AS public.mood[] CHECK (cardinality(VALUE) < 5);
CREATE TYPE public.floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TABLE public."We ""ird.tablé 😀" (
  "id col" serial PRIMARY KEY, b bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5),
  c text COLLATE "C" DEFAULT 'it''s', d numeric(12,2) NOT NULL, e public.mood, f public.posint,
  g "odd.""schema"."Point 3", h public.moods, i public.floatrange, k int[], l regclass,
  gen int GENERATED ALWAYS AS (1 + 2) STORED,
  CHECK (d > 0), UNIQUE (b, c), EXCLUDE USING gist (i WITH &&), UNIQUE (d) DEFERRABLE INITIALLY DEFERRED);
COMMENT ON TABLE public."We ""ird.tablé 😀" IS 'a comment';
CREATE UNIQUE INDEX "a USING b" ON public."We ""ird.tablé 😀" (lower(c)) WHERE d > 5;
CREATE UNIQUE INDEX incl ON public."We ""ird.tablé 😀" (d, b) INCLUDE (c);
CREATE TABLE "odd.""schema".child (a int REFERENCES public."We ""ird.tablé 😀" ON DELETE CASCADE
  DEFERRABLE INITIALLY DEFERRED, b text);
CREATE TABLE public.parted (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE public.p1 PARTITION OF public.parted FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE public.p2 PARTITION OF public.parted FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')
  PARTITION BY LIST (id);
CREATE TABLE public.p2a PARTITION OF public.p2 DEFAULT;
CREATE UNLOGGED TABLE public.unl (a int);
CREATE VIEW public.v AS SELECT 1 a;
CREATE TABLE public.nokey (a int, b text);
CREATE TABLE public.full_id (a int);
ALTER TABLE public.full_id REPLICA IDENTITY FULL;
CREATE TABLE public.idx_id (a int NOT NULL, b int NOT NULL);
CREATE UNIQUE INDEX ii ON public.idx_id (b);
ALTER TABLE public.idx_id REPLICA IDENTITY USING INDEX ii;
CREATE TABLE public.nothing_id (a int PRIMARY KEY);
ALTER TABLE public.nothing_id REPLICA IDENTITY NOTHING;
CREATE TABLE public.deferred_pk (a int PRIMARY KEY DEFERRABLE);
CREATE TABLE public.mixed (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE public.mixed_1 PARTITION OF public.mixed FOR VALUES FROM (0) TO (10);
ALTER TABLE public.mixed_1 REPLICA IDENTITY NOTHING;
CREATE TABLE public.awsdms_status (a int);
CREATE SEQUENCE public.free_seq;
CREATE TABLE public.uses_seq (a int DEFAULT nextval('public.free_seq'), b text);
ALTER TABLE public.uses_seq DROP COLUMN b;
ALTER TABLE public.uses_seq ADD COLUMN c text NOT NULL DEFAULT 'x';
CREATE TABLE public.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk (a int PRIMARY KEY);
)sql";

class PostgresCatalog : public ::testing::TestWithParam<bool> {
 protected:
  static TestServer& server() {
    static TestServer debian;
    static TestServer newer(postgres_test::newer_binaries());
    return GetParam() ? newer : debian;
  }
  void SetUp() override {
    if (!server().running()) FAIL() << server().problem();
    SqlSession admin(server().conninfo("postgres"));
    admin.run("DROP DATABASE IF EXISTS odd");
    admin.run("CREATE DATABASE odd");
    SqlSession(server().conninfo("odd")).run(odd_tables);
    auto parsed = connect::Options::parse(source_options(), {{"ServerName", "127.0.0.1"},
                                                             {"Port", std::to_string(server().port())},
                                                             {"Username", "postgres"},
                                                             {"DatabaseName", "odd"}});
    ASSERT_TRUE(parsed.ok());
    options_ = *parsed;
    context_.task_id = "test";
    context_.clock = &clock_;
    catalog_ = std::make_unique<Catalog>(connection_settings(options_, "millrace test"), options_, context_);
  }
  model::TableSchema describe(const std::string& schema, const std::string& table) {
    auto described = catalog_->describe({schema, table});
    EXPECT_TRUE(described.ok()) << described.error().text();
    return described.ok() ? **described : model::TableSchema{};
  }

  base::SystemClock clock_;
  connect::Context context_;
  connect::Options options_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_P(PostgresCatalog, lists_what_a_user_could_mean_and_nothing_of_ours) {
  auto tables = catalog_->list_tables();
  ASSERT_TRUE(tables.ok()) << tables.error().text();
  std::map<std::string, std::string> kinds;
  for (const auto& table : *tables) kinds[table.name.table] = table.kind;
  EXPECT_EQ(kinds.count("awsdms_status"), 0u);
  EXPECT_EQ(kinds.count("pg_class"), 0u);
  EXPECT_EQ(kinds.count("p1"), 0u);
  EXPECT_EQ(kinds["parted"], "partitioned");
  EXPECT_EQ(kinds["unl"], "unlogged");
  EXPECT_EQ(kinds["v"], "view");
  EXPECT_EQ(kinds[odd_table], "table");
  for (const auto& table : *tables) {
    EXPECT_TRUE(catalog_->describe(table.name).ok()) << table.name.text();
  }
}

TEST_P(PostgresCatalog, columns_keep_names_types_and_what_feeds_them) {
  const model::TableSchema table = describe("public", odd_table);
  ASSERT_EQ(table.columns.size(), 12u);
  EXPECT_EQ(table.columns[0].name, "id col");
  EXPECT_EQ(table.columns[0].default_expression, "nextval('public.\"We \"\"ird.tablé 😀_id col_seq\"'::regclass)");
  EXPECT_EQ(table.columns[1].identity, model::Identity::always);
  EXPECT_EQ(table.columns[2].collation, "\"C\"");
  EXPECT_EQ(table.columns[2].default_expression, "'it''s'::text");
  EXPECT_EQ(table.columns[3].type.native, "numeric(12,2)");
  EXPECT_TRUE(table.columns[3].type.native_portable);
  EXPECT_FALSE(table.columns[3].nullable);
  EXPECT_EQ(table.columns[6].type.native, "\"odd.\"\"schema\".\"Point 3\"");
  EXPECT_FALSE(table.columns[4].type.native_portable);
  EXPECT_TRUE(table.columns[9].type.native_portable);
  EXPECT_FALSE(table.columns[10].type.native_portable);
  EXPECT_TRUE(table.columns[11].generated);
  EXPECT_EQ(table.columns[11].generation, "(1 + 2)");
  EXPECT_EQ(table.comment, "a comment");
  ASSERT_EQ(table.sequences.size(), 2u);
  EXPECT_TRUE(table.sequences[1].identity);
  EXPECT_EQ(table.sequences[1].start, 100);
  EXPECT_EQ(table.sequences[1].increment, 5);
  const model::TableSchema dropped = describe("public", "uses_seq");
  ASSERT_EQ(dropped.columns.size(), 2u);
  EXPECT_EQ(dropped.columns[1].ordinal, 3);
  ASSERT_EQ(dropped.sequences.size(), 1u);
  EXPECT_FALSE(dropped.sequences[0].owned);
}

TEST_P(PostgresCatalog, keys_indexes_and_constraints_are_complete) {
  const model::TableSchema table = describe("public", odd_table);
  EXPECT_EQ(table.primary_key, std::vector<std::uint32_t>{0});
  EXPECT_EQ(table.unique_keys, (std::vector<std::vector<std::uint32_t>>{{1, 2}, {3, 1}}));
  std::map<std::string, model::SecondaryObject> indexes;
  for (const auto& index : table.indexes) indexes[index.name] = index;
  EXPECT_EQ(indexes["a USING b"].definition, "USING btree (lower(c)) WHERE (d > (5)::numeric)");
  EXPECT_EQ(indexes["incl"].definition, "USING btree (d, b) INCLUDE (c)");
  EXPECT_TRUE(indexes["incl"].unique);
  EXPECT_EQ(indexes["We \"ird.tablé 😀_i_excl"].definition, "EXCLUDE USING gist (i WITH &&)");
  EXPECT_TRUE(indexes["We \"ird.tablé 😀_i_excl"].constraint);
  EXPECT_EQ(indexes["We \"ird.tablé 😀_d_key"].definition, "UNIQUE (d) DEFERRABLE INITIALLY DEFERRED");
  ASSERT_EQ(table.checks.size(), 1u);
  EXPECT_EQ(table.checks[0].definition, "CHECK ((d > (0)::numeric))");
  const model::TableSchema child = describe(odd_schema, "child");
  ASSERT_EQ(child.foreign_keys.size(), 1u);
  EXPECT_EQ(child.foreign_keys[0].referenced, (model::TableName{"public", odd_table}));
  EXPECT_EQ(child.foreign_keys[0].referenced_columns, std::vector<std::string>{"id col"});
  EXPECT_EQ(child.foreign_keys[0].rules, "ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED");
}

TEST_P(PostgresCatalog, the_old_image_is_what_the_log_carries) {
  EXPECT_EQ(describe("public", odd_table).old_image, model::OldImage::key);
  EXPECT_EQ(describe("public", "nokey").old_image, model::OldImage::none);
  EXPECT_EQ(describe("public", "full_id").old_image, model::OldImage::full);
  EXPECT_EQ(describe("public", "idx_id").old_key, std::vector<std::uint32_t>{1});
  EXPECT_EQ(describe("public", "nothing_id").old_image, model::OldImage::none);
  EXPECT_EQ(describe("public", "deferred_pk").old_image, model::OldImage::none);
  EXPECT_EQ(describe("public", "parted").old_image, model::OldImage::key);
  EXPECT_EQ(describe("public", "mixed").old_image, model::OldImage::none);
}

TEST_P(PostgresCatalog, a_partitioned_table_is_one_table_with_its_partitions) {
  const model::TableSchema table = describe("public", "parted");
  EXPECT_EQ(table.partitioning, "PARTITION BY RANGE (at)");
  EXPECT_EQ(table.kind, "partitioned");
  ASSERT_EQ(table.partitions.size(), 3u);
  EXPECT_EQ(table.partitions[1].partitioning, "PARTITION BY LIST (id)");
  EXPECT_EQ(table.partitions[2].parent.table, "p2");
  EXPECT_EQ(table.partitions[2].bound, "DEFAULT");
  EXPECT_FALSE(catalog_->describe({"public", "p1"}).ok());
}

// The definitions are judged by the server: made in this order in an empty database, the types are there.
TEST_P(PostgresCatalog, requirements_can_be_made_elsewhere_in_their_order) {
  const model::TableSchema table = describe("public", odd_table);
  SqlSession admin(server().conninfo("postgres"));
  admin.run("DROP DATABASE IF EXISTS other");
  admin.run("CREATE DATABASE other");
  SqlSession other(server().conninfo("other"));
  for (const NativeObject& object : table.requirements) other.run(object.definition);
  std::string columns;
  for (const model::Column& column : table.columns) {
    columns += (columns.empty() ? "\"" : ", \"") + column.name + "\" " + column.type.native;
  }
  other.run("CREATE TABLE t (" + columns + ")");
}

TEST_P(PostgresCatalog, many_tables_are_described_in_few_round_trips) {
  SqlSession db(server().conninfo("odd"));
  db.run(
      "DO $$ BEGIN FOR i IN 1..1500 LOOP EXECUTE format('CREATE TABLE public.many_%s (id int PRIMARY KEY, v text)', "
      "i); END LOOP; END $$");
  auto tables = catalog_->list_tables();
  ASSERT_TRUE(tables.ok());
  const base::Nanos start = clock_.monotonic();
  for (const auto& table : *tables) ASSERT_TRUE(catalog_->describe(table.name).ok());
  EXPECT_LT(clock_.monotonic() - start, std::chrono::seconds(5));
}

TEST_P(PostgresCatalog, check_names_every_table_that_would_harm_its_own_application) {
  connect::CapturePlan plan;
  for (const char* name : {"nokey", "full_id", "deferred_pk", "mixed", "unl"}) {
    plan.tables.push_back(std::make_shared<model::TableSchema>(describe("public", name)));
  }
  auto findings = catalog_->check(plan, true, true);
  ASSERT_TRUE(findings.ok()) << findings.error().text();
  std::map<std::string, connect::Finding> by_object;
  for (const auto& finding : *findings) by_object[finding.object] = finding;
  EXPECT_EQ(by_object["table public.nokey"].severity, connect::Finding::Severity::refusal);
  EXPECT_EQ(by_object["table public.nokey"].remedy, "ALTER TABLE \"public\".\"nokey\" REPLICA IDENTITY FULL;");
  EXPECT_EQ(by_object.count("table public.full_id"), 0u);
  EXPECT_EQ(by_object["table public.deferred_pk"].severity, connect::Finding::Severity::refusal);
  EXPECT_NE(by_object["table public.mixed"].remedy.find("\"mixed_1\" REPLICA IDENTITY FULL"), std::string::npos);
  EXPECT_EQ(by_object["unlogged public.unl"].severity, connect::Finding::Severity::warning);
  EXPECT_EQ(by_object.count("server setting wal_level"), 0u);
}

INSTANTIATE_TEST_SUITE_P(Releases, PostgresCatalog, ::testing::Values(false, true),
                         [](const auto& one) { return one.param ? "newer" : "debian"; });

}  // namespace
}  // namespace postgres
