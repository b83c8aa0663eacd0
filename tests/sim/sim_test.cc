// SPDX-License-Identifier: Apache-2.0
//
// The simulator in the daily tests: 2000 seeds, the same seed twice, the plan as a text, and the kept cases: plans that
// once found a defect.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "sim/farm.h"
#include "sim/plan_text.h"

namespace {

std::string found_by(const sim::RunPlan& plan) {
  sim::CrashReport crashes;
  const sim::RunReport report = sim::run_plan(plan, false, crashes);
  std::string text;
  for (const std::string& finding : report.findings) text += finding + "\n";
  return text;
}

TEST(simulator, two_thousand_seeds_find_nothing_and_die_at_every_crash_point) {
  const sim::FarmReport report = sim::run_farm(
      {}, [](const sim::Failure& failure) { ADD_FAILURE() << "seed " << failure.seed << ": " << failure.finding; });
  EXPECT_EQ(report.seeds, 2000u);
  for (const std::string& point : sim::points_missed(report.crashes)) {
    ADD_FAILURE() << "no process died at crash point " << point;
  }
}

TEST(simulator, a_seed_is_one_run) {
  sim::CrashReport crashes;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const sim::RunPlan plan = sim::draw_plan(seed);
    const sim::RunReport first = sim::run_plan(plan, false, crashes);
    const sim::RunReport again = sim::run_plan(plan, true, crashes);
    ASSERT_EQ(first.checksum, again.checksum) << "seed " << seed;
    ASSERT_EQ(first.steps, again.steps) << "seed " << seed;
  }
}

TEST(simulator, a_plan_is_its_text) {
  sim::CrashReport crashes;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const sim::RunPlan plan = sim::draw_plan(seed);
    const base::Result<sim::RunPlan> read = sim::parse_plan(sim::print_plan(plan), "a plan");
    ASSERT_TRUE(read.ok()) << read.error().text();
    ASSERT_EQ(sim::describe(plan), sim::describe(*read));
    ASSERT_EQ(sim::print_plan(plan), sim::print_plan(*read));
    ASSERT_EQ(sim::run_plan(plan, false, crashes).checksum, sim::run_plan(*read, false, crashes).checksum)
        << "seed " << seed << ": a member of the plan is missing in plan_text.cc";
  }
}

TEST(simulator, what_is_no_plan_is_refused) {
  for (const char* text : {"", "[]", R"({"sed": 1})", R"({"seed": "1"})", R"({"lives": [{"end": "bored"}]})",
                           R"({"weather": {"disk": {"full": 1}}})", R"({"tables": {}})"}) {
    EXPECT_FALSE(sim::parse_plan(text, "a plan").ok()) << text;
  }
}

// Each found a defect. They are plans, not seeds: what a seed draws changes with the simulator.
TEST(simulator, kept_cases) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MILLRACE_TOP "/tests/sim/cases")) {
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const base::Result<sim::RunPlan> plan = sim::parse_plan(text, entry.path().filename().string());
    ASSERT_TRUE(plan.ok()) << plan.error().text();
    EXPECT_EQ(found_by(*plan), "") << entry.path().filename();
    count += 1;
  }
  EXPECT_GT(count, 0u);
}

}  // namespace
