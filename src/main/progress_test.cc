// SPDX-License-Identifier: Apache-2.0
#include "main/progress.h"

#include <gtest/gtest.h>

#include "main/log_file.h"
#include "main/time_text.h"

namespace main_program {
namespace {

constexpr base::WallMicros second = 1000000;

engine::TaskStatus loading() {
  engine::TaskStatus status;
  status.phase = "full load";
  engine::TableStatus table;
  table.source_name = {"public", "orders"};
  table.state = "Full load";
  table.rows_estimate = 1000;
  table.rows_loaded = 500;
  table.bytes_loaded = 50000;
  table.load_started = 100 * second;
  status.tables.push_back(table);
  return status;
}

TEST(Progress, a_bar_a_table) {
  ProgressView view;
  const std::string frame = view.frame(loading(), 110 * second, {120, 24});
  EXPECT_NE(frame.find("public.orders"), std::string::npos);
  EXPECT_NE(frame.find("[==========>         ]  50%"), std::string::npos) << frame;
  EXPECT_NE(frame.find("50/s"), std::string::npos) << frame;
  EXPECT_NE(frame.find("left 10 s"), std::string::npos) << frame;
}

TEST(Progress, a_frame_fits_the_screen) {
  engine::TaskStatus status = loading();
  status.tables[0].source_name.table = std::string(300, 'x') + "\x1b[2J\n";
  status.tables.resize(1000, status.tables[0]);
  status.position = "0/1";
  status.waiting = "someone";
  const std::string frame = ProgressView().frame(status, 110 * second, {60, 10});
  EXPECT_LE(std::count(frame.begin(), frame.end(), '\n'), 10);
  EXPECT_EQ(frame.find('\x1b'), std::string::npos);
  for (std::size_t start = 0; start < frame.size();) {
    const std::size_t end = frame.find('\n', start);
    EXPECT_LE(end - start, 60u);
    start = end + 1;
  }
}

TEST(Progress, the_stream_shows_its_rate) {
  ProgressView view;
  engine::TaskStatus status = loading();
  status.position = "4AF/B00000D0";
  status.changes_applied = 1000;
  view.frame(status, 110 * second, {200, 24});
  status.changes_applied = 5000;
  const std::string frame = view.frame(status, 112 * second, {200, 24});
  EXPECT_NE(frame.find("2.0 k changes/s"), std::string::npos) << frame;
  EXPECT_NE(frame.find("4AF/B00000D0"), std::string::npos);
}

TEST(Progress, plain_lines_say_what_changed) {
  ProgressView view;
  engine::TaskStatus status = loading();
  EXPECT_NE(view.plain(status, 110 * second).find("full load\n"), std::string::npos);
  EXPECT_EQ(view.plain(status, 111 * second), "");
  status.tables[0].state = "Table completed";
  status.tables[0].rows_loaded = 1000;
  status.tables[0].load_ended = 110 * second;
  EXPECT_EQ(view.plain(status, 112 * second),
            "1970-01-01 00:01:52  table public.orders: loaded, 1000 rows in 10.0 s (100 rows/s)\n");
}

TEST(Progress, json_is_one_line) {
  const std::string line = ProgressView().json(loading(), 0);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_NE(line.find(R"("rows_loaded":500)"), std::string::npos);
}

TEST(TimeText, parse) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:01.5Z"), 1500000);
  EXPECT_EQ(parse_time("2026-11-21 05:38:16"), 1795239496 * second);
  EXPECT_EQ(parse_time("1520511132"), 1520511132 * second);
  for (const char* text : {"", "2026-02-30T00:00:00", "2026-11-21", "2026-11-21T25:00:00", "2026-11-21T05:38:16x", "-1",
                           "99999999999999999999", "2026-11-21T05:38:16."}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(LogFile, secrets_and_control_characters_are_cleaned) {
  EXPECT_EQ(cleaned("password=hunter2 hunter2\nx", {"hunter2", "", "x"}), "password=*** ***\\nx");
}

}  // namespace
}  // namespace main_program
