// SPDX-License-Identifier: Apache-2.0
//
// Many seeds on all processors: child processes take every n-th seed and tell what they found through pipes. One
// thread; no other may run, since it forks. A child that dies is a failure of the seed it was at.
#pragma once

#include "sim/run.h"

namespace sim {

struct FarmOrder {
  std::uint64_t from = 1, count = 2000;
  std::size_t processes = 2;
  std::uint64_t minutes = 0;  // no new seed after that; 0: no limit
  bool twice = false;         // each run must go the same way again
};

struct Failure {
  std::uint64_t seed = 0;
  std::string finding;  // its first line
};

struct FarmReport {
  std::uint64_t seeds = 0, steps = 0;
  std::vector<Failure> failures;
  CrashReport crashes;
};

FarmReport run_farm(const FarmOrder& order, const std::function<void(const Failure&)>& on_failure);

// The points at which no process died although runs should reach them; and a table of all.
std::vector<std::string> points_missed(const CrashReport& crashes);
std::string print_points(const CrashReport& crashes);

}  // namespace sim
