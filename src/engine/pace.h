// SPDX-License-Identifier: Apache-2.0
//
// How source transactions are gathered into one of the target: ChangeProcessingTuning. DMS's defaults count as not
// chosen: then a group goes as soon as the target is free, with all that has arrived. Other values make groups wait, as
// the user asked. Pure.
#pragma once

#include "base/clock.h"
#include "engine/group.h"
#include "engine/task.h"

namespace engine {

struct GroupPace {
  GroupLimits limits;
  std::size_t rows_enough = 0;  // so many need not wait; 0: all wait
  base::Nanos wait{0};          // 0: nothing waits

  // `gathers`: connect::Target::gains_from_groups().
  static GroupPace of(const Settings& settings, const Budgets& budgets, bool gathers);
  bool is_due(std::size_t rows, base::Nanos waited) const {
    return wait.count() == 0 || waited >= wait || (rows_enough != 0 && rows >= rows_enough);
  }
};

}  // namespace engine
