// SPDX-License-Identifier: Apache-2.0
#include "mapping/filter.h"

#include <gtest/gtest.h>

namespace mapping {
namespace {

using Op = FilterOperator;

model::TableSchema table() {
  model::TableSchema schema;
  schema.name = {"public", "orders"};
  model::Column column;
  column.name = "id";
  column.type.type = model::Type::int4;
  schema.columns.push_back(column);
  column.name = "region \"x\"";
  column.type.type = model::Type::string;
  schema.columns.push_back(column);
  column.name = "photo";
  column.type.type = model::Type::blob;
  schema.columns.push_back(column);
  return schema;
}

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) out += c == quote ? std::string(2, quote) : std::string(1, c);
  return out + quote;
}

base::Result<std::string> sql(std::vector<Filter> filters) {
  return filter_sql(
      filters, table(), [](std::string_view t) { return quoted(t, '"'); },
      [](std::string_view t) { return quoted(t, '\''); });
}

Filter id(std::vector<FilterCondition> conditions) { return Filter{"1", "id", std::move(conditions)}; }

TEST(Filter, including_conditions_are_joined_by_or) {
  EXPECT_EQ(*sql({id({{Op::eq, "1", ""}, {Op::between, "3", "5"}})}),
            R"(("id" = '1' OR ("id" >= '3' AND "id" <= '5')))");
}

TEST(Filter, negative_conditions_are_joined_by_and) {
  EXPECT_EQ(*sql({id({{Op::noteq, "1", ""}, {Op::notbetween, "3", "5"}})}),
            R"(("id" <> '1' AND ("id" < '3' OR "id" > '5')))");
}

TEST(Filter, negative_keeps_nulls_out_even_beside_null) {
  EXPECT_EQ(*sql({id({{Op::gte, "1", ""}, {Op::null, "", ""}, {Op::noteq, "4", ""}})}),
            R"(("id" >= '1' OR "id" IS NULL) AND ("id" <> '4'))");
}

TEST(Filter, several_filters_are_joined_by_and_and_quoted) {
  EXPECT_EQ(*sql({id({{Op::notnull, "", ""}}), Filter{"1", "region \"x\"", {{Op::eq, "it's", ""}}}}),
            R"(("id" IS NOT NULL) AND ("region ""x""" = 'it''s'))");
}

TEST(Filter, refuses_what_the_server_would_refuse_later) {
  EXPECT_FALSE(sql({id({{Op::eq, "one", ""}})}).ok());
  EXPECT_FALSE(sql({id({{Op::eq, "1 OR 1=1", ""}})}).ok());
  EXPECT_FALSE(sql({Filter{"1", "missing", {{Op::eq, "1", ""}}}}).ok());
  EXPECT_FALSE(sql({Filter{"1", "photo", {{Op::null, "", ""}}}}).ok());
  EXPECT_FALSE(sql({Filter{"1", "region \"x\"", {{Op::eq, std::string("a\0b", 3), ""}}}}).ok());
}

}  // namespace
}  // namespace mapping
