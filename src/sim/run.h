// SPDX-License-Identifier: Apache-2.0
//
// One complete run: the world of a plan is made, applications write, the engine's process lives and dies as often as
// the plan says, and then once more with nothing failing, until the target has caught up. The same plan gives the same
// run, event by event; its checksum says so.
#pragma once

#include <functional>

#include "sim/plan.h"
#include "sim/trace.h"

namespace sim {

struct RunReport {
  std::vector<std::string> findings;  // empty: all is well
  std::uint64_t checksum = 0;
  std::uint64_t steps = 0;
  base::Nanos time{0};
  std::uint64_t commits_shown = 0;
  std::vector<std::string> lines;  // of the trace, when asked for
  bool ok() const { return findings.empty(); }
};

RunReport run_plan(const RunPlan& plan, bool keeps_trace, CrashReport& crashes);

}  // namespace sim
