// SPDX-License-Identifier: Apache-2.0
#include "main/log_levels.h"

#include <array>

namespace main_program {
namespace {

struct Ours {
  std::string_view component;
  std::string_view id;  // DMS's
};
constexpr std::array ours{
    Ours{"main", "TASK_MANAGER"},      Ours{"task", "TASK_MANAGER"},     Ours{"monitor", "SOURCE_CAPTURE"},
    Ours{"capture", "SOURCE_CAPTURE"}, Ours{"stream", "SOURCE_CAPTURE"}, Ours{"load", "TARGET_LOAD"},
    Ours{"target", "TARGET_LOAD"},     Ours{"apply", "TARGET_APPLY"},    Ours{"files", "FILE_FACTORY"}};

base::Level level_of(std::string_view severity) {
  if (severity == "LOGGER_SEVERITY_ERROR") return base::Level::error;
  if (severity == "LOGGER_SEVERITY_WARNING") return base::Level::warning;
  if (severity == "LOGGER_SEVERITY_DEBUG" || severity == "LOGGER_SEVERITY_DETAILED_DEBUG") return base::Level::debug;
  return base::Level::info;
}

}  // namespace

LogLevels log_levels(const engine::Settings& settings) {
  LogLevels levels;
  for (const engine::Settings::Entry& entry : settings.list("Logging.LogComponents")) {
    for (const Ours& row : ours) {
      if (row.id == entry.at("Id")) levels[std::string(row.component)] = level_of(entry.at("Severity"));
    }
  }
  return levels;
}

}  // namespace main_program
