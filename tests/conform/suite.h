// SPDX-License-Identifier: Apache-2.0
//
// What every connector promises, as one suite over a descriptor. A connector's test binary includes this file, says
// how its source and target are opened and driven, and instantiates the suite in one line:
//
//   INSTANTIATE_TEST_SUITE_P(memory, conformance, testing::Values(memory_subject));
//
// A subject whose server cannot be reached returns nullptr from `make`: its tests are skipped.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "connect/target.h"
#include "tests/support/changes.h"

namespace conform {

using Cells = std::vector<std::optional<std::string>>;  // canonical, one for each stored column

// One pair of fresh systems, and hands that write to the source.
class Bench {
 public:
  virtual ~Bench() = default;
  virtual connect::Context context() = 0;
  virtual base::Result<std::unique_ptr<connect::Source>> open_source() = 0;  // nullptr: the subject is a target only
  virtual base::Result<std::unique_ptr<connect::Target>> open_target() = 0;  // nullptr: a source only
  virtual void create_table(const model::TableSchemaPtr& table) = 0;
  virtual void insert(const model::TableName& table, const std::vector<Cells>& rows) = 0;  // one transaction
  // What a reader of the target sees, sorted by the first column.
  virtual std::vector<Cells> target_rows(const model::TableName& table) = 0;
};

struct Subject {
  std::string name;
  std::function<std::unique_ptr<Bench>()> make;
};

class conformance : public testing::TestWithParam<Subject> {
 protected:
  void SetUp() override {
    bench = GetParam().make();
    if (!bench) GTEST_SKIP() << GetParam().name << " is not there";
    bench->create_table(table);
  }
  static Cells row(std::int64_t id, std::string_view text) {
    std::string cell;
    model::append_fixed(cell, id);
    return {cell, std::string(text)};
  }
  connect::CapturePlan plan() const {
    connect::CapturePlan made;
    made.tables = {table};
    return made;
  }
  // Copies the snapshot's rows of the table to the target, chunk by chunk.
  void load(connect::Snapshot& snapshot, connect::Target& target) {
    ASSERT_TRUE(target.start(false).ok());
    ASSERT_TRUE(target.prepare_all({table}, connect::Preparation::drop_and_create).ok());
    ASSERT_TRUE(target.prepare(table, connect::Preparation::drop_and_create).ok());
    auto chunks = snapshot.chunks(*table, 1 << 20);
    ASSERT_TRUE(chunks.ok()) << chunks.error().text();
    for (const connect::Chunk& chunk : *chunks) {
      auto reader = snapshot.read(*table, model::stored_columns(*table), chunk, "", connect::ReadForm::rows).take();
      auto loader = target.loader(table, chunk, {connect::ReadForm::rows}).take();
      model::RowBatch rows(table);
      while (reader->next_rows(rows, {}).take()) ASSERT_TRUE(loader->write_rows(rows).ok());
      EXPECT_EQ(loader->finish().take(), reader->rows());
    }
    ASSERT_TRUE(target.loaded(table).ok());
    ASSERT_TRUE(target.loaded_all({table}).ok());
  }
  // Reads the stream up to that position.
  model::ChangeBatch read_until(connect::Stream& stream, const model::Position& end) {
    constexpr int tries_max = 600;
    model::ChangeBatch all;
    for (int i = 0; i < tries_max && all.through < end.log; ++i) {
      auto batch = stream.next({});
      EXPECT_TRUE(batch.ok()) << batch.error().text();
      if (!batch.ok()) break;
      all.through = std::max(all.through, batch->through);
      for (const model::Change& change : batch->changes) copy(*batch, change, all);
    }
    return all;
  }
  static void copy(const model::ChangeBatch& from, const model::Change& change, model::ChangeBatch& to) {
    model::Change made = change;
    if (change.table != model::no_table)
      made.table = to.table_index(from.tables[change.table], model::CellForm::canonical);
    made.new_first = static_cast<std::uint32_t>(to.cells.size());
    for (std::uint32_t i = 0; i < change.new_count; ++i) {
      model::Cell cell = from.cells[change.new_first + i];
      const std::string_view bytes = from.cell_bytes(cell);
      cell.offset = to.bytes.size();
      to.bytes.append(bytes);
      to.cells.push_back(cell);
    }
    made.old_count = 0;
    to.changes.push_back(made);
  }

  std::unique_ptr<Bench> bench;
  model::TableSchemaPtr table = support::two_column_table("conformance");
};

TEST_P(conformance, loads_values_unchanged) {
  const std::vector<Cells> rows{row(std::numeric_limits<std::int64_t>::min(), ""),
                                row(-1, "with \"quotes\", and\nlines"),
                                row(2, "\xf0\x9f\x90\x98"),
                                {row(3, "")[0], std::nullopt}};
  bench->insert(table->name, rows);
  auto source = bench->open_source().take();
  auto target = bench->open_target().take();
  if (!source || !target) GTEST_SKIP();
  auto snapshot = source->snapshot(false).take();
  load(*snapshot, *target);
  EXPECT_EQ(bench->target_rows(table->name), rows);
}

TEST_P(conformance, loads_an_empty_table) {
  auto source = bench->open_source().take();
  auto target = bench->open_target().take();
  if (!source || !target) GTEST_SKIP();
  auto snapshot = source->snapshot(false).take();
  load(*snapshot, *target);
  EXPECT_TRUE(bench->target_rows(table->name).empty());
}

TEST_P(conformance, loads_a_huge_row) {
  const std::vector<Cells> rows{row(1, std::string(20 << 20, 'x'))};
  bench->insert(table->name, rows);
  auto source = bench->open_source().take();
  auto target = bench->open_target().take();
  if (!source || !target) GTEST_SKIP();
  auto snapshot = source->snapshot(false).take();
  load(*snapshot, *target);
  EXPECT_TRUE(bench->target_rows(table->name) == rows);
}

// Nothing between snapshot and stream is lost or doubled, and snapshot and stream give the same cells.
TEST_P(conformance, streams_exactly_what_follows_the_snapshot) {
  bench->insert(table->name, {row(1, "before")});
  auto source = bench->open_source().take();
  if (!source || source->capture() == nullptr) GTEST_SKIP();
  auto begun = source->capture()->begin(plan(), [](const std::string&) {}, {}).take();
  bench->insert(table->name, {row(2, "after"), row(3, "after")});
  const model::Position end = source->catalog().current_position().take();
  auto stream = source->capture()->open_stream(plan(), begun.first, model::CellForm::canonical).take();
  const model::ChangeBatch batch = read_until(*stream, end);
  EXPECT_EQ(support::ids_of(batch), (std::vector<std::int64_t>{2, 3}));
  stream.reset();
  auto again = source->capture()->open_stream(plan(), begun.first, model::CellForm::canonical).take();
  const model::ChangeBatch repeated = read_until(*again, end);
  ASSERT_EQ(repeated.changes.size(), batch.changes.size()) << "a restart delivers the same again";
  for (std::size_t i = 0; i < batch.changes.size(); ++i) {
    EXPECT_EQ(repeated.changes[i].position, batch.changes[i].position);
  }
  EXPECT_TRUE(source->capture()->drop().ok());
}

TEST_P(conformance, skips_what_is_delivered_again) {
  auto target = bench->open_target().take();
  if (!target) GTEST_SKIP();
  ASSERT_TRUE(target->start(false).ok());
  ASSERT_TRUE(target->prepare_all({table}, connect::Preparation::drop_and_create).ok());
  ASSERT_TRUE(target->prepare(table, connect::Preparation::drop_and_create).ok());
  ASSERT_TRUE(target->begin_apply({5, model::sequence_end, {}}, {table}).ok());
  support::BatchWriter writer;
  for (int i = 0; i < 2; ++i) {
    model::ChangeBatch batch = writer.transaction(table, 10, 1, 3).take();
    const auto applied = target->apply(batch, {});
    ASSERT_TRUE(applied.ok()) << applied.error().text();
    ASSERT_TRUE(target->flush().ok());
  }
  EXPECT_EQ(target->durable().take(), (model::Position{10, model::sequence_end, {}}));
  target = bench->open_target().take();
  ASSERT_TRUE(target->start(true).ok());
  EXPECT_EQ(target->durable().take(), (model::Position{10, model::sequence_end, {}}));
  model::ChangeBatch both = writer.transaction(table, 10, 1, 3).transaction(table, 20, 4, 2).take();
  ASSERT_TRUE(target->apply(both, {}).ok());
  ASSERT_TRUE(target->flush().ok());
  EXPECT_EQ(bench->target_rows(table->name).size(), 5u);
}

TEST_P(conformance, stops_within_a_second) {
  auto source = bench->open_source().take();
  if (!source || source->capture() == nullptr) GTEST_SKIP();
  auto begun = source->capture()->begin(plan(), [](const std::string&) {}, {}).take();
  auto stream = source->capture()->open_stream(plan(), begun.first, model::CellForm::canonical).take();
  const base::SystemClock clock;
  base::TaskGroup group;
  group.spawn("stream", [&](std::stop_token stop) -> base::Result<void> {
    while (!stop.stop_requested()) TRY(stream->next(stop));
    return {};
  });
  const base::Nanos before = clock.monotonic();
  group.request_stop();
  const base::Result<void> outcome = group.join();
  EXPECT_TRUE(outcome.ok() || outcome.error().kind() == base::Kind::canceled);
  EXPECT_LT(clock.monotonic() - before, std::chrono::seconds(1));
}

}  // namespace conform
