// SPDX-License-Identifier: Apache-2.0
//
// A queue between two stages, weighed in bytes. One giant item is always admitted when the queue is empty, so a row
// larger than the budget passes alone instead of dead-locking. Any number of senders and receivers.
//
// Three ends: close() is end of input (receivers drain, then get nullopt); a stop token abandons (canceled);
// fail() passes an Error to both sides. Every wait sees its stop token within wait_step_max.
#pragma once

#include <deque>
#include <optional>

#include "base/thread.h"

namespace base {

inline constexpr Nanos wait_step_max = std::chrono::milliseconds(50);

template <typename T>
class Channel {
 public:
  explicit Channel(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Blocks while the queue is over its budget.
  Result<void> send(T item, std::size_t bytes, const std::stop_token& stop) {
    Lock lock(mutex_);
    while (!closed_ && !error_ && !items_.empty() && bytes_ + bytes > bytes_max_) {
      if (stop.stop_requested()) return failed(errors::canceled, "stopped while sending");
      changed_.wait(mutex_, wait_step_max);
    }
    if (error_) return Error(*error_);
    if (closed_) return failed(errors::closed, "send on a closed channel");
    bytes_ += bytes;
    items_.push_back(Item{std::move(item), bytes});
    changed_.notify_all();
    return {};
  }

  // True when an item of that size would be admitted now. With one sender the answer holds until it sends.
  bool has_room(std::size_t bytes) {
    Lock lock(mutex_);
    return items_.empty() || bytes_ + bytes <= bytes_max_;
  }

  // Blocks until an item, the end (nullopt), an error, or `at_most` has passed (also nullopt; see ended()).
  Result<std::optional<T>> receive(const std::stop_token& stop, Nanos at_most = Nanos::max()) {
    Lock lock(mutex_);
    Nanos waited{0};
    while (items_.empty() && !closed_ && !error_) {
      if (stop.stop_requested()) return failed(errors::canceled, "stopped while receiving");
      if (waited >= at_most) return std::optional<T>();
      const Nanos step = std::min(wait_step_max, at_most - waited);
      changed_.wait(mutex_, step);
      waited += step;
    }
    if (error_) return Error(*error_);
    if (items_.empty()) return std::optional<T>();
    Item item = std::move(items_.front());
    items_.pop_front();
    bytes_ -= item.bytes;
    changed_.notify_all();
    return std::optional<T>(std::move(item.value));
  }

  void close() {
    Lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  void fail(Error error) {
    Lock lock(mutex_);
    if (!error_) error_ = std::move(error);
    changed_.notify_all();
  }
  bool ended() {
    Lock lock(mutex_);
    return closed_ && items_.empty();
  }
  std::size_t bytes() {
    Lock lock(mutex_);
    return bytes_;
  }
  std::size_t size() {
    Lock lock(mutex_);
    return items_.size();
  }

 private:
  struct Item {
    T value;
    std::size_t bytes;
  };
  const std::size_t bytes_max_;
  Mutex mutex_;
  Condition changed_;
  std::deque<Item> items_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::optional<Error> error_ GUARDED_BY(mutex_);
};

}  // namespace base
