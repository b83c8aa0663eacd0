// SPDX-License-Identifier: Apache-2.0
//
// The task settings for people and programs, made from their declaration: `millrace settings`, and the page
// docs/task-settings.md. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace main_program {

// docs/task-settings.md
std::string settings_page();

// `topic`: a key by its path or its last name, a section ("TargetMetadata"), or empty for everything. Fails with
// main.bad_usage naming what is like it.
base::Result<std::string> settings_text(std::string_view topic);
base::Result<std::string> settings_json(std::string_view topic);

}  // namespace main_program
