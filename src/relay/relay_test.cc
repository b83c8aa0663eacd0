// SPDX-License-Identifier: Apache-2.0
#include "relay/relay.h"

#include <gtest/gtest.h>

#include "relay/errors.h"
#include "tests/support/changes.h"
#include "tests/support/faulty_disk.h"

namespace relay {
namespace {

using model::Op;
using support::BatchWriter;

class relay_log : public testing::Test {
 protected:
  void open() {
    kept.reset();
    auto opened = Relay::open(disk, options);
    ASSERT_TRUE(opened.ok()) << opened.error().text();
    kept = opened.take();
  }
  void append(std::uint64_t log, std::int64_t count = 3) {
    BatchWriter writer;
    ASSERT_TRUE(kept->append(writer.transaction(table, log, std::int64_t(log) * 10, count).take()).ok());
  }
  void sync() { ASSERT_TRUE(kept->sync().ok()); }
  std::vector<std::int64_t> drain(Reader& reader) {
    std::vector<std::int64_t> ids;
    while (true) {
      auto batch = reader.next({}, base::Nanos{0});
      EXPECT_TRUE(batch.ok()) << batch.error().text();
      if (!batch.ok() || !batch->has_value()) return ids;
      for (const std::int64_t id : support::ids_of(**batch)) ids.push_back(id);
    }
  }
  std::vector<std::int64_t> all_after(model::Position position) {
    auto reader = kept->read_after(position);
    EXPECT_TRUE(reader.ok()) << reader.error().text();
    return reader.ok() ? drain(**reader) : std::vector<std::int64_t>();
  }
  static std::vector<std::int64_t> ids(std::uint64_t first_log, std::uint64_t last_log) {
    std::vector<std::int64_t> out;
    for (std::uint64_t log = first_log; log <= last_log; ++log) {
      for (int i = 0; i < 3; ++i) out.push_back(std::int64_t(log) * 10 + i);
    }
    return out;
  }
  std::string& last_file() { return disk.files.rbegin()->second->bytes; }
  static constexpr std::uint64_t end = model::sequence_end;

  support::FaultyDisk disk;
  RelayOptions options{"/relay", 2000, 0};
  std::unique_ptr<Relay> kept;
  model::TableSchemaPtr table = support::two_column_table("t");
};

TEST_F(relay_log, gives_only_what_was_synced_across_segments) {
  open();
  ASSERT_TRUE(kept->restart({5, end, {}}).ok());
  auto reader = kept->read_after({5, end, {}}).take();
  for (std::uint64_t log = 10; log < 20; ++log) append(log);
  sync();
  append(20);
  EXPECT_GT(disk.files.size(), 2u);
  EXPECT_EQ(drain(*reader), ids(10, 19));
  EXPECT_EQ(kept->end(), (model::Position{19, end, {}}));
  sync();
  EXPECT_EQ(drain(*reader), ids(20, 20));
  EXPECT_EQ(kept->end(), (model::Position{20, end, {}}));
  EXPECT_EQ(kept->start(), (model::Position{5, end, {}}));
}

TEST_F(relay_log, reads_from_any_commit) {
  open();
  for (std::uint64_t log = 10; log < 20; ++log) append(log);
  BatchWriter writer;
  writer.transaction(table, 20, 200, 3).transaction(table, 21, 210, 3).transaction(table, 22, 220, 3);
  ASSERT_TRUE(kept->append(writer.take()).ok());
  sync();
  for (std::uint64_t log = 9; log < 23; ++log)
    EXPECT_EQ(all_after({log, end, {}}), ids(std::max(log + 1, std::uint64_t{10}), 22));
  EXPECT_EQ(all_after({21, 1, {}}), (std::vector<std::int64_t>{211, 212, 220, 221, 222}));
}

TEST_F(relay_log, survives_a_crash_at_every_byte_of_its_tail) {
  open();
  for (std::uint64_t log = 10; log < 13; ++log) append(log);
  sync();
  append(13);
  const auto original = disk.files;
  const std::size_t unsynced = last_file().size() - disk.files.rbegin()->second->durable;
  for (std::size_t torn = 0; torn <= unsynced; torn += 7) {
    disk.files.clear();
    for (const auto& [name, content] : original)
      disk.files[name] = std::make_shared<support::FaultyDisk::Content>(*content);
    disk.crash(torn);
    open();
    const std::uint64_t last = torn + 7 > unsynced && torn == unsynced ? 13 : 12;
    EXPECT_EQ(all_after({9, end, {}}), ids(10, last)) << torn;
    EXPECT_EQ(kept->end().log, last);
    append(14);
    sync();
    auto expected = ids(10, last);
    for (const std::int64_t id : ids(14, 14)) expected.push_back(id);
    EXPECT_EQ(all_after({9, end, {}}), expected);
  }
}

TEST_F(relay_log, cuts_off_a_transaction_whose_commit_is_missing) {
  open();
  append(10);
  BatchWriter writer;
  writer.transaction(table, 11, 110, 3).edge(Op::begin, 12, 12).insert(table, 120, "open");
  writer.batch.changes.back().position = {12, 1, {}};
  ASSERT_TRUE(kept->append(writer.take()).ok());
  for (int i = 0; i < 60; ++i) {
    writer.insert(table, 121 + i, "more");
    writer.batch.changes.back().position = {12, std::uint64_t(i) + 2, {}};
    ASSERT_TRUE(kept->append(writer.take()).ok());
  }
  sync();
  EXPECT_EQ(kept->end(), (model::Position{11, end, {}}));
  EXPECT_EQ(all_after({9, end, {}}).size(), 3u + 3 + 61) << "a reader gets the part that is there";
  EXPECT_GT(disk.files.size(), 2u);
  open();
  EXPECT_EQ(kept->end(), (model::Position{11, end, {}}));
  EXPECT_EQ(all_after({9, end, {}}), ids(10, 11));
  append(12);
  sync();
  EXPECT_EQ(all_after({9, end, {}}), ids(10, 12));
}

TEST_F(relay_log, names_damage_behind_which_more_was_durable) {
  open();
  for (std::uint64_t log = 10; log < 13; ++log) {
    append(log, 1);
    sync();
  }
  ASSERT_EQ(disk.files.size(), 1u);
  last_file()[300] ^= 1;
  const auto opened = Relay::open(disk, options);
  ASSERT_FALSE(opened.ok());
  EXPECT_TRUE(opened.error().is(errors::damaged));
  EXPECT_NE(opened.error().message.find(".relay at offset"), std::string::npos) << opened.error().message;
}

TEST_F(relay_log, names_damage_in_an_earlier_segment) {
  open();
  for (std::uint64_t log = 10; log < 20; ++log) append(log);
  sync();
  disk.files.begin()->second->bytes[700] ^= 1;
  open();
  const auto reader = kept->read_after({}).take();
  base::Result<std::optional<model::ChangeBatch>> batch = reader->next({}, base::Nanos{0});
  while (batch.ok() && batch->has_value()) batch = reader->next({}, base::Nanos{0});
  ASSERT_FALSE(batch.ok());
  EXPECT_TRUE(batch.error().is(errors::damaged));
  kept.reset();
  disk.files.erase(std::next(disk.files.begin()));
  EXPECT_TRUE(Relay::open(disk, options).error().is(errors::damaged)) << "a segment is missing";
}

TEST_F(relay_log, refuses_a_newer_version) {
  open();
  append(10);
  sync();
  last_file()[8] = 2;
  EXPECT_TRUE(Relay::open(disk, options).error().is(errors::newer));
}

TEST_F(relay_log, leaves_a_clean_tail_when_the_disk_is_full) {
  open();
  append(10);
  disk.appends_until_full = 0;
  BatchWriter writer;
  const model::ChangeBatch batch = writer.transaction(support::two_column_table("new"), 11, 110, 3).take();
  const auto refused = kept->append(batch);
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().is(base::errors::disk_full));
  disk.appends_until_full = -1;
  ASSERT_TRUE(kept->append(batch).ok());
  sync();
  EXPECT_EQ(all_after({}), ids(10, 11));
  open();
  EXPECT_EQ(all_after({}), ids(10, 11));
}

TEST_F(relay_log, never_syncs_again_after_a_failure) {
  open();
  append(10);
  sync();
  append(11);
  disk.syncs_until_failure = 0;
  const auto refused = kept->sync();
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().is(errors::sync_failed));
  disk.syncs_until_failure = -1;
  EXPECT_TRUE(kept->sync().error().is(errors::sync_failed));
  BatchWriter writer;
  EXPECT_TRUE(kept->append(writer.transaction(table, 12, 120, 3).take()).error().is(errors::sync_failed));
  EXPECT_EQ(all_after({}), ids(10, 10));
  open();
  EXPECT_EQ(kept->end().log, 10u);
  EXPECT_EQ(all_after({}), ids(10, 10));
}

TEST_F(relay_log, trims_whole_segments_and_refuses_what_is_gone) {
  open();
  for (std::uint64_t log = 10; log < 30; ++log) append(log);
  sync();
  const std::uint64_t before = kept->bytes();
  ASSERT_TRUE(kept->trim({20, end, {}}).ok());
  EXPECT_LT(kept->bytes(), before);
  EXPECT_EQ(all_after({20, end, {}}), ids(21, 29));
  EXPECT_TRUE(kept->read_after({9, end, {}}).error().is(errors::trimmed));
  open();
  EXPECT_EQ(all_after({20, end, {}}), ids(21, 29));
  ASSERT_TRUE(kept->trim({99, end, {}}).ok());
  EXPECT_EQ(disk.files.size(), 1u);
}

// Recovery may leave a segment that holds nothing; it is trimmed before a reader that waits in front of it passed it.
TEST_F(relay_log, a_reader_passes_an_empty_segment_that_is_gone) {
  open();
  ASSERT_TRUE(kept->restart({5, end, {}}).ok());
  for (std::uint64_t log = 10; log < 20; ++log) append(log);
  sync();
  while (disk.files.size() < 4) append(30 + disk.files.size());
  sync();
  last_file().resize(segment_header_size);
  open();
  const std::uint64_t last = kept->end().log;
  auto reader = kept->read_after({10, end, {}}).take();
  EXPECT_FALSE(drain(*reader).empty());
  append(50);
  ASSERT_TRUE(kept->trim({last, end, {}}).ok());
  sync();
  EXPECT_EQ(drain(*reader), ids(50, 50));
}

// After a failed sync the system has given the pages up, and a second sync says yes: recovery must not believe it.
TEST_F(relay_log, writes_anew_what_it_recovers) {
  open();
  ASSERT_TRUE(kept->restart({5, end, {}}).ok());
  append(10);
  disk.syncs_until_failure = 0;
  kept.reset();
  EXPECT_FALSE(Relay::open(disk, options).ok());
  disk.syncs_until_failure = -1;
  const auto doubtful = disk.files.rbegin()->second;
  open();
  EXPECT_EQ(kept->end(), (model::Position{10, end, {}}));
  EXPECT_NE(disk.files.rbegin()->second, doubtful) << "the segment is another file";
  EXPECT_EQ(disk.files.rbegin()->second->durable, last_file().size());
  EXPECT_EQ(disk.files.size(), 1u) << "nothing is left beside it";
  EXPECT_EQ(all_after({5, end, {}}), ids(10, 10));
}

TEST_F(relay_log, holds_its_cap) {
  options.bytes_max = 3000;
  open();
  BatchWriter writer;
  const model::ChangeBatch batch = writer.transaction(table, 10, 100, 3).take();
  base::Result<void> outcome;
  while (outcome.ok()) outcome = kept->append(batch);
  EXPECT_TRUE(outcome.error().is(errors::full));
  EXPECT_LE(kept->bytes(), 3500u);
}

TEST_F(relay_log, forgets_a_crash_at_the_creation_of_a_segment) {
  open();
  append(10);
  sync();
  auto torn = std::make_shared<support::FaultyDisk::Content>();
  torn->bytes = "MRRE";
  torn->is_named = true;
  disk.files["/relay/" + segment_name(2)] = torn;
  open();
  EXPECT_EQ(kept->end().log, 10u);
  append(11);
  sync();
  EXPECT_EQ(all_after({}), ids(10, 11));
}

TEST_F(relay_log, its_folder_outlives_a_power_cut) {
  options.folder = "/data/relay";
  open();
  EXPECT_EQ(disk.synced_folders.front(), "/data");
}

TEST_F(relay_log, wakes_a_waiting_reader) {
  open();
  auto reader = kept->read_after({}).take();
  base::TaskGroup group;
  std::vector<std::int64_t> seen;
  group.spawn("reader", [&](std::stop_token stop) -> base::Result<void> {
    const auto batch = TRY(reader->next(stop, std::chrono::seconds(10)));
    if (batch) seen = support::ids_of(*batch);
    return {};
  });
  append(10);
  sync();
  ASSERT_TRUE(group.join().ok());
  EXPECT_EQ(seen, ids(10, 10));
}

}  // namespace
}  // namespace relay
