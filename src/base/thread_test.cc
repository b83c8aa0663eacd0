// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/clock.h"

namespace base {
namespace {

TEST(task_group, joins_all_members) {
  std::atomic<int> done{0};
  TaskGroup group;
  for (int i = 0; i < 8; ++i) {
    group.spawn("member", [&](std::stop_token) -> Result<void> {
      done += 1;
      return {};
    });
  }
  EXPECT_TRUE(group.join().ok());
  EXPECT_EQ(done, 8);
  EXPECT_EQ(group.running(), 0u);
}

TEST(task_group, the_first_error_stops_the_others) {
  SystemClock clock;
  TaskGroup group;
  group.spawn("waits", [&](std::stop_token stop) -> Result<void> {
    if (!clock.pause(std::chrono::seconds(30), stop)) return failed(errors::canceled, "stopped");
    return {};
  });
  group.spawn("fails", [](std::stop_token) -> Result<void> { return failed(errors::disk_full, "no space"); });
  const Result<void> outcome = group.join();
  ASSERT_FALSE(outcome.ok());
  EXPECT_TRUE(outcome.error().is(errors::disk_full));
}

TEST(task_group, canceled_yields_to_a_real_error) {
  TaskGroup group;
  group.spawn("canceled", [](std::stop_token) -> Result<void> { return failed(errors::canceled, "stopped"); });
  group.spawn("fails", [](std::stop_token stop) -> Result<void> {
    while (!stop.stop_requested()) {
    }
    return failed(errors::disk_full, "no space");
  });
  EXPECT_TRUE(group.join().error().is(errors::disk_full));
}

TEST(task_group, an_exception_is_a_bug) {
  TaskGroup group;
  group.spawn("throws", [](std::stop_token) -> Result<void> { throw std::runtime_error("thrown"); });
  const Result<void> outcome = group.join();
  ASSERT_FALSE(outcome.ok());
  EXPECT_TRUE(outcome.error().is(errors::bug));
}

TEST(task_group, follows_its_parents_stop) {
  std::stop_source parent;
  SystemClock clock;
  TaskGroup group(parent.get_token());
  std::atomic<bool> was_stopped{false};
  group.spawn("waits", [&](std::stop_token stop) -> Result<void> {
    was_stopped = !clock.pause(std::chrono::seconds(30), stop);
    return {};
  });
  parent.request_stop();
  EXPECT_TRUE(group.join().ok());
  EXPECT_TRUE(was_stopped);
}

TEST(result, try_passes_the_error_on) {
  const auto fails = []() -> Result<int> { return failed(errors::bug, "cause"); };
  const auto outer = [&]() -> Result<std::string> { return std::to_string(TRY(fails())); };
  EXPECT_EQ(outer().error().text(), "base.bug: cause");
  EXPECT_EQ(failed(errors::canceled, "a").because(failed(errors::bug, "b")).text(),
            "base.canceled: a (cause: base.bug: b)");
}

TEST(clock, writes_utc) {
  EXPECT_EQ(utc_text(0, 0), "1970-01-01 00:00:00");
  EXPECT_EQ(utc_text(-1, 6), "1969-12-31 23:59:59.999999");
  EXPECT_EQ(utc_text(1'000'000'123'456, 3), "1970-01-12 13:46:40.123");
}

}  // namespace
}  // namespace base
