// SPDX-License-Identifier: Apache-2.0
//
// Foreign keys against tables in memory: what they do to rows, how far they reach, and which of them are refused.
#include "relational/key_actions.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace relational {
namespace {

using model::Cell;
using model::CellState;
using model::TableName;
using model::TableSchema;
using model::TableSchemaPtr;

using Line = KeyValues;

struct KeyText {
  std::string columns, referenced_table, referenced, rules;  // "a,b"
};

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> out(1);
  for (const char c : list) {
    if (c == ',')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

std::shared_ptr<TableSchema> schema_of(const std::string& name, const std::string& columns,
                                       const std::vector<KeyText>& keys) {
  auto made = std::make_shared<TableSchema>();
  made->name = {"t", name};
  made->source_name = {"s", name};
  for (const std::string& column : words(columns)) {
    model::Column& one = made->columns.emplace_back();
    one.name = column;
    one.type.type = model::Type::int8;
  }
  for (const KeyText& key : keys) {
    made->foreign_keys.push_back({name + std::to_string(made->foreign_keys.size()),
                                  words(key.columns),
                                  {"t", key.referenced_table},
                                  words(key.referenced),
                                  key.rules,
                                  true});
  }
  return made;
}

// Tables as lists of rows.
class World final : public KeyedRows {
 public:
  void add(const TableSchemaPtr& schema, std::vector<Line> rows) {
    tables_.push_back(schema);
    auto to = std::make_shared<Destination>();
    to->schema = schema;
    for (const model::Column& column : schema->columns) to->names.push_back(column.name);
    destinations_[schema.get()] = to;
    rows_[schema->source_name] = std::move(rows);
  }
  std::string text_of(const model::ChangeBatch& batch, std::uint32_t, const Destination&, std::uint32_t,
                      const Cell& cell) override {
    return std::string(batch.cell_bytes(cell));
  }
  base::Result<std::vector<KeyValues>> read(const Destination& from, const Places& places,
                                            const std::vector<KeyValues>& keys, const Places& columns,
                                            std::size_t) override {
    std::vector<KeyValues> out;
    for (const Line& row : rows_of(from)) {
      if (!matches(row, places, keys)) continue;
      KeyValues& values = out.emplace_back();
      for (const std::uint32_t column : columns) values.push_back(row[column]);
    }
    return out;
  }
  base::Result<void> remove(const Destination& from, const Places& places,
                            const std::vector<KeyValues>& keys) override {
    std::erase_if(rows_of(from), [&](const Line& row) { return matches(row, places, keys); });
    return {};
  }
  base::Result<void> set(const Destination& to, const Places& places, const std::vector<KeyValues>& keys,
                         const Places& columns, const KeyValues& values) override {
    for (Line& row : rows_of(to)) {
      if (!matches(row, places, keys)) continue;
      for (std::size_t i = 0; i < columns.size(); ++i) row[columns[i]] = values[i];
    }
    return {};
  }

  // "old" or "old > new", values with commas, '-' for NULL, '?' for what is not in the log.
  base::Result<void> change(const std::string& table, const std::vector<std::string>& texts) {
    model::ChangeBatch batch;
    std::vector<std::uint32_t> changes;
    const auto schema = std::find_if(tables_.begin(), tables_.end(),
                                     [&](const TableSchemaPtr& one) { return one->source_name.table == table; });
    batch.table_index(*schema, model::CellForm::canonical);
    for (const std::string& text : texts) {
      const std::size_t arrow = text.find('>');
      model::Change& change = batch.changes.emplace_back();
      change.op = arrow == std::string::npos ? model::Op::remove : model::Op::update;
      change.cascade = true;
      change.table = 0;
      cells(batch, text.substr(0, arrow), change.old_first, change.old_count, CellState::absent);
      if (arrow != std::string::npos) {
        cells(batch, text.substr(arrow + 1), change.new_first, change.new_count, CellState::unchanged);
      }
      const KeyGraph graph(tables_);
      if (graph.acts(batch, change)) changes.push_back(static_cast<std::uint32_t>(batch.changes.size() - 1));
    }
    const KeyGraph graph(tables_);
    KeyActions actions(graph, *this, [&](const TableSchemaPtr& one) { return destinations_.at(one.get()).get(); });
    return actions.carry_out(batch, changes);
  }
  std::string rows(const std::string& table) {
    std::string text;
    for (const Line& row : rows_[{"s", table}]) {
      text += text.empty() ? "" : " ";
      for (std::size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : ",") + row[i].value_or("-");
    }
    return text;
  }
  std::string problems() {
    std::vector<connect::Finding> findings;
    add_key_problems(
        tables_, [](const TableSchema&, const model::Column&) { return false; }, findings);
    std::string text;
    for (const connect::Finding& finding : findings) text += finding.problem + "\n";
    return text;
  }
  const std::vector<TableSchemaPtr>& tables() const { return tables_; }

 private:
  std::vector<Line>& rows_of(const Destination& to) { return rows_[to.schema->source_name]; }
  static bool matches(const Line& row, const Places& places, const std::vector<KeyValues>& keys) {
    return std::any_of(keys.begin(), keys.end(), [&](const KeyValues& key) {
      for (std::size_t i = 0; i < places.size(); ++i) {
        if (!row[places[i]] || row[places[i]] != key[i]) return false;
      }
      return true;
    });
  }
  static void cells(model::ChangeBatch& batch, const std::string& text, std::uint32_t& first, std::uint32_t& count,
                    CellState missing) {
    first = static_cast<std::uint32_t>(batch.cells.size());
    for (const std::string& word : words(text)) {
      Cell cell{batch.bytes.size(), static_cast<std::uint32_t>(word.size()), CellState::value};
      if (word == "-") cell.state = CellState::null;
      if (word == "?") cell.state = missing;
      if (cell.state == CellState::value) batch.bytes += word;
      batch.cells.push_back(cell);
      ++count;
    }
  }

  std::vector<TableSchemaPtr> tables_;
  std::map<const TableSchema*, std::shared_ptr<Destination>> destinations_;
  std::map<TableName, std::vector<Line>> rows_;
};

TEST(KeyActions, RowsGoAndLoseTheirReference) {
  World world;
  world.add(schema_of("o", "id", {}), {});
  world.add(schema_of("l", "id,o", {{"o", "o", "id", "ON DELETE CASCADE"}}),
            {{"1", "7"}, {"2", "8"}, {"3", "7"}, {"4", std::nullopt}});
  world.add(schema_of("n", "id,l", {{"l", "l", "id", "ON DELETE SET NULL"}}), {{"1", "1"}, {"2", "2"}, {"3", "3"}});
  world.add(schema_of("x", "id,l", {{"l", "l", "id", "ON DELETE RESTRICT ON UPDATE NO ACTION"}}), {{"1", "2"}});
  ASSERT_TRUE(world.change("o", {"7", "9"}).ok());
  EXPECT_EQ(world.rows("l"), "2,8 4,-");
  EXPECT_EQ(world.rows("n"), "1,- 2,2 3,-");
  EXPECT_EQ(world.rows("x"), "1,2");
}

TEST(KeyActions, KeysMoveDownAChain) {
  World world;
  world.add(schema_of("a", "k,v", {}), {});
  world.add(schema_of("b", "k,n", {{"k", "a", "k", "ON UPDATE CASCADE"}}), {{"1", "5"}, {"1", "6"}, {"2", "5"}});
  world.add(schema_of("c", "k,n,z", {{"k,n", "b", "k,n", "ON DELETE CASCADE ON UPDATE CASCADE"}}),
            {{"1", "5", "x"}, {"1", "6", "y"}, {"2", "5", "z"}, {"1", std::nullopt, "w"}});
  world.add(schema_of("d", "z", {{"z", "c", "z", "ON UPDATE SET NULL"}}), {{"x"}, {"y"}});
  ASSERT_TRUE(world.change("a", {"1,old>9,new"}).ok());
  EXPECT_EQ(world.rows("b"), "9,5 9,6 2,5");
  EXPECT_EQ(world.rows("c"), "9,5,x 9,6,y 2,5,z 1,-,w") << "a key with NULL refers to nothing";
  EXPECT_EQ(world.rows("d"), "x y") << "what it refers to did not change";
  ASSERT_TRUE(world.change("a", {"2,a>2,b"}).ok());
  EXPECT_EQ(world.rows("b"), "9,5 9,6 2,5") << "another column";
}

TEST(KeyActions, ATableThatRefersToItself) {
  World world;
  world.add(schema_of("t", "id,up", {{"up", "t", "id", "ON DELETE CASCADE"}}),
            {{"2", "1"}, {"3", "2"}, {"4", "3"}, {"5", "4"}, {"6", "6"}, {"7", "8"}, {"8", "7"}, {"9", std::nullopt}});
  ASSERT_TRUE(world.change("t", {"1,-", "6,6"}).ok());
  EXPECT_EQ(world.rows("t"), "7,8 8,7 9,-");
  ASSERT_TRUE(world.change("t", {"7,8"}).ok());
  EXPECT_EQ(world.rows("t"), "9,-") << "rows that refer to each other";
}

TEST(KeyActions, WhatTheLogDoesNotHoldIsAnError) {
  World world;
  world.add(schema_of("a", "id,code", {}), {});
  world.add(schema_of("b", "code", {{"code", "a", "code", "ON DELETE CASCADE ON UPDATE CASCADE"}}), {{"5"}});
  EXPECT_TRUE(world.change("a", {"1,?"}).error().is(errors::key_values_absent));
  EXPECT_TRUE(world.change("a", {"1,?>?,7"}).error().is(errors::key_values_absent));
  EXPECT_TRUE(world.change("a", {"1,?>2,?"}).ok()) << "the key's column did not change";
  EXPECT_EQ(world.rows("b"), "5");
}

TEST(KeyActions, KeysWhoseOrderDecidesAreRefused) {
  World world;
  world.add(schema_of("a", "id", {}), {});
  world.add(schema_of("b", "t,id", {{"t", "a", "id", "ON DELETE CASCADE"}}), {});
  world.add(schema_of("c", "t,b", {{"t", "a", "id", "ON DELETE CASCADE"}, {"t,b", "b", "t,id", "ON DELETE CASCADE"}}),
            {});
  EXPECT_EQ(world.problems(), "") << "rows that go, go";
  world.add(schema_of("d", "t,b", {{"t", "a", "id", "ON DELETE SET NULL"}, {"t,b", "b", "t,id", "ON DELETE CASCADE"}}),
            {});
  EXPECT_NE(world.problems().find("foreign key d0 (ON DELETE SET NULL)"), std::string::npos) << world.problems();
  EXPECT_EQ(world.problems().find("foreign key c"), std::string::npos);
}

TEST(KeyActions, OnlyWhatComparesAlikeIsCarriedOut) {
  World world;
  world.add(schema_of("a", "id", {}), {});
  const auto text = schema_of("b", "id", {{"id", "a", "id", "ON DELETE CASCADE"}});
  text->columns[0].type.type = model::Type::wstring;
  text->columns[0].collation = "utf8mb4_general_ci";
  world.add(text, {});
  world.add(schema_of("c", "id", {{"id", "gone", "id", "ON DELETE CASCADE"}}), {});
  const auto silent = schema_of("d", "id", {{"id", "a", "id", "ON DELETE CASCADE"}});
  silent->foreign_keys[0].unlogged = false;
  silent->columns = text->columns;
  world.add(silent, {});
  const std::string problems = world.problems();
  EXPECT_EQ(std::count(problems.begin(), problems.end(), '\n'), 2) << problems;
  EXPECT_NE(problems.find("table t.gone is not part of the task"), std::string::npos);
  EXPECT_TRUE(KeyGraph({silent, world.tables()[0]}).empty());
}

}  // namespace
}  // namespace relational
