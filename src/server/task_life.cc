// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <filesystem>

#include "api/errors.h"
#include "server/endpoints.h"
#include "server/instances.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Result;

Result<Resource> named_task(Ground& ground, const Request& request) {
  return need(ground, task_kind, request.text("ReplicationTaskArn"), "ReplicationTaskArn");
}

json answered(const Resource& task) {
  json shown = task.shown;
  shown.update(task.inner["members"]);
  shown["Status"] = task.state;
  return json{{"ReplicationTask", shown}};
}

Result<json> start_task(Ground& ground, const Request& request) {
  Resource task = TRY(named_task(ground, request));
  // A state that forbids it comes before connections that nobody tested.
  if (at_rest(task)) TRY(check_connections(ground, task));
  TRY(start_run(ground, request, task, request.text("StartReplicationTaskType")));
  return answered(task);
}

Result<json> stop_task(Ground& ground, const Request& request) {
  Resource task = TRY(named_task(ground, request));
  TRY(stop_run(ground, task));
  return answered(task);
}

Result<json> delete_task(Ground& ground, const Request& request) {
  Resource task = TRY(named_task(ground, request));
  TRY(delete_run(ground, task));
  return answered(task);
}

Result<json> reload_tables(Ground& ground, const Request& request) {
  Resource task = TRY(named_task(ground, request));
  TRY(reload_run(ground, request, task));
  return json{{"ReplicationTaskArn", task.arn}};
}

Result<json> describe_logs(Ground& ground, const Request& request) {
  const Resource instance =
      TRY(need(ground, instance_kind, request.text("ReplicationInstanceArn"), "ReplicationInstanceArn"));
  std::map<std::string, json> rows;
  for (const Resource& task : TRY(ground.store.referring(task_kind, instance.arn))) {
    std::uintmax_t bytes = 0;
    std::error_code ignored;
    for (const auto& file : std::filesystem::directory_iterator(ground.task_folder(task) + "/logs", ignored)) {
      const std::uintmax_t size = file.file_size(ignored);
      if (!ignored) bytes += size;
    }
    rows[task.id] = {
        {"ReplicationTaskName", task.id}, {"ReplicationTaskArn", task.arn}, {"ReplicationInstanceTaskLogSize", bytes}};
  }
  json out = TRY(page_of(request, "ReplicationInstanceTaskLogs", rows, {}));
  out["ReplicationInstanceArn"] = instance.arn;
  return out;
}

}  // namespace

Result<void> check_connections(Ground& ground, const Resource& task) {
  const std::string instance = task.shown.value("ReplicationInstanceArn", "");
  for (const char* member : {"source", "target"}) {
    const std::string endpoint = task.inner.value(member, "");
    const auto connection = TRY(ground.store.find(connection_kind, endpoint + "|" + instance));
    if (connection && connection->state == "successful") continue;
    return base::failed(api::errors::invalid_resource_state,
                        "Test connection should be successful for starting the replication task: {} ({})", endpoint,
                        connection ? connection->state : "never tested");
  }
  return {};
}

std::span<const OperationRow> task_life_operations() {
  static constexpr std::array rows{
      OperationRow{"DeleteReplicationTask", delete_task, Effect::changes,
                   "Removes slot, publications, position, relay and files; four attempts, the last without the source, "
                   "then an event says what is left."},
      OperationRow{"DescribeReplicationInstanceTaskLogs", describe_logs, Effect::reads},
      OperationRow{"ReloadTables", reload_tables, Effect::runs,
                   "The task stops at a commit boundary and resumes with the tables; `data-reload` only."},
      OperationRow{"StartReplicationTask", start_task, Effect::runs,
                   "A process that dies is started again, five times in ten minutes."},
      OperationRow{"StopReplicationTask", stop_task, Effect::runs},
  };
  return rows;
}

}  // namespace server
