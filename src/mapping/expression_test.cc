// SPDX-License-Identifier: Apache-2.0
#include "mapping/expression.h"

#include <gtest/gtest.h>

#include "mapping/errors.h"
#include "mapping/mask.h"
#include "mapping/sha256.h"

namespace mapping {
namespace {

// The value as "kind:text", or "failed:" and the message.
std::string run(std::string_view text, std::vector<Value> values = {}, RowOperation operation = RowOperation::load) {
  auto engine = ExpressionEngine::open().take();
  const auto expression = engine->prepare(text);
  if (!expression.ok()) return "refused: " + expression.error().message;
  engine->set_operation(operation);
  const auto value = engine->evaluate(*expression, values);
  if (!value.ok()) return "failed: " + value.error().message;
  switch (value->kind) {
    case Value::Kind::null: return "null";
    case Value::Kind::integer: return fmt::format("integer:{}", value->integer);
    case Value::Kind::real: return fmt::format("real:{}", value->real);
    case Value::Kind::text: return fmt::format("text:{}", value->bytes);
    case Value::Kind::blob: return fmt::format("blob:{}", value->bytes);
  }
  return "";
}

Value text(std::string_view value) { return Value::of(value); }
Value number(std::int64_t value) { return Value::of(value); }

TEST(Expression, functions_of_the_language) {
  EXPECT_EQ(run("$first || ' ' || $last", {text("Ann"), text("Lee")}), "text:Ann Lee");
  EXPECT_EQ(run("CASE WHEN $n BETWEEN 1 AND 5 THEN 'few' ELSE 'many' END", {number(7)}), "text:many");
  EXPECT_EQ(run("coalesce($a, ifnull($b, nullif('x', 'x')), 'z')", {Value(), Value()}), "text:z");
  EXPECT_EQ(run("substr($s, -3)", {text("abcdef")}), "text:def");
  EXPECT_EQ(run("replaceChars($s, 'abc', 'xy')", {text("aabbccd")}), "text:xxyyd");
  EXPECT_EQ(run("upper(trim($s)) || lower('ABC') || ltrim('xxa', 'x') || replace('a-b', '-', '+')", {text(" q ")}),
            "text:Qabcaa+b");
  EXPECT_EQ(run("round(abs($n) / 3.0, 2)", {number(-10)}), "real:3.33");
  EXPECT_EQ(run("strftime('%Y/%m', date($d, '+1 month'))", {text("2024-01-31 10:00:00.5")}), "text:2024/03");
  EXPECT_EQ(run("hex($b)", {Value{Value::Kind::blob, 0, 0, "\x01\xff"}}), "text:01FF");
  EXPECT_EQ(run("$s LIKE 'a%' AND $s IN ('abc', 'x')", {text("abc")}), "integer:1");
  EXPECT_EQ(run("max($a, $b) + min($a, 0)", {number(3), number(9)}), "integer:9");
  EXPECT_EQ(run("hash_sha256('abc')"), "text:" + sha256_hex("abc"));
}

TEST(Expression, operation_indicator_marks_deletes) {
  EXPECT_EQ(run("operation_indicator('D', 'U', 'I')", {}, RowOperation::remove), "text:D");
  EXPECT_EQ(run("operation_indicator('D', 'U', 'I')", {}, RowOperation::update), "text:U");
  EXPECT_EQ(run("operation_indicator(1, 2, 3)", {}, RowOperation::load), "integer:3");
}

TEST(Expression, reaches_nothing_outside_of_its_value) {
  for (const char* bad : {"load_extension('x')", "readfile('/etc/passwd')", "sqlite_version()", "total_changes()",
                          "(SELECT name FROM sqlite_master)", "(SELECT 1 FROM pragma_database_list)",
                          "1) UNION SELECT (2", "1); ATTACH 'x' AS y; SELECT (1", "1 -- ", "$a $b", "", "?1", ":name",
                          "last_insert_rowid()", "json_extract('{}', '$')", "nofunction(1)", "group_concat(1)",
                          "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c)"}) {
    EXPECT_TRUE(run(bad).starts_with("refused: ")) << bad << " gives " << run(bad);
  }
}

TEST(Expression, a_failure_names_no_value) {
  const std::string failed = run("abs($n)", {number(std::numeric_limits<std::int64_t>::min())});
  EXPECT_TRUE(failed.starts_with("failed: ")) << failed;
  EXPECT_EQ(failed.find("9223"), std::string::npos);
  EXPECT_TRUE(run("zeroblob(1000000000)").starts_with("failed: "));
}

TEST(Expression, facts) {
  const ExpressionFacts facts = examine_expression("$b || $a || $b || $AR_H_USER").take();
  EXPECT_EQ(facts.variables, (std::vector<std::string>{"b", "a", "AR_H_USER"}));
  EXPECT_FALSE(facts.repeatable);
  EXPECT_TRUE(examine_expression("date($a)").take().repeatable);
  EXPECT_FALSE(examine_expression("date('now')").take().repeatable);
  EXPECT_FALSE(examine_expression("random()").take().repeatable);
  EXPECT_TRUE(examine_expression("operation_indicator(1,2,3)").take().marks_deletes);
}

TEST(Sha256, known_digests) {
  EXPECT_EQ(sha256_hex(""), "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855");
  EXPECT_EQ(sha256_hex("abc"), "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')), "CDC76E5C9914FB9281A1C7E284D73E67F1809A48A497200E046D39CCC7112CD0");
}

TEST(Mask, digits) {
  using Kind = ColumnSource::Mask;
  EXPECT_EQ(masked_text(Kind::digits, '*', "4111-22a"), "****-**a");
  const std::string random = masked_text(Kind::random_digits, 0, "4111-22a");
  EXPECT_EQ(random.size(), 8u);
  EXPECT_EQ(random.substr(4, 1) + random.substr(7), "-a");
  EXPECT_EQ(random_number("-120.50").size(), 7u);
  EXPECT_EQ(random_number("NaN"), "NaN");
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t value = random_integer(32767, -32768, 32767);
    EXPECT_TRUE(value >= 0 && value <= 32767) << value;
    EXPECT_LE(random_integer(-5, -128, 127), 0);
  }
}

}  // namespace
}  // namespace mapping
