// SPDX-License-Identifier: Apache-2.0
#include "base/channel.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace base {
namespace {

TEST(channel, keeps_order_and_drains_after_close) {
  Channel<int> channel(100);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(channel.send(i, 10, {}).ok());
  channel.close();
  EXPECT_FALSE(channel.ended());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(channel.receive({}).take(), i);
  EXPECT_EQ(channel.receive({}).take(), std::nullopt);
  EXPECT_TRUE(channel.ended());
  EXPECT_TRUE(channel.send(4, 1, {}).error().is(errors::closed));
}

TEST(channel, admits_one_giant_when_empty) {
  Channel<int> channel(10);
  EXPECT_TRUE(channel.has_room(1000));
  ASSERT_TRUE(channel.send(1, 1000, {}).ok());
  EXPECT_FALSE(channel.has_room(1));
  EXPECT_EQ(channel.bytes(), 1000u);
  EXPECT_EQ(channel.receive({}).take(), 1);
  EXPECT_EQ(channel.bytes(), 0u);
}

TEST(channel, blocks_over_its_budget_until_received) {
  Channel<int> channel(10);
  constexpr int items = 2000;
  TaskGroup group;
  group.spawn("sender", [&](std::stop_token stop) -> Result<void> {
    for (int i = 0; i < items; ++i) TRY(channel.send(i, 4, stop));
    channel.close();
    return {};
  });
  int expected = 0;
  while (true) {
    const auto item = channel.receive({}).take();
    if (!item) break;
    EXPECT_EQ(*item, expected++);
    EXPECT_LE(channel.bytes(), 10u);
  }
  EXPECT_EQ(expected, items);
  EXPECT_TRUE(group.join().ok());
}

TEST(channel, stops_both_sides) {
  Channel<int> empty(10);
  Channel<int> full(10);
  ASSERT_TRUE(full.send(1, 10, {}).ok());
  const SystemClock clock;
  const Nanos before = clock.monotonic();
  TaskGroup group;
  group.spawn("receiver", [&](std::stop_token stop) -> Result<void> {
    TRY(empty.receive(stop));
    return {};
  });
  group.spawn("sender", [&](std::stop_token stop) { return full.send(2, 10, stop); });
  group.request_stop();
  const Result<void> outcome = group.join();
  ASSERT_FALSE(outcome.ok());
  EXPECT_TRUE(outcome.error().is(errors::canceled));
  EXPECT_LT(clock.monotonic() - before, std::chrono::seconds(1));
}

TEST(channel, passes_an_error_to_both_sides) {
  Channel<int> channel(10);
  ASSERT_TRUE(channel.send(1, 1, {}).ok());
  channel.fail(failed(errors::disk_full, "first"));
  channel.fail(failed(errors::bug, "second"));
  EXPECT_TRUE(channel.receive({}).error().is(errors::disk_full));
  EXPECT_TRUE(channel.send(1, 1, {}).error().is(errors::disk_full));
}

TEST(channel, gives_up_after_at_most) {
  Channel<int> channel(10);
  EXPECT_EQ(channel.receive({}, std::chrono::milliseconds(5)).take(), std::nullopt);
  EXPECT_FALSE(channel.ended());
}

}  // namespace
}  // namespace base
