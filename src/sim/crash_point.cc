// SPDX-License-Identifier: Apache-2.0
#include "sim/crash_point.h"

#include "sim/scheduler.h"

namespace sim {

// Outside of a run there is no scheduler.
AtPoint::AtPoint(std::uint32_t number)
    : points_(base::current_scheduler() == nullptr ? nullptr
                                                   : &static_cast<SimScheduler*>(base::current_scheduler())->points()) {
  if (points_ != nullptr) points_->push_back(number);
}

AtPoint::~AtPoint() {
  if (points_ != nullptr) points_->pop_back();
}

}  // namespace sim
