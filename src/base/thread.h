// SPDX-License-Identifier: Apache-2.0
//
// The seam of threads. Mutex, Condition and TaskGroup are the only blocking primitives that engine, relay and mapping
// use (tools/tidy.py checks it). In production they are std::mutex, std::condition_variable and std::thread. A thread
// that a simulator started carries a Scheduler in its thread-local slot; then every lock, wait, notify and start goes
// to that scheduler, which runs one thread at a time and picks the next by its seed.
//
// Order: construct TaskGroup, spawn, then join() exactly once; the destructor stops and joins what is left.
// How it fails: the first Error returned by a member wins, requests stop for its siblings, and is what join() returns.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"

#if defined(__clang__)
#define MR_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define MR_THREAD_ATTRIBUTE(x)
#endif
#define MR_CAPABILITY(x) MR_THREAD_ATTRIBUTE(capability(x))
#define MR_SCOPED_CAPABILITY MR_THREAD_ATTRIBUTE(scoped_lockable)
#define GUARDED_BY(x) MR_THREAD_ATTRIBUTE(guarded_by(x))
#define REQUIRES(...) MR_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define ACQUIRE(...) MR_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define RELEASE(...) MR_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))

namespace base {

using Nanos = std::chrono::nanoseconds;

// Processors this process may use; at least 1.
std::size_t processor_count();

class Mutex;
class Condition;

// What a simulator implements. All calls come from threads it started itself.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  virtual void lock(Mutex& mutex) = 0;
  virtual void unlock(Mutex& mutex) = 0;
  // Releases the mutex, waits until notified or the (simulated) time has passed, takes the mutex again.
  virtual void wait(Condition& condition, Mutex& mutex, Nanos at_most) = 0;
  virtual void notify(Condition& condition, bool everyone) = 0;
  virtual void start(std::string name, std::function<void()> body) = 0;
  // Returns when the thread started under that index has ended.
  virtual void join(std::size_t thread) = 0;
  virtual std::size_t threads_started() const = 0;
  virtual std::size_t processors() const = 0;  // what processor_count() says
};

// The scheduler of the calling thread, or nullptr in production.
Scheduler*& current_scheduler();

class MR_CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE();
  void unlock() RELEASE();

 private:
  friend class Condition;
  std::mutex mutex_;
};

class MR_SCOPED_CAPABILITY Lock {
 public:
  explicit Lock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~Lock() RELEASE() { mutex_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Mutex& mutex_;
};

class Condition {
 public:
  // Waits at most that long; the caller loops over its own predicate (wake-ups may be spurious).
  void wait(Mutex& mutex, Nanos at_most) REQUIRES(mutex);
  void notify_one();
  void notify_all();

 private:
  std::condition_variable_any changed_;
};

class TaskGroup {
 public:
  TaskGroup() = default;
  explicit TaskGroup(std::stop_token parent);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void spawn(std::string name, std::function<Result<void>(std::stop_token)> body);
  void request_stop() { stop_.request_stop(); }
  std::stop_token stop_token() const { return stop_.get_token(); }
  // Waits for all members. The first error wins; a `canceled` error yields to any other.
  Result<void> join();
  std::size_t running() const { return running_.load(); }

 private:
  void finish(Result<void> outcome);

  std::stop_source stop_;
  std::unique_ptr<std::stop_callback<std::function<void()>>> parent_link_;
  std::vector<std::thread> threads_;
  std::vector<std::size_t> simulated_;
  std::atomic<std::size_t> running_{0};
  Mutex mutex_;
  std::optional<Error> first_error_ GUARDED_BY(mutex_);
};

}  // namespace base
