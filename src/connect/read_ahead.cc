// SPDX-License-Identifier: Apache-2.0
#include "connect/read_ahead.h"

#include <algorithm>

namespace connect {
namespace {
constexpr std::size_t window_max = 512;                   // tables described at once
constexpr base::Nanos age_max = std::chrono::seconds(5);  // older descriptions are not believed
}  // namespace

void ReadAhead::listed(std::vector<model::TableName> names) {
  names_ = std::move(names);
  std::sort(names_.begin(), names_.end());
  ahead_.clear();
  window_ = 1;
}

base::Result<model::TableSchemaPtr> ReadAhead::take(const model::TableName& table, base::Nanos now,
                                                    const Fetch& fetch) {
  if (now - since_ > age_max) {
    if (!ahead_.empty()) window_ = 1;
    ahead_.clear();
  }
  if (!ahead_.contains(table)) {
    // The table asked for and those after it in the list.
    std::vector<model::TableName> names = {table};
    auto next = std::upper_bound(names_.begin(), names_.end(), table);
    for (; next != names_.end() && names.size() < window_; ++next) names.push_back(*next);
    window_ = std::min(window_ * 2, window_max);
    ahead_.clear();
    since_ = now;
    for (model::TableSchemaPtr& schema : TRY(fetch(names))) {
      const model::TableName name = schema->name;
      ahead_[name] = std::move(schema);
    }
  }
  const auto found = ahead_.find(table);
  if (found == ahead_.end()) return model::TableSchemaPtr();
  model::TableSchemaPtr schema = std::move(found->second);
  ahead_.erase(found);
  return schema;
}

}  // namespace connect
