// SPDX-License-Identifier: Apache-2.0
//
// The transactional target's connector: keeps the promise of connect/target.h over a TargetServer, as one process sees
// it. Chunks of a load commit each by itself; changes and position commit together. The network may cut the connection
// before a commit, or after it, so that the answer is lost.
//
// Two ways of applying, by the plan: change by change, or compacted key by key as the PostgreSQL target does it.
#pragma once

#include "connect/target.h"
#include "sim/process.h"
#include "sim/target_server.h"

namespace sim {

// Shares are of a million calls.
struct TargetWeather {
  std::uint64_t cut_share = 0;
  std::uint64_t lost_answer_share = 0;  // of commits: done, but the connection is cut
  base::Nanos lost_answer_wait{0};      // until that is noticed, at most
  std::uint64_t slow_share = 0;
  base::Nanos slow_max = std::chrono::milliseconds(500);
  bool is_down = false;
};

// What watches the engine's dealings with the target. `shown` is called after each commit that readers can see.
class TargetWatch {
 public:
  virtual ~TargetWatch() = default;
  virtual void prepared(const model::TableName& table) = 0;  // its rows are gone, it will be loaded
  virtual void loaded(const model::TableName& table) = 0;
  // A suspended table holds its kept changes up to there.
  virtual void replayed(const model::TableName& table, const model::Position& position) = 0;
  virtual void position_forgotten() = 0;
  virtual void shown(const std::optional<model::Position>& position) = 0;
};

struct TargetSide {
  SimScheduler& scheduler;
  Trace& trace;
  TargetServer& server;
  Process& process;
  TargetWeather& weather;
  TargetWatch& watch;
  Chance& chance;
  bool compacts = false;
};

base::Result<std::unique_ptr<connect::Target>> open_target(const TargetSide& side, const connect::Context& context);

}  // namespace sim
