// SPDX-License-Identifier: Apache-2.0
#include "engine/statistics.h"

namespace engine {

void Statistics::table(const model::TableName& source_name, const std::function<void(TableStatus&)>& change) {
  base::Lock lock(mutex_);
  TableStatus& row = tables_[source_name];
  row.source_name = source_name;
  change(row);
  row.updated = clock_.wall();
}

void Statistics::task(const std::function<void(TaskStatus&)>& change) {
  base::Lock lock(mutex_);
  change(task_);
}

void Statistics::set_phase(std::string phase, std::string waiting) {
  base::Lock lock(mutex_);
  task_.phase = std::move(phase);
  task_.waiting = std::move(waiting);
}

TaskStatus Statistics::copy() const {
  base::Lock lock(mutex_);
  TaskStatus status = task_;
  for (const auto& [name, row] : tables_) status.tables.push_back(row);
  return status;
}

}  // namespace engine
