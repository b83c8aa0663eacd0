// SPDX-License-Identifier: Apache-2.0
#include "convert/definition.h"

#include <gtest/gtest.h>

namespace {

using convert::DefaultValue;
using convert::Language;

std::string said(Language from, Language to, std::string_view check) {
  const auto condition = convert::read_check(from, check);
  if (!condition) return "?";
  return convert::write_condition(to, *condition, [](const std::string& name) { return "[" + name + "]"; });
}

TEST(Default, of_postgres) {
  const auto text = [](std::string_view sql) {
    const auto value = convert::read_default(Language::postgresql, sql);
    if (!value) return std::string("?");
    return value->kind == DefaultValue::Kind::literal ? value->literal.text
                                                      : "@" + std::to_string(static_cast<int>(value->kind));
  };
  EXPECT_EQ(text("'it''s'::text"), "it's");
  EXPECT_EQ(text("'a\\b'"), "a\\b");
  EXPECT_EQ(text("E'a\\\\b'::text"), "a\\b");
  EXPECT_EQ(text("7"), "7");
  EXPECT_EQ(text("'-7'::integer"), "-7");
  EXPECT_EQ(text("'-1.5'::numeric(5,2)"), "-1.5");
  EXPECT_EQ(text("true"), "true");
  EXPECT_EQ(text("NULL::character varying"), "");
  EXPECT_EQ(text("'x'::\"My Type\""), "x");
  EXPECT_EQ(text("now()"), "@1");
  EXPECT_EQ(text("CURRENT_TIMESTAMP(3)"), "@1");
  EXPECT_EQ(text("timezone('utc'::text, now())"), "@2");
  EXPECT_EQ(text("(now() AT TIME ZONE 'utc'::text)"), "@2");
  EXPECT_EQ(text("CURRENT_DATE"), "@3");
  EXPECT_EQ(text("(now())::date"), "@3");
  for (const char* other :
       {"nextval('a'::regclass)", "'a'::text || 'b'::text", "1 + 1", "now() + '1 day'::interval", "gen_random_uuid()",
        "timezone('CET'::text, now())", "5 # 3", "(now())::time without time zone", "lower('A'::text)"}) {
    EXPECT_EQ(text(other), "?") << other;
  }
}

TEST(Default, of_mysql) {
  const auto read = [](std::string_view sql) { return convert::read_default(Language::mysql, sql); };
  EXPECT_EQ(read("'it\\'s'")->literal.text, "it's");
  EXPECT_EQ(read("'5'")->literal.text, "5");
  EXPECT_EQ(read("b'101'")->literal.kind, convert::Literal::Kind::bits);
  EXPECT_EQ(read("CURRENT_TIMESTAMP(3)")->kind, DefaultValue::Kind::now);
  EXPECT_EQ(read("current_timestamp()")->kind, DefaultValue::Kind::now);
  EXPECT_EQ(read("(curdate())")->kind, DefaultValue::Kind::today);
  EXPECT_TRUE(read("CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")->on_update);
  EXPECT_TRUE(read("NULL ON UPDATE current_timestamp(3)")->on_update);
  for (const char* other : {"(uuid())", "(1 + 1)", "(json_object())", "'a' 'b'", ""}) {
    EXPECT_FALSE(read(other)) << other;
  }
}

TEST(Index, ordered_over_columns_or_not_at_all) {
  const auto mysql = convert::read_index(Language::mysql, "USING BTREE (`a`,`b c`(10) DESC)");
  ASSERT_TRUE(mysql);
  EXPECT_EQ((*mysql)[1].name, "b c");
  EXPECT_EQ((*mysql)[1].prefix, 10u);
  EXPECT_TRUE((*mysql)[1].descending);
  EXPECT_TRUE(convert::read_index(Language::postgresql, "USING btree (a, \"B\" DESC NULLS LAST)"));
  EXPECT_TRUE(convert::read_index(Language::postgresql, "UNIQUE (a)"));
  for (const char* other :
       {"USING gin (a)", "USING btree (lower(a))", "USING btree (a) WHERE (b > 0)", "USING btree (a) INCLUDE (b)",
        "USING btree (a text_pattern_ops)", "UNIQUE (a) DEFERRABLE", "UNIQUE NULLS NOT DISTINCT (a)",
        "USING btree (a COLLATE \"C\")", "EXCLUDE USING gist (a WITH &&)"}) {
    EXPECT_FALSE(convert::read_index(Language::postgresql, other)) << other;
  }
  EXPECT_FALSE(convert::read_index(Language::mysql, "FULLTEXT (`a`)"));
  EXPECT_FALSE(convert::read_index(Language::mysql, "USING BTREE ((lower(`a`)))"));
}

TEST(Rules, of_both) {
  const auto rules = convert::read_rules("ON DELETE SET NULL ON UPDATE NO ACTION");
  EXPECT_EQ(rules->on_delete, "SET NULL");
  EXPECT_EQ(rules->on_update, "");
  EXPECT_TRUE(convert::read_rules("MATCH FULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED NOT VALID")->deferrable);
  EXPECT_FALSE(convert::read_rules("ON DELETE SET NULL (a)"));
}

TEST(Check, from_postgres_to_mysql) {
  const auto there = [](std::string_view check) { return said(Language::postgresql, Language::mysql, check); };
  EXPECT_EQ(there("CHECK ((a > 0))"), "([a] > 0)");
  EXPECT_EQ(there("CHECK (((a >= 1) AND (a <= 5)))"), "(([a] >= 1) AND ([a] <= 5))");
  EXPECT_EQ(there("CHECK (((price > (0)::numeric) OR (price IS NULL)))"), "(([price] > 0) OR ([price] IS NULL))");
  EXPECT_EQ(there("CHECK ((NOT (a = '-1'::integer)))"), "(NOT ([a] = '-1'))");
  EXPECT_EQ(there("CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'it''s'::character varying])::text[])))"),
            "([s] IN ('a', 'it''s'))");
  EXPECT_EQ(there("CHECK ((a <> ALL (ARRAY[1, 2])))"), "([a] NOT IN (1, 2))");
  for (const char* other :
       {"CHECK ((length(a) > 3))", "CHECK (((a + b) > 3))", "CHECK ((a ~ 'x'::text))", "CHECK ((a > 0)) NO INHERIT",
        "CHECK (active)", "CHECK ((a IS DISTINCT FROM b))", "CHECK (((a # 1) > 0))", "CHECK ((a = ANY (b)))",
        "CHECK ((a <- 5))", "CHECK ((a = CURRENT_DATE))"}) {
    EXPECT_EQ(there(other), "?") << other;
  }
}

TEST(Check, from_mysql_to_postgres) {
  const auto there = [](std::string_view check) { return said(Language::mysql, Language::postgresql, check); };
  EXPECT_EQ(there("CHECK ((`a` > 0))"), "([a] > 0)");
  EXPECT_EQ(there("CHECK (`a` > 0 and `b` < 5 or `c` is not null)"),
            "((([a] > 0) AND ([b] < 5)) OR ([c] IS NOT NULL))");
  EXPECT_EQ(there("CHECK ((`a` between 1 and 5))"), "([a] BETWEEN 1 AND 5)");
  EXPECT_EQ(there("CHECK ((`a` > -(5)))"), "([a] > -5)");
  EXPECT_EQ(there("CHECK ((`s` in (_utf8mb4'a',_utf8mb4'b\\\\')))"), "([s] IN ('a', 'b\\'))");
  EXPECT_EQ(there("CHECK (`a` not in (1,2) and `d` <> DATE'2024-01-01')"),
            "(([a] NOT IN (1, 2)) AND ([d] <> DATE '2024-01-01'))");
  for (const char* other :
       {"CHECK (json_valid(`a`))", "CHECK (`a` <=> 1)", "CHECK (`a` || `b`)", "CHECK (`a` > 1e3)", "CHECK (`a`",
        "CHECK (`a` xor `b`)", "CHECK (`a` like 'x%')", "CHECK ((_utf8mb4\\'a\\' = `a`))"}) {
    EXPECT_EQ(there(other), "?") << other;
  }
}

}  // namespace
