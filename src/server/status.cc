// SPDX-License-Identifier: Apache-2.0
#include "server/status.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace server {
namespace {

using base::Result;
using nlohmann::json;

constexpr base::Nanos single_interval = std::chrono::seconds(1);
constexpr std::string_view metric_prefix = "millrace_task_", resource_label = "resource=\"";
// Another screen without a cursor, and back.
constexpr const char* enter_screen = "\x1b[?1049h\x1b[?25l";
constexpr const char* leave_screen = "\x1b[?25h\x1b[?1049l";

// 12345678 -> "12.3M"
std::string short_number(double value) {
  constexpr std::array units{"", "k", "M", "G", "T"};
  std::size_t unit = 0;
  while (value >= 9999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f}", value) : fmt::format("{:.1f}{}", value, units[unit]);
}

std::string seconds_text(const std::optional<double>& seconds) {
  if (!seconds) return "-";
  if (*seconds < 10) return fmt::format("{:.0f} ms", *seconds * 1000);
  if (*seconds < 600) return fmt::format("{:.0f} s", *seconds);
  return fmt::format("{:.0f} min", *seconds / 60);
}

std::string number_text(const std::optional<double>& value) { return value ? short_number(*value) : "-"; }

json number_or_null(const std::optional<double>& value) { return value ? json(*value) : json(); }

int rank_of(const TaskLine& task) {
  if (task.state == "failed") return 0;
  return task.state == "running" || task.state == "starting" || task.state == "stopping" ? 1 : 2;
}

std::optional<double> number_in(const TaskNumbers& numbers, const std::string& resource, const char* metric) {
  const auto task = numbers.find(resource);
  if (task == numbers.end()) return std::nullopt;
  const auto found = task->second.find(metric);
  return found == task->second.end() ? std::nullopt : std::optional(found->second);
}

TaskLine line_of(const json& row, const char* kind, const std::string& name_member, const std::string& arn_member,
                 const std::string& stats_member) {
  TaskLine out;
  out.name = row.value(name_member, "");
  out.arn = row.value(arn_member, "");
  out.kind = kind;
  out.state = row.value("Status", "");
  out.reason = row.value("LastFailureMessage", row.value("StopReason", ""));
  if (out.reason.empty() && row.contains("FailureMessages") && !row["FailureMessages"].empty()) {
    out.reason = row["FailureMessages"].back().get<std::string>();
  }
  const json stats = row.value(stats_member, json::object());
  out.load_percent = stats.value("FullLoadProgressPercent", 0);
  out.tables_loaded = stats.value("TablesLoaded", 0);
  out.tables_errored = stats.value("TablesErrored", 0);
  out.tables =
      out.tables_loaded + out.tables_errored + stats.value("TablesLoading", 0) + stats.value("TablesQueued", 0);
  return out;
}

struct Look {
  json tasks, replications;
  TaskNumbers numbers;
  base::Nanos time{};
};

Result<Look> look_at(ApiClient& client) {
  Look out;
  out.tasks = TRY(client.all("DescribeReplicationTasks", {{"WithoutSettings", true}}, "ReplicationTasks"));
  out.replications = TRY(client.all("DescribeReplications", json::object(), "Replications"));
  out.numbers = task_numbers(TRY(client.page("/metrics")));
  out.time = client.clock().monotonic();
  return out;
}

std::vector<TaskLine> lines_between(const Look& before, const Look& now) {
  const double seconds = std::chrono::duration<double>(now.time - before.time).count();
  return task_lines(now.tasks, now.replications, now.numbers, before.numbers, seconds);
}

std::string headline(const std::vector<TaskLine>& tasks, const std::string& url) {
  std::map<std::string, int> states;
  for (const TaskLine& task : tasks) states[task.state] += 1;
  std::string out = fmt::format("{}  {} tasks", url, tasks.size());
  for (const auto& [state, count] : states) out += fmt::format(", {} {}", count, state);
  return out;
}

// The terminal's size changes while we look.
void draw(const std::vector<std::string>& lines) {
  winsize size{};
  ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  const std::size_t height = size.ws_row == 0 ? 24 : size.ws_row, width = size.ws_col == 0 ? 80 : size.ws_col;
  std::string frame = "\x1b[H";
  const bool too_many = lines.size() > height;
  const std::size_t shown = too_many ? height - 1 : lines.size();
  for (std::size_t i = 0; i < shown; ++i) frame += (i == 0 ? "" : "\r\n") + fitted(lines[i], width) + "\x1b[K";
  if (too_many) frame += fmt::format("\r\n... {} more\x1b[K", lines.size() - shown);
  std::fputs((frame + "\x1b[J").c_str(), stdout);
  std::fflush(stdout);
}

// Whether somebody wants to end. The program's signals are blocked from its first line on.
bool ended_within(base::Nanos time) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  const timespec length{seconds.count(), (time - seconds).count()};
  return ::sigtimedwait(&set, nullptr, &length) > 0;
}

Result<int> watch_tasks(ApiClient& client, base::Nanos interval) {
  Look before = TRY(look_at(client));
  Look now = before;
  std::string trouble;
  std::fputs(enter_screen, stdout);
  while (true) {
    const std::vector<TaskLine> tasks = lines_between(before, now);
    std::vector<std::string> lines{headline(tasks, client.url()), trouble};
    for (std::string& line : columns(status_rows(tasks))) lines.push_back(std::move(line));
    draw(lines);
    if (ended_within(interval)) break;
    auto next = look_at(client);
    trouble = next.ok() ? "" : next.error().text();
    if (!next.ok()) continue;
    before = std::exchange(now, std::move(next).take());
  }
  std::fputs(leave_screen, stdout);
  std::fflush(stdout);
  return 0;
}

}  // namespace

TaskNumbers task_numbers(std::string_view page) {
  TaskNumbers out;
  while (!page.empty()) {
    const std::string_view line = page.substr(0, page.find('\n'));
    page.remove_prefix(std::min(page.size(), line.size() + 1));
    const std::size_t brace = line.find('{'), end = line.rfind("} "), label = line.find(resource_label);
    const bool whole = brace != std::string_view::npos && end != std::string_view::npos && brace < end;
    if (!line.starts_with(metric_prefix) || !whole || label == std::string_view::npos || label > end) continue;
    const std::string_view rest = line.substr(label + resource_label.size());
    const std::string_view text = line.substr(end + 2);
    double value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size() || !std::isfinite(value)) continue;
    const std::string metric(line.substr(metric_prefix.size(), brace - metric_prefix.size()));
    out[std::string(rest.substr(0, rest.find('"')))][metric] = value;
  }
  return out;
}

std::vector<TaskLine> task_lines(const json& tasks, const json& replications, const TaskNumbers& numbers,
                                 const TaskNumbers& before, double seconds_between) {
  std::vector<TaskLine> out;
  for (const json& row : tasks) {
    out.push_back(line_of(row, "task", "ReplicationTaskIdentifier", "ReplicationTaskArn", "ReplicationTaskStats"));
  }
  for (const json& row : replications) {
    out.push_back(
        line_of(row, "replication", "ReplicationConfigIdentifier", "ReplicationConfigArn", "ReplicationStats"));
  }
  for (TaskLine& task : out) {
    const std::string resource = task.arn.substr(task.arn.rfind(':') + 1);
    task.rows_loaded = number_in(numbers, resource, "rows_loaded_total");
    task.changes_applied = number_in(numbers, resource, "changes_applied_total");
    task.source_latency_seconds = number_in(numbers, resource, "source_latency_seconds");
    task.target_latency_seconds = number_in(numbers, resource, "target_latency_seconds");
    const auto rows = number_in(before, resource, "rows_loaded_total");
    const auto changes = number_in(before, resource, "changes_applied_total");
    if (!rows || !changes || !task.rows_loaded || !task.changes_applied || seconds_between <= 0) continue;
    // A process that was started again counts from nothing.
    const double done = *task.rows_loaded + *task.changes_applied - *rows - *changes;
    task.rows_per_second = std::max(0.0, done) / seconds_between;
  }
  std::stable_sort(out.begin(), out.end(), [](const TaskLine& a, const TaskLine& b) {
    return std::pair(rank_of(a), std::string_view(a.name)) < std::pair(rank_of(b), std::string_view(b.name));
  });
  return out;
}

std::vector<TextRow> status_rows(const std::vector<TaskLine>& tasks) {
  std::vector<TextRow> out{
      {"TASK", "STATE", "LOAD", "TABLES", "ERRORED", "ROWS", "CHANGES", "ROWS/S", "SOURCE", "TARGET", "WHY"}};
  for (const TaskLine& task : tasks) {
    out.push_back({task.name, task.state, fmt::format("{}%", task.load_percent),
                   fmt::format("{}/{}", task.tables_loaded, task.tables), std::to_string(task.tables_errored),
                   number_text(task.rows_loaded), number_text(task.changes_applied), number_text(task.rows_per_second),
                   seconds_text(task.source_latency_seconds), seconds_text(task.target_latency_seconds), task.reason});
  }
  return out;
}

json status_document(const std::vector<TaskLine>& tasks) {
  json list = json::array();
  for (const TaskLine& task : tasks) {
    list.push_back({{"name", task.name},
                    {"arn", task.arn},
                    {"kind", task.kind},
                    {"state", task.state},
                    {"reason", task.reason},
                    {"load_percent", task.load_percent},
                    {"tables_loaded", task.tables_loaded},
                    {"tables", task.tables},
                    {"tables_errored", task.tables_errored},
                    {"rows_loaded", number_or_null(task.rows_loaded)},
                    {"changes_applied", number_or_null(task.changes_applied)},
                    {"rows_per_second", number_or_null(task.rows_per_second)},
                    {"source_latency_seconds", number_or_null(task.source_latency_seconds)},
                    {"target_latency_seconds", number_or_null(task.target_latency_seconds)}});
  }
  return {{"tasks", std::move(list)}};
}

Result<int> run_status(const StatusCommand& command) {
  ApiClient client(command.server);
  const auto interval =
      std::chrono::duration_cast<base::Nanos>(std::chrono::duration<double>(command.interval_seconds));
  if (!command.json && ::isatty(STDOUT_FILENO) == 1) return watch_tasks(client, interval);
  const Look before = TRY(look_at(client));
  if (ended_within(single_interval)) return base::failed(base::errors::canceled, "interrupted");
  const std::vector<TaskLine> tasks = lines_between(before, TRY(look_at(client)));
  if (command.json) {
    std::printf("%s\n", status_document(tasks).dump(2, ' ', false, json::error_handler_t::replace).c_str());
    return 0;
  }
  for (const std::string& line : columns(status_rows(tasks))) std::printf("%s\n", line.c_str());
  return 0;
}

}  // namespace server
