// SPDX-License-Identifier: Apache-2.0
#include "engine/pace.h"

#include <algorithm>

namespace engine {

// Of a target to which groups mean nothing: mostly one batch of the stream, still in the processor's caches.
constexpr std::size_t ungathered_bytes = 1u << 20;

GroupPace GroupPace::of(const Settings& settings, const Budgets& budgets, bool gathers) {
  const auto tuning = [&](const std::string& key) { return settings.integer("ChangeProcessingTuning." + key); };
  const auto chosen = [&](const std::string& key) { return settings.is_chosen("ChangeProcessingTuning." + key); };
  GroupPace pace;
  pace.limits = GroupLimits{budgets.group_bytes, budgets.group_changes};
  if (!gathers) pace.limits.bytes_max = std::min(pace.limits.bytes_max, ungathered_bytes);
  if (!settings.boolean("TargetMetadata.BatchApplyEnabled")) {
    if (!chosen("MinTransactionSize") && !chosen("CommitTimeout")) return pace;
    pace.rows_enough = std::max<std::size_t>(1, static_cast<std::size_t>(tuning("MinTransactionSize")));
    pace.wait = std::chrono::seconds(tuning("CommitTimeout"));
    return pace;
  }
  const auto bytes = static_cast<std::size_t>(tuning("BatchApplyMemoryLimit")) << 20;
  const auto changes = static_cast<std::size_t>(tuning("BatchSplitSize"));
  if (bytes != 0) pace.limits.bytes_max = std::min(pace.limits.bytes_max, bytes);
  if (changes != 0) pace.limits.changes_max = std::min(pace.limits.changes_max, changes);
  if (chosen("BatchApplyTimeoutMin")) {
    pace.wait = std::chrono::seconds(std::min(tuning("BatchApplyTimeoutMin"), tuning("BatchApplyTimeoutMax")));
  }
  return pace;
}

}  // namespace engine
