// SPDX-License-Identifier: Apache-2.0
#include "engine/statistics.h"

#include <algorithm>

namespace engine {

void Latencies::add(std::int64_t micros) {
  const double seconds = static_cast<double>(std::max<std::int64_t>(micros, 0)) / 1e6;
  counts[static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin())] += 1;
  sum += seconds;
}

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
