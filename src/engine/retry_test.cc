// SPDX-License-Identifier: Apache-2.0
#include "engine/retry.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

RetrySchedule schedule(std::string_view members) {
  return RetrySchedule(Settings::parse(fmt::format(R"({{"ErrorBehavior":{{{}}}}})", members)).take());
}

double delay_seconds(const RetrySchedule& schedule, int retry, double failing_for = 0) {
  const auto wait =
      schedule.wait(retry, std::chrono::duration_cast<base::Nanos>(std::chrono::duration<double>(failing_for)));
  return wait ? std::chrono::duration<double>(*wait).count() : -1;
}

TEST(RetrySchedule, without_a_count_it_is_quick_at_first_and_never_rare) {
  const RetrySchedule free = schedule("");
  EXPECT_DOUBLE_EQ(delay_seconds(free, 1), 0.25);
  EXPECT_DOUBLE_EQ(delay_seconds(free, 5), 4);
  EXPECT_DOUBLE_EQ(delay_seconds(free, 6), 5);
  EXPECT_DOUBLE_EQ(delay_seconds(free, 7), 10);
  EXPECT_DOUBLE_EQ(delay_seconds(free, 8), 15);
  EXPECT_DOUBLE_EQ(delay_seconds(free, 500), 15);
}

TEST(RetrySchedule, counted_retries_follow_the_document) {
  const RetrySchedule three = schedule(R"("RecoverableErrorCount":3,"RecoverableErrorInterval":5)");
  EXPECT_DOUBLE_EQ(delay_seconds(three, 1), 5);
  EXPECT_DOUBLE_EQ(delay_seconds(three, 2), 10);
  EXPECT_DOUBLE_EQ(delay_seconds(three, 3), 20);
  EXPECT_DOUBLE_EQ(delay_seconds(three, 4), -1);
  EXPECT_DOUBLE_EQ(delay_seconds(schedule(R"("RecoverableErrorCount":0)"), 1), -1);
  const RetrySchedule even =
      schedule(R"("RecoverableErrorCount":9,"RecoverableErrorInterval":7,"RecoverableErrorThrottling":false)");
  EXPECT_DOUBLE_EQ(delay_seconds(even, 9), 7);
  const RetrySchedule capped =
      schedule(R"("RecoverableErrorCount":9,"RecoverableErrorInterval":5,"RecoverableErrorThrottlingMax":12,
                  "RecoverableErrorStopRetryAfterThrottlingMax":false)");
  EXPECT_DOUBLE_EQ(delay_seconds(capped, 2), 10);
  EXPECT_DOUBLE_EQ(delay_seconds(capped, 3), 12);
  EXPECT_DOUBLE_EQ(delay_seconds(capped, 9), 12);
}

TEST(RetrySchedule, gives_up_at_the_longest_wait) {
  const RetrySchedule counted =
      schedule(R"("RecoverableErrorCount":9,"RecoverableErrorInterval":5,"RecoverableErrorThrottlingMax":12)");
  EXPECT_DOUBLE_EQ(delay_seconds(counted, 2), 10);
  EXPECT_DOUBLE_EQ(delay_seconds(counted, 3), -1);
  const RetrySchedule free = schedule(R"("RecoverableErrorThrottlingMax":60)");
  EXPECT_DOUBLE_EQ(delay_seconds(free, 50, 119), 15);
  EXPECT_DOUBLE_EQ(delay_seconds(free, 50, 121), -1);
  const RetrySchedule endless =
      schedule(R"("RecoverableErrorThrottlingMax":60,"RecoverableErrorStopRetryAfterThrottlingMax":false)");
  EXPECT_DOUBLE_EQ(delay_seconds(endless, 50, 9999), 15);
}

}  // namespace
}  // namespace engine
