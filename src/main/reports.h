// SPDX-License-Identifier: Apache-2.0
//
// What check, status and validate print, made from the engine's values. Pure.
#pragma once

#include <string>

#include "engine/state_store.h"
#include "engine/task.h"

namespace main_program {

// The plan, table by table, then the findings with their remedies.
std::string plan_text(const engine::Plan& plan, const std::vector<std::string>& remarks);
std::string plan_json(const engine::Plan& plan, const std::vector<std::string>& remarks);

// The table statistics of a task's stored state.
std::string status_text(const engine::State& state);
// The shape of DescribeTableStatistics; times are seconds since 1970, as in the API.
std::string status_json(const engine::State& state);
// One table of it.
std::string statistics_json(const engine::TableRecord& table);

std::string difference_text(const engine::Difference& difference);
std::string validation_text(const engine::ValidationReport& report);
std::string validation_json(const engine::ValidationReport& report);

// "error CODE: message", the chain of causes, and the advice; one a line.
std::string error_text(const base::Error& error);

}  // namespace main_program
