// SPDX-License-Identifier: Apache-2.0
//
// One life of the engine's process, as the world sees it. Whatever the engine does to the world (disk, state store,
// source, target) passes here first: another thread may go on, a fault may strike, the process may die.
//
// Death is that the world hears no more of the process: from the step at which it dies every call fails with sim.died
// and has no effect, so the engine's own code unwinds by itself while it changes nothing. A durable step is counted;
// the plan says at which one the process dies, and whether before or after it took effect (the answer is lost).
//
// Or it does not die: its machine stands still, and every call waits until it goes on, with its connections open and
// its disk gone, for another machine has that by then.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sim/crash_point.h"
#include "sim/trace.h"

namespace sim {

namespace errors {
inline constexpr base::Code died{"sim.died", base::Kind::task, "The simulated process is dead."};
inline constexpr base::Code cut{"sim.cut", base::Kind::transient, "The simulated connection was cut."};
inline constexpr base::Code timed_out{"sim.timed_out", base::Kind::transient, "The simulated server did not answer."};
}  // namespace errors

// How often the process died there, before and after, and how often it did not.
struct CrashCounts {
  std::uint64_t before = 0, after = 0, passed = 0;
  std::uint64_t died() const { return before + after; }
  void add(const CrashCounts& other) {
    before += other.before;
    after += other.after;
    passed += other.passed;
  }
};

struct CrashReport {
  std::map<std::string, CrashCounts> steps;  // by kind of durable step
  std::vector<CrashCounts> points = std::vector<CrashCounts>(crash_points().size());
};

struct CrashPlan {
  std::int64_t at_step = -1;  // counted from 0; -1: never
  std::int64_t point = -1;    // only steps at that crash point count
  bool after = false;
  bool stands_still = false;  // and does not die
};

class Process {
 public:
  Process(SimScheduler& scheduler, Trace& trace, CrashReport& report, CrashPlan plan)
      : scheduler_(scheduler), trace_(trace), report_(report), plan_(plan) {}

  // At the head of every call into the world.
  base::Result<void> enter() {
    scheduler_.step();
    while (still_ && !dead_) scheduler_.pause(std::chrono::milliseconds(20), {});
    if (dead_) return gone();
    return {};
  }
  // A step whose effect outlives the process.
  template <typename Effect>
  auto durable(const std::string& point, Effect&& effect) -> decltype(effect()) {
    TRY(enter());
    const bool counts = plan_.point < 0 || is_at(plan_.point);
    const bool dies = counts && steps_++ == plan_.at_step;
    if (dies && !plan_.after) {
      count(point, {1, 0, 0});
      end("before " + point);
      TRY(enter());
    }
    auto outcome = effect();
    const bool dies_after = dies && !dead_;
    count(point, {0, dies_after ? 1u : 0u, 1});
    if (dies_after) end("after " + point);
    if (dead_) return gone();
    return outcome;
  }

  // As the plan has it. Only one that has nothing to begin any more stands still: its successor finds all it made.
  void end(const std::string& why) {
    if (!plan_.stands_still || !may_stand_still || still_ || has_moved_) return die(why);
    still_ = true;
    trace_.note("the process stands still {}", why);
  }
  void go_on() {
    if (!still_) return;
    still_ = false;
    has_moved_ = true;
    trace_.note("an older process goes on");
  }
  bool is_still() const { return still_; }
  // Another machine has its disk.
  bool has_moved() const { return has_moved_; }
  bool may_stand_still = false;

  void die(const std::string& why) {
    if (dead_) return;
    dead_ = true;
    trace_.note("the process dies {}", why);
    stop_.request_stop();
  }
  bool is_dead() const { return dead_; }
  std::int64_t steps() const { return steps_; }
  std::stop_source& stop() { return stop_; }

 private:
  bool is_at(std::int64_t wanted) const {
    const std::vector<std::uint32_t>& points = scheduler_.points();
    return std::find(points.begin(), points.end(), std::uint32_t(wanted)) != points.end();
  }
  void count(const std::string& step, const CrashCounts& counts) {
    report_.steps[step].add(counts);
    for (const std::uint32_t point : scheduler_.points()) report_.points[point].add(counts);
  }
  base::Error gone() const { return base::failed(errors::died, "the process is dead"); }

  SimScheduler& scheduler_;
  Trace& trace_;
  CrashReport& report_;
  const CrashPlan plan_;
  std::int64_t steps_ = 0;
  bool dead_ = false;
  bool still_ = false, has_moved_ = false;
  std::stop_source stop_;
};

}  // namespace sim
