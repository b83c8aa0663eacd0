// SPDX-License-Identifier: Apache-2.0
//
// Families of lives. What chance alone brings together once in ten thousands of seeds - a table that is made again just
// while the target is away - is common in one family, whose plans are bent so that it happens. A seed draws its family
// first: seeds that follow each other are spread evenly, so of any two thousand each family has its share. Pure.
#pragma once

#include <span>

#include "sim/plan.h"

namespace sim {

struct Family {
  const char* name;
  int share;          // of all seeds; the shares of all families are `family_shares`
  bool may_be_files;  // else the target is a database
  // Bends a plan; `place` is that of the seed among those of the family, in [0, 1).
  void (*lean)(RunPlan& plan, double place, Chance& chance);
};

inline constexpr int family_shares = 1000;
std::span<const Family> all_families();

struct FamilyPlace {
  const Family* family = nullptr;
  double place = 0;
};
FamilyPlace family_of(std::uint64_t seed);
// In which nothing is bent.
const Family& plain_family();

// Tables that change their columns, go and come back, on a target that refuses some of it.
void lean_on_shapes(RunPlan& plan, Chance& chance);
// A target that has more than its answers said, and is away now and then while streams begin behind it: changes of
// columns come again, in part, to the relay; those that the log does not tell, too.
void lean_on_target_ahead(RunPlan& plan, Chance& chance);
// Tables that are loaded without a fault, and then have rows that the target refuses; their changes are kept.
void lean_on_suspension(RunPlan& plan, Chance& chance);

}  // namespace sim
