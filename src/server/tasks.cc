// SPDX-License-Identifier: Apache-2.0
#include "server/tasks.h"

#include <array>

#include "api/errors.h"
#include "server/endpoints.h"
#include "server/instances.h"
#include "server/resources.h"

namespace server {
namespace {

using base::Result;

constexpr api::NameRule task_name_rule{"ReplicationTaskIdentifier", 255};
constexpr std::array<FilterName, 5> task_filters{
    FilterName{"replication-task-arn", "$arn"}, FilterName{"replication-task-id", "$id"},
    FilterName{"migration-type", "MigrationType"}, FilterName{"endpoint-arn", ""},
    FilterName{"replication-instance-arn", "ReplicationInstanceArn"}};
// Members of the request that the task keeps as they were given.
constexpr std::array<const char*, 3> kept_members{"MigrationType", "TableMappings", "TaskData"};

void keep_members(const Request& request, Resource& task) {
  for (const char* member : kept_members) {
    if (request.has(member)) task.inner["members"][member] = request.input[member];
  }
  task.shown["MigrationType"] = task.inner["members"]["MigrationType"];  // a filter looks for it
}

// The row as it is now: what the process says of itself is in its report.
json shown_now(const Ground& ground, const Resource& task, bool with_settings) {
  json shown = task.shown;
  shown.update(task.inner["members"]);
  shown["Status"] = task.state;
  if (!with_settings) shown.erase("ReplicationTaskSettings");
  for (const char* member : {"StopReason", "LastFailureMessage"}) {
    if (task.inner.contains(member)) shown[member] = task.inner[member];
  }
  if (task.inner.value("run", 0) == 0) return shown;
  shown["ReplicationTaskStartDate"] = task.inner["StartDate"];
  const json report = read_report(ground, task);
  shown["ReplicationTaskStats"] = run_stats(task, report);
  if (const std::string checkpoint = recovery_checkpoint(task, report); !checkpoint.empty()) {
    shown["RecoveryCheckpoint"] = checkpoint;
  }
  return shown;
}

json answered(const Ground& ground, const Resource& task, const char* status) {
  json shown = shown_now(ground, task, true);
  shown["Status"] = status;
  return json{{"ReplicationTask", shown}};
}

Result<json> create_task(Ground& ground, const Request& request) {
  const std::string id = TRY(free_name(ground, task_kind, request, task_name_rule));
  const auto tags = TRY(tags_of(request.input.value("Tags", json::array())));
  const Resource source = TRY(endpoint_of_side(ground, request, "SourceEndpointArn", "source"));
  const Resource target = TRY(endpoint_of_side(ground, request, "TargetEndpointArn", "target"));
  const Resource instance =
      TRY(need(ground, instance_kind, request.text("ReplicationInstanceArn"), "ReplicationInstanceArn"));
  if (instance.state != "available") return wrong_state("the replication instance", instance.state, "available");
  json settings = TRY(merged_settings(json::object(), request.text("ReplicationTaskSettings")));
  Resource task = TRY(new_resource(ground, request, task_kind, id));
  task.refers_to = std::vector{source.arn, target.arn, instance.arn};
  task.state = "ready";
  task.shown = {{"ReplicationTaskIdentifier", id},        {"ReplicationTaskArn", task.arn},
                {"SourceEndpointArn", source.arn},        {"TargetEndpointArn", target.arn},
                {"ReplicationInstanceArn", instance.arn}, {"ReplicationTaskCreationDate", ground.now_seconds()}};
  task.inner = {{"name", id},
                {"folder", api::random_suffix(ground.random)},
                {"run", 0},
                {"source", source.arn},
                {"target", target.arn},
                {"members", json::object()},
                {"settings", std::move(settings)}};
  keep_members(request, task);
  TRY(keep_start_position(request, task));
  task.shown["ReplicationTaskSettings"] = TRY(settings_checked_by_worker(ground, task));
  Change change{.removed = {}, .put = {task}, .tags = {{task.arn, tags}}, .events = {}};
  change.events.push_back(event_of(ground, task_source_type, id, "creation", "Replication task created"));
  TRY(ground.store.commit(change));
  return answered(ground, task, "creating");  // as the service does: the next look sees it ready
}

Result<json> describe_tasks(Ground& ground, const Request& request) {
  Request asked = request;
  // An endpoint may be either side: looked up as a list of the tasks that refer to it.
  json filters = json::array();
  for (const json& filter : request.input.value("Filters", json::array())) {
    if (filter.value("Name", "") != "endpoint-arn") {
      filters.push_back(filter);
      continue;
    }
    json arns = json::array();
    for (const json& endpoint : filter.value("Values", json::array())) {
      for (const Resource& task : TRY(ground.store.referring(task_kind, endpoint))) arns.push_back(task.arn);
    }
    if (arns.empty())
      return not_found("Filters: a task of", filter["Values"].empty() ? "" : filter["Values"][0].get<std::string>());
    filters.push_back({{"Name", "replication-task-arn"}, {"Values", arns}});
  }
  if (!filters.empty()) asked.input["Filters"] = filters;
  const bool with_settings = !request.flag("WithoutSettings", false);
  return describe(ground, asked, {task_kind, "ReplicationTasks", task_filters},
                  [&](const Resource& task) -> Result<json> { return shown_now(ground, task, with_settings); });
}

Result<Resource> resting_task(Ground& ground, const Request& request) {
  Resource task = TRY(need(ground, task_kind, request.text("ReplicationTaskArn"), "ReplicationTaskArn"));
  if (!at_rest(task)) return wrong_state("the replication task", task.state, "ready, stopped or failed");
  return task;
}

// What a stream that goes on cannot take over.
constexpr std::array<const char*, 4> fixed_while_running{"MigrationType", "CdcStartTime", "CdcStartPosition",
                                                         "CdcStopPosition"};

Result<Resource> modifiable_task(Ground& ground, const Request& request) {
  Resource task = TRY(need(ground, task_kind, request.text("ReplicationTaskArn"), "ReplicationTaskArn"));
  if (at_rest(task)) return task;
  if (task.state != "running")
    return wrong_state("the replication task", task.state, "ready, stopped, failed or running");
  for (const char* member : fixed_while_running) {
    if (!request.has(member)) continue;
    return base::failed(api::errors::invalid_resource_state,
                        "{} cannot change while the replication task is running: stop it first", member);
  }
  return task;
}

// A running task takes new settings and mappings over at its next commit boundary: its process begins again there.
Result<json> modify_task(Ground& ground, const Request& request) {
  Resource task = TRY(modifiable_task(ground, request));
  const json before = task.inner;
  if (request.has("ReplicationTaskIdentifier")) {
    const std::string id = TRY(api::checked_name(request.text("ReplicationTaskIdentifier"), task_name_rule));
    if (id != task.id) task.id = TRY(free_name(ground, task_kind, request, task_name_rule));
    task.shown["ReplicationTaskIdentifier"] = id;
  }
  keep_members(request, task);
  TRY(keep_start_position(request, task));
  task.inner["settings"] = TRY(merged_settings(task.inner["settings"], request.text("ReplicationTaskSettings")));
  task.shown["ReplicationTaskSettings"] = TRY(settings_checked_by_worker(ground, task));
  const bool begins_again = task.state == "running" && task.inner != before;
  if (begins_again && !task.inner.contains("reload")) task.inner["reload"] = json::array();
  Change change{.removed = {}, .put = {task}, .tags = {}, .events = {}};
  change.events.push_back(
      event_of(ground, task_source_type, task.id, "configuration change", "Replication task modified"));
  TRY(ground.store.commit(change));
  if (begins_again) ground.on_change();
  return answered(ground, task, "modifying");
}

Result<json> move_task(Ground& ground, const Request& request) {
  Resource task = TRY(resting_task(ground, request));
  const Resource instance =
      TRY(need(ground, instance_kind, request.text("TargetReplicationInstanceArn"), "TargetReplicationInstanceArn"));
  if (task.shown["ReplicationInstanceArn"] == instance.arn) {
    return base::failed(api::errors::invalid_parameter_value,
                        "TargetReplicationInstanceArn: the task is on that instance already");
  }
  // Instances of this server are on one machine: the task's files stay where they are.
  task.shown["ReplicationInstanceArn"] = instance.arn;
  task.refers_to = std::vector{task.inner.value("source", ""), task.inner.value("target", ""), instance.arn};
  Change change{.removed = {}, .put = {task}, .tags = {}, .events = {}};
  change.events.push_back(event_of(ground, task_source_type, task.id, "state change",
                                   fmt::format("Replication task moved to the instance {}", instance.id)));
  TRY(ground.store.commit(change));
  json out = answered(ground, task, "moving");
  out["ReplicationTask"]["TargetReplicationInstanceArn"] = instance.arn;
  return out;
}

Result<json> describe_table_statistics(Ground& ground, const Request& request) {
  const Resource task = TRY(need(ground, task_kind, request.text("ReplicationTaskArn"), "ReplicationTaskArn"));
  json out = TRY(table_statistics(ground, request, task, "TableStatistics"));
  out["ReplicationTaskArn"] = task.arn;
  return out;
}

}  // namespace

std::span<const OperationRow> task_operations() {
  static constexpr std::array rows{
      OperationRow{
          "CreateReplicationTask", create_task, Effect::changes,
          "Settings and mappings are read as the task will read them; the whole settings document is answered."},
      OperationRow{"DescribeReplicationTasks", describe_tasks, Effect::reads},
      OperationRow{"DescribeTableStatistics", describe_table_statistics, Effect::reads,
                   "From the task's own report, at most a second old."},
      OperationRow{
          "ModifyReplicationTask", modify_task, Effect::changes,
          "Also while the task runs, but for MigrationType and the CDC positions: it takes settings and mappings "
          "over at its next commit boundary, loads tables that are new, and passes over those that are gone."},
      OperationRow{"MoveReplicationTask", move_task, Effect::changes, "Done at once: instances are on one machine."},
  };
  return rows;
}

}  // namespace server
