// SPDX-License-Identifier: Apache-2.0
#include "server/metrics.h"

#include <algorithm>

#include "server/tasks.h"

namespace server {
namespace {

constexpr std::array states{"ready", "starting", "running", "stopping", "stopped", "failed", "deleting"};
constexpr double micros = 1e-6;

struct TaskMetric {
  const char* name;
  const char* help;
  const char* type;
  double (*value)(const json& report);
};

double sum_of(const json& report, const char* member) {
  double sum = 0;
  for (const json& table : report.value("tables", json::array())) sum += table.value(member, 0.0);
  return sum;
}

double latency(const json& report, const char* member) { return std::max(0.0, report.value(member, 0.0) * micros); }

constexpr std::array<TaskMetric, 6> task_metrics{
    TaskMetric{"millrace_task_source_latency_seconds", "CDCLatencySource, seconds", "gauge",
               [](const json& report) { return latency(report, "source_latency_us"); }},
    TaskMetric{"millrace_task_target_latency_seconds", "CDCLatencyTarget, seconds", "gauge",
               [](const json& report) { return latency(report, "target_latency_us"); }},
    TaskMetric{"millrace_task_changes_captured_total", "its rate is CDCThroughputRowsSource, rows/s", "counter",
               [](const json& report) { return report.value("changes_captured", 0.0); }},
    TaskMetric{"millrace_task_changes_applied_total", "its rate is CDCThroughputRowsTarget, rows/s", "counter",
               [](const json& report) { return report.value("changes_applied", 0.0); }},
    TaskMetric{"millrace_task_changes_waiting", "CDCIncomingChanges, count", "gauge",
               [](const json& report) {
                 return std::max(0.0, report.value("changes_captured", 0.0) - report.value("changes_applied", 0.0));
               }},
    TaskMetric{"millrace_task_rows_loaded_total", "its rate is FullLoadThroughputRowsTarget, rows/s", "counter",
               [](const json& report) { return sum_of(report, "FullLoadRows"); }},
};

void head(std::string& out, std::string_view name, std::string_view help, std::string_view type) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

}  // namespace

void Metrics::count(base::Nanos latency, std::string_view outcome) {
  const double seconds = std::chrono::duration<double>(latency).count();
  const auto slot = static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin());
  base::Lock lock(mutex_);
  slots_[slot] += 1;
  seconds_ += seconds;
  const auto found = outcomes_.find(outcome);
  if (found == outcomes_.end()) {
    outcomes_.emplace(outcome, 1);
  } else {
    found->second += 1;
  }
}

base::Result<std::string> Metrics::text(Ground& ground) {
  std::string out;
  head(out, "millrace_tasks", "tasks and replications by state", "gauge");
  std::vector<Resource> running;
  for (const char* state : states) {
    std::size_t count = 0;
    for (const char* kind : {task_kind, config_kind}) {
      std::vector<Resource> found = TRY(ground.store.in_state(kind, {state}));
      count += found.size();
      if (std::string_view(state) != "running") continue;
      std::move(found.begin(), found.end(), std::back_inserter(running));
    }
    out += fmt::format("millrace_tasks{{state=\"{}\"}} {}\n", state, count);
  }
  std::vector<std::pair<std::string, json>> reports;
  for (const Resource& task : running) reports.emplace_back(task.id, read_report(ground, task));
  for (const TaskMetric& metric : task_metrics) {
    head(out, metric.name, metric.help, metric.type);
    for (const auto& [id, report] : reports) {
      out += fmt::format("{}{{task=\"{}\"}} {}\n", metric.name, id, metric.value(report));
    }
  }
  base::Lock lock(mutex_);
  head(out, "millrace_api_calls_total", "calls of the API by outcome", "counter");
  for (const auto& [outcome, count] : outcomes_) {
    out += fmt::format("millrace_api_calls_total{{outcome=\"{}\"}} {}\n", outcome, count);
  }
  head(out, "millrace_api_seconds", "how long calls of the API took", "histogram");
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    sum += slots_[i];
    out += fmt::format("millrace_api_seconds_bucket{{le=\"{}\"}} {}\n", bounds[i], sum);
  }
  sum += slots_.back();
  out += fmt::format(
      "millrace_api_seconds_bucket{{le=\"+Inf\"}} {}\nmillrace_api_seconds_sum {}\nmillrace_api_seconds_count {}\n",
      sum, seconds_, sum);
  return out;
}

}  // namespace server
