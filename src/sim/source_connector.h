// SPDX-License-Identifier: Apache-2.0
//
// The source's connector: keeps the promise of connect/source.h over a SourceServer, as one process sees it, and lets
// the network misbehave within that promise: connections are cut, hang half-open until they time out, answers come
// late, batches end anywhere, and what was delivered before is delivered again after every reconnect.
//
// All threads of the engine; objects must not outlive server and process.
#pragma once

#include "connect/source.h"
#include "sim/process.h"
#include "sim/source_server.h"

namespace sim {

// Shares are of a million calls.
struct SourceWeather {
  std::uint64_t cut_share = 0;        // the connection breaks at this call
  std::uint64_t half_open_share = 0;  // from this call on nothing comes, until it times out
  std::uint64_t slow_share = 0;
  std::uint64_t yield_share = 0;  // a chunk gives its locks up
  base::Nanos slow_max = std::chrono::milliseconds(200);
  bool is_down = false;  // refuses every connection
  std::size_t batch_changes_max = 20;
};

// What watches the engine's dealings with the source.
class SourceWatch {
 public:
  virtual ~SourceWatch() = default;
  virtual void slot_begun(const model::Position& start) = 0;
  virtual void snapshot_taken(const model::Fence& fence) = 0;
  virtual void confirmed(const model::Position& position) = 0;
};

struct SourceSide {
  SimScheduler& scheduler;
  Trace& trace;
  SourceServer& server;
  Process& process;
  SourceWeather& weather;
  SourceWatch& watch;
  Chance& chance;
};

base::Result<std::unique_ptr<connect::Source>> open_source(const SourceSide& side);

}  // namespace sim
