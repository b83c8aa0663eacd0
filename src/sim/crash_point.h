// SPDX-License-Identifier: Apache-2.0
//
// Crash points: the calls of the engine's code that make something durable, directly or further down. The list is made
// from the sources by tools/sim/crash_points.py, which also writes the copies of them that the simulator is built from:
// there a call holds an AtPoint while it runs. So a durable step knows by which calls it came about.
//
// An AtPoint belongs to the simulated thread that made it; they end in reverse order.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace sim {

struct CrashPoint {
  const char* name;
  const char* not_driven;  // why no run of the simulator reaches it; empty: every one must be hit
};

const std::vector<CrashPoint>& crash_points();
// -1: there is none of that name.
std::int64_t point_number(std::string_view name);

class AtPoint {
 public:
  explicit AtPoint(std::uint32_t number);
  ~AtPoint();
  AtPoint(const AtPoint&) = delete;
  AtPoint& operator=(const AtPoint&) = delete;

 private:
  std::vector<std::uint32_t>* points_;
};

}  // namespace sim
