// SPDX-License-Identifier: Apache-2.0
//
// What tasks and replications have in common: the document, the report, and the steps of a life.
#include <array>
#include <set>

#include "api/check.h"
#include "api/errors.h"
#include "base/disk.h"
#include "base/json.h"
#include "server/assessments.h"
#include "server/endpoints.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Result;

constexpr const char* first_start = "start-replication";
constexpr std::size_t report_bytes_max = 256u << 20;
constexpr std::size_t reloads_max = 10;
constexpr std::array<FilterName, 3> table_filters{FilterName{"schema-name", "SchemaName"},
                                                  FilterName{"table-name", "TableName"},
                                                  FilterName{"table-state", "TableState"}};
constexpr api::PageRule table_page{.least = 20, .most = 500, .usual = 100};

std::string table_name(const json& row) { return row.value("SchemaName", "") + "." + row.value("TableName", ""); }

bool is_type(const Resource& task, std::string_view migration_type) {
  return task.inner["members"].value("MigrationType", "") == migration_type;
}

// How the process is to begin.
Result<std::string> start_of(const Resource& task, const std::string& asked) {
  const auto wrong = [&](std::string_view why) {
    return base::failed(api::errors::invalid_parameter_combination, "start type {}: {}", base::printable(asked), why);
  };
  const bool ran = task.inner.value("run", 0) > 0;
  if (asked != first_start && asked != "resume-processing" && asked != "reload-target") {
    return base::failed(api::errors::invalid_parameter_value,
                        "the start type \"{}\" is not one of start-replication, resume-processing, reload-target",
                        base::printable(asked));
  }
  if (!ran && asked != first_start) return wrong("it was never started; use start-replication");
  if (asked == "reload-target" && is_type(task, "cdc")) return wrong("there is no full load");
  if (!ran || asked != first_start) return asked;
  // A stream that begins anew forgets what was.
  if (is_type(task, "cdc")) return std::string("reload-target");
  return wrong("it is valid only for the first start; use resume-processing or reload-target");
}

}  // namespace

bool at_rest(const Resource& task) {
  return task.state == "ready" || task.state == "stopped" || task.state == "failed";
}

std::string report_path(const Ground& ground, const Resource& task, int before) {
  return fmt::format("{}/run-{}.json", ground.task_folder(task), task.inner.value("run", 0) - before);
}

json read_report(const Ground& ground, const Resource& task) {
  base::PosixDisk disk;
  const auto file = disk.open(report_path(ground, task), base::OpenMode::read);
  if (!file.ok()) return json::object();
  const auto size = (*file)->size();
  std::string text;
  if (!size.ok() || *size > report_bytes_max || !(*file)->read_at(0, *size, text).ok()) return json::object();
  json report = json::parse(text, nullptr, false);
  return report.is_object() ? report : json::object();
}

Result<json> task_document(Ground& ground, const Resource& task) {
  const Resource source = TRY(need(ground, endpoint_kind, task.inner.value("source", ""), "SourceEndpointArn"));
  const Resource target = TRY(need(ground, endpoint_kind, task.inner.value("target", ""), "TargetEndpointArn"));
  json members = task.inner["members"];
  members["ReplicationTaskIdentifier"] = task.inner.value("name", "");
  members["ReplicationTaskSettings"] = task.inner.value("settings", json::object()).dump();
  json out;
  out["source"] = TRY(endpoint_document(ground, source));
  out["target"] = TRY(endpoint_document(ground, target));
  out["task"] = std::move(members);
  return out;
}

// Settings given later win, member by member; lists are replaced.
Result<json> merged_settings(const json& before, const std::string& text) {
  json out = before;
  if (text.empty()) return out;
  const auto given = base::parse_json(text, "the settings");
  if (!given.ok() || !given->is_object()) {
    return base::failed(api::errors::invalid_parameter_value, "Invalid task settings json: {}",
                        given.ok() ? "it must be an object" : given.error().message);
  }
  out.merge_patch(*given);
  return out;
}

Result<void> keep_start_position(const Request& request, Resource& task) {
  if (request.has("CdcStartTime") && request.has("CdcStartPosition")) {
    return base::failed(api::errors::invalid_parameter_combination, "CdcStartTime does not go with CdcStartPosition");
  }
  json& members = task.inner["members"];
  for (const char* member : {"CdcStartPosition", "CdcStopPosition"}) {
    if (request.has(member)) members[member] = request.input[member];
  }
  if (!request.has("CdcStartTime")) return {};
  members["CdcStartPosition"] = base::utc_text(time_of(request.input["CdcStartTime"]), 3).replace(10, 1, "T");
  return {};
}

Result<std::string> settings_checked_by_worker(Ground& ground, const Resource& task) {
  const json document = TRY(task_document(ground, task));
  const json answer = TRY(ground.checked({{"ask", "check-task"}, {"document", document}}));
  return answer.value("settings", "{}");
}

Result<Resource> endpoint_of_side(Ground& ground, const Request& request, const char* member, std::string_view side) {
  Resource endpoint = TRY(need(ground, endpoint_kind, request.text(member), member));
  if (side_of(endpoint) == side) return endpoint;
  return base::failed(api::errors::invalid_parameter_value, "{}: the endpoint {} is no {}", member, endpoint.id, side);
}

json run_stats(const Resource& task, const json& report) {
  json stats = report.value("stats", json::object());
  for (const char* date : {"StartDate", "FreshStartDate", "StopDate"}) {
    if (task.inner.contains(date)) stats[date] = task.inner[date];
  }
  return stats;
}

std::string recovery_checkpoint(const Resource& task, const json& report) {
  const std::string position = report.value("position", "");
  const bool ended = task.state == "stopped" || task.state == "failed";
  if (position.empty() || !ended || is_type(task, "full-load")) return "";
  return fmt::format("checkpoint:V1#1#{}#0#0#*#0#0", position);
}

Result<json> table_statistics(Ground& ground, const Request& request, const Resource& task, const char* member) {
  const std::vector<Filter> filters = TRY(filters_of(request, table_filters));
  const api::Shape* shape = api::find_shape("TableStatistics");
  ENSURE(shape != nullptr);
  std::map<std::string, json> rows;
  for (const json& row : read_report(ground, task).value("tables", json::array())) {
    if (passes(row, filters)) rows[table_name(row)] = api::pruned(*shape, row);
  }
  return page_of(request, member, rows, table_page);
}

Result<void> start_run(Ground& ground, const Request& request, Resource& task, const std::string& type) {
  if (!at_rest(task)) {
    return base::failed(api::errors::invalid_resource_state,
                        "Replication Task cannot be started, invalid state: it is {}", task.state);
  }
  const std::string start = TRY(start_of(task, type));
  const bool anew = start != "resume-processing";
  if (anew) TRY(keep_start_position(request, task));
  if (request.has("CdcStopPosition")) task.inner["members"]["CdcStopPosition"] = request.input["CdcStopPosition"];
  (void)TRY(settings_checked_by_worker(ground, task));
  task.state = "starting";
  // Tables that were to be loaded again when the task was stopped.
  const json reload = task.inner.value("reload", json::array());
  for (const char* member : {"StopReason", "LastFailureMessage", "StopDate", "reload", "reloading", "crashes"}) {
    task.inner.erase(member);
  }
  if (!anew && !reload.empty()) task.inner["reloading"] = reload;
  task.inner["run"] = task.inner.value("run", 0) + 1;
  task.inner["start"] = start;
  task.inner["StartDate"] = ground.now_seconds();
  if (anew) task.inner["FreshStartDate"] = ground.now_seconds();
  Change change{.removed = {}, .put = {task}, .tags = {}, .events = {}};
  change.events.push_back(event_of(
      ground, task_source_type, task.id, "state change",
      fmt::format("Replication task started: {}, {}", task.inner["members"].value("MigrationType", ""), start)));
  TRY(ground.store.commit(change));
  ground.on_change();
  return {};
}

Result<void> stop_run(Ground& ground, Resource& task) {
  if (task.state != "running" && task.state != "starting") {
    return wrong_state("the replication task", task.state, "running");
  }
  task.state = "stopping";
  TRY(ground.store.commit({.removed = {}, .put = {task}, .tags = {}, .events = {}}));
  ground.on_change();
  return {};
}

Result<void> delete_run(Ground& ground, Resource& task) {
  if (!at_rest(task)) return wrong_state("the replication task", task.state, "ready, stopped or failed");
  task.state = "deleting";
  TRY(ground.store.commit({.removed = TRY(assessments_of(ground, task)), .put = {task}, .tags = {}, .events = {}}));
  ground.on_change();
  return {};
}

Result<void> reload_run(Ground& ground, const Request& request, Resource& task) {
  if (task.state != "running") return wrong_state("the replication task", task.state, "running");
  if (is_type(task, "cdc")) {
    return base::failed(api::errors::invalid_resource_state, "the replication task has no full load");
  }
  if (request.has("ReloadOption") && request.text("ReloadOption") != "data-reload") {
    return base::failed(api::errors::invalid_parameter_value, "ReloadOption: only data-reload is offered");
  }
  std::set<std::string> known, tables;
  for (const json& row : read_report(ground, task).value("tables", json::array())) known.insert(table_name(row));
  for (const json& table : request.input["TablesToReload"]) {
    if (!known.contains(table_name(table))) return not_found("TablesToReload", table_name(table));
    if (table.value("SchemaName", "").find('.') != std::string::npos) {
      return base::failed(api::errors::invalid_parameter_value, "TablesToReload: a schema with a period in its name");
    }
    tables.insert(table_name(table));
  }
  if (tables.empty() || tables.size() > reloads_max || tables.size() != request.input["TablesToReload"].size()) {
    return base::failed(api::errors::invalid_parameter_value, "TablesToReload must name 1 to {} different tables",
                        reloads_max);
  }
  for (const std::string& earlier : task.inner.value("reload", std::vector<std::string>())) tables.insert(earlier);
  task.inner["reload"] = tables;
  Change change{.removed = {}, .put = {task}, .tags = {}, .events = {}};
  change.events.push_back(event_of(ground, task_source_type, task.id, "state change",
                                   "Reload of tables of the replication task requested"));
  TRY(ground.store.commit(change));
  ground.on_change();
  return {};
}

}  // namespace server
