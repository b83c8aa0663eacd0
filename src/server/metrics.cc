// SPDX-License-Identifier: Apache-2.0
#include "server/metrics.h"

#include <algorithm>

#include "api/names.h"
#include "server/budgets.h"
#include "server/instances.h"
#include "server/machine.h"
#include "server/tasks.h"

namespace server {
namespace {

constexpr std::array states{"ready", "starting", "running", "stopping", "stopped", "failed", "deleting"};
constexpr double micros = 1e-6;

struct TaskView {
  std::string labels;
  json report;
  ProcessCounts process;
};

// The help names the CloudWatch metric that it stands for, and its unit there.
template <typename Seen>
struct Metric {
  const char* name;
  const char* help;
  const char* type;
  double (*value)(const Seen& seen);
};

double sum_of(const json& report, const char* member) {
  double sum = 0;
  for (const json& table : report.value("tables", json::array())) sum += table.value(member, 0.0);
  return sum;
}

double latency(const TaskView& task, const char* member) {
  return std::max(0.0, task.report.value(member, 0.0) * micros);
}

double number(const TaskView& task, const char* member) { return task.report.value(member, 0.0); }

constexpr std::array task_metrics{
    Metric<TaskView>{"millrace_task_source_latency_seconds", "CDCLatencySource, seconds", "gauge",
                     [](const TaskView& task) { return latency(task, "source_latency_us"); }},
    Metric<TaskView>{"millrace_task_target_latency_seconds", "CDCLatencyTarget, seconds", "gauge",
                     [](const TaskView& task) { return latency(task, "target_latency_us"); }},
    Metric<TaskView>{"millrace_task_changes_captured_total", "its rate is CDCThroughputRowsSource, rows/s", "counter",
                     [](const TaskView& task) { return number(task, "changes_captured"); }},
    Metric<TaskView>{"millrace_task_captured_bytes_total",
                     "its rate is the bandwidth of the changes read (CDCThroughputBandwidthTarget / 1024, KB/s)",
                     "counter", [](const TaskView& task) { return number(task, "bytes_captured"); }},
    Metric<TaskView>{"millrace_task_changes_applied_total", "its rate is CDCThroughputRowsTarget, rows/s", "counter",
                     [](const TaskView& task) { return number(task, "changes_applied"); }},
    Metric<TaskView>{"millrace_task_transactions_applied_total", "transactions of the source that were applied",
                     "counter", [](const TaskView& task) { return number(task, "transactions_applied"); }},
    Metric<TaskView>{"millrace_task_changes_waiting", "CDCIncomingChanges, count", "gauge",
                     [](const TaskView& task) {
                       return std::max(0.0, number(task, "changes_captured") - number(task, "changes_applied"));
                     }},
    Metric<TaskView>{"millrace_task_queued_bytes",
                     "changes in memory, in bytes (CDCChangesMemorySource and CDCChangesMemoryTarget count rows)",
                     "gauge", [](const TaskView& task) { return number(task, "queued_bytes"); }},
    Metric<TaskView>{"millrace_task_relay_bytes",
                     "changes on disk, in bytes (CDCChangesDiskSource and CDCChangesDiskTarget count rows)", "gauge",
                     [](const TaskView& task) { return number(task, "relay_bytes"); }},
    Metric<TaskView>{"millrace_task_source_retained_bytes", "log that the source keeps for the task", "gauge",
                     [](const TaskView& task) { return number(task, "source_retained_bytes"); }},
    Metric<TaskView>{"millrace_task_rows_loaded_total", "its rate is FullLoadThroughputRowsTarget, rows/s", "counter",
                     [](const TaskView& task) { return sum_of(task.report, "FullLoadRows"); }},
    Metric<TaskView>{"millrace_task_loaded_bytes_total", "its rate / 1024 is FullLoadThroughputBandwidthTarget, KB/s",
                     "counter", [](const TaskView& task) { return number(task, "bytes_loaded"); }},
    Metric<TaskView>{"millrace_task_cpu_seconds_total",
                     "100 times its rate is CPUUtilization of a task, percent; CPUAllocated is 0, for there is no cap",
                     "counter", [](const TaskView& task) { return task.process.cpu_seconds; }},
    Metric<TaskView>{"millrace_task_memory_bytes", "MemoryUsage (MB there)", "gauge",
                     [](const TaskView& task) { return task.process.memory_bytes; }},
    Metric<TaskView>{"millrace_task_swap_bytes", "SwapUsage of a task, bytes", "gauge",
                     [](const TaskView& task) { return task.process.swap_bytes; }},
};

struct InstanceView {
  std::string id;
  Budget budget;
  double memory_bytes = 0, storage_bytes = 0;
};

constexpr std::array instance_metrics{
    Metric<InstanceView>{"millrace_instance_memory_bytes",
                         "memory that the instance's class gives its tasks together (MemoryAllocated, MiB, is of one)",
                         "gauge", [](const InstanceView& seen) { return seen.budget.memory_bytes; }},
    Metric<InstanceView>{"millrace_instance_memory_free_bytes", "FreeableMemory of what the class gives, bytes",
                         "gauge",
                         [](const InstanceView& seen) { return seen.budget.memory_bytes - seen.memory_bytes; }},
    Metric<InstanceView>{"millrace_instance_storage_bytes", "AllocatedStorage", "gauge",
                         [](const InstanceView& seen) { return seen.budget.storage_bytes; }},
    Metric<InstanceView>{"millrace_instance_storage_free_bytes", "FreeStorageSpace of AllocatedStorage, bytes", "gauge",
                         [](const InstanceView& seen) { return seen.budget.storage_bytes - seen.storage_bytes; }},
};

constexpr std::array config_metrics{
    Metric<InstanceView>{"millrace_config_memory_bytes", "memory that MaxCapacityUnits gives the replication", "gauge",
                         [](const InstanceView& seen) { return seen.budget.memory_bytes; }},
    Metric<InstanceView>{"millrace_config_memory_free_bytes",
                         "CapacityUtilization, percent, is 100 times 1 minus this over all", "gauge",
                         [](const InstanceView& seen) { return seen.budget.memory_bytes - seen.memory_bytes; }},
};

constexpr std::array machine_metrics{
    Metric<MachineCounts>{"millrace_machine_cpu_seconds_total", "processor time that has passed, all processors",
                          "counter", [](const MachineCounts& seen) { return seen.cpu_seconds; }},
    Metric<MachineCounts>{"millrace_machine_cpu_idle_seconds_total",
                          "CPUUtilization, percent, is 100 times 1 minus its rate over that of all", "counter",
                          [](const MachineCounts& seen) { return seen.cpu_seconds_idle; }},
    Metric<MachineCounts>{"millrace_machine_memory_bytes", "memory of the machine", "gauge",
                          [](const MachineCounts& seen) { return seen.memory_bytes; }},
    Metric<MachineCounts>{"millrace_machine_memory_free_bytes", "FreeMemory, bytes", "gauge",
                          [](const MachineCounts& seen) { return seen.memory_free_bytes; }},
    Metric<MachineCounts>{"millrace_machine_memory_available_bytes", "AvailableMemory and FreeableMemory, bytes",
                          "gauge", [](const MachineCounts& seen) { return seen.memory_available_bytes; }},
    Metric<MachineCounts>{"millrace_machine_swap_bytes", "SwapUsage, bytes", "gauge",
                          [](const MachineCounts& seen) { return seen.swap_used_bytes; }},
    Metric<MachineCounts>{"millrace_machine_storage_free_bytes", "FreeStorageSpace of the data directory, bytes",
                          "gauge", [](const MachineCounts& seen) { return seen.storage_free_bytes; }},
    Metric<MachineCounts>{"millrace_machine_disk_queue", "DiskQueueDepth, count", "gauge",
                          [](const MachineCounts& seen) { return seen.disk_operations_now; }},
    Metric<MachineCounts>{"millrace_machine_disk_reads_total", "its rate is ReadIOPS, count/second", "counter",
                          [](const MachineCounts& seen) { return seen.disk_reads; }},
    Metric<MachineCounts>{"millrace_machine_disk_writes_total", "its rate is WriteIOPS, count/second", "counter",
                          [](const MachineCounts& seen) { return seen.disk_writes; }},
    Metric<MachineCounts>{"millrace_machine_disk_read_bytes_total", "its rate is ReadThroughput, bytes/second",
                          "counter", [](const MachineCounts& seen) { return seen.disk_read_bytes; }},
    Metric<MachineCounts>{"millrace_machine_disk_written_bytes_total", "its rate is WriteThroughput, bytes/second",
                          "counter", [](const MachineCounts& seen) { return seen.disk_written_bytes; }},
    Metric<MachineCounts>{"millrace_machine_disk_read_seconds_total",
                          "its rate over that of reads is ReadLatency (milliseconds there)", "counter",
                          [](const MachineCounts& seen) { return seen.disk_read_seconds; }},
    Metric<MachineCounts>{"millrace_machine_disk_write_seconds_total",
                          "its rate over that of writes is WriteLatency (milliseconds there)", "counter",
                          [](const MachineCounts& seen) { return seen.disk_write_seconds; }},
    Metric<MachineCounts>{"millrace_machine_network_received_bytes_total",
                          "its rate is NetworkReceiveThroughput, bytes/second", "counter",
                          [](const MachineCounts& seen) { return seen.network_received_bytes; }},
    Metric<MachineCounts>{"millrace_machine_network_sent_bytes_total",
                          "its rate is NetworkTransmitThroughput, bytes/second", "counter",
                          [](const MachineCounts& seen) { return seen.network_sent_bytes; }},
};

void head(std::string& out, std::string_view name, std::string_view help, std::string_view type) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

// The cells of a histogram; `labels` end with a comma unless there are none.
void add_histogram(std::string& out, std::string_view name, const std::string& labels, std::span<const double> bounds,
                   std::span<const std::uint64_t> counts, double sum) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    below += counts[i];
    const std::string bound = i < bounds.size() ? fmt::format("{}", bounds[i]) : "+Inf";
    out += fmt::format("{}_bucket{{{}le=\"{}\"}} {}\n", name, labels, bound, below);
  }
  const std::string own = labels.empty() ? "" : fmt::format("{{{}}}", labels.substr(0, labels.size() - 1));
  out += fmt::format("{0}_sum{1} {2}\n{0}_count{1} {3}\n", name, own, sum, below);
}

void add_latencies(std::string& out, std::string_view name, std::string_view help, const char* member,
                   const std::vector<TaskView>& tasks) {
  head(out, name, help, "histogram");
  for (const TaskView& task : tasks) {
    const json latencies = task.report.value(member, json::object());
    const auto bounds = latencies.value("bounds", std::vector<double>());
    const auto counts = latencies.value("counts", std::vector<std::uint64_t>());
    if (counts.size() == bounds.size() + 1) {
      add_histogram(out, name, task.labels + ",", bounds, counts, latencies.value("sum", 0.0));
    }
  }
}

double memory_of(const Ground& ground, const Resource& task) {
  if (task.state != "running" && task.state != "starting" && task.state != "stopping") return 0;
  return process_counts(read_report(ground, task).value("pid", 0)).private_bytes;
}

base::Result<std::vector<InstanceView>> instances_of(Ground& ground) {
  std::vector<InstanceView> out;
  for (const Resource& instance : TRY(ground.store.list(instance_kind, {}, "", SIZE_MAX / 2))) {
    InstanceView view{.id = instance.id, .budget = budget_of(instance)};
    for (const Resource& task : TRY(ground.store.referring(task_kind, instance.arn))) {
      view.storage_bytes += folder_bytes(ground.task_folder(task));
      view.memory_bytes += memory_of(ground, task);
    }
    out.push_back(std::move(view));
  }
  return out;
}

base::Result<std::vector<InstanceView>> configs_of(Ground& ground) {
  std::vector<InstanceView> out;
  for (const Resource& config : TRY(ground.store.list(config_kind, {}, "", SIZE_MAX / 2))) {
    out.push_back({.id = config.id, .budget = budget_of(config), .memory_bytes = memory_of(ground, config)});
  }
  return out;
}

template <typename Metrics>
void add_shared(std::string& out, const Metrics& metrics, const char* label, const std::vector<InstanceView>& views) {
  for (const auto& metric : metrics) {
    head(out, metric.name, metric.help, metric.type);
    for (const InstanceView& view : views) {
      out += fmt::format("{}{{{}=\"{}\"}} {}\n", metric.name, label, view.id, metric.value(view));
    }
  }
}

// As CloudWatch names it: the instance, and the last part of the task's ARN; and the task's name.
base::Result<std::string> labels_of(Ground& ground, const Resource& task) {
  const auto arn = api::parse_arn(task.arn);
  const auto instance = TRY(ground.store.find_arn(task.shown.value("ReplicationInstanceArn", "")));
  return fmt::format("task=\"{}\",resource=\"{}\",instance=\"{}\"", task.id, arn ? arn->suffix : "",
                     instance ? instance->id : "");
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
  std::vector<TaskView> tasks;
  for (const Resource& task : running) {
    const json report = read_report(ground, task);
    tasks.push_back({TRY(labels_of(ground, task)), report, process_counts(report.value("pid", 0))});
  }
  for (const auto& metric : task_metrics) {
    head(out, metric.name, metric.help, metric.type);
    for (const TaskView& task : tasks) {
      out += fmt::format("{}{{{}}} {}\n", metric.name, task.labels, metric.value(task));
    }
  }
  add_shared(out, instance_metrics, "instance", TRY(instances_of(ground)));
  add_shared(out, config_metrics, "config", TRY(configs_of(ground)));
  add_latencies(out, "millrace_task_read_seconds", "from the source's log to us, of each batch", "source_latencies",
                tasks);
  add_latencies(out, "millrace_task_apply_seconds", "from the commit at the source to the target, of each group",
                "target_latencies", tasks);
  const MachineCounts machine = machine_counts(ground.data_dir);
  for (const auto& metric : machine_metrics) {
    head(out, metric.name, metric.help, metric.type);
    out += fmt::format("{} {}\n", metric.name, metric.value(machine));
  }
  base::Lock lock(mutex_);
  head(out, "millrace_api_calls_total", "calls of the API by outcome", "counter");
  for (const auto& [outcome, count] : outcomes_) {
    out += fmt::format("millrace_api_calls_total{{outcome=\"{}\"}} {}\n", outcome, count);
  }
  head(out, "millrace_api_seconds", "how long calls of the API took", "histogram");
  add_histogram(out, "millrace_api_seconds", "", bounds, slots_, seconds_);
  return out;
}

}  // namespace server
