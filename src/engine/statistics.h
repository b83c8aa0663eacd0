// SPDX-License-Identifier: Apache-2.0
//
// The running figures of one task. Loaders, router, applier and monitor write; status() takes a copy. Thread-safe.
#pragma once

#include "base/thread.h"
#include "engine/task.h"

namespace engine {

class Statistics {
 public:
  explicit Statistics(base::Clock& clock) : clock_(clock) {}

  // Changes one table's row (created when absent) under the lock.
  void table(const model::TableName& source_name, const std::function<void(TableStatus&)>& change);
  // Changes the task-wide figures under the lock.
  void task(const std::function<void(TaskStatus&)>& change);
  void set_phase(std::string phase, std::string waiting = "");
  TaskStatus copy() const;

 private:
  base::Clock& clock_;
  mutable base::Mutex mutex_;
  TaskStatus task_ GUARDED_BY(mutex_);
  std::map<model::TableName, TableStatus> tables_ GUARDED_BY(mutex_);
};

}  // namespace engine
