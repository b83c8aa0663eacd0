// SPDX-License-Identifier: Apache-2.0
//
// Compares source and target row by row. Both sides of one family give their rows in one order (by key, or by the whole
// row where there is no key: then as a multiset), and two readers walk along. While changes flow, a row may differ only
// because one side was read earlier: a table with differences is compared again, and only what differs every time
// counts.
#pragma once

#include "engine/task.h"

namespace engine {

base::Result<ValidationReport> validate_task(const TaskDefinition& definition, const Environment& environment,
                                             const std::function<void(const Difference&)>& on_difference,
                                             std::stop_token stop);

// "text" as a JSON string.
std::string json_text(std::string_view text);

}  // namespace engine
