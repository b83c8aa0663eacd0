// SPDX-License-Identifier: Apache-2.0
#include "engine/shapes.h"

#include <gtest/gtest.h>

#include "engine/ledger.h"
#include "tests/support/changes.h"

namespace engine {
namespace {

model::TableSchemaPtr with_columns(std::size_t count) {
  auto schema = std::make_shared<model::TableSchema>(*support::two_column_table("t"));
  schema->source_id = 16;
  while (schema->columns.size() < count) schema->columns.push_back(schema->columns.back());
  return schema;
}

// Changes of the table's shape, one behind the other in the transaction of 700.
model::ChangeBatch changes_of_shape(const std::vector<std::pair<std::uint64_t, std::size_t>>& sequence_and_columns) {
  support::BatchWriter writer;
  writer.edge(model::Op::begin, 700, 7);
  for (const auto& [sequence, columns] : sequence_and_columns) {
    model::Change change;
    change.op = model::Op::schema;
    change.position = {700, sequence, ""};
    change.xid = 7;
    change.table = writer.batch.table_index(with_columns(columns), model::CellForm::canonical);
    writer.batch.changes.push_back(change);
  }
  return writer.edge(model::Op::commit, 700, 7).take();
}

class shapes : public testing::Test {
 protected:
  // In the life of a process of its own.
  void note(const model::ChangeBatch& batch) {
    ShapeHistory history(store);
    ASSERT_TRUE(history.load().ok());
    ASSERT_TRUE(history.note(batch, ledger, {600, model::sequence_end, ""}).ok());
  }
  std::size_t columns_at(std::uint64_t log) {
    ShapeHistory history(store);
    EXPECT_TRUE(history.load().ok());
    const auto tables = history.gone({log, model::sequence_end, ""}, {});
    return tables.empty() ? 0 : tables.front()->columns.size();
  }
  MemoryStore store;
  Ledger ledger{store};
};

TEST_F(shapes, a_transaction_leaves_its_last_one) {
  ShapeHistory history(store);
  ASSERT_TRUE(history.loaded(with_columns(2)).ok());
  note(changes_of_shape({{3, 3}, {3, 4}, {9, 5}}));
  EXPECT_EQ(columns_at(600), 2u);
  EXPECT_EQ(columns_at(800), 5u);
}

// After a crash a transaction may come again in part before the process dies again.
TEST_F(shapes, what_comes_again_in_part_does_not_take_the_note_back) {
  note(changes_of_shape({{3, 3}, {3, 4}, {9, 5}}));
  note(changes_of_shape({{3, 3}}));
  EXPECT_EQ(columns_at(800), 5u);
  note(changes_of_shape({{3, 3}, {3, 4}, {9, 5}}));
  EXPECT_EQ(columns_at(800), 5u);
}

// A source that found a change out by itself cannot find it at the same place again: it is told.
TEST_F(shapes, what_is_noted_beyond_a_position_is_still_to_come) {
  ShapeHistory history(store);
  ASSERT_TRUE(history.loaded(with_columns(2)).ok());
  note(changes_of_shape({{3, 3}, {9, 5}}));
  ASSERT_TRUE(history.load().ok());
  const std::vector<connect::LaterShape> later = history.after({699, model::sequence_end, ""}, {});
  ASSERT_EQ(later.size(), 1u);
  EXPECT_EQ(later[0].log, 700u);
  EXPECT_EQ(later[0].table_id, 16u);
  EXPECT_EQ(later[0].shape->columns.size(), 5u);
  EXPECT_TRUE(history.after({700, model::sequence_end, ""}, {}).empty());
  EXPECT_EQ(history.after({700, 4, ""}, {}).size(), 1u) << "the transaction of 700 is not whole there";
}

// Where the target stands, whatever the stream has seen beyond; what a load held already changes nothing.
TEST_F(shapes, one_table_has_its_shape_at_the_position_asked_for) {
  const model::TableName name = with_columns(2)->name;
  ASSERT_TRUE(ledger.update_table(name, [](TableRecord& row) { row.fence = {800, 50, 50, {}}; }).ok());
  ShapeHistory history(store);
  ASSERT_TRUE(history.loaded(with_columns(2)).ok());
  note(changes_of_shape({{3, 3}}));
  EXPECT_EQ(columns_at(900), 2u);
  ASSERT_TRUE(ledger.update_table(name, [](TableRecord& row) { row.fence = {}; }).ok());
  note(changes_of_shape({{3, 3}}));
  ASSERT_TRUE(history.load().ok());
  EXPECT_EQ(history.of(name, {600, model::sequence_end, ""})->columns.size(), 2u);
  EXPECT_EQ(history.of(name, {900, model::sequence_end, ""})->columns.size(), 3u);
  EXPECT_EQ(history.of({"app", "other"}, {900, model::sequence_end, ""}), nullptr);
}

// A slot that was set back is not followed to where the shapes of then are forgotten.
TEST_F(shapes, they_begin_where_the_target_was_when_older_ones_were_forgotten) {
  ShapeHistory history(store);
  ASSERT_TRUE(history.loaded(with_columns(2)).ok());
  note(changes_of_shape({{3, 3}}));
  ASSERT_TRUE(history.load().ok());
  EXPECT_EQ(history.begins(), model::Position());
  model::ChangeBatch next = changes_of_shape({{3, 4}});
  for (model::Change& change : next.changes) change.position.log = 900;
  ASSERT_TRUE(history.note(next, ledger, {699, model::sequence_end, ""}).ok());
  EXPECT_EQ(history.begins(), model::Position()) << "the target does not hold the change of 700";
  next.changes[1].position.log = 950;
  ASSERT_TRUE(history.note(next, ledger, {900, 4, ""}).ok());
  const model::Position begins{700, model::sequence_end, ""};
  EXPECT_EQ(history.begins(), begins);
  EXPECT_EQ(columns_at(699), 0u);
  EXPECT_EQ(columns_at(700), 3u);
  ShapeHistory later(store);
  ASSERT_TRUE(later.load().ok());
  EXPECT_EQ(later.begins(), begins);
}

TEST_F(shapes, a_table_of_the_name_is_another_one_behind_a_drop) {
  ShapeHistory history(store);
  const model::TableSchemaPtr known = with_columns(2);
  ASSERT_TRUE(history.loaded(known).ok());
  model::ChangeBatch drop = changes_of_shape({{3, 2}});
  drop.changes[1].op = model::Op::drop_table;
  ASSERT_TRUE(history.note(drop, ledger, {}).ok());
  model::TableSchema made_again = *known;
  made_again.source_id = 17;
  const model::Position before{699, model::sequence_end, ""};
  const model::Position behind{700, model::sequence_end, ""};
  EXPECT_FALSE(history.is_replaced(*known, before));
  EXPECT_TRUE(history.is_replaced(made_again, before));
  EXPECT_TRUE(history.is_replaced(made_again, behind));
  made_again.name = made_again.source_name = {"app", "never noted"};
  EXPECT_FALSE(history.is_replaced(made_again, behind));
}

TEST_F(shapes, a_note_that_is_cut_short_is_refused) {
  note(changes_of_shape({{3, 3}}));
  const auto notes = store.notes("engine/shape/").take();
  ASSERT_EQ(notes.size(), 1u);
  StateChange damage;
  damage.notes.emplace_back(notes[0].first, notes[0].second.substr(0, notes[0].second.size() - 1));
  ASSERT_TRUE(store.commit(damage).ok());
  ShapeHistory history(store);
  EXPECT_FALSE(history.load().ok());
}

}  // namespace
}  // namespace engine
