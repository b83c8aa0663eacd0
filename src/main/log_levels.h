// SPDX-License-Identifier: Apache-2.0
//
// Logging.LogComponents as the log's own levels: which of DMS's components a line of ours belongs to, and the least
// severe level of it that is written. Pure.
#pragma once

#include <map>
#include <string>

#include "base/log.h"
#include "engine/settings.h"

namespace main_program {

using LogLevels = std::map<std::string, base::Level, std::less<>>;  // by our component; others: info

LogLevels log_levels(const engine::Settings& settings);

}  // namespace main_program
