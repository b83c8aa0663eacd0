// SPDX-License-Identifier: Apache-2.0
#include "engine/pace.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

using std::chrono::seconds;

GroupPace pace(std::string_view tuning, bool batch, bool gathers = true) {
  const std::string text =
      fmt::format(R"({{"TargetMetadata":{{"BatchApplyEnabled":{}}},"ChangeProcessingTuning":{{{}}}}})", batch, tuning);
  return GroupPace::of(Settings::parse(text).take(), Budgets(), gathers);
}

TEST(GroupPace, defaults_never_wait) {
  EXPECT_TRUE(pace("", false).is_due(1, seconds(0)));
  EXPECT_TRUE(pace(R"("MinTransactionSize":1000,"CommitTimeout":1)", false).is_due(1, seconds(0)));
  EXPECT_TRUE(pace(R"("BatchApplyTimeoutMin":1)", true).is_due(1, seconds(0)));
  EXPECT_TRUE(pace(R"("BatchApplyTimeoutMin":60)", false).is_due(1, seconds(0))) << "it belongs to batch apply";
  EXPECT_TRUE(pace(R"("CommitTimeout":60)", true).is_due(1, seconds(0))) << "it belongs to transactional apply";
}

TEST(GroupPace, waits_as_the_document_says) {
  const GroupPace timed = pace(R"("CommitTimeout":5)", false);
  EXPECT_FALSE(timed.is_due(999, seconds(4)));
  EXPECT_TRUE(timed.is_due(1, seconds(5)));
  EXPECT_TRUE(timed.is_due(1000, seconds(0)));
  const GroupPace batch = pace(R"("BatchApplyTimeoutMin":20,"BatchApplyTimeoutMax":10)", true);
  EXPECT_FALSE(batch.is_due(1'000'000, seconds(9)));
  EXPECT_TRUE(batch.is_due(1, seconds(10)));
}

TEST(GroupPace, limits_of_a_group) {
  const GroupPace small = pace(R"("BatchApplyMemoryLimit":1,"BatchSplitSize":50)", true);
  EXPECT_EQ(small.limits.bytes_max, 1u << 20);
  EXPECT_EQ(small.limits.changes_max, 50u);
  const GroupPace usual = pace("", true);
  EXPECT_EQ(usual.limits.bytes_max, Budgets().group_bytes);
  EXPECT_EQ(usual.limits.changes_max, Budgets().group_changes);
  EXPECT_LT(pace("", false, false).limits.bytes_max, Budgets().group_bytes);
}

}  // namespace
}  // namespace engine
