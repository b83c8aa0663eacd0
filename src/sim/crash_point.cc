// SPDX-License-Identifier: Apache-2.0
#include "sim/crash_point.h"

#include "sim/scheduler.h"

namespace sim {

std::int64_t point_number(std::string_view name) {
  const std::vector<CrashPoint>& points = crash_points();
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].name == name) return std::int64_t(i);
  }
  return -1;
}

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
