// SPDX-License-Identifier: Apache-2.0
//
// The scheduler that owns every interleaving: each thread that TaskGroup starts is a fiber, one runs at a time, and at
// each lock, wait, notify and seam call the seed decides who goes on. Time is simulated: it stands still while somebody
// can run, but for a microsecond a step, and jumps to the next deadline when nobody can.
//
// Owner: one run. run() is called once, from the thread that simulates; everything else from inside a fiber.
// How it ends: when all fibers have returned; or with a verdict when nobody can ever run again ("deadlock") or the
// limits of steps and time are passed ("no end"). Then the fibers' stacks are lost, with what lies on them.
#pragma once

#include <string>
#include <vector>

#include "base/held.h"
#include "sim/chance.h"
#include "sim/fiber.h"

namespace sim {

// How the next thread is picked; drawn by the seed.
struct SchedulerStyle {
  std::uint64_t switch_share = 100'000;  // at a point where one may switch: of a million
  bool by_rank = false;                  // the highest rank runs; ranks are drawn and change now and then
  std::uint64_t spurious_share = 0;      // waits that wake up for nothing, of a million
  std::uint64_t steps_max = 20'000'000;
  base::Nanos time_max = std::chrono::hours(24);
};

class SimScheduler final : public base::Scheduler, public base::HeldWatch {
 public:
  SimScheduler(Chance chance, SchedulerStyle style);
  ~SimScheduler() override;

  // Runs `body` as the first thread; empty when all threads have ended, else what went wrong.
  std::string run(std::function<void()> body);

  void lock(base::Mutex& mutex) override;
  void unlock(base::Mutex& mutex) override;
  void wait(base::Condition& condition, base::Mutex& mutex, base::Nanos at_most) override;
  void notify(base::Condition& condition, bool everyone) override;
  void start(std::string name, std::function<void()> body) override;
  void join(std::size_t thread) override;
  std::size_t threads_started() const override { return threads_.size(); }
  std::size_t processors() const override { return 2; }
  void held(std::string_view stage, std::size_t bytes) override {
    if (on_held) on_held(stage, bytes);
  }
  std::function<void(std::string_view, std::size_t)> on_held;

  // A place where another thread may go on. Nothing while calm.
  void step();
  // Sleeps that long, less when `stop` is requested: then false.
  bool pause(base::Nanos length, const std::stop_token& stop);
  base::Nanos now() const { return now_; }
  std::uint64_t steps() const { return steps_; }
  const std::string& name() const;  // of the running thread
  // The crash points that the running thread is at, outermost first; see crash_point.h.
  std::vector<std::uint32_t>& points() { return running_->points; }
  // What the threads are doing, for a report.
  std::string describe() const;

  // While it exists the running thread goes on without a switch: for checkers that look at a moment.
  class Calm {
   public:
    explicit Calm(SimScheduler& scheduler) : scheduler_(scheduler) { ++scheduler_.calm_; }
    ~Calm() { --scheduler_.calm_; }
    Calm(const Calm&) = delete;
    Calm& operator=(const Calm&) = delete;

   private:
    SimScheduler& scheduler_;
  };

 private:
  enum class State { runnable, locking, waiting, sleeping, joining, ended };
  struct Thread {
    std::size_t index = 0;
    std::string name;
    State state = State::runnable;
    const void* waits_for = nullptr;  // mutex or condition
    std::size_t joins = 0;
    base::Nanos deadline = base::Nanos::max();
    std::uint64_t rank = 0;
    std::vector<std::uint32_t> points;
    std::unique_ptr<Fiber> fiber;
  };
  struct Held {
    const base::Mutex* mutex;
    const Thread* owner;
  };

  void begin(std::string name, std::function<void()> body);
  Thread* choose();
  void leave();  // the running thread's state is set: somebody else goes on
  void take(base::Mutex& mutex);
  void give(base::Mutex& mutex);
  bool is_held(const base::Mutex& mutex) const;

  Chance chance_;
  SchedulerStyle style_;
  std::vector<std::unique_ptr<Thread>> threads_;  // all that were ever started
  std::vector<Thread*> living_;                   // by index
  std::vector<Thread*> candidates_;
  std::vector<Held> held_;
  std::vector<std::unique_ptr<Fiber>> finished_;  // their stacks are free once somebody else runs
  Thread* running_ = nullptr;
  Context outside_;
  base::Nanos now_{std::chrono::seconds(1)};
  std::uint64_t steps_ = 0;
  int calm_ = 0;
  std::string verdict_;
};

class SimClock final : public base::Clock {
 public:
  SimClock(SimScheduler& scheduler, base::WallMicros start) : scheduler_(scheduler), start_(start) {}
  base::WallMicros wall() const override { return start_ + skew + scheduler_.now().count() / 1000; }
  base::Nanos monotonic() const override { return scheduler_.now(); }
  bool pause(base::Nanos length, const std::stop_token& stop) override { return scheduler_.pause(length, stop); }
  base::WallMicros skew = 0;  // the wall clock may jump

 private:
  SimScheduler& scheduler_;
  const base::WallMicros start_;
};

}  // namespace sim
