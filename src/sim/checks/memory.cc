// SPDX-License-Identifier: Apache-2.0
//
// Memory stays within its budgets: what the queue between the stages holds, what has been gathered of a group before
// more is added to it, and the transactions that are open, weighed whenever one of them grows.
#include "sim/checks/check.h"

namespace sim {
namespace {

class Memory final : public Check {
 public:
  using Check::Check;

  void held(std::string_view stage, std::size_t bytes) override {
    const std::size_t budget = stage == "queue"   ? servers_.plan.queue_bytes
                               : stage == "group" ? servers_.plan.group_bytes
                                                  : servers_.plan.spool_bytes;
    if (bytes <= budget) return;
    find("memory: the {} holds {} bytes, its budget is {}", stage, bytes, budget);
  }
};

}  // namespace

std::unique_ptr<Check> check_memory(const Servers& servers) { return std::make_unique<Memory>(servers); }

}  // namespace sim
