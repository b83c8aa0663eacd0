// SPDX-License-Identifier: Apache-2.0
#include "relay/spool.h"

#include <gtest/gtest.h>

#include "tests/support/changes.h"
#include "tests/support/faulty_disk.h"

namespace relay {
namespace {

using support::BatchWriter;

class spool : public testing::Test {
 protected:
  std::unique_ptr<Spool> open(std::size_t memory, std::size_t piece = 4096) {
    return Spool::open(disk, {"/spool", memory, piece}).take();
  }
  model::ChangeBatch rows(std::uint64_t xid, std::int64_t first, std::int64_t count, std::uint64_t sub_xid = 0) {
    BatchWriter writer;
    for (std::int64_t i = 0; i < count; ++i) writer.insert(table, first + i, "some text", xid, sub_xid, true);
    return writer.take();
  }
  std::vector<std::int64_t> drain(Spool& from, std::uint64_t xid, std::size_t* heaviest = nullptr) {
    std::vector<std::int64_t> ids;
    const auto reader = from.commit(xid);
    while (true) {
      auto batch = reader->next();
      EXPECT_TRUE(batch.ok());
      if (!batch.ok() || !batch->has_value()) return ids;
      if (heaviest != nullptr) *heaviest = std::max(*heaviest, (*batch)->weight());
      for (const std::int64_t id : support::ids_of(**batch)) ids.push_back(id);
    }
  }
  static std::vector<std::int64_t> range(std::int64_t first, std::int64_t count) {
    std::vector<std::int64_t> ids;
    for (std::int64_t i = 0; i < count; ++i) ids.push_back(first + i);
    return ids;
  }
  support::FaultyDisk disk;
  model::TableSchemaPtr table = support::two_column_table("t");
};

TEST_F(spool, keeps_order_in_memory_and_through_files) {
  for (const std::size_t memory : {std::size_t{1} << 30, std::size_t{0}, std::size_t{20000}}) {
    auto spooled = open(memory);
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(spooled->append(5, rows(5, i * 30, 30)).ok());
    EXPECT_LE(spooled->memory_bytes(), memory);
    std::size_t heaviest = 0;
    EXPECT_EQ(drain(*spooled, 5, &heaviest), range(0, 1500));
    EXPECT_LE(heaviest, 3 * 4096u);
    EXPECT_TRUE(disk.files.empty());
    EXPECT_EQ(spooled->memory_bytes(), 0u);
  }
}

TEST_F(spool, splits_a_large_batch) {
  auto spooled = open(1 << 30);
  ASSERT_TRUE(spooled->append(5, rows(5, 0, 5000)).ok());
  std::size_t heaviest = 0;
  EXPECT_EQ(drain(*spooled, 5, &heaviest), range(0, 5000));
  EXPECT_LE(heaviest, 3 * 4096u);
}

TEST_F(spool, drops_each_aborted_subtransaction) {
  for (const std::size_t memory : {std::size_t{1} << 30, std::size_t{0}}) {
    auto spooled = open(memory);
    ASSERT_TRUE(spooled->append(5, rows(5, 0, 3)).ok());
    ASSERT_TRUE(spooled->append(5, rows(5, 10, 3, 6)).ok());
    ASSERT_TRUE(spooled->append(5, rows(5, 20, 3, 7)).ok());
    spooled->abort(5, 7);
    spooled->abort(5, 6);
    ASSERT_TRUE(spooled->append(5, rows(5, 30, 3, 8)).ok());
    spooled->abort(77, 78);
    EXPECT_EQ(drain(*spooled, 5), (std::vector<std::int64_t>{0, 1, 2, 30, 31, 32}));
  }
}

TEST_F(spool, forgets_an_aborted_transaction) {
  auto spooled = open(0);
  ASSERT_TRUE(spooled->append(5, rows(5, 0, 3)).ok());
  EXPECT_EQ(disk.files.size(), 1u);
  spooled->abort(5, 5);
  EXPECT_TRUE(disk.files.empty());
  EXPECT_EQ(spooled->open_transactions(), 0u);
  EXPECT_TRUE(drain(*spooled, 5).empty());
}

TEST_F(spool, holds_a_thousand_transactions) {
  auto spooled = open(100000);
  for (int round = 0; round < 5; ++round) {
    for (std::uint64_t xid = 1; xid <= 1000; ++xid) {
      ASSERT_TRUE(spooled->append(xid, rows(xid, std::int64_t(xid) * 100 + round * 3, 3)).ok());
    }
  }
  EXPECT_LE(spooled->memory_bytes(), 100000u);
  for (std::uint64_t xid = 1000; xid >= 1; --xid) EXPECT_EQ(drain(*spooled, xid), range(std::int64_t(xid) * 100, 15));
}

TEST_F(spool, removes_what_an_earlier_process_left) {
  (void)disk.open("/spool/12.spool", base::OpenMode::append);
  auto spooled = open(0);
  EXPECT_TRUE(disk.files.empty());
}

TEST_F(spool, tells_a_full_disk) {
  auto spooled = open(0);
  disk.appends_until_full = 0;
  const auto outcome = spooled->append(5, rows(5, 0, 3));
  ASSERT_FALSE(outcome.ok());
  EXPECT_TRUE(outcome.error().is(base::errors::disk_full));
}

}  // namespace
}  // namespace relay
