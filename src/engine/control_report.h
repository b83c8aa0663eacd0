// SPDX-License-Identifier: Apache-2.0
//
// What Target::report is told for DMS's control tables: the task's status, and the current slot of its history. One
// thread at a time.
#pragma once

#include <map>
#include <string>

#include "engine/task.h"

namespace engine {

class ControlReport {
 public:
  enum class Phase { full_load, streaming, not_running };

  ControlReport(const Settings& settings, base::Clock& clock);

  // Whether the load has a reader for it: no report otherwise.
  bool is_wanted() const { return wanted_; }
  std::map<std::string, std::string> facts(Phase phase, const TaskStatus& status);

 private:
  void add_slot(Phase phase, const TaskStatus& status, base::WallMicros now, std::map<std::string, std::string>& facts);

  base::Clock& clock_;
  const bool wanted_;
  const std::int64_t slot_minutes_;
  Phase phase_ = Phase::not_running;
  base::WallMicros slot_end_ = 0;
  std::uint64_t records_before_ = 0, bytes_before_ = 0;  // of the slot
  std::uint64_t records_reported_ = 0, bytes_reported_ = 0;
};

}  // namespace engine
