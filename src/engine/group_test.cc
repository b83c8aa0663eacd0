// SPDX-License-Identifier: Apache-2.0
#include "engine/group.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

using model::Change;
using model::ChangeBatch;
using model::Op;

void add_change(ChangeBatch& batch, Op op, std::uint64_t log, std::string_view value = "") {
  Change change;
  change.op = op;
  change.position = {log, op == Op::commit ? model::sequence_end : 1, ""};
  if (!value.empty()) {
    change.new_first = static_cast<std::uint32_t>(batch.cells.size());
    change.new_count = 1;
    batch.cells.push_back({batch.bytes.size(), static_cast<std::uint32_t>(value.size()), model::CellState::value});
    batch.bytes.append(value);
  }
  batch.changes.push_back(change);
}

std::string values(const ChangeBatch& batch) {
  std::string text;
  for (const Change& change : batch.changes) {
    for (std::uint32_t i = 0; i < change.new_count; ++i) text += batch.cell_bytes(batch.cells[change.new_first + i]);
    if (change.op == Op::commit) text += "|";
  }
  return text;
}

TEST(GroupBuilder, joins_transactions_and_keeps_the_open_one) {
  GroupBuilder builder(GroupLimits{});
  ChangeBatch first;
  add_change(first, Op::begin, 1);
  add_change(first, Op::insert, 1, "a");
  add_change(first, Op::commit, 1);
  add_change(first, Op::begin, 2);
  ChangeBatch second;
  add_change(second, Op::insert, 2, "b");
  add_change(second, Op::commit, 2);
  add_change(second, Op::begin, 3);
  add_change(second, Op::insert, 3, "c");
  second.through = 3;
  builder.add(std::move(first));
  builder.add(std::move(second));
  EXPECT_EQ(builder.rows(), 3u);
  ChangeBatch group = builder.take();
  EXPECT_EQ(values(group), "a|b|");
  EXPECT_EQ(builder.rows(), 1u);
  EXPECT_EQ(group.through, 0u);  // transaction 3 is not whole
  EXPECT_FALSE(builder.at_boundary());
  ChangeBatch third;
  add_change(third, Op::commit, 3);
  third.through = 9;
  builder.add(std::move(third));
  group = builder.take();
  EXPECT_EQ(values(group), "c|");
  EXPECT_EQ(group.through, 9u);
}

TEST(GroupBuilder, gives_out_a_huge_transaction_in_parts) {
  GroupBuilder builder(GroupLimits{1u << 30, 3});
  ChangeBatch batch;
  add_change(batch, Op::begin, 1);
  add_change(batch, Op::insert, 1, "a");
  builder.add(std::move(batch));
  EXPECT_TRUE(builder.take().changes.empty());
  ChangeBatch more;
  add_change(more, Op::insert, 1, "b");
  builder.add(std::move(more));
  const ChangeBatch part = builder.take();
  EXPECT_EQ(values(part), "ab");
  EXPECT_TRUE(builder.at_boundary());
}

// The target applies changes table by table: a table that comes once from memory and once from our disk is one.
TEST(GroupBuilder, equal_schemas_are_one_table) {
  const auto schema = [] {
    auto made = std::make_shared<model::TableSchema>();
    made->name = {"public", "t"};
    return made;
  };
  GroupBuilder builder(GroupLimits{});
  for (int i = 0; i < 3; ++i) {
    ChangeBatch batch;
    add_change(batch, Op::insert, 1, "a");
    batch.changes.back().table = batch.table_index(schema(), model::CellForm::canonical);
    add_change(batch, Op::commit, 1);
    builder.add(std::move(batch));
  }
  const ChangeBatch group = builder.take();
  EXPECT_EQ(group.tables.size(), 1u);
  for (const Change& change : group.changes) EXPECT_TRUE(change.op == Op::commit || change.table == 0);
}

// What took the changes out may have left their cells.
TEST(GroupBuilder, a_batch_without_changes_fills_nothing) {
  GroupBuilder builder(GroupLimits{10, 100});
  ChangeBatch empty;
  add_change(empty, Op::insert, 1, "a long text");
  empty.changes.clear();
  builder.add(std::move(empty));
  EXPECT_TRUE(builder.take().changes.empty());
  EXPECT_FALSE(builder.full());
}

TEST(GroupBuilder, passes_silence_on) {
  GroupBuilder builder(GroupLimits{});
  ChangeBatch silence;
  silence.through = 77;
  builder.add(std::move(silence));
  EXPECT_EQ(builder.take().through, 77u);
}

}  // namespace
}  // namespace engine
