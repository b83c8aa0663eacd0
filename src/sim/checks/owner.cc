// SPDX-License-Identifier: Apache-2.0
//
// A process that a newer one has replaced, and that goes on with its connections, changes nothing on the target any
// more.
#include "sim/checks/check.h"

namespace sim {
namespace {

class Owner final : public Check {
 public:
  using Check::Check;

  void shown(const std::optional<model::Position>&) override { look(); }
  void ended() override { look(); }

 private:
  void look() {
    const std::uint64_t count = servers_.target.commits_replaced();
    if (count > seen_) find("owner: a process that was replaced has committed on the target");
    seen_ = count;
  }

  std::uint64_t seen_ = 0;
};

}  // namespace

std::unique_ptr<Check> check_owner(const Servers& servers) { return std::make_unique<Owner>(servers); }

}  // namespace sim
