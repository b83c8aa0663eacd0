// SPDX-License-Identifier: Apache-2.0
#include "sim/shrink.h"

#include <algorithm>
#include <functional>

namespace sim {

namespace {

// Two findings are of one kind when the same check, or the same error, made them.
std::string kind_of(const RunReport& report) {
  if (report.ok()) return "";
  std::string text = report.findings.front();
  const std::string stopped = "the task stopped: ";
  if (text.starts_with(stopped)) text.erase(0, stopped.size());
  return text.substr(0, text.find(':'));
}

class Shrinker {
 public:
  Shrinker(std::uint64_t seed, const Cuts& begin_with) : seed_(seed) {
    shrunk_.cuts = begin_with;
    kind_ = kind_of(run(begin_with));
  }

  Shrunk finish() {
    const RunPlan plan = draw_plan(seed_, shrunk_.cuts);
    attempt([](Cuts& cuts) { cuts.calm_weather = true; });
    attempt([](Cuts& cuts) { cuts.few_switches = true; });
    attempt([](Cuts& cuts) { cuts.sessions = 1; });
    for (std::size_t lives = 0; lives < plan.lives.size(); ++lives) {
      if (attempt([lives](Cuts& cuts) { cuts.lives = std::int64_t(lives); })) break;
    }
    std::int64_t most = std::int64_t(plan.workload.transactions);
    for (std::int64_t step = most / 2; step > 0; step /= 2) {
      while (most - step >= 0 && attempt([&](Cuts& cuts) { cuts.transactions = most - step; })) most -= step;
    }
    shrunk_.report = run_plan(draw_plan(seed_, shrunk_.cuts), true, crashes_);
    return std::move(shrunk_);
  }

 private:
  RunReport run(const Cuts& cuts) {
    shrunk_.runs += 1;
    return run_plan(draw_plan(seed_, cuts), false, crashes_);
  }
  bool attempt(const std::function<void(Cuts&)>& cut) {
    Cuts cuts = shrunk_.cuts;
    cut(cuts);
    if (kind_of(run(cuts)) != kind_) return false;
    shrunk_.cuts = cuts;
    return true;
  }

  const std::uint64_t seed_;
  std::string kind_;
  CrashReport crashes_;
  Shrunk shrunk_;
};

}  // namespace

Shrunk shrink(std::uint64_t seed, const Cuts& begin_with) { return Shrinker(seed, begin_with).finish(); }

std::string arguments_of(const Cuts& cuts) {
  std::string text;
  if (cuts.transactions >= 0) text += fmt::format(" --cut-transactions {}", cuts.transactions);
  if (cuts.lives >= 0) text += fmt::format(" --cut-lives {}", cuts.lives);
  if (cuts.sessions >= 0) text += fmt::format(" --cut-sessions {}", cuts.sessions);
  if (cuts.calm_weather) text += " --calm";
  if (cuts.few_switches) text += " --straight";
  return text;
}

}  // namespace sim
