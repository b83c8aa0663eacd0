// SPDX-License-Identifier: Apache-2.0
//
// The file of `millrace run --report FILE`: what a server needs to know of a task that runs as a process of its own,
// kept in a file that is replaced whole, about once a second and at the end. It outlives the process, so that a server
// that was away meanwhile learns how the task ended:
//
//   {"pid": 1, "phase": "streaming", "waiting": "", "position": "0/16B3748", "caught_up": {...},
//    "stats": {ReplicationTaskStats without the dates of start and stop}, "tables": [TableStatistics...],
//    "ended": {"outcome": "finished" | "interrupted" | "failed", "code": "pg.x", "message": "..."}}
//
// One thread writes. A file that cannot be written is told once in the log and harms nothing else.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/disk.h"
#include "base/log.h"
#include "engine/task.h"

namespace main_program {

std::string run_report_text(const engine::TaskStatus& status, base::WallMicros started, base::WallMicros now,
                            const base::Result<engine::Outcome>* ended);

class RunReport {
 public:
  RunReport(std::string path, base::Clock& clock, base::Disk& disk, base::Log& log);
  // Blocks until stop. Does nothing without a path.
  base::Result<void> run(const engine::Task& task, const std::stop_token& stop);
  // Behind run(): how the task ended, durably.
  void end(const engine::Task& task, const base::Result<engine::Outcome>& outcome);

 private:
  void write(const std::string& text, bool durable);

  const std::string path_;
  base::Clock& clock_;
  base::Disk& disk_;
  base::Log& log_;
  const base::WallMicros started_;
  bool told_ = false;
};

}  // namespace main_program
