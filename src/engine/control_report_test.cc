// SPDX-License-Identifier: Apache-2.0
#include "engine/control_report.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

class HandClock final : public base::Clock {
 public:
  base::WallMicros wall() const override { return now; }
  base::Nanos monotonic() const override { return std::chrono::microseconds(now); }
  bool pause(base::Nanos, const std::stop_token&) override { return false; }

  base::WallMicros now = 0;
};

TEST(ControlReport, changes_at_the_turn_of_a_slot_are_counted_once) {
  const Settings settings =
      Settings::parse(R"({"ControlTablesSettings":{"HistoryTableEnabled":true,"HistoryTimeslotInMinutes":1}})").take();
  HandClock clock;
  ControlReport report(settings, clock);
  TaskStatus status;
  const auto records_at = [&](std::int64_t second, std::uint64_t applied) {
    clock.now = second * 1'000'000;
    status.changes_applied = applied;
    return report.facts(ControlReport::Phase::streaming, status).at("timeslot_records");
  };
  EXPECT_EQ(records_at(58, 3), "3");
  EXPECT_EQ(records_at(59, 7), "7");
  EXPECT_EQ(records_at(60, 17), "10") << "those since the last report, which the slot before has not told";
  EXPECT_EQ(records_at(61, 18), "11");
  EXPECT_EQ(records_at(120, 18), "0");
}

}  // namespace
}  // namespace engine
