// SPDX-License-Identifier: Apache-2.0
#include "engine/change_queue.h"

#include <gtest/gtest.h>

#include "engine/errors.h"
#include "tests/support/changes.h"
#include "tests/support/faulty_disk.h"

namespace engine {
namespace {

using model::Op;
using support::BatchWriter;

// Stands still but for pauses.
class PausingClock final : public base::Clock {
 public:
  base::WallMicros wall() const override { return 0; }
  base::Nanos monotonic() const override { return now; }
  bool pause(base::Nanos length, const std::stop_token& stop) override {
    now += length;
    return !stop.stop_requested();
  }
  base::Nanos now{0};
};

class change_queue : public testing::Test {
 protected:
  void open(bool through_relay, const model::Position& after = {100, model::sequence_end, ""}) {
    auto opened = relay::Relay::open(disk, relay_options("/data", limits.relay_bytes_max));
    ASSERT_TRUE(opened.ok()) << opened.error().text();
    queue.reset();
    log = opened.take();
    auto made = ChangeQueue::open(*log, after, through_relay, limits, clock);
    ASSERT_TRUE(made.ok()) << made.error().text();
    queue = made.take();
  }
  // Waits for room in vain: false.
  base::Result<bool> push(model::ChangeBatch&& batch) {
    std::stop_source stop;
    int waits = 0;
    const auto keep_alive = [&]() -> base::Result<void> {
      if (++waits > 2) stop.request_stop();
      return {};
    };
    base::Result<void> pushed = queue->push(std::move(batch), keep_alive, stop.get_token());
    if (!pushed.ok() && pushed.error().kind() == base::Kind::canceled) return false;
    TRY(std::move(pushed));
    return true;
  }
  bool push_transaction(std::uint64_t at, std::int64_t rows = 3) {
    const auto pushed = push(writer.transaction(table, at, std::int64_t(at), rows).take());
    EXPECT_TRUE(pushed.ok()) << pushed.error().text();
    return pushed.ok() && *pushed;
  }
  std::size_t drain() {
    std::size_t rows = 0;
    while (true) {
      auto batch = queue->pop({}, base::Nanos{0});
      EXPECT_TRUE(batch.ok()) << batch.error().text();
      if (!batch.ok() || !*batch) return rows;
      rows += support::ids_of(**batch).size();
    }
  }

  support::FaultyDisk disk;
  PausingClock clock;
  QueueLimits limits{4000, 1'000'000, 70'000};
  std::unique_ptr<relay::Relay> log;
  std::unique_ptr<ChangeQueue> queue;
  BatchWriter writer;
  model::TableSchemaPtr table = support::two_column_table("t");
};

TEST_F(change_queue, asks_for_the_relay_when_memory_is_full_and_the_log_long) {
  open(false);
  ASSERT_TRUE(push_transaction(200, 20));
  queue->set_source_log_bytes(900'000);
  EXPECT_FALSE(push_transaction(300, 20));
  EXPECT_EQ(queue->mode(), "source log");
  queue->set_source_log_bytes(1'100'000);
  const auto refused = push(writer.transaction(table, 300, 300, 20).take());
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().is(errors::relay_needed));
}

TEST_F(change_queue, an_empty_relay_is_used_as_long_as_the_log_is_long) {
  open(true);
  EXPECT_EQ(drain(), 0u);  // before the first look at the source
  queue->set_source_log_bytes(2'000'000);
  EXPECT_EQ(drain(), 0u);
  for (std::uint64_t at = 200; at < 220; ++at) ASSERT_TRUE(push_transaction(at, 20));
  EXPECT_EQ(queue->mode(), "relay");
  ASSERT_TRUE(queue->settle(true).ok());
  EXPECT_EQ(queue->relay_durable().log, 219u);
  EXPECT_EQ(drain(), 400u);
  EXPECT_EQ(queue->mode(), "relay");
  queue->set_source_log_bytes(100'000);
  EXPECT_EQ(drain(), 0u);
  EXPECT_EQ(queue->mode(), "memory");
  ASSERT_TRUE(push_transaction(300));
  EXPECT_EQ(drain(), 3u);
}

TEST_F(change_queue, a_transaction_larger_than_the_relay_passes) {
  open(true);
  queue->set_source_log_bytes(2'000'000);
  std::size_t pushed = 0, popped = 0;
  ASSERT_TRUE(*push(writer.edge(Op::begin, 200, 200).take()));
  for (std::uint64_t part = 0; part < 120; ++part) {
    for (std::uint64_t row = 1; row <= 10; ++row) {
      writer.insert(table, std::int64_t(part), "text", 200);
      writer.batch.changes.back().position = {200, part * 10 + row, {}};
    }
    if (!*push(model::ChangeBatch(writer.batch))) {
      popped += drain();  // the applier has all there is: now there must be room
      ASSERT_TRUE(*push(model::ChangeBatch(writer.batch))) << "part " << part;
    }
    writer.take();
    pushed += 10;
  }
  ASSERT_TRUE(*push(writer.edge(Op::commit, 200, 200).take()) || (popped += drain(), true));
  EXPECT_EQ(popped + drain(), pushed);
  EXPECT_GT(queue->relay_bytes(), limits.relay_bytes_max);
}

TEST_F(change_queue, room_comes_back_when_the_target_holds_what_is_full) {
  open(true);
  queue->set_source_log_bytes(2'000'000);
  std::uint64_t at = 200;
  for (int round = 0; round < 5; ++round) {
    while (push_transaction(at, 20)) ++at;
    EXPECT_EQ(queue->mode(), "source log (relay full)");
    drain();
    ASSERT_TRUE(queue->trim({at - 1, model::sequence_end, ""}).ok());
  }
}

// The last segment is only given back when another follows: it must not close the door for good.
TEST_F(change_queue, a_large_last_segment_leaves_room_when_nothing_in_it_is_needed) {
  open(true);
  queue->set_source_log_bytes(2'000'000);
  EXPECT_EQ(drain(), 0u);
  ASSERT_TRUE(push_transaction(200, 3000));
  EXPECT_EQ(drain(), 3000u);
  EXPECT_FALSE(push_transaction(300, 900)) << "the target does not hold it yet";
  EXPECT_EQ(drain(), 0u);
  ASSERT_TRUE(queue->trim({200, model::sequence_end, ""}).ok());
  EXPECT_TRUE(push_transaction(300, 900));
  EXPECT_EQ(drain(), 900u);
}

// The target has taken all of a full relay and waits for what comes next before it can make any of it durable.
TEST_F(change_queue, a_full_relay_is_passed_when_the_target_waits_for_more) {
  open(true);
  std::uint64_t at = 200;
  queue->set_source_log_bytes(2'000'000);
  while (push_transaction(at, 20)) ++at;
  EXPECT_EQ(queue->mode(), "source log (relay full)");
  EXPECT_GT(drain(), 0u);
  clock.now += limits.full_relay_wait;
  EXPECT_EQ(drain(), 0u);
  EXPECT_TRUE(push_transaction(at, 20));
  EXPECT_EQ(drain(), 20u);
  // What the relay holds is needed still: there is no other one to ask for.
  while (push_transaction(++at, 20)) {
  }
  EXPECT_EQ(queue->mode(), "source log (relay full)");
  EXPECT_LT(queue->relay_durable().log, at - 1);
  ASSERT_TRUE(queue->trim({at - 1, model::sequence_end, ""}).ok());
  const auto refused = push(writer.transaction(table, at, std::int64_t(at), 20).take());
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().is(errors::relay_needed));
}

TEST_F(change_queue, a_target_has_some_time_to_make_room_in_a_full_relay) {
  open(true);
  std::uint64_t at = 200;
  queue->set_source_log_bytes(2'000'000);
  while (push_transaction(at, 20)) ++at;
  EXPECT_GT(drain(), 0u);
  EXPECT_EQ(drain(), 0u);
  EXPECT_FALSE(push_transaction(at, 20));
  EXPECT_EQ(queue->mode(), "source log (relay full)");
  ASSERT_TRUE(queue->trim({at - 1, model::sequence_end, ""}).ok());
  EXPECT_TRUE(push_transaction(at, 20));
  EXPECT_EQ(queue->mode(), "relay");
}

TEST_F(change_queue, goes_on_behind_what_the_relay_holds) {
  open(true);
  queue->set_source_log_bytes(2'000'000);
  for (std::uint64_t at = 200; at < 210; ++at) ASSERT_TRUE(push_transaction(at));
  ASSERT_TRUE(queue->settle(true).ok());
  open(false, {204, model::sequence_end, ""});  // another process; the target holds 204
  EXPECT_EQ(queue->stream_start().log, 209u);
  EXPECT_EQ(drain(), 15u);
}

}  // namespace
}  // namespace engine
