// SPDX-License-Identifier: Apache-2.0
//
// From a seed that fails to the smallest run of it that fails the same way: parts of the plan are left out one after
// another as long as the same check finds something. Pure search over runs; one thread.
#pragma once

#include "sim/run.h"

namespace sim {

struct Shrunk {
  Cuts cuts;
  RunReport report;  // of the smallest run, with its trace
  int runs = 0;
};

Shrunk shrink(std::uint64_t seed, const Cuts& begin_with);

// "--cut-transactions 12 --calm": how to run it again.
std::string arguments_of(const Cuts& cuts);

}  // namespace sim
