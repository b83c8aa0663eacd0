// SPDX-License-Identifier: Apache-2.0
//
// From a plan that fails to the smallest one that fails the same way: parts are left out one after another as long as
// the same check finds something. Pure search over runs; one thread.
#pragma once

#include "sim/run.h"

namespace sim {

struct Shrunk {
  RunPlan plan;
  RunReport report;  // of the smallest run, with its trace
  int runs = 0;
};

Shrunk shrink(const RunPlan& plan);

// Two findings are of one kind when the same check, or the same error, made them: its first words; empty: all is well.
std::string kind_of(const RunReport& report);

}  // namespace sim
