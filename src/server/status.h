// SPDX-License-Identifier: Apache-2.0
//
// What `millrace status --server URL` does: a table of a server's tasks and replications, drawn again every few seconds
// on a terminal until Ctrl-C, printed once elsewhere and with --json. States come from the API, numbers from /metrics;
// rates lie between two looks, a second apart where there is one table only. One thread. How it fails: as
// api_client.h; a server that goes away while the table is shown is waited for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_client.h"
#include "server/columns.h"

namespace server {

struct StatusCommand {
  ServerPlace server;
  bool json = false;
  double interval_seconds = 2;
};

// The exit code.
base::Result<int> run_status(const StatusCommand& command);

// ---- pure parts

// By the end of the task's ARN: its metrics without "millrace_task_". Lines of another form are passed over.
using TaskNumbers = std::map<std::string, std::map<std::string, double>>;
TaskNumbers task_numbers(std::string_view metrics_page);

struct TaskLine {
  std::string name, arn, kind, state, reason;
  int load_percent = 0, tables_loaded = 0, tables = 0, tables_errored = 0;
  // Of a task that runs.
  std::optional<double> rows_loaded, changes_applied, source_latency_seconds, target_latency_seconds;
  std::optional<double> rows_per_second;  // loaded and applied, since the look before
};
// Those that failed first, then those that run, then the others; each by name.
std::vector<TaskLine> task_lines(const nlohmann::json& tasks, const nlohmann::json& replications,
                                 const TaskNumbers& numbers, const TaskNumbers& before, double seconds_between);
std::vector<TextRow> status_rows(const std::vector<TaskLine>& tasks);
nlohmann::json status_document(const std::vector<TaskLine>& tasks);

}  // namespace server
