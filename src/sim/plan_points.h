// SPDX-License-Identifier: Apache-2.0
//
// Bends a plan so that its processes come to one crash point and die there. Pure.
#pragma once

#include "sim/plan.h"

namespace sim {

void lean_on_point(RunPlan& plan, const std::string& point, Chance& chance);
// A life that ends at the step-th durable step of the point, before or after it, with or without a power cut.
LifePlan death(const std::string& point, std::int64_t step, Chance& chance);
// The name of a crash point that runs should reach; any.
std::string draw_point(Chance& chance);
// The one at that place of [0, 1): of places that are spread evenly each has its part, the larger the more seldom a
// process comes to it.
std::string point_at(double place);

}  // namespace sim
