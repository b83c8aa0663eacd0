// SPDX-License-Identifier: Apache-2.0
#include "relational/landed_objects.h"

#include <gtest/gtest.h>

#include <set>

namespace {

using model::Column;
using model::TableSchema;
using model::Type;
using relational::Language;

Column column(const std::string& name, Type type, const std::string& native, const std::string& given = "") {
  Column made;
  made.name = made.source_name = name;
  made.type.type = type;
  made.type.native = native;
  made.default_expression = given;
  return made;
}

TableSchema table(const std::string& family, std::vector<Column> columns) {
  TableSchema made;
  made.family = family;
  made.name = made.source_name = {"s", "t"};
  made.columns = std::move(columns);
  return made;
}

std::string default_of(Language ours, const std::string& family, Type type, const std::string& native,
                       const std::string& given) {
  const auto landed = relational::in_words_of(ours, table(family, {column("c", type, native, given)}));
  return landed.table.columns[0].default_expression + (landed.remarks.empty() ? "" : " !");
}

TEST(LandedDefaults, from_mysql) {
  const auto there = [](Type type, const std::string& native, const std::string& given) {
    return default_of(Language::postgresql, "mysql", type, native, given);
  };
  EXPECT_EQ(there(Type::int4, "int", "'5'"), "5");
  EXPECT_EQ(there(Type::numeric, "decimal(10,2)", "'-1.50'"), "-1.50");
  EXPECT_EQ(there(Type::boolean, "bit(1)", "b'1'"), "true");
  EXPECT_EQ(there(Type::wstring, "varchar(9)", "'it\\'s \\\\'"), "'it''s \\'");
  EXPECT_EQ(there(Type::date, "date", "'2024-02-29'"), "'2024-02-29'");
  EXPECT_EQ(there(Type::date, "date", "'0000-00-00'"), " !");
  EXPECT_EQ(there(Type::datetime, "datetime(3)", "CURRENT_TIMESTAMP(3)"), "LOCALTIMESTAMP");
  EXPECT_EQ(there(Type::datetime, "timestamp", "current_timestamp()"), "(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')");
  EXPECT_EQ(there(Type::datetime, "timestamp", "'2024-01-01 00:00:00'"), " !") << "in the session's zone";
  EXPECT_EQ(there(Type::datetime, "datetime", "CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"), "LOCALTIMESTAMP !");
  EXPECT_EQ(there(Type::wstring, "varchar(36)", "(uuid())"), " !");
  EXPECT_EQ(there(Type::bytes, "varbinary(3)", "'abc'"), " !");
}

TEST(LandedDefaults, from_postgres) {
  const auto there = [](Type type, const std::string& native, const std::string& given) {
    return default_of(Language::mysql, "postgresql", type, native, given);
  };
  EXPECT_EQ(there(Type::int4, "integer", "'-5'::integer"), "-5");
  EXPECT_EQ(there(Type::boolean, "boolean", "true"), "1");
  EXPECT_EQ(there(Type::wstring, "text", "'a\\b'::text"), "'a\\\\b'");
  EXPECT_EQ(there(Type::datetime, "timestamp with time zone", "now()"), "(UTC_TIMESTAMP())");
  EXPECT_EQ(there(Type::datetime, "timestamp without time zone", "now()"), "CURRENT_TIMESTAMP()");
  EXPECT_EQ(there(Type::bytes, "bytea", "'\\x00ff'::bytea"), "X'00ff'");
  EXPECT_EQ(there(Type::wstring, "text", "NULL::text"), "");
  EXPECT_EQ(there(Type::int4, "integer", "(1 + 1)"), " !");
}

TEST(LandedDefaults, only_what_a_source_keeps_as_it_is_written) {
  const auto here = [](Type type, const std::string& native, const std::string& given, std::int16_t scale = 0) {
    TableSchema from = table("mysql", {column("c", type, native, given)});
    from.columns[0].type.scale = scale;
    const auto landed = relational::landed_default(Language::postgresql, from, from.columns[0]);
    return landed ? landed->sql : "?";
  };
  EXPECT_EQ(here(Type::wstring, "char(5)", "'a  '"), "'a'");
  EXPECT_EQ(here(Type::wstring, "varchar(5)", "'a  '"), "'a  '");
  EXPECT_EQ(here(Type::wstring, "varchar(5)", "1.50"), "'1.50'");
  EXPECT_EQ(here(Type::wstring, "varchar(5)", "007"), "?") << "7 there";
  EXPECT_EQ(here(Type::wstring, "varchar(5)", "TRUE"), "'1'");
  EXPECT_EQ(here(Type::wstring, "enum('a','b')", "'b'"), "'b'");
  EXPECT_EQ(here(Type::wstring, "enum('a','b')", "'B'"), "?") << "b there";
  EXPECT_EQ(here(Type::wstring, "enum('a','b')", "1"), "?");
  EXPECT_EQ(here(Type::wstring, "set('a','b')", "'b,a'"), "?") << "a,b there";
  EXPECT_EQ(here(Type::wstring, "set('a','b')", "''"), "''");
  EXPECT_EQ(here(Type::string, "time(3)", "'-12:00:00.5'"), "'-12:00:00.500'");
  EXPECT_EQ(here(Type::string, "time", "'100:00:00'"), "'100:00:00'");
  for (const char* other : {"'1:2:3'", "'12:00:00.5'", "'12:00'", "'120000'", "120000"}) {
    EXPECT_EQ(here(Type::string, "time", other), "?") << other;
  }
  EXPECT_EQ(here(Type::int2, "year", "'2024'"), "2024");
  EXPECT_EQ(here(Type::int2, "year", "24"), "?") << "2024 there";
  EXPECT_EQ(here(Type::datetime, "datetime(3)", "'2024-01-01 00:00:00.125'", 3), "'2024-01-01 00:00:00.125'");
  EXPECT_EQ(here(Type::datetime, "datetime", "'2024-01-01 00:00:00.5'"), "?") << "rounded there";
  EXPECT_EQ(here(Type::real4, "float(7,2)", "1.239"), "?");
  EXPECT_EQ(here(Type::string, "uuid", "'A'"), "?");

  const auto there = [](Type type, const std::string& native, std::uint32_t length, const std::string& given) {
    TableSchema from = table("postgresql", {column("c", type, native, given)});
    from.columns[0].type.length = length;
    const auto landed = relational::landed_default(Language::mysql, from, from.columns[0]);
    return landed ? landed->sql : "?";
  };
  EXPECT_EQ(there(Type::wstring, "character(1)", 1, "'N'::bpchar"), "'N'");
  EXPECT_EQ(there(Type::wstring, "character(5)", 5, "'N'::bpchar"), "?") << "blanks behind it";
  EXPECT_EQ(there(Type::wstring, "character varying(9)", 9, "'abc'::character(2)"), "?") << "cut off";
  EXPECT_EQ(there(Type::wstring, "text", 0, "'2024-01-01'::date"), "?");
  EXPECT_EQ(there(Type::nclob, "public.mood", 0, "'x'::public.mood"), "'x'");
  EXPECT_EQ(there(Type::numeric, "numeric(5,2)", 0, "'-1.5'::numeric(5,2)"), "-1.5");
  EXPECT_EQ(there(Type::real8, "double precision", 0, "'0.1'::real"), "?") << "not 0.1 in eight bytes";
  EXPECT_EQ(there(Type::int8, "bigint", 0, "'5'::integer"), "5");
}

TEST(LandedCounters, of_both) {
  TableSchema serial = table("postgresql", {column("id", Type::int8, "bigint", "nextval('s.t_id_seq'::regclass)")});
  serial.primary_key = {0};
  serial.sequences.resize(1);
  serial.sequences[0].owned = true;
  serial.sequences[0].last_value = 41;
  const auto landed = relational::in_words_of(Language::mysql, serial);
  EXPECT_TRUE(landed.remarks.empty());
  EXPECT_EQ(landed.table.columns[0].identity, model::Identity::by_default);
  EXPECT_EQ(landed.table.columns[0].default_expression, "");
  serial.primary_key = {};
  EXPECT_EQ(relational::in_words_of(Language::mysql, serial).remarks.size(), 1u) << "leads no key";
  serial.primary_key = {0};
  serial.sequences[0].increment = 10;
  EXPECT_EQ(relational::in_words_of(Language::mysql, serial).remarks.size(), 1u);

  TableSchema counting = table("mysql", {column("id", Type::uint8, "bigint unsigned")});
  counting.columns[0].identity = model::Identity::by_default;
  counting.sequences.resize(1);
  counting.sequences[0].identity = true;
  const auto here = relational::in_words_of(Language::postgresql, counting);
  EXPECT_EQ(here.table.columns[0].identity, model::Identity::none) << "numeric has no identity";
  EXPECT_FALSE(here.table.sequences[0].identity);
}

TEST(LandedIndexes, names_and_lengths) {
  TableSchema from = table("postgresql", {column("id", Type::int4, "integer"), column("a", Type::wstring, "text")});
  from.columns[1].name = "renamed";
  from.indexes = {{"t_a", false, false, "USING btree (a DESC)"},
                  {"t_u", false, true, "UNIQUE (a)"},
                  {"t_e", false, false, "USING btree (lower(a))"}};
  const auto landed = relational::in_words_of(Language::mysql, from);
  ASSERT_EQ(landed.table.indexes.size(), 1u);
  EXPECT_EQ(landed.table.indexes[0].definition, "USING BTREE (`renamed`(191) DESC)");
  EXPECT_EQ(landed.remarks.size(), 2u) << "a text without a limit is no unique key there; an expression";

  TableSchema there = table("mysql", {column("a", Type::wstring, "varchar(20)")});
  there.columns[0].type.length = 20;
  there.columns[0].collation = "utf8mb4_general_ci";
  there.columns.push_back(column("long", Type::wstring, "varchar(700)"));
  there.columns[1].type.length = 700;
  there.indexes = {{"l", false, false, "USING BTREE (`long`)"}};
  EXPECT_EQ(relational::in_words_of(Language::postgresql, there).table.indexes.size(), 0u) << "beyond an entry";
  there.indexes = {{"u", true, false, "USING BTREE (`a`)"}, {std::string(64, 'n'), false, false, "USING BTREE (`a`)"}};
  const auto here = relational::in_words_of(Language::postgresql, there);
  ASSERT_EQ(here.table.indexes.size(), 2u);
  EXPECT_EQ(here.table.indexes[0].name, "t_u") << "names of indexes are the schema's there";
  EXPECT_EQ(here.table.indexes[1].name.size(), 63u);
  ASSERT_EQ(here.remarks.size(), 1u);
  EXPECT_FALSE(here.remarks[0].left_out) << "told apart by case";
}

std::size_t checks(Language ours, const TableSchema& from, const std::string& definition) {
  TableSchema with = from;
  with.checks = {{"c", false, false, definition}};
  return relational::in_words_of(ours, with).table.checks.size();
}

TEST(LandedIndexes, of_a_rule_are_made) {
  TableSchema from = table("mysql", {column("a", Type::int4, "int")});
  from.columns[0].name = "landed";
  from.indexes = {{"t_rule_1", true, false, "USING btree (\"landed\")"}};
  const auto landed = relational::in_words_of(Language::postgresql, from);
  ASSERT_EQ(landed.table.indexes.size(), 1u);
  EXPECT_EQ(landed.table.indexes[0].definition, "USING btree (\"landed\")");
}

TEST(LandedIndexes, have_names_with_room) {
  TableSchema from = table("postgresql", {column("a", Type::int4, "integer")});
  from.indexes = {{"t_😀x", false, false, "USING btree (a)"}, {"t_ü ", false, false, "USING btree (a)"}};
  const TableSchema landed = relational::in_words_of(Language::mysql, from).table;
  ASSERT_EQ(landed.indexes.size(), 2u);
  EXPECT_TRUE(landed.indexes[0].name.starts_with("t_x_")) << landed.indexes[0].name;
  EXPECT_TRUE(landed.indexes[1].name.starts_with("t_ü _")) << landed.indexes[1].name;
}

TEST(LandedIndexes, have_names_of_their_own) {
  TableSchema from = table("mysql", {column("a", Type::int4, "int")});
  for (const char* name : {"t_a", "a", "pkey", "c"}) from.indexes.push_back({name, false, false, "USING BTREE (`a`)"});
  from.checks = {{"t_c", false, false, "CHECK ((`a` > 0))"}};
  const TableSchema landed = relational::in_words_of(Language::postgresql, from).table;
  std::set<std::string> names{landed.checks.at(0).name, "t_pkey"};
  for (const model::SecondaryObject& index : landed.indexes) EXPECT_TRUE(names.insert(index.name).second) << index.name;
}

TEST(LandedChecks, only_where_both_must_agree) {
  TableSchema from = table("mysql", {column("n", Type::int4, "int"), column("d", Type::date, "date"),
                                     column("s", Type::wstring, "varchar(9)"), column("r", Type::real8, "double"),
                                     column("ts", Type::datetime, "timestamp")});
  from.columns[2].collation = "utf8mb4_general_ci";
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`n` > 0))"), 1u);
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((0 < `n`))"), 1u);
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`n` > '0'))"), 0u) << "compared as reals";
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`d` > '2024-01-01'))"), 1u);
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`d` > '2024-1-1'))"), 0u);
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`s` in ('a')))"), 0u) << "the collation does not tell case";
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`s` is not null))"), 1u);
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`r` > 0.1))"), 0u);
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`ts` > '2024-01-01 00:00:00'))"), 0u);
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`d` > `n`))"), 0u);
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`n` > 0)) NOT ENFORCED"), 0u);
  from.columns.push_back(column("y", Type::int2, "year"));
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`y` > 70))"), 0u) << "1970 there";
  from.columns.push_back(column("g", Type::int4, "int"));
  from.columns.back().generated = true;
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`g` is not null))"), 0u) << "stays NULL here";
  from.columns[2].collation = "utf8mb4_0900_bin";
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`s` in ('a')))"), 1u);
  EXPECT_EQ(checks(Language::postgresql, from, "CHECK ((`s` > 'a'))"), 0u) << "an order of texts";
}

TEST(LandedForeignKeys, need_a_key_and_one_type) {
  TableSchema parent = table("postgresql", {column("id", Type::int8, "bigint"), column("code", Type::int4, "integer")});
  parent.primary_key = {0};
  TableSchema child = table("postgresql", {column("p", Type::int8, "bigint"), column("q", Type::int4, "integer")});
  child.name = child.source_name = {"s", "child"};
  const auto landed = [&](const std::string& name, const std::string& to, const std::string& rules) {
    child.foreign_keys = {{"fk", {name}, {"s", "t"}, {to}, rules}};
    return relational::foreign_keys_in_words_of(
        Language::mysql, child,
        {std::make_shared<const TableSchema>(parent), std::make_shared<const TableSchema>(child)});
  };
  ASSERT_EQ(landed("p", "id", "ON DELETE CASCADE").keys.size(), 1u);
  EXPECT_EQ(landed("p", "id", "ON DELETE CASCADE").keys[0].rules, "ON DELETE CASCADE");
  EXPECT_EQ(landed("p", "id", "ON DELETE CASCADE").keys[0].name, "child_fk");
  EXPECT_EQ(landed("q", "id", "").keys.size(), 0u) << "int and bigint";
  EXPECT_EQ(landed("q", "code", "").keys.size(), 0u) << "no key";
  EXPECT_EQ(landed("p", "id", "ON DELETE SET DEFAULT").keys.size(), 0u);
  EXPECT_EQ(landed("p", "id", "DEFERRABLE INITIALLY DEFERRED").keys.size(), 1u);
  EXPECT_EQ(landed("p", "id", "DEFERRABLE INITIALLY DEFERRED").remarks.size(), 1u);
}

}  // namespace
