// SPDX-License-Identifier: Apache-2.0
#include "relay/assembler.h"

#include <gtest/gtest.h>

#include "relay/errors.h"
#include "tests/support/changes.h"
#include "tests/support/faulty_disk.h"

namespace relay {
namespace {

using model::Op;
using support::BatchWriter;

class assembler : public testing::Test {
 protected:
  void SetUp() override { made = Assembler::open(disk, "/spool").take(); }
  base::Result<void> take(model::ChangeBatch batch) {
    return made->take(std::move(batch), [this](model::ChangeBatch&& piece) {
      out.push_back(std::move(piece));
      return base::Result<void>();
    });
  }
  // "b7.0 i1@7.1 c7" for all that came out.
  std::string story() const {
    std::string text;
    for (const model::ChangeBatch& batch : out) {
      for (const model::Change& change : batch.changes) {
        EXPECT_FALSE(change.streamed);
        if (change.op == Op::begin) text += fmt::format("b{}.{} ", change.position.log, change.position.sequence);
        if (change.op == Op::commit) text += fmt::format("c{} ", change.position.log);
        if (change.op == Op::message) text += fmt::format("m{} ", change.position.log);
        if (change.op == Op::insert) {
          text += fmt::format("i{}@{}.{}t{} ", model::load_fixed(batch.cell_bytes(batch.cells[change.new_first])),
                              change.position.log, change.position.sequence, change.commit_time);
        }
      }
      if (batch.through != 0) text += fmt::format("T{} ", batch.through);
    }
    return text;
  }
  support::FaultyDisk disk;
  std::unique_ptr<Assembler> made;
  std::vector<model::ChangeBatch> out;
  model::TableSchemaPtr table = support::two_column_table("t");
};

TEST_F(assembler, passes_whole_transactions_in_place) {
  BatchWriter writer;
  writer.edge(Op::begin, 7, 1, 100).insert(table, 1, "a").insert(table, 2, "b");
  writer.batch.through = 6;
  const char* arena = writer.batch.bytes.data();
  const bool is_heap = writer.batch.bytes.size() > 15;
  ASSERT_TRUE(take(writer.take()).ok());
  EXPECT_TRUE(!is_heap || out[0].bytes.data() == arena);
  EXPECT_TRUE(made->is_inside());
  writer.insert(table, 3, "c").edge(Op::commit, 7, 1);
  ASSERT_TRUE(take(writer.take()).ok());
  EXPECT_EQ(story(), "b7.0 i1@7.1t100 i2@7.2t100 T6 i3@7.3t100 c7 ");
  EXPECT_EQ(out[1].changes.back().position.sequence, model::sequence_end);
  EXPECT_EQ(out[0].changes[1].xid, 1u);
}

TEST_F(assembler, puts_interleaved_streams_in_commit_order) {
  BatchWriter writer;
  writer.insert(table, 1, "a", 5, 5, true).insert(table, 11, "a", 6, 6, true).insert(table, 2, "a", 5, 55, true);
  ASSERT_TRUE(take(writer.take()).ok());
  writer.insert(table, 12, "a", 6, 6, true);
  ASSERT_TRUE(take(writer.take()).ok());
  EXPECT_TRUE(out.empty());
  writer.edge(Op::begin, 20, 8, 1).insert(table, 31, "w").edge(Op::commit, 20, 8);
  writer.abort(5, 55);
  writer.edge(Op::stream_commit, 30, 6, 2).edge(Op::stream_commit, 40, 5, 3);
  writer.edge(Op::begin, 50, 9, 4).insert(table, 41, "w").edge(Op::commit, 50, 9);
  writer.batch.through = 50;
  ASSERT_TRUE(take(writer.take()).ok());
  EXPECT_EQ(story(),
            "b20.0 i31@20.1t1 c20 b30.0 i11@30.1t2 i12@30.2t2 c30 b40.0 i1@40.1t3 c40 b50.0 i41@50.1t4 c50 T50 ");
}

// Batches end anywhere: one may end a whole transaction and go on with a streamed one.
TEST_F(assembler, takes_streamed_changes_behind_the_rest_of_a_whole_transaction) {
  BatchWriter writer;
  ASSERT_TRUE(take(writer.edge(Op::begin, 20, 8, 1).insert(table, 1, "w").take()).ok());
  writer.insert(table, 2, "w").edge(Op::commit, 20, 8).insert(table, 11, "a", 6, 6, true);
  ASSERT_TRUE(take(writer.take()).ok());
  ASSERT_TRUE(take(writer.edge(Op::stream_commit, 30, 6, 2).take()).ok());
  EXPECT_EQ(story(), "b20.0 i1@20.1t1 i2@20.2t1 c20 b30.0 i11@30.1t2 c30 ");
}

TEST_F(assembler, delivers_a_large_one_in_pieces) {
  const std::string text(2000, 'x');
  for (int i = 0; i < 3000; ++i) {
    BatchWriter writer;
    writer.insert(table, i, text, 5, 5, true);
    ASSERT_TRUE(take(writer.take()).ok());
  }
  BatchWriter writer;
  ASSERT_TRUE(take(writer.edge(Op::stream_commit, 9, 5, 7).take()).ok());
  ASSERT_GT(out.size(), 3u);
  std::vector<std::int64_t> ids;
  for (const model::ChangeBatch& batch : out) {
    for (const std::int64_t id : support::ids_of(batch)) ids.push_back(id);
    EXPECT_EQ(batch.changes.back().op == Op::commit, &batch == &out.back());
    EXPECT_EQ(batch.changes.front().op == Op::begin, &batch == &out.front());
  }
  ASSERT_EQ(ids.size(), 3000u);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(out.back().changes[out.back().changes.size() - 2].position, (model::Position{9, 3000, {}}));
}

// What is known at the end only concerns all rows, those of earlier pieces, too.
TEST_F(assembler, puts_what_is_unclear_in_all_of_a_transaction_behind_its_begin) {
  made = Assembler::open(disk, "/spool", 100).take();
  const model::TableSchemaPtr other = support::two_column_table("other");
  BatchWriter writer;
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(take(writer.insert(table, i, "0123456789", 5, 5, true).take()).ok());
  const auto doubted = [&](std::uint64_t xid) {
    model::Change unclear;
    unclear.op = Op::unclear;
    unclear.streamed = true;
    unclear.xid = xid;
    unclear.table = writer.batch.table_index(other, model::CellForm::canonical);
    writer.batch.changes.push_back(unclear);
  };
  doubted(5);
  writer.edge(Op::stream_commit, 30, 5, 2);
  ASSERT_TRUE(take(writer.take()).ok());
  ASSERT_GT(out.size(), 1u);
  const model::Change& second = out[0].changes[1];
  EXPECT_EQ(second.op, Op::unclear);
  EXPECT_EQ(second.position, (model::Position{30, 0, ""}));
  EXPECT_EQ(out[0].tables[second.table]->name, other->name);
  EXPECT_TRUE(story().starts_with("b30.0 i0@30.1t2 i1@30.2t2 ")) << story();
  EXPECT_TRUE(story().ends_with("i39@30.40t2 c30 ")) << story();
  const auto is_unclear = [](const model::Change& change) { return change.op == Op::unclear; };
  for (std::size_t i = 1; i < out.size(); ++i) EXPECT_TRUE(std::ranges::none_of(out[i].changes, is_unclear));
  // It stands for itself when all rows were undone, and a source that says it of no transaction is refused.
  out.clear();
  doubted(6);
  ASSERT_TRUE(take(writer.edge(Op::stream_commit, 40, 6, 3).take()).ok());
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].changes.size(), 3u);
  doubted(7);
  EXPECT_TRUE(take(writer.edge(Op::begin, 50, 8, 4).take()).error().is(errors::bad_stream));
}

TEST_F(assembler, says_nothing_of_an_aborted_or_empty_one) {
  BatchWriter writer;
  writer.insert(table, 1, "a", 5, 5, true);
  ASSERT_TRUE(take(writer.take()).ok());
  writer.abort(5, 5).edge(Op::stream_commit, 9, 6);
  writer.batch.through = 9;
  ASSERT_TRUE(take(writer.take()).ok());
  EXPECT_EQ(story(), "T9 ");
}

TEST_F(assembler, refuses_a_broken_order) {
  BatchWriter writer;
  const auto stray = take(writer.insert(table, 1, "a").take());
  ASSERT_FALSE(stray.ok());
  EXPECT_TRUE(stray.error().is(errors::bad_stream));
  ASSERT_TRUE(take(writer.edge(Op::begin, 3, 1).take()).ok());
  EXPECT_FALSE(take(writer.insert(table, 1, "a", 5, 5, true).take()).ok());
}

TEST_F(assembler, passes_messages_between_transactions) {
  BatchWriter writer;
  ASSERT_TRUE(take(writer.edge(Op::message, 3, 0).take()).ok());
  EXPECT_EQ(story(), "m3 ");
}

}  // namespace
}  // namespace relay
