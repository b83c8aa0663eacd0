// SPDX-License-Identifier: Apache-2.0
#include "sim/shrink.h"

#include <algorithm>
#include <functional>

#include "sim/plan_families.h"

namespace sim {

namespace {

constexpr int runs_max = 600;

class Shrinker {
 public:
  explicit Shrinker(const RunPlan& plan) {
    shrunk_.plan = plan;
    kind_ = kind_of(run(plan));
  }

  Shrunk finish() {
    shrink_family();
    shrink_weather();
    attempt([](RunPlan& plan) { plan.scheduler = {0, false, 0}; });
    shrink_list(&RunPlan::lives);
    shrink_list(&RunPlan::outages);
    for (std::size_t i = 0; i < shrunk_.plan.lives.size(); ++i) {
      attempt([i](RunPlan& plan) { plan.lives[i].power_cut = false; });
      attempt([i](RunPlan& plan) { plan.lives[i].reload = -1; });
      attempt([i](RunPlan& plan) { plan.lives[i].left_out = -1; });
      attempt([i](RunPlan& plan) { plan.lives[i].clock_jump = base::Nanos{0}; });
      attempt([i](RunPlan& plan) { plan.lives[i].is_paused = false; });
    }
    attempt([](RunPlan& plan) { plan.workload.sessions = 1; });
    shrink_number([](RunPlan& plan) -> std::size_t& { return plan.workload.transactions; });
    shrink_tables();
    shrink_workload();
    for (std::size_t i = 0; i < shrunk_.plan.tables.size(); ++i) {
      attempt([i](RunPlan& plan) { plan.tables[i].is_filtered = false; });
      attempt([i](RunPlan& plan) {
        plan.tables[i].is_bound = false;
        name_tables(plan);
      });
      attempt([i](RunPlan& plan) {
        plan.tables[i].parent = -1;
        name_tables(plan);
      });
      shrink_number([i](RunPlan& plan) -> std::int64_t& { return plan.tables[i].rows; });
    }
    shrink_number([](RunPlan& plan) -> std::size_t& { return plan.workload.transactions; });
    shrunk_.plan.family.clear();  // what is left is no seed's plan any more
    shrunk_.report = run_plan(shrunk_.plan, true, crashes_);
    return std::move(shrunk_);
  }

 private:
  // What chance alone has drawn for the seed may do.
  void shrink_family() {
    if (shrunk_.plan.family.empty()) return;
    attempt([](RunPlan& plan) { plan = draw_plan(plan.seed, plain_family(), 0); });
  }
  void shrink_weather() {
    const auto calm = [](RunPlan& plan) {
      const std::size_t batch = plan.weather.source.batch_changes_max;
      plan.weather = Weather();
      plan.weather.source.batch_changes_max = batch;
    };
    if (attempt(calm)) return;
    attempt([](RunPlan& plan) { plan.weather.disk = DiskWeather(); });
    attempt([](RunPlan& plan) { plan.weather.store = StoreWeather(); });
    attempt([](RunPlan& plan) { plan.weather.target = TargetWeather(); });
    attempt([](RunPlan& plan) {
      const std::size_t batch = plan.weather.source.batch_changes_max;
      plan.weather.source = SourceWeather();
      plan.weather.source.batch_changes_max = batch;
    });
  }
  void shrink_workload() {
    attempt([](RunPlan& plan) { plan.workload.savepoint_share = 0; });
    attempt([](RunPlan& plan) { plan.workload.streamed_share = 0; });
    attempt([](RunPlan& plan) { plan.workload.rollback_share = 0; });
    attempt([](RunPlan& plan) { plan.workload.prepared_share = 0; });
    attempt([](RunPlan& plan) { plan.workload.truncate_share = 0; });
    attempt([](RunPlan& plan) { plan.workload.giant_share = 0; });
    attempt([](RunPlan& plan) { plan.workload.alter_share = 0; });
    attempt([](RunPlan& plan) { plan.workload.last_column_share = 0; });
    attempt([](RunPlan& plan) { plan.workload.passing_column_share = 0; });
    attempt([](RunPlan& plan) { plan.workload.drop_share = 0; });
    attempt([](RunPlan& plan) { plan.refused_every = 0; });
    attempt([](RunPlan& plan) { plan.refuses_ddl = false; });
    attempt([](RunPlan& plan) { plan.tells_ddl = true; });
    attempt([](RunPlan& plan) { plan.workload.crowd = 0; });
    attempt([](RunPlan& plan) { plan.workload.standby_max = base::Nanos{0}; });
  }
  // Tables are known by their numbers, so only the last ones can go.
  void shrink_tables() {
    while (shrunk_.plan.tables.size() > 1) {
      if (!attempt([](RunPlan& plan) {
            plan.tables.pop_back();
            plan.workload.late_tables = std::min(plan.workload.late_tables, plan.tables.size() - 1);
          })) {
        return;
      }
    }
  }
  template <typename T>
  void shrink_list(std::vector<T> RunPlan::*list) {
    for (std::size_t i = (shrunk_.plan.*list).size(); i > 0; --i) {
      attempt([&](RunPlan& plan) { (plan.*list).erase((plan.*list).begin() + std::ptrdiff_t(i) - 1); });
    }
  }
  template <typename Place>
  void shrink_number(Place&& place) {
    for (auto step = place(shrunk_.plan) / 2; step > 0; step /= 2) {
      while (place(shrunk_.plan) >= step && attempt([&](RunPlan& plan) { place(plan) -= step; })) {
      }
    }
  }
  RunReport run(const RunPlan& plan) {
    shrunk_.runs += 1;
    return run_plan(plan, false, crashes_);
  }
  bool attempt(const std::function<void(RunPlan&)>& cut) {
    RunPlan plan = shrunk_.plan;
    cut(plan);
    if (shrunk_.runs >= runs_max || kind_of(run(plan)) != kind_) return false;
    shrunk_.plan = std::move(plan);
    return true;
  }

  std::string kind_;
  CrashReport crashes_;
  Shrunk shrunk_;
};

}  // namespace

std::string kind_of(const RunReport& report) {
  if (report.ok()) return "";
  std::string text = report.findings.front();
  const std::string stopped = "the task stopped: ";
  if (text.starts_with(stopped)) text.erase(0, stopped.size());
  return text.substr(0, text.find(':'));
}

Shrunk shrink(const RunPlan& plan) { return Shrinker(plan).finish(); }

}  // namespace sim
