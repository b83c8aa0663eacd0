// SPDX-License-Identifier: Apache-2.0
#include "server/status.h"

#include <gtest/gtest.h>

namespace server {
namespace {

using nlohmann::json;

constexpr const char* page = R"(# HELP millrace_task_rows_loaded_total x
millrace_task_rows_loaded_total{task="a",resource="R1",instance="i"} 1000
millrace_task_changes_applied_total{task="a",resource="R1",instance="i"} 50
millrace_task_target_latency_seconds{task="a",resource="R1",instance="i"} 0.25
millrace_task_read_seconds_bucket{task="a",resource="R1",instance="i",le="+Inf"} 3
millrace_tasks{state="running"} 1
millrace_task_broken{resource="R1"} many
millrace_task_broken{resource="R1
millrace_task_broken} {resource="R1" 1
)";

json task(const char* name, const char* state) {
  return {{"ReplicationTaskIdentifier", name},
          {"ReplicationTaskArn", std::string("arn:aws:dms:r:1:task:") + (*name == 'a' ? "R1" : "R2")},
          {"Status", state},
          {"ReplicationTaskStats",
           {{"FullLoadProgressPercent", 50}, {"TablesLoaded", 1}, {"TablesLoading", 2}, {"TablesErrored", 1}}}};
}

TEST(StatusTest, NumbersOfTheMetricsPage) {
  const TaskNumbers numbers = task_numbers(page);
  ASSERT_EQ(numbers.size(), 1u);
  EXPECT_EQ(numbers.at("R1").at("rows_loaded_total"), 1000);
  EXPECT_FALSE(numbers.at("R1").contains("broken"));
}

TEST(StatusTest, RatesLieBetweenTwoLooks) {
  const TaskNumbers before{{"R1", {{"rows_loaded_total", 900}, {"changes_applied_total", 0}}}};
  const json tasks{task("a", "running"), task("b", "ready")};
  const json replications{{{"ReplicationConfigIdentifier", "c"},
                           {"ReplicationConfigArn", "arn:aws:dms:r:1:replication-config:R3"},
                           {"Status", "failed"},
                           {"FailureMessages", {"pg.x: why"}}}};
  const auto lines = task_lines(tasks, replications, task_numbers(page), before, 2);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].name + lines[1].name + lines[2].name, "cab");
  EXPECT_EQ(lines[0].reason, "pg.x: why");
  EXPECT_EQ(lines[1].rows_per_second, 75);
  EXPECT_EQ(lines[1].tables, 4);
  EXPECT_FALSE(lines[2].rows_per_second);
  const auto text = columns(status_rows(lines));
  ASSERT_EQ(text.size(), 4u);
  EXPECT_NE(text[2].find("50%   1/4     1        1000  50       75      -       250 ms"), std::string::npos) << text[2];
  const json document = status_document(lines);
  EXPECT_EQ(document["tasks"][1]["rows_per_second"], 75);
  EXPECT_TRUE(document["tasks"][2]["rows_loaded"].is_null());
  // A process that was started again counts from nothing.
  const TaskNumbers more{{"R1", {{"rows_loaded_total", 5000}, {"changes_applied_total", 9}}}};
  EXPECT_EQ(task_lines(tasks, {}, task_numbers(page), more, 2)[0].rows_per_second, 0);
}

TEST(StatusTest, LinesFitTheTerminal) {
  EXPECT_EQ(fitted("short", 10), "short");
  EXPECT_EQ(fitted("exactly ten", 10), "exactly t~");
  EXPECT_EQ(fitted("\xc3\xa4\xc3\xb6\xc3\xbc", 2), "\xc3\xa4~");
  EXPECT_EQ(columns({{"a\x1b[2J", "b"}})[0], "a?[2J  b");
}

}  // namespace
}  // namespace server
