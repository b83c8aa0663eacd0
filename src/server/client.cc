// SPDX-License-Identifier: Apache-2.0
#include "server/client.h"

#include <algorithm>
#include <cstdio>

#include "base/json.h"
#include "server/columns.h"
#include "server/errors.h"

namespace server {
namespace {

using base::Result;
using nlohmann::json;

constexpr base::Nanos state_look_interval = std::chrono::milliseconds(500);
constexpr int state_looks_max = 240;

Result<json> task_named(ApiClient& client, const std::string& name) {
  const json filter{{"Name", "replication-task-id"}, {"Values", json::array({name})}};
  const json answer =
      TRY(client.call("DescribeReplicationTasks", {{"Filters", json::array({filter})}, {"WithoutSettings", true}}));
  const json rows = answer.value("ReplicationTasks", json::array());
  if (rows.empty()) return base::failed(errors::refused, "there is no task {}", name);
  return rows.front();
}

std::string cell(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

void print_table(const std::vector<const char*>& members, const json& rows) {
  std::vector<TextRow> cells{TextRow(members.begin(), members.end())};
  for (const json& row : rows) {
    cells.emplace_back();
    for (const char* member : members) cells.back().push_back(cell(row.value(member, json())));
  }
  for (const std::string& line : columns(cells)) std::printf("%s\n", line.c_str());
}

// Prints the state each time it is another one, until the task rests or runs.
Result<int> watch(ApiClient& client, const std::string& name, const std::vector<std::string>& wanted) {
  std::string shown;
  for (int look = 0; look < state_looks_max; ++look) {
    const json task = TRY(task_named(client, name));
    const std::string state = task.value("Status", "");
    if (state != shown) std::printf("%s is %s %s\n", name.c_str(), state.c_str(), task.value("StopReason", "").c_str());
    shown = state;
    if (state == "failed") return base::failed(errors::refused, "{}", task.value("LastFailureMessage", ""));
    if (std::find(wanted.begin(), wanted.end(), state) != wanted.end()) return 0;
    client.clock().pause(state_look_interval, {});
  }
  return base::failed(errors::not_reached, "{} is still {}", name, shown);
}

Result<int> list(ApiClient& client, const TaskCommand& command) {
  json rows = TRY(client.all("DescribeReplicationTasks", {{"WithoutSettings", true}}, "ReplicationTasks"));
  if (command.json) {
    std::printf("%s\n", rows.dump(2).c_str());
    return 0;
  }
  for (json& row : rows) {
    const json stats = row.value("ReplicationTaskStats", json::object());
    row["Loaded %"] = stats.value("FullLoadProgressPercent", json());
    row["Errored"] = stats.value("TablesErrored", json());
  }
  print_table({"ReplicationTaskIdentifier", "Status", "MigrationType", "Loaded %", "Errored", "StopReason",
               "LastFailureMessage"},
              rows);
  return 0;
}

Result<int> tables(ApiClient& client, const TaskCommand& command) {
  const json task = TRY(task_named(client, command.name));
  const json rows = TRY(
      client.all("DescribeTableStatistics", {{"ReplicationTaskArn", task["ReplicationTaskArn"]}}, "TableStatistics"));
  if (command.json) {
    std::printf("%s\n", rows.dump(2).c_str());
  } else {
    print_table({"SchemaName", "TableName", "TableState", "FullLoadRows", "Inserts", "Updates", "Deletes", "Ddls"},
                rows);
  }
  return 0;
}

Result<int> logs(ApiClient& client, const TaskCommand& command) {
  const std::string text = TRY(client.page("/task-logs/" + wire::percent_encode(command.name, false)));
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

Result<int> run_task_command(const TaskCommand& command) {
  ApiClient client(command.server);
  if (command.verb == TaskCommand::Verb::list) return list(client, command);
  if (command.verb == TaskCommand::Verb::tables) return tables(client, command);
  if (command.verb == TaskCommand::Verb::logs) return logs(client, command);
  const json task = TRY(task_named(client, command.name));
  json input{{"ReplicationTaskArn", task["ReplicationTaskArn"]}};
  if (command.verb == TaskCommand::Verb::stop) {
    TRY(client.call("StopReplicationTask", input));
    return command.wait ? watch(client, command.name, {"stopped"}) : Result<int>(0);
  }
  const bool first = task.value("Status", "") == "ready";
  input["StartReplicationTaskType"] = !command.type.empty() ? command.type
                                      : first               ? "start-replication"
                                                            : "resume-processing";
  TRY(client.call("StartReplicationTask", input));
  return command.wait ? watch(client, command.name, {"running", "stopped"}) : Result<int>(0);
}

}  // namespace server
