// SPDX-License-Identifier: Apache-2.0
//
// Positions only grow: what the target says it holds never goes back (but for a start from the beginning), and never
// runs ahead of the source's log.
#include "sim/checks/check.h"

namespace sim {
namespace {

class Positions final : public Check {
 public:
  using Check::Check;

  void position_forgotten() override { last_.reset(); }
  void shown(const std::optional<model::Position>& position) override {
    if (!position) return;
    if (last_ && *position < *last_) find("positions: the target goes back from {} to {}", last_->log, position->log);
    if (position->log > servers_.source.end_of_log()) {
      find("positions: the target claims {}, the log ends at {}", position->log, servers_.source.end_of_log());
    }
    if (position->sequence != model::sequence_end) {
      find("positions: the target claims the middle of the transaction at {}", position->log);
    }
    last_ = position;
  }

 private:
  std::optional<model::Position> last_;
};

}  // namespace

std::unique_ptr<Check> check_positions(const Servers& servers) { return std::make_unique<Positions>(servers); }

}  // namespace sim
