// SPDX-License-Identifier: Apache-2.0
//
// The source is told to forget only what is durable elsewhere: in the target, or in the relay, without a gap behind the
// target. The relay is asked as a power cut right now would leave it, by its own recovery on a copy of the disk.
#include "relay/relay.h"
#include "sim/checks/check.h"

namespace sim {
namespace {

class Acknowledged final : public Check {
 public:
  using Check::Check;

  void slot_begun(const model::Position& start) override { start_ = start; }
  void confirmed(const model::Position& position) override {
    // Before its first position the target needs everything since the slot began.
    const model::Position held = servers_.held().value_or(start_);
    if (position <= held) return;
    SimScheduler::Calm calm(servers_.scheduler);
    const std::unique_ptr<DiskServer> left = servers_.disk.certain();
    ProcessDisk disk(*left, nullptr, servers_.scheduler);
    relay::RelayOptions options;
    options.folder = servers_.relay_folder;
    base::Result<std::unique_ptr<relay::Relay>> relay = relay::Relay::open(disk, options);
    if (!relay.ok()) {
      find("acknowledged: {} was confirmed, the target holds {}, and the relay: {}", position.log, held.log,
           relay.error().text());
      return;
    }
    const model::Position start = (*relay)->start();
    const model::Position end = (*relay)->end();
    if (end >= position && start <= held) return;
    find("acknowledged: {} was confirmed, but the target holds {} and the relay ({}, {}]", position.log, held.log,
         start.log, end.log);
  }

 private:
  model::Position start_;
};

}  // namespace

std::unique_ptr<Check> check_acknowledged(const Servers& servers) { return std::make_unique<Acknowledged>(servers); }

std::vector<std::unique_ptr<Check>> all_checks(const Servers& servers) {
  std::vector<std::unique_ptr<Check>> checks;
  if (servers.lake != nullptr) {
    checks.push_back(check_lake_names(servers));
    checks.push_back(check_lake_content(servers));
  } else {
    checks.push_back(check_equality(servers));
    checks.push_back(check_key_order(servers));
    checks.push_back(check_bank(servers));
    checks.push_back(check_foreign_keys(servers));
    checks.push_back(check_owner(servers));
  }
  checks.push_back(check_memory(servers));
  checks.push_back(check_positions(servers));
  checks.push_back(check_acknowledged(servers));
  return checks;
}

}  // namespace sim
