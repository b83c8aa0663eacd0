// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/relation_map.h"

#include <gtest/gtest.h>

#include "connectors/postgres/apply_schema.h"

namespace postgres {
namespace {

constexpr std::uint32_t oid = 77, int4 = 23, text = 25;

struct Named {
  std::string_view name;
  std::int32_t ordinal;
  std::uint32_t type = text;
};

model::TableSchemaPtr table_of(const std::vector<Named>& columns) {
  auto table = std::make_shared<model::TableSchema>();
  table->name = table->source_name = {"public", "t"};
  table->family = "postgresql";
  table->source_id = oid;
  for (const Named& named : columns) {
    model::Column column;
    column.name = named.name;
    column.ordinal = named.ordinal;
    column.type.native_id = named.type;
    column.type.native = named.type == int4 ? "integer" : "text";
    column.type.native_modifier = -1;
    table->columns.push_back(column);
  }
  return table;
}

pgoutput::Message relation_of(const std::vector<std::pair<std::string_view, std::uint32_t>>& columns) {
  pgoutput::Message message;
  message.kind = pgoutput::Kind::relation;
  message.relation = oid;
  message.schema = "public";
  message.name = "t";
  message.replica_identity = 'f';
  for (const auto& [name, type] : columns) message.columns.push_back({true, name, type, -1});
  return message;
}

class relation_map : public testing::Test {
 protected:
  void open(const std::vector<Named>& now) {
    catalogue = table_of(now);
    map.emplace(std::vector{catalogue}, TypeChoices(),
                [this](std::uint32_t) -> base::Result<model::TableSchemaPtr> { return catalogue; });
  }
  // "name:number" of each column behind that Relation message.
  std::string shape(const std::vector<std::pair<std::string_view, std::uint32_t>>& columns, std::uint32_t xid = 0) {
    EXPECT_TRUE(map->on_relation(relation_of(columns), xid).ok());
    std::string out;
    for (const model::Column& column : map->schema_of(oid, xid)->columns) {
      out += (out.empty() ? "" : " ") + column.name + ":" + std::to_string(column.ordinal);
    }
    return out;
  }

  model::TableSchemaPtr catalogue;
  std::optional<RelationMap> map;
};

TEST_F(relation_map, a_name_of_then_between_columns_of_now_is_known_by_its_place) {
  open({{"id", 1, int4}, {"renamed", 2}, {"b", 3, int4}});
  EXPECT_EQ(shape({{"id", int4}, {"a", text}, {"b", int4}}), "id:1 a:2 b:3");
}

TEST_F(relation_map, a_name_of_then_at_the_end_may_be_any_column) {
  open({{"id", 1, int4}, {"a", 2}});
  EXPECT_EQ(shape({{"id", int4}, {"a", text}, {"gone", int4}}), "id:1 a:2 gone:-1");
}

TEST_F(relation_map, a_name_that_was_used_twice_is_not_taken_for_the_column_of_now) {
  open({{"id", 1, int4}, {"a", 2}, {"b", 3, int4}});
  EXPECT_EQ(shape({{"id", int4}, {"aa", text}, {"b", int4}, {"a", text}}), "id:1 aa:2 b:3 a:-1");
}

TEST_F(relation_map, what_the_log_said_goes_before_the_catalogue_of_now) {
  open({{"id", 1, int4}, {"a", 2}, {"b", 3, int4}});
  ASSERT_TRUE(map->on_ddl(oid, 0, {{"id", 1}, {"aa", 2}, {"b", 3}, {"a", 6}}).ok());
  EXPECT_EQ(shape({{"id", int4}, {"aa", text}, {"b", int4}, {"a", text}}), "id:1 aa:2 b:3 a:6");
  const auto again = map->on_ddl(oid, 0, {{"id", 1}, {"a", 2}, {"b", 3}});
  ASSERT_TRUE(again.ok());
  EXPECT_NE(*again, nullptr);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}, {"b", int4}}), "id:1 a:2 b:3");
}

TEST_F(relation_map, what_an_aborted_transaction_said_is_forgotten) {
  open({{"id", 1, int4}, {"a", 2}});
  ASSERT_TRUE(map->on_ddl(oid, 9, {{"id", 1}, {"z", 2}}).ok());
  map->end_streamed(9, false);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}), "id:1 a:2");
}

TEST(schema_change, columns_without_number_are_dropped_or_added_only_when_nothing_else_is_possible) {
  const auto change = [](const std::vector<Named>& before, const std::vector<Named>& after) {
    return schema_change(*table_of(before), *table_of(after));
  };
  const SchemaChange dropped = change({{"id", 1}, {"b", -1}}, {{"id", 1}});
  EXPECT_TRUE(dropped.not_derivable.empty());
  ASSERT_EQ(dropped.statements.size(), 1u);
  EXPECT_NE(dropped.statements[0].find("DROP COLUMN"), std::string::npos);
  const SchemaChange added = change({{"id", 1}}, {{"id", 1}, {"b", -1}});
  EXPECT_TRUE(added.not_derivable.empty());
  EXPECT_EQ(added.statements.size(), 1u);
  EXPECT_FALSE(change({{"id", 1}, {"b", -1}}, {{"id", 1}, {"c", 2}}).not_derivable.empty());
  EXPECT_FALSE(change({{"id", 1}, {"c", 2}}, {{"id", 1}, {"b", -1}}).not_derivable.empty());
  const SchemaChange same = change({{"id", 1}, {"b", -1}}, {{"id", 1}, {"b", 2}});
  EXPECT_TRUE(same.not_derivable.empty() && same.statements.empty());
}

}  // namespace
}  // namespace postgres
