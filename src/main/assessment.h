// SPDX-License-Identifier: Apache-2.0
//
// What `check` finds, under the names that the DMS API's premigration assessments have: one verdict for each check that
// fits the two systems and the kind of migration. `millrace-check` holds everything that was found; the others those
// findings that a check of that name is about. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "main/task_document.h"

namespace main_program {

// What is migrated: engine names as the API has them.
struct Route {
  std::string source;
  std::string target;
  engine::MigrationType type = engine::MigrationType::full_load;
};

std::vector<std::string> applicable_checks(const Route& route);
// What the objects of findings begin with that checks are about.
std::vector<std::string_view> checked_objects();

// [{"name", "status": "passed" | "warning" | "failed", "findings": [{"severity", "object", "problem", "remedy"}]}] for
// those of the names that fit.
nlohmann::json verdicts(const engine::Plan& plan, const Route& route, const std::vector<std::string>& names);

// The API's older report: types of the source that arrive as text, because the target has nothing like them.
nlohmann::json type_report(const engine::Plan& plan, const std::string& task_name);

}  // namespace main_program
