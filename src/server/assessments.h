// SPDX-License-Identifier: Apache-2.0
//
// Premigration assessments: a run asks a worker what `millrace check` finds for the task, under the names of the API's
// checks, and to leave the answer as JSON in a bucket, or below results/ of the data directory. Meanwhile the task is
// "testing". An operation records the question; the supervisor has it answered, again after a restart of the server.
//
//   a run:          state "running", then "passed", "warning", "failed" or "error-executing"
//     inner.checks  [{"name", "arn", "status"}], in the order of names
//     inner.back    the state that its task goes back to
//     inner.results where the results go
//   the older report on types: one row for each task, state "running", then "done"; inner.report, inner.file
#pragma once

#include "server/ground.h"

namespace server {

inline constexpr const char* assessment_kind = "assessment-run";
inline constexpr const char* type_assessment_kind = "type-assessment";

// What the worker is asked for a row of either kind that is running, and what becomes of its answer. The supervisor
// calls them; note_assessment while `deciding` of the store is held.
base::Result<json> assessment_question(Ground& ground, const Resource& row);
base::Result<void> note_assessment(Ground& ground, Resource row, base::Result<WorkerAnswer> answer);
// The rows of a task that is to be deleted.
base::Result<std::vector<std::pair<std::string, std::string>>> assessments_of(Ground& ground, const Resource& task);

std::span<const OperationRow> assessment_operations();

}  // namespace server
