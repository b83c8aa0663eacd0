// SPDX-License-Identifier: Apache-2.0
//
// A plan as a text that a person can read, bend and keep: JSON, member by member as in plan.h, with everything that is
// as it is by default left out. A member that a text does not have is as it is by default, so that old texts stay true.
// How it fails: base.bad_json, sim.bad_plan.
#pragma once

#include "sim/plan.h"

namespace sim {

std::string print_plan(const RunPlan& plan);
base::Result<RunPlan> parse_plan(std::string_view text, std::string_view what);

namespace errors {
inline constexpr base::Code bad_plan{"sim.bad_plan", base::Kind::input, "The text is not a plan of the simulator."};
}  // namespace errors

}  // namespace sim
