// SPDX-License-Identifier: Apache-2.0
//
// The rules one by one; whole documents are in tests/cases/mapping.
#include "mapping/mapping.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace mapping {
namespace {

using model::TableName;

constexpr std::string_view all_of_public =
    R"({"rule-type":"selection","rule-id":"1","rule-name":"1","rule-action":"include",)"
    R"("object-locator":{"schema-name":"public","table-name":"%"}})";

Mapping with(std::string_view more, std::string_view target_schema = "") {
  auto mapping = Mapping::parse(fmt::format(R"({{"rules":[{}{}{}]}})", all_of_public, more.empty() ? "" : ",", more),
                                target_schema);
  EXPECT_TRUE(mapping.ok()) << (mapping.ok() ? "" : mapping.error().text());
  return mapping.ok() ? *mapping : Mapping();
}

std::string refusal(std::string_view rules) {
  const auto mapping = Mapping::parse(rules);
  EXPECT_FALSE(mapping.ok());
  return mapping.ok() ? "" : mapping.error().text();
}

std::string rule(std::string_view id, std::string_view target, std::string_view action, std::string_view locator,
                 std::string_view more = "") {
  return fmt::format(R"({{"rule-type":"transformation","rule-id":{},"rule-action":"{}","rule-target":"{}",)"
                     R"("object-locator":{{{}}}{}}})",
                     id, action, target, locator, more);
}

constexpr std::string_view orders = R"("schema-name":"public","table-name":"orders")";
constexpr std::string_view orders_b = R"("schema-name":"public","table-name":"orders","column-name":"b")";

model::TableSchema plain_orders() {
  model::TableSchema schema;
  schema.name = {"public", "orders"};
  for (const char* name : {"a", "b", "c"}) {
    model::Column column;
    column.name = name;
    column.type.type = model::Type::int4;
    schema.columns.push_back(column);
  }
  schema.primary_key = {1};
  schema.primary_key_name = "orders_pkey";
  schema.unique_keys = {{0, 2}};
  schema.old_key = {1};
  schema.indexes = {{"on_b", false, false, "USING btree (b)"}, {"on_c", false, false, "USING btree (c)"}};
  schema.foreign_keys = {{"fk", {"b"}, {"public", "orders"}, {"b"}, ""}};
  return schema;
}

TEST(Mapping, excludes_win_whatever_their_place) {
  const Mapping mapping = with(R"({"rule-type":"selection","rule-id":2,"rule-action":"exclude",
    "object-locator":{"schema-name":"pub%","table-name":"log[_]%"}})");
  EXPECT_TRUE(mapping.selects({"public", "orders"}, false));
  EXPECT_FALSE(mapping.selects({"public", "log_1"}, false));
  EXPECT_TRUE(mapping.selects({"public", "logx1"}, false));
  EXPECT_FALSE(mapping.selects({"other", "orders"}, false));
  EXPECT_FALSE(mapping.selects({"public", "v"}, true));
  EXPECT_FALSE(mapping.selects({"public", "awsdms_status"}, false));
}

TEST(Mapping, load_order_of_the_more_exact_rule) {
  const Mapping mapping = with(R"({"rule-type":"selection","rule-id":2,"rule-action":"explicit","load-order":"7",
    "object-locator":{"schema-name":"public","table-name":"orders"}})");
  EXPECT_EQ(mapping.load_order({"public", "orders"}), 7);
  EXPECT_EQ(mapping.load_order({"public", "other"}), 0);
}

TEST(Mapping, names) {
  const Mapping mapping = with(rule("2", "schema", "rename", R"("schema-name":"public")", R"(,"value":"crm")") + "," +
                               rule("5", "table", "convert-uppercase", orders) + "," +
                               rule("3", "table", "add-prefix", orders, R"(,"value":"t_")"));
  EXPECT_EQ(*mapping.map_name({"public", "orders"}), (TableName{"crm", "t_orders"}));  // the lower rule-id
  EXPECT_EQ(*mapping.map_name({"other", "x"}), (TableName{"other", "x"}));
}

TEST(Mapping, schema_rule_wins_over_target_schema) {
  EXPECT_EQ(*with("", "dwh").map_name({"public", "x"}), (TableName{"dwh", "x"}));
  EXPECT_EQ(*with(rule("2", "schema", "add-suffix", R"("schema-name":"%")", R"(,"value":"_x")"), "dwh")
                 .map_name({"public", "x"}),
            (TableName{"public_x", "x"}));
}

TEST(Mapping, identity) {
  const MappedTable mapped = with("").map(plain_orders()).take();
  EXPECT_TRUE(mapped.identity_columns);
  EXPECT_EQ(mapped.columns, (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(mapped.target->indexes.size(), 2u);
  EXPECT_TRUE(mapped.left_out.empty());
  EXPECT_EQ(mapped.target->source_name, (TableName{"public", "orders"}));
}

TEST(Mapping, renamed_column) {
  const MappedTable mapped =
      with(rule("2", "column", "rename", orders_b, R"(,"value":"z")")).map(plain_orders()).take();
  EXPECT_FALSE(mapped.identity_columns);
  EXPECT_EQ(mapped.target->columns[1].name, "z");
  EXPECT_EQ(mapped.target->columns[1].source_name, "b");
  EXPECT_EQ(mapped.target->primary_key, (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(mapped.target->foreign_keys[0].columns[0], "z");
  EXPECT_EQ(mapped.target->foreign_keys[0].referenced_columns[0], "z");
  ASSERT_EQ(mapped.target->indexes.size(), 1u);
  EXPECT_EQ(mapped.target->indexes[0].name, "on_c");
}

TEST(Mapping, removed_key_column_drops_the_key) {
  const MappedTable mapped = with(rule("2", "column", "remove-column", orders_b)).map(plain_orders()).take();
  EXPECT_EQ(mapped.columns, (std::vector<std::uint32_t>{0, 2}));
  EXPECT_TRUE(mapped.target->primary_key.empty());
  EXPECT_TRUE(mapped.target->old_key.empty());
  EXPECT_EQ(mapped.target->old_image, model::OldImage::none);
  EXPECT_EQ(mapped.target->unique_keys, (std::vector<std::vector<std::uint32_t>>{{0, 1}}));
  EXPECT_TRUE(mapped.target->foreign_keys.empty());
  EXPECT_EQ(mapped.left_out.size(), 3u);
}

TEST(Mapping, include_column_flips_the_default) {
  const MappedTable mapped = with(rule("2", "column", "include-column", orders_b)).map(plain_orders()).take();
  EXPECT_EQ(mapped.columns, (std::vector<std::uint32_t>{1}));
}

TEST(Mapping, rules_hash_tells_rules_that_change_rows) {
  const TableName named{"public", "orders"}, other{"public", "other"};
  const auto with_text = [](const std::string& text) { return Mapping::parse(text).take(); };
  const std::string head =
      R"({"rules":[{"rule-type":"selection","rule-id":"1","rule-name":"1","rule-action":"include",)"
      R"("object-locator":{"schema-name":"public","table-name":"orders"})";
  const std::string filter = R"(,"filters":[{"filter-type":"source","column-name":"id","filter-conditions":[)"
                             R"({"filter-operator":"gte","value":")";
  const std::string rename = R"({"rule-type":"transformation","rule-id":")",
                    renamed = R"(","rule-name":"2",)"
                              R"("rule-target":"table","rule-action":"add-prefix","value":"x_",)"
                              R"("object-locator":{"schema-name":"public","table-name":"o%"}})";
  const std::string plain = with_text(head + "}]}").rules_hash(named);
  EXPECT_EQ(plain.size(), 64u);
  EXPECT_EQ(with_text(head + R"(,"load-order":"7"}]})").rules_hash(named), plain);
  const Mapping five = with_text(head + filter + R"(5"}]}]}]})");
  EXPECT_NE(five.rules_hash(named), plain);
  EXPECT_EQ(five.rules_hash(other), plain);
  EXPECT_NE(with_text(head + filter + R"(6"}]}]}]})").rules_hash(named), five.rules_hash(named));
  const Mapping prefixed = with_text(head + "}," + rename + "2" + renamed + "]}");
  EXPECT_NE(prefixed.rules_hash(named), plain);
  EXPECT_EQ(with_text(head + "}," + rename + "9" + renamed + "]}").rules_hash(named), prefixed.rules_hash(named));
  EXPECT_EQ(prefixed.rules_hash({"public", "items"}), plain);
}

TEST(Mapping, two_columns_cannot_become_one) {
  const auto mapped =
      with(rule("2", "column", "rename", R"("schema-name":"%","table-name":"%","column-name":"%")", R"(,"value":"z")"))
          .map(plain_orders());
  ASSERT_FALSE(mapped.ok());
  EXPECT_TRUE(mapped.error().is(errors::collision));
}

TEST(Mapping, two_tables_cannot_become_one) {
  const Mapping mapping =
      with(rule("2", "table", "rename", R"("schema-name":"%","table-name":"%")", R"(,"value":"z")"));
  model::TableSchema other = plain_orders();
  other.name.table = "other";
  const std::vector<MappedTable> tables{mapping.map(plain_orders()).take(), mapping.map(other).take()};
  EXPECT_FALSE(mapping.check_collisions(tables).ok());
}

TEST(Mapping, refuses_by_name) {
  const auto document = [](std::string_view more) {
    return fmt::format(R"({{"rules":[{},{}]}})", all_of_public, more);
  };
  EXPECT_EQ(refusal(document(rule("5", "column", "add-column", orders))),
            "mapping.bad_rule: rule 5 (rules[1]): expression is missing");
  EXPECT_EQ(refusal(document(rule("5", "table-tablespace", "rename", orders, R"(,"value":"x")"))),
            "mapping.not_supported: rule 5 (rules[1]): rule-target table-tablespace: only an Oracle target has "
            "tablespaces, and there is none here");
  EXPECT_EQ(refusal(document(R"({"rule-type":"table-settings","rule-id":"6","object-locator":)"
                             R"({"schema-name":"public","table-name":"%"}})")),
            "mapping.bad_rule: rule 6 (rules[1]): object-locator: exact schema and table name required");
  EXPECT_EQ(refusal(document(rule("5", "table", "rename", orders))),
            "mapping.bad_rule: rule 5 (rules[1]): value is missing");
  EXPECT_EQ(refusal(document(rule("1", "table", "rename", orders))),
            "mapping.bad_rule: rule 1 (rules[1]): rule-id 1 is used twice");
  EXPECT_EQ(refusal(document(rule("7", "table", "rename", orders, R"(,"value":"x","colour":1)"))),
            "mapping.bad_rule: rule 7 (rules[1]): unknown member colour");
}

TEST(Mapping, json_errors_say_where) {
  EXPECT_EQ(refusal("{\"rules\": [\n  {\"rule-type\": }]}"),
            "base.bad_json: TableMappings, line 2, column 17 (in rules[0].rule-type): this is not a JSON value");
  EXPECT_EQ(refusal(R"({"rules":[{"rule-id":"1","rule-id":"2"}]})"),
            "base.bad_json: TableMappings: rules[0].rule-id is given twice");
  EXPECT_NE(refusal(std::string(100, '[')).find("more than 64 levels"), std::string::npos);
  EXPECT_NE(refusal("{\"rules\":[]}").find("at least one selection rule"), std::string::npos);
}

TEST(Mapping, filters_need_an_exact_table) {
  const std::string text = refusal(R"({"rules":[{"rule-type":"selection","rule-id":"1","rule-action":"include",
    "object-locator":{"schema-name":"public","table-name":"o%"},
    "filters":[{"filter-type":"source","column-name":"a","filter-conditions":[{"filter-operator":"null"}]}]}]})");
  EXPECT_NE(text.find("exact schema and table name required"), std::string::npos);
}

// What planning costs, in names held against patterns, not in seconds.
TEST(Mapping, planning_ten_thousand_tables_holds_each_rule_against_each_name_once) {
  std::string rules;
  constexpr int rule_count = 200, table_count = 10'000, column_count = 10;
  for (int i = 2; i <= rule_count; ++i) {
    const bool is_wide = i % 2 == 0;
    rules += (rules.empty() ? "" : ",") +
             rule(std::to_string(i), "column", is_wide ? "add-suffix" : "remove-column",
                  fmt::format(R"("schema-name":"public","table-name":"{}","column-name":"{}")",
                              is_wide ? "t%" : fmt::format("t{}", i), is_wide ? fmt::format("%{}", i) : "c1"),
                  is_wide ? R"(,"value":"_s")" : "");
  }
  const Mapping mapping = with(rules);
  std::uint64_t tried = 0;
  for (int i = 0; i < table_count; ++i) {
    model::TableSchema table;
    table.name = {"public", fmt::format("t{}", i)};
    for (int k = 0; k < column_count; ++k) {
      model::Column column;
      column.name = fmt::format("c{}", k);
      table.columns.push_back(column);
    }
    ASSERT_TRUE(mapping.selects(table.name, false));
    const auto mapped = mapping.map(table);
    ASSERT_TRUE(mapped.ok()) << mapped.error().text();
    tried += mapped->patterns_tried;
  }
  // Schema and table once a rule, each column once a rule that means the table.
  EXPECT_LE(tried, std::uint64_t{table_count} * (2 * rule_count + rule_count / 2 * column_count + column_count));
}

}  // namespace
}  // namespace mapping
