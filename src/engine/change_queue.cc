// SPDX-License-Identifier: Apache-2.0
#include "engine/change_queue.h"

#include <algorithm>

#include "base/held.h"
#include "engine/errors.h"

namespace engine {
namespace {

using base::Lock;
using base::Result;

constexpr std::size_t sync_bytes_max = 8u << 20;
constexpr base::Nanos sync_interval = std::chrono::milliseconds(200);
constexpr base::Nanos wait_step = std::chrono::milliseconds(20);

}  // namespace

relay::RelayOptions relay_options(const std::string& data_folder, std::uint64_t cap, const Budgets& budgets) {
  relay::RelayOptions options;
  options.folder = data_folder + "/relay";
  // What is applied is given back by whole segments, never the last one.
  options.segment_bytes = std::clamp<std::uint64_t>(cap / 8, budgets.relay_segment_min, budgets.relay_segment);
  return options;
}

Result<std::unique_ptr<ChangeQueue>> ChangeQueue::open(relay::Relay& relay, const model::Position& after,
                                                       bool through_relay, QueueLimits limits, base::Clock& clock) {
  std::unique_ptr<ChangeQueue> queue(new ChangeQueue(relay, limits, clock));
  Lock lock(queue->mutex_);
  queue->stream_start_ = after;
  const model::Position kept = relay.end();
  if (kept <= after) {
    TRY(relay.restart(after));
  } else {
    if (relay.start() > after) {
      return base::failed(errors::relay_gap, "the relay begins at {}, the target stands at {}", relay.start().log,
                          after.log);
    }
    // A transaction whose end is missing comes again, from its beginning.
    queue->kept_ = kept;
    model::Position whole = kept;
    if (kept.sequence != model::sequence_end) whole = model::Position{kept.log - 1, model::sequence_end, ""};
    queue->stream_start_ = queue->appended_ = queue->durable_ = std::max(whole, after);
  }
  if (through_relay || kept > after) {
    queue->relaying_ = true;
    queue->mode_ = "relay";
    queue->reader_ = TRY(relay.read_after(after));
  }
  return queue;
}

// Drops what the relay already holds of a transaction that comes again.
void ChangeQueue::drop_kept(model::ChangeBatch& batch) {
  std::erase_if(batch.changes, [&](const model::Change& change) { return change.position <= kept_; });
}

Result<void> ChangeQueue::append(model::ChangeBatch& batch) {
  if (!batch.changes.empty() && batch.changes.front().position <= kept_) drop_kept(batch);
  TRY(relay_.append(batch));
  if (unsynced_bytes_ == 0) unsynced_since_ = clock_.monotonic();
  unsynced_bytes_ += batch.weight() + 1;
  if (!batch.changes.empty()) inside_transaction_ = batch.changes.back().op != model::Op::commit;
  for (std::size_t i = batch.changes.size(); i > 0; --i) {
    if (batch.changes[i - 1].op != model::Op::commit) continue;
    appended_ = batch.changes[i - 1].position;
    break;
  }
  return {};
}

Result<void> ChangeQueue::sync() {
  if (unsynced_bytes_ == 0) return {};
  TRY(relay_.sync());
  unsynced_bytes_ = 0;
  durable_ = appended_;
  return {};
}

Result<bool> ChangeQueue::try_push(model::ChangeBatch& batch, const std::stop_token& stop) {
  const std::size_t weight = batch.weight();
  Lock lock(mutex_);
  if (!relaying_) {
    if (memory_.has_room(weight)) {
      mode_ = "memory";
      TRY(memory_.send(std::move(batch), weight, stop));
      // One batch alone may be larger.
      base::note_held("queue", [this] { return memory_.size() > 1 ? memory_.bytes() : 0; });
      return true;
    }
    const std::uint64_t log_bytes = source_log_bytes().value_or(0);
    const bool is_relay_full = passed_full_relay_ && trimmed_ < appended_;
    if (log_bytes <= limits_.source_log_bytes_max || is_relay_full) {
      mode_ = is_relay_full ? "source log (relay full)" : "source log";
      return false;
    }
    return base::failed(errors::relay_needed, "the source keeps {} bytes of log for this task", log_bytes);
  }
  const bool is_full = relay_.bytes() + weight > limits_.relay_bytes_max || !relay_.has_room(weight);
  // A transaction larger than the cap: its end can only come when its beginning may stay. The same for a huge batch.
  // And when nothing in it is needed any more: its last segment goes only when another follows.
  const bool is_spent = trimmed_ >= appended_;
  const bool may_pass = starving_ && (inside_transaction_ || is_spent || relay_.bytes() <= limits_.relay_bytes_max / 2);
  if (!is_full || may_pass) {
    blocked_since_.reset();
  } else {
    if (!blocked_since_) blocked_since_ = clock_.monotonic();
    mode_ = "source log (relay full)";
    TRY(sync());
    return false;
  }
  mode_ = "relay";
  starving_ = false;
  TRY(append(batch));
  if (unsynced_bytes_ >= sync_bytes_max) TRY(sync());
  return true;
}

Result<void> ChangeQueue::push(model::ChangeBatch&& batch, const std::function<Result<void>()>& keep_alive,
                               const std::stop_token& stop) {
  while (!TRY(try_push(batch, stop))) {
    TRY(keep_alive());
    if (!clock_.pause(wait_step, stop))
      return base::failed(base::errors::canceled, "stopped while the target was slow");
  }
  return {};
}

Result<void> ChangeQueue::settle(bool now) {
  Lock lock(mutex_);
  if (unsynced_bytes_ == 0) return {};
  if (now || clock_.monotonic() - unsynced_since_ >= sync_interval) return sync();
  return {};
}

// The relay's next batch; when all of it has been read and the source's log is short, memory is used again. (All of an
// empty relay has been read, too: with a long log it is about to be filled.) The same when the relay is full and the
// target took all of it without making enough durable: it may wait for what comes next, as a file does that was
// recorded in an earlier life and is not complete yet.
Result<std::optional<model::ChangeBatch>> ChangeQueue::read_relay() {
  Lock lock(mutex_);
  if (!relaying_ || memory_.size() != 0) return std::optional<model::ChangeBatch>();
  std::optional<model::ChangeBatch> batch = TRY(reader_->next({}, base::Nanos{0}));
  if (!batch && unsynced_bytes_ != 0) {
    TRY(sync());
    batch = TRY(reader_->next({}, base::Nanos{0}));
  }
  starving_ = !batch;
  const std::optional<std::uint64_t> log_bytes = source_log_bytes();
  const bool is_log_short = log_bytes && *log_bytes <= limits_.source_log_bytes_max / 2;
  const bool is_stuck = blocked_since_ && clock_.monotonic() - *blocked_since_ >= limits_.full_relay_wait &&
                        trimmed_ < appended_ && relay_.bytes() > limits_.relay_bytes_max / 2;
  if (!batch && !inside_transaction_ && (is_log_short || is_stuck)) {
    relaying_ = false;
    passed_full_relay_ = is_stuck;
    mode_ = "memory";
    reader_.reset();
  }
  return batch;
}

Result<std::optional<model::ChangeBatch>> ChangeQueue::pop(const std::stop_token& stop, base::Nanos at_most) {
  if (memory_.size() == 0) {
    std::optional<model::ChangeBatch> batch = TRY(read_relay());
    if (batch) return batch;
  }
  // Not long: a batch may come by the relay meanwhile.
  return memory_.receive(stop, at_most);
}

std::optional<std::uint64_t> ChangeQueue::source_log_bytes() const {
  const std::uint64_t bytes = source_log_bytes_.load();
  return bytes == unknown ? std::nullopt : std::optional<std::uint64_t>(bytes);
}

Result<void> ChangeQueue::trim(const model::Position& durable) {
  Lock lock(mutex_);
  trimmed_ = std::max(trimmed_, durable);
  return relay_.trim(durable);
}

model::Position ChangeQueue::relay_durable() const {
  Lock lock(mutex_);
  return durable_;
}

std::string ChangeQueue::mode() const {
  Lock lock(mutex_);
  return std::string(mode_);
}

std::uint64_t ChangeQueue::relay_bytes() const {
  Lock lock(mutex_);
  return relay_.bytes();
}

}  // namespace engine
