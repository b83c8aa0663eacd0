// SPDX-License-Identifier: Apache-2.0
//
// What a stage holds in memory of the changes that pass through it: told to a simulator, which compares it with the
// stage's budget. In production nobody listens, and nothing is weighed.
#pragma once

#include <string_view>

#include "base/thread.h"

namespace base {

// What a Scheduler implements besides when it wants to hear of it.
class HeldWatch {
 public:
  virtual ~HeldWatch() = default;
  virtual void held(std::string_view stage, std::size_t bytes) = 0;
};

// `weigh` counts what is there now, independently of what the stage believes.
template <typename Weigh>
void note_held(std::string_view stage, Weigh&& weigh) {
  Scheduler* scheduler = current_scheduler();
  if (scheduler == nullptr) return;
  if (auto* watch = dynamic_cast<HeldWatch*>(scheduler)) watch->held(stage, weigh());
}

}  // namespace base
