// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/relation_map.h"

#include <gtest/gtest.h>

#include "connectors/postgres/apply_schema.h"

namespace postgres {
namespace {

constexpr std::uint32_t table_oid = 77, int4 = 23, text = 25;

struct Named {
  std::string_view name;
  std::int32_t ordinal;
  std::uint32_t type = text;
};

model::TableSchemaPtr table_of(const std::vector<Named>& columns) {
  auto table = std::make_shared<model::TableSchema>();
  table->name = table->source_name = {"public", "t"};
  table->family = "postgresql";
  table->source_id = table_oid;
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
  message.relation = table_oid;
  message.schema = "public";
  message.name = "t";
  message.replica_identity = 'f';
  for (const auto& [name, type] : columns) message.columns.push_back({true, name, type, -1});
  return message;
}

SurveyedTable surveyed(const model::TableSchema& table, std::int32_t highest) {
  SurveyedTable now;
  for (const model::Column& column : table.columns) {
    now.highest = std::max(now.highest, column.ordinal);
    now.columns.push_back({.ordinal = column.ordinal, .name = column.name, .type = column.type.native_id});
  }
  now.highest = std::max(now.highest, highest);
  return now;
}

DdlReport report_of(const std::vector<Named>& columns) {
  DdlReport report;
  report.oid = table_oid;
  report.name = {"public", "t"};
  report.columns = table_of(columns)->columns;
  report.converts = false;
  return report;
}

class relation_map : public testing::Test {
 protected:
  using Verdict = RelationMap::Verdict;
  // What the task knows, what the catalogue says, the highest column number given so far.
  void open(const std::vector<Named>& known, const std::vector<Named>& now, std::int32_t highest, bool told) {
    catalogue = table_of(now);
    number_max = highest;
    ShapeSources sources;
    sources.told = told;
    sources.describe = [this](std::uint32_t) -> base::Result<model::TableSchemaPtr> { return catalogue; };
    sources.survey = [this](const std::vector<std::uint32_t>&) -> base::Result<Survey> {
      Survey survey;
      if (catalogue != nullptr) survey.tables[table_oid] = surveyed(*catalogue, number_max);
      if (locked_by != 0) survey.locked[table_oid].insert(locked_by);
      if (locked_by_nobody) survey.locked[table_oid].insert(0);
      return survey;
    };
    if (visible_after > 0) {
      sources.pause = [this]() -> base::Result<void> {
        if (--visible_after == 0) locked_by = 0, catalogue = visible;
        return {};
      };
    }
    map.emplace(std::vector{table_of(known)}, TypeChoices(), std::move(sources));
  }
  std::string text_of(const model::TableSchemaPtr& table) {
    std::string out;
    for (const model::Column& column : table->columns) {
      out += (out.empty() ? "" : " ") + column.name + ":" + std::to_string(column.ordinal);
    }
    return out;
  }
  // "name:number" of each column behind that Relation message, or "unclear".
  std::string shape(const std::vector<std::pair<std::string_view, std::uint32_t>>& columns, std::uint32_t xid = 0) {
    const auto outcome = map->on_relation(relation_of(columns), {xid, xid, xid != 0 ? xid : whole_xid});
    EXPECT_TRUE(outcome.ok());
    return outcome->unclear ? "unclear" : text_of(map->schema_of(table_oid, xid));
  }
  void report(const std::vector<Named>& columns, std::uint32_t xid = 0) {
    EXPECT_TRUE(map->on_ddl(report_of(columns), {xid, xid}).ok());
  }
  std::vector<Verdict> look() {
    EXPECT_TRUE(map->begin_survey().ok());
    auto verdicts = map->end_survey();
    EXPECT_TRUE(verdicts.ok());
    return *verdicts;
  }

  model::TableSchemaPtr catalogue;
  std::int32_t number_max = 0;
  std::uint32_t locked_by = 0;
  bool locked_by_nobody = false;  // that has a number
  std::uint32_t whole_xid = 3;    // of transactions that are not streamed
  int visible_after = 0;          // pauses, until the catalogue is `visible` and the table is not locked
  model::TableSchemaPtr visible;
  std::optional<RelationMap> map;
};

TEST_F(relation_map, what_the_log_says_goes_before_the_catalogue_of_now) {
  open({{"id", 1, int4}, {"a", 2}, {"b", 3, int4}}, {{"id", 1, int4}, {"a", 2}, {"b", 3, int4}}, 6, true);
  report({{"id", 1, int4}, {"aa", 2}, {"b", 3, int4}, {"a", 6}});
  EXPECT_EQ(shape({{"id", int4}, {"aa", text}, {"b", int4}, {"a", text}}), "id:1 aa:2 b:3 a:6");
  report({{"id", 1, int4}, {"a", 2}, {"b", 3, int4}});
  EXPECT_EQ(shape({{"id", int4}, {"a", text}, {"b", int4}}), "id:1 a:2 b:3");
}

TEST_F(relation_map, a_column_that_was_replaced_is_followed_when_reported_and_unclear_when_not) {
  const std::vector<Named> before = {{"id", 1, int4}, {"a", 2}}, after = {{"id", 1, int4}, {"a", 3}};
  open(before, after, 3, true);
  report(after);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}), "id:1 a:3");
  EXPECT_TRUE(look().empty());
  open(before, after, 3, false);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}), "unclear");
}

TEST_F(relation_map, what_nobody_reported_is_found_by_a_survey) {
  const std::vector<Named> before = {{"id", 1, int4}, {"a", 2}}, after = {{"id", 1, int4}, {"a", 3}};
  open(before, after, 3, true);
  std::vector<Verdict> verdicts = look();
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].what, Verdict::What::unclear);
  EXPECT_TRUE(look().empty());
  open(before, after, 3, false);  // every row was followed, so the change lies behind all of them
  verdicts = look();
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].what, Verdict::What::changed);
  EXPECT_EQ(text_of(verdicts[0].table), "id:1 a:3");
  catalogue = nullptr;
  verdicts = look();
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].what, Verdict::What::dropped);
}

// A commit is in the log before others see it: as long as it waits for a standby, the catalogue shows what was before
// all that the transaction did, and the table is locked.
TEST_F(relation_map, a_catalogue_behind_the_log_changes_nothing) {
  const std::vector<Named> before = {{"id", 1, int4}, {"a", 2}}, after = {{"id", 1, int4}, {"a", 2}, {"b", 3}};
  open(before, before, 2, true);
  locked_by = 3;
  report({{"id", 1, int4}, {"z", 2}});
  report(after);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}, {"b", text}}), "id:1 a:2 b:3");
  EXPECT_TRUE(look().empty());
  EXPECT_EQ(text_of(map->schema_of(table_oid, 0)), "id:1 a:2 b:3");
  catalogue = table_of(after);
  locked_by = 0;
  EXPECT_TRUE(look().empty());
  catalogue = table_of({{"id", 1, int4}, {"b", 3}});
  EXPECT_EQ(look().size(), 1u);
}

// What a transaction itself did to a table the catalogue does not show: by number nothing tells its columns apart.
TEST_F(relation_map, the_catalogue_says_nothing_about_a_transaction_that_holds_the_table) {
  const std::vector<Named> before = {{"id", 1, int4}, {"a", 2}, {"b", 3}},
                           after = {{"id", 1, int4}, {"a", 2}, {"c", 4}};
  open(before, before, 3, false);
  locked_by = 9;
  EXPECT_EQ(shape({{"id", int4}, {"a", text}, {"c", text}}, 9), "unclear");
  open(before, before, 3, false);
  locked_by = whole_xid;
  EXPECT_EQ(shape({{"id", int4}, {"a", text}, {"c", text}}), "unclear");
  open(before, before, 3, false);
  locked_by = 10;  // begun behind ours: what it does is behind the rows, too
  EXPECT_EQ(shape({{"id", int4}, {"a", text}, {"c", text}}, 9), "id:1 a:2 c:3");
  map->end_streamed(9, false);
}

// Its own columns may be others of the same names: that is known when it has ended.
TEST_F(relation_map, a_transaction_that_holds_the_table_is_believed_until_its_end) {
  const std::vector<Named> before = {{"id", 1, int4}, {"a", 2}}, after = {{"id", 1, int4}, {"a", 3}};
  open(before, before, 2, false);
  locked_by = whole_xid;
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}), "unclear");
  const auto held_at_end = [&](const std::vector<Named>& now) {
    visible = table_of(now);
    visible_after = 3;
    open(before, before, 3, false);
    locked_by = 9;
    EXPECT_EQ(shape({{"id", int4}, {"a", text}}, 9), "id:1 a:2");
    const auto unclear = map->settle_streamed(9);
    EXPECT_TRUE(unclear.ok());
    map->end_streamed(9, true);
    EXPECT_EQ(visible_after, 0);
    return unclear->size();
  };
  EXPECT_EQ(held_at_end(before), 0u);
  EXPECT_EQ(held_at_end(after), 1u);
  // The column that was believed goes, too: what its rows held came perhaps from another one.
  open(before, before, 2, false);
  locked_by = 9;
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}, 9), "id:1 a:2");
  locked_by = 0;
  catalogue = table_of({{"id", 1, int4}});
  number_max = 3;
  EXPECT_EQ(shape({{"id", int4}}, 9), "id:1");
  EXPECT_EQ(map->settle_streamed(9)->size(), 1u);
  map->end_streamed(9, true);
  open(before, before, 3, false);
  locked_by = 9;  // for ever
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}, 9), "id:1 a:2");
  EXPECT_EQ(map->settle_streamed(9)->size(), 1u);
  map->end_streamed(9, false);
  EXPECT_TRUE(map->settle_streamed(9)->empty());
}

// The catalogue of now may not tell what became of columns then; what a stream noted then does.
TEST_F(relation_map, what_was_noted_is_certain_behind_its_transaction) {
  open({{"id", 1, int4}}, {{"id", 1, int4}, {"a", 3}}, 3, false);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}), "unclear");
  EXPECT_EQ(text_of(map->schema_of(table_oid, 0)), "id:1");
  const model::TableSchemaPtr noted = table_of({{"id", 1, int4}, {"a", 2}});
  EXPECT_TRUE(map->on_noted({500, table_oid, noted}));
  EXPECT_EQ(text_of(map->schema_of(table_oid, 0)), "id:1 a:2");
  EXPECT_EQ(text_of(map->find(table_oid, 0)->schema), "id:1 a:2");
  EXPECT_TRUE(map->find(table_oid, 0)->in_key[1]) << "as the log has described it";
  EXPECT_FALSE(map->on_noted({500, table_oid, noted}));
  EXPECT_FALSE(map->on_noted({600, table_oid, nullptr})) << "what is dropped the log tells";
}

// The shape of a table that was loaded is the one behind its snapshot; what came before teaches nothing.
TEST_F(relation_map, what_a_load_holds_already_leaves_the_shape_alone) {
  const std::vector<Named> loaded = {{"id", 1, int4}, {"a", 2}, {"b", 3}}, dropped = {{"id", 1, int4}, {"a", 2}};
  open(loaded, dropped, 3, false);
  const auto relation = relation_of({{"id", int4}, {"a", text}});
  const auto past = map->on_relation(relation, {0, 0, 3}, true);
  ASSERT_TRUE(past.ok());
  EXPECT_EQ(past->changed, nullptr);
  EXPECT_EQ(map->find(table_oid, 0)->schema->columns.size(), 2u);
  EXPECT_EQ(text_of(map->schema_of(table_oid, 0)), "id:1 a:2 b:3");
  const auto outcome = map->on_relation(relation, {0, 0, 4});
  ASSERT_TRUE(outcome.ok());
  ASSERT_NE(outcome->changed, nullptr);
  EXPECT_EQ(text_of(outcome->changed), "id:1 a:2");
}

TEST_F(relation_map, a_survey_that_finds_the_same_columns_ends_the_doubt) {
  const std::vector<Named> before = {{"id", 1, int4}, {"a", 2}}, after = {{"id", 1, int4}, {"b", 3}};
  open(before, before, 2, false);
  locked_by_nobody = true;
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}), "id:1 a:2");
  locked_by_nobody = false;
  EXPECT_TRUE(look().empty());
  catalogue = table_of(after);
  const std::vector<Verdict> verdicts = look();
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].what, Verdict::What::changed);
}

TEST_F(relation_map, a_change_that_an_earlier_stream_made_is_made_again) {
  const std::vector<Named> before = {{"id", 1, int4}, {"a", 2}}, after = {{"id", 1, int4}, {"b", 3}};
  open(before, after, 3, false);
  const model::TableSchemaPtr shape = table_of(after);
  ASSERT_EQ(map->on_later({700, table_oid, shape}), shape);
  EXPECT_EQ(text_of(map->schema_of(table_oid, 0)), "id:1 b:3");
  EXPECT_EQ(map->on_later({800, table_oid, shape}), nullptr);
  EXPECT_EQ(map->on_later({900, table_oid, nullptr}), shape);
  EXPECT_EQ(map->schema_of(table_oid, 0), nullptr);
  EXPECT_EQ(map->on_later({900, table_oid + 1, nullptr}), nullptr);
}

// The server does not repeat the description of a table whose first row came in a subtransaction that was undone.
TEST_F(relation_map, what_an_undone_subtransaction_found_out_counts_again) {
  const std::vector<Named> before = {{"id", 1, int4}, {"a", 2}}, after = {{"id", 1, int4}, {"z", 2}};
  open(before, after, 2, false);
  ASSERT_TRUE(map->on_relation(relation_of({{"id", int4}, {"z", text}}), {9, 10}).ok());
  map->abort_sub(9, 10);
  EXPECT_EQ(text_of(map->schema_of(table_oid, 9)), "id:1 a:2");
  const RelationMap::Outcome outcome = map->revive(table_oid, {9, 9});
  ASSERT_NE(outcome.changed, nullptr);
  EXPECT_FALSE(outcome.unclear);
  EXPECT_EQ(text_of(map->find(table_oid, 9)->schema), "id:1 z:2");
  EXPECT_EQ(map->revive(table_oid, {9, 9}).changed, nullptr);
  map->end_streamed(9, true);
  EXPECT_EQ(text_of(map->schema_of(table_oid, 0)), "id:1 z:2");
}

TEST_F(relation_map, without_reports_a_row_is_understood_when_there_is_one_way_to) {
  open({{"id", 1, int4}, {"a", 2}}, {{"id", 1, int4}, {"a", 2}, {"c", 3}}, 3, false);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}), "id:1 a:2");
  EXPECT_EQ(shape({{"id", int4}, {"a", text}, {"c", text}}), "id:1 a:2 c:3");
  open({{"id", 1, int4}, {"a", 2}, {"b", 3}}, {{"id", 1, int4}, {"z", 2}}, 3, false);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}, {"b", text}}), "id:1 a:2 b:3");
  EXPECT_EQ(shape({{"id", int4}, {"y", text}}), "id:1 y:2");
  open({{"id", 1, int4}, {"a", 2}, {"b", 3}}, {{"id", 1, int4}, {"a", 2}, {"c", 4}}, 4, false);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}, {"b", text}}), "unclear");
  open({{"id", 1, int4}, {"a", 2, int4}}, {{"id", 1, int4}, {"a", 2}}, 2, false);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}), "unclear");
  // Come and gone again: what it was to rows that were there nobody knows any more.
  open({{"id", 1, int4}, {"a", 2}}, {{"id", 1, int4}, {"a", 2}}, 3, false);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}, {"c", text}}), "unclear");
}

TEST_F(relation_map, numbers_given_before_the_last_survey_do_not_come_back) {
  open({{"id", 1, int4}}, {{"id", 1, int4}}, 4, false);
  EXPECT_TRUE(look().empty());
  catalogue = table_of({{"id", 1, int4}, {"c", 5}});
  EXPECT_EQ(shape({{"id", int4}, {"c", text}}), "id:1 c:5");
}

TEST_F(relation_map, what_an_aborted_transaction_said_is_forgotten) {
  open({{"id", 1, int4}, {"a", 2}}, {{"id", 1, int4}, {"a", 2}}, 2, true);
  report({{"id", 1, int4}, {"z", 2}}, 9);
  EXPECT_EQ(shape({{"id", int4}, {"z", text}}, 9), "id:1 z:2");
  map->end_streamed(9, false);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}), "id:1 a:2");
}

TEST_F(relation_map, an_aborted_subtransaction_takes_its_shape_along_and_leaves_the_table) {
  open({{"id", 1, int4}, {"a", 2}}, {{"id", 1, int4}, {"a", 2}}, 2, true);
  const auto relation = relation_of({{"id", int4}, {"a", text}});
  ASSERT_TRUE(map->on_relation(relation, {9, 10}).ok());
  ASSERT_TRUE(map->on_ddl(report_of({{"id", 1, int4}, {"z", 2}}), {9, 11}).ok());
  EXPECT_EQ(text_of(map->schema_of(table_oid, 9)), "id:1 z:2");
  map->abort_sub(9, 11);
  map->abort_sub(9, 10);
  ASSERT_NE(map->find(table_oid, 9), nullptr);
  EXPECT_EQ(text_of(map->find(table_oid, 9)->schema), "id:1 a:2");
}

// The server sends a commit a moment before others see it.
TEST_F(relation_map, what_a_whole_transaction_did_is_waited_for) {
  const std::vector<Named> before = {{"id", 1, int4}, {"a", 2}, {"b", 3}}, after = {{"id", 1, int4}, {"a", 2}};
  visible_after = 3;
  open(before, before, 3, false);
  locked_by = whole_xid;
  visible = table_of(after);
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}), "id:1 a:2");
  EXPECT_EQ(visible_after, 0);
  // One that streams has not ended: nobody waits for it.
  visible_after = 3;
  open(before, before, 3, false);
  locked_by = 9;
  EXPECT_EQ(shape({{"id", int4}, {"a", text}}, 9), "unclear");
  EXPECT_EQ(visible_after, 3);
}

TEST_F(relation_map, values_that_an_expression_gave_are_unclear) {
  open({{"id", 1, int4}, {"a", 2}}, {{"id", 1, int4}, {"a", 2, int4}}, 3, true);
  DdlReport retyped = report_of({{"id", 1, int4}, {"a", 2, int4}});
  EXPECT_FALSE(map->on_ddl(retyped, {}).value().unclear);
  retyped = report_of({{"id", 1, int4}, {"a", 2}});
  retyped.converts = true;
  EXPECT_TRUE(map->on_ddl(retyped, {}).value().unclear);
  DdlReport added = report_of({{"id", 1, int4}, {"a", 2}, {"b", 3}});
  added.columns[2].default_expression = "5";
  EXPECT_TRUE(map->on_ddl(added, {}).value().unclear);
  added.columns[2].name = "c";
  added.columns[2].ordinal = 4;
  added.filled.insert(4);
  EXPECT_FALSE(map->on_ddl(added, {}).value().unclear);
}

TEST_F(relation_map, a_dropped_partition_belongs_to_its_root) {
  auto root = std::make_shared<model::TableSchema>(*table_of({{"id", 1, int4}}));
  root->partitions.emplace_back().name = {"public", "t1"};
  map.emplace(std::vector<model::TableSchemaPtr>{root}, TypeChoices(), ShapeSources());
  DdlReport drop;
  drop.oid = table_oid + 1;
  drop.name = {"public", "t1"};
  bool is_partition = false;
  EXPECT_EQ(map->on_drop(drop, {}, is_partition), root);
  EXPECT_TRUE(is_partition);
  drop.oid = table_oid;
  EXPECT_EQ(map->on_drop(drop, {}, is_partition), root);
  EXPECT_FALSE(is_partition);
  EXPECT_EQ(map->schema_of(table_oid, 0), nullptr);
}

TEST(ddl_report, what_is_not_exactly_a_report_says_nothing) {
  const std::string head = R"({"oid": 7, "schema": "s", "table": "t", "event": "ddl_command_end", "columns": )";
  const std::string column = R"([[2, "a", 23, -1, true, false, "", "5", "integer", null, true]])";
  const auto report = parse_ddl_report(head + column + R"(, "partitions": [["s", "p"]], "converts": false})");
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->columns.at(0).ordinal, 2);
  EXPECT_EQ(report->columns[0].default_expression, "5");
  EXPECT_TRUE(report->filled.contains(2) && !report->converts && report->partitions->contains({"s", "p"}));
  for (const std::string& wrong : {std::string("[]"), std::string("{"), head + R"([[2, "a"]]})", head + R"(7})",
                                   head + column + R"(, "partitions": [1]})",
                                   head + R"([[0, "a", 23, -1, true, false, "", "5", "integer", null, true]]})",
                                   head + R"([[2, "a", -23, -1, true, false, "", "5", "integer", null, true]]})"}) {
    EXPECT_FALSE(parse_ddl_report(wrong).has_value()) << wrong;
  }
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
