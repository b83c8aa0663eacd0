// SPDX-License-Identifier: Apache-2.0
//
// Replication tasks, and replications that a config describes: the same to whoever runs them, a row with a life. An
// operation records what shall be (`state`, and what the step needs in `inner`) and answers; the supervisor then makes
// it so, as often as it takes. States are the words of the API's tasks for both kinds.
//
//   inner.name     the identifier at creation: it names slot and position, and never changes
//   inner.folder   below tasks/ of the data directory: the task's own --data-dir
//   inner.source, inner.target   ARNs of the endpoints
//   inner.members  of the task document: MigrationType, TableMappings, CdcStartPosition...
//   inner.settings the settings as given, merged over each other
//   inner.run      number of the last start; its report is run-N.json
//   inner.start    how that start begins: "start-replication", "resume-processing", "reload-target"
//   inner.reload   the process is ended and begins again, for these tables to load again; none: for a new document or
//                  a reboot; inner.reloading: those it then begins with
//   inner.StopReason, LastFailureMessage, StartDate, FreshStartDate, StopDate   as the API shows them
#pragma once

#include "server/ground.h"

namespace server {

inline constexpr const char* task_kind = "task";
inline constexpr const char* config_kind = "replication-config";
inline constexpr const char* task_source_type = "replication-task";

// The task file that `millrace run` reads, with all secrets.
base::Result<json> task_document(Ground& ground, const Resource& task);
// Of the last run, or of one so many runs before.
std::string report_path(const Ground& ground, const Resource& task, int before = 0);
// What the last run said of itself; an empty object: nothing yet.
json read_report(const Ground& ground, const Resource& task);
// InvalidResourceStateFault unless both were tested from the task's instance, and could be reached.
base::Result<void> check_connections(Ground& ground, const Resource& task);
bool at_rest(const Resource& task);  // ready, stopped or failed

// For creating and modifying, of both kinds. The settings with all defaults, as a text, once a worker has read the
// whole document as the task will.
base::Result<json> merged_settings(const json& before, const std::string& text);
base::Result<void> keep_start_position(const Request& request, Resource& task);
base::Result<std::string> settings_checked_by_worker(Ground& ground, const Resource& task);
base::Result<Resource> endpoint_of_side(Ground& ground, const Request& request, const char* member,
                                        std::string_view side);

// Statistics of the last run, with the dates of start and stop; an empty object before the first.
json run_stats(const Resource& task, const json& report);
// checkpoint:V1#...; empty: there is none.
std::string recovery_checkpoint(const Resource& task, const json& report);
base::Result<json> table_statistics(Ground& ground, const Request& request, const Resource& task, const char* member);

// The steps of a life. Each commits; what fails has changed nothing.
base::Result<void> start_run(Ground& ground, const Request& request, Resource& task, const std::string& type);
base::Result<void> stop_run(Ground& ground, Resource& task);
base::Result<void> delete_run(Ground& ground, Resource& task);
base::Result<void> reload_run(Ground& ground, const Request& request, Resource& task);

std::span<const OperationRow> task_operations();
std::span<const OperationRow> task_life_operations();
std::span<const OperationRow> replication_operations();

}  // namespace server
