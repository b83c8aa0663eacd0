// SPDX-License-Identifier: Apache-2.0
//
// Between capture and apply. While the target keeps up, batches pass through memory. When it does not, the source's
// log holds them: capture stops reading. When that log has grown to its cap, push() fails with engine.relay_needed, and
// the streaming starts anew from what the target holds durably, with the relay in between: the relay then holds every
// change behind that position without a gap, up to a cap of its own; beyond it the source's log holds again. When the
// applier has read all of the relay and the source's log is at most half its cap, memory is used again. Nothing is ever
// dropped.
//
//   memory --full--> source log <= cap: wait                 (mode "source log")
//                    source log >  cap: engine.relay_needed  (the streaming starts again in mode "relay")
//   relay  --its cap--> wait                                 (mode "source log (relay full)")
//   relay  --all read, at a commit, source log short--> memory
//   relay  --full, all read, at a commit, but not durable at the target--> memory, and wait while that is full
//   A transaction larger than the relay's cap goes beyond it, as fast as the applier reads.
//
// push/settle: the capture thread. pop: the apply thread. The rest: any thread.
#pragma once

#include <atomic>

#include "base/channel.h"
#include "base/clock.h"
#include "engine/task.h"
#include "model/change.h"
#include "relay/relay.h"

namespace engine {

struct QueueLimits {
  std::size_t memory_bytes_max = 24u << 20;
  std::uint64_t source_log_bytes_max = 4ull << 30;
  std::uint64_t relay_bytes_max = 16ull << 30;
  base::Nanos full_relay_wait = std::chrono::seconds(5);  // so long the target may take to make room
};

// How the relay of a task is opened.
relay::RelayOptions relay_options(const std::string& data_folder, std::uint64_t cap, const Budgets& budgets = {});

class ChangeQueue {
 public:
  // `after`: the target holds everything up to there; a relay that holds more is read from there first. With
  // `through_relay` everything goes through the relay until the applier has caught up.
  static base::Result<std::unique_ptr<ChangeQueue>> open(relay::Relay& relay, const model::Position& after,
                                                         bool through_relay, QueueLimits limits, base::Clock& clock);

  // Where the source's stream must begin: behind all that the relay holds.
  model::Position stream_start() const { return stream_start_; }

  // Blocks while there is no room; `keep_alive` is called meanwhile.
  base::Result<void> push(model::ChangeBatch&& batch, const std::function<base::Result<void>()>& keep_alive,
                          const std::stop_token& stop);
  // Makes durable what the relay was given, when it is time.
  base::Result<void> settle(bool now = false);
  base::Result<std::optional<model::ChangeBatch>> pop(const std::stop_token& stop, base::Nanos at_most);

  void set_source_log_bytes(std::uint64_t bytes) { source_log_bytes_ = bytes; }
  // The target holds everything up to there durably.
  base::Result<void> trim(const model::Position& durable);
  // The last commit that is durable in the relay; log 0: the relay was never needed.
  model::Position relay_durable() const;
  std::string mode() const;
  std::uint64_t relay_bytes() const;
  std::size_t memory_bytes() { return memory_.bytes(); }

 private:
  ChangeQueue(relay::Relay& relay, QueueLimits limits, base::Clock& clock)
      : relay_(relay), limits_(limits), clock_(clock), memory_(limits.memory_bytes_max) {}

  base::Result<bool> try_push(model::ChangeBatch& batch, const std::stop_token& stop);
  base::Result<void> append(model::ChangeBatch& batch) REQUIRES(mutex_);
  void drop_kept(model::ChangeBatch& batch);
  std::optional<std::uint64_t> source_log_bytes() const;  // nullopt: not looked at yet
  base::Result<void> sync() REQUIRES(mutex_);
  base::Result<std::optional<model::ChangeBatch>> read_relay();

  relay::Relay& relay_;
  const QueueLimits limits_;
  base::Clock& clock_;
  base::Channel<model::ChangeBatch> memory_;
  static constexpr std::uint64_t unknown = ~std::uint64_t{0};
  std::atomic<std::uint64_t> source_log_bytes_{unknown};
  model::Position stream_start_;
  model::Position kept_;  // the relay held everything up to here when it was opened
  mutable base::Mutex mutex_;
  bool relaying_ GUARDED_BY(mutex_) = false;
  std::string_view mode_ GUARDED_BY(mutex_) = "memory";
  std::unique_ptr<relay::Reader> reader_ GUARDED_BY(mutex_);
  std::size_t unsynced_bytes_ GUARDED_BY(mutex_) = 0;
  base::Nanos unsynced_since_ GUARDED_BY(mutex_){0};
  bool starving_ GUARDED_BY(mutex_) = false;                     // the applier has read all of the relay
  std::optional<base::Nanos> blocked_since_ GUARDED_BY(mutex_);  // a batch waits for room in the relay
  bool passed_full_relay_ GUARDED_BY(mutex_) = false;            // memory is used although the relay is needed still
  bool inside_transaction_ GUARDED_BY(mutex_) = false;           // the last batch appended ended before its commit
  model::Position appended_ GUARDED_BY(mutex_);
  model::Position trimmed_ GUARDED_BY(mutex_);  // the target holds everything up to here
  model::Position durable_ GUARDED_BY(mutex_);
};

}  // namespace engine
