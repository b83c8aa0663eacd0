// SPDX-License-Identifier: Apache-2.0
//
// Patches of a window: which keys a read leaves out and which rows stand for them.
#include "connectors/mysql/log_window.h"

#include <gtest/gtest.h>

#include "connectors/mysql/snapshot_moment.h"

namespace mysql {
namespace {

using model::CellState;
using model::Op;

// Table s.t (id int, name varchar, note text); the key is as given.
model::TableSchemaPtr table_of(std::vector<std::uint32_t> key, const std::string& id_type = "int(11)") {
  auto table = std::make_shared<model::TableSchema>();
  table->name = {"s", "t"};
  for (const char* name : {"id", "name", "note"}) {
    model::Column& column = table->columns.emplace_back();
    column.name = name;
    column.type.native = column.name == "id" ? id_type : column.name == "name" ? "varchar(20)" : "text";
    if (column.name != "id") column.collation = "utf8mb4_general_ci";
  }
  table->primary_key = std::move(key);
  return table;
}

struct Log {
  explicit Log(model::TableSchemaPtr table) { batch.table_index(table, model::CellForm::native); }
  // "1,a,x": cells; "-" NULL, "?" not in the log.
  void add(Op op, const std::string& before, const std::string& after) {
    model::Change change;
    change.op = op;
    change.table = 0;
    cells(before, change.old_first, change.old_count);
    cells(after, change.new_first, change.new_count);
    batch.changes.push_back(change);
  }
  void cells(const std::string& row, std::uint32_t& first, std::uint32_t& count) {
    first = static_cast<std::uint32_t>(batch.cells.size());
    if (row.empty()) return;
    for (std::size_t at = 0; at <= row.size();) {
      const std::size_t end = std::min(row.find(',', at), row.size());
      const std::string text = row.substr(at, end - at);
      model::Cell cell{batch.bytes.size(), static_cast<std::uint32_t>(text.size()), CellState::value};
      if (text == "-") cell.state = CellState::null;
      if (text == "?") cell.state = CellState::unchanged;
      batch.bytes += text;
      batch.cells.push_back(cell);
      ++count;
      at = end + 1;
    }
  }
  model::ChangeBatch batch;
};

TablePatch patch_of(const Log& log) {
  const std::map<model::TableName, std::string> rigid;
  WindowFold fold(rigid);
  fold.take(log.batch);
  EXPECT_EQ(fold.obstacle(), "");
  auto patches = fold.patches();
  return patches.empty() ? TablePatch() : patches.begin()->second;
}

std::string obstacle_of(const Log& log, const std::map<model::TableName, std::string>& rigid = {}) {
  WindowFold fold(rigid);
  fold.take(log.batch);
  return fold.obstacle();
}

TEST(LogWindow, TheLastRowUnderAKeyStays) {
  Log log(table_of({0}));
  log.add(Op::insert, "", "5,a,x");
  log.add(Op::update, "5,a,x", "5,b,-");
  log.add(Op::remove, "7,c,y", "");
  log.add(Op::update, "8,d,z", "-9,d,z");
  const TablePatch patch = patch_of(log);
  EXPECT_EQ(patch.keys, "`id` NOT IN (-9, 5, 7, 8)");
  EXPECT_EQ(patch.rows, (std::vector<LoggedRow>{{"-9", "d", "z"}, {"5", "b", std::nullopt}}));
}

TEST(LogWindow, ARowThatCameBackStays) {
  Log log(table_of({0}));
  log.add(Op::remove, "5,a,x", "");
  log.add(Op::insert, "", "5,b,y");
  EXPECT_EQ(patch_of(log).rows, (std::vector<LoggedRow>{{"5", "b", "y"}}));
}

TEST(LogWindow, KeysOfSeveralColumnsAndTexts) {
  Log log(table_of({1, 0}));
  log.add(Op::insert, "", "5,it's,x");
  log.add(Op::update, "6,b,x", "6,B,x");
  const TablePatch patch = patch_of(log);
  EXPECT_EQ(patch.keys, "(`name`, `id`) NOT IN (('B', 6), ('b', 6), ('it''s', 5))");
  EXPECT_EQ(patch.rows.size(), 2U);
}

TEST(LogWindow, NothingIsNoPatch) { EXPECT_EQ(patch_of(Log(table_of({0}))).keys, ""); }

TEST(LogWindow, WhatNoPatchCanSayStandsInTheWay) {
  Log partial(table_of({0}));
  partial.add(Op::update, "5,a,x", "5,b,?");
  EXPECT_EQ(obstacle_of(partial), "table s.t (the log does not hold the whole row)");
  Log whole(table_of({0}));
  whole.add(Op::truncate, "", "");
  EXPECT_EQ(obstacle_of(whole), "table s.t (a statement changed it as a whole)");
  Log large(table_of({0}));
  large.add(Op::insert, "", "5,a,x");
  large.batch.changes.back().streamed = true;
  EXPECT_EQ(obstacle_of(large), "table s.t (a large transaction or an XA transaction changed it)");
  Log bag(table_of({}));
  bag.add(Op::insert, "", "5,a,x");
  connect::CapturePlan plan;
  plan.tables = bag.batch.tables;
  EXPECT_EQ(obstacle_of(bag, rigid_tables(plan)), "table s.t (it has no primary key)");
}

TEST(LogWindow, TablesThatNoPatchCanSay) {
  const auto reason = [](const model::TableSchemaPtr& table, bool is_filtered = false) {
    connect::CapturePlan plan;
    plan.tables = {table};
    if (is_filtered) plan.filtered.insert(table->name);
    const auto rigid = rigid_tables(plan);
    return rigid.empty() ? "" : rigid.begin()->second;
  };
  EXPECT_EQ(reason(table_of({0})), "");
  EXPECT_EQ(reason(table_of({0, 1})), "");
  EXPECT_EQ(reason(table_of({0}, "double")), "column id of its key is double");
  EXPECT_EQ(reason(table_of({0}, "enum('a','b')")), "column id of its key is enum('a','b')");
  EXPECT_EQ(reason(table_of({0}), true), "it is filtered");
  auto child = std::make_shared<model::TableSchema>(*table_of({0}));
  child->foreign_keys.push_back({"fk", {"id"}, {"s", "parent"}, {"id"}, "ON DELETE CASCADE", true});
  connect::CapturePlan plan;
  plan.tables = {child};
  EXPECT_EQ(rigid_tables(plan).size(), 2U) << "the parent, too";
}

TEST(Moment, WhatAServerSaysToThoseWhoMayNotLock) {
  for (const unsigned int number : {1044U, 1045U, 1142U, 1227U}) EXPECT_TRUE(is_lock_denied(number)) << number;
  for (const unsigned int number : {1205U, 1146U, 1213U, 2013U}) EXPECT_FALSE(is_lock_denied(number)) << number;
}

}  // namespace
}  // namespace mysql
