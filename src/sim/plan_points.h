// SPDX-License-Identifier: Apache-2.0
//
// Bends a plan so that its processes come to one crash point, drawn from all, and die there. Pure.
#pragma once

#include "sim/plan.h"

namespace sim {

// Tables that change their columns, go and come back, on a target that refuses some of it.
void lean_on_shapes(RunPlan& plan, Chance& chance);
void lean_on_unreported(RunPlan& plan, Chance& chance);
void lean_on_target_ahead(RunPlan& plan, Chance& chance);
void lean_on_point(RunPlan& plan, Chance& chance);
// The name of a crash point that runs should reach.
std::string draw_point(Chance& chance);

}  // namespace sim
