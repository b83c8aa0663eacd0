// SPDX-License-Identifier: Apache-2.0
//
// Compares source and target row by row. Both sides of one family give their rows in one order (by key, or by the whole
// row where there is no key: then as a multiset), and two readers walk along. While changes flow, a row may differ only
// because one side was read earlier: a table with differences is compared again, and only what differs every time
// counts.
#pragma once

#include "engine/task.h"
#include "engine/value_edits.h"

namespace engine {

// What is compared, by ValidationSettings: not values that settings change, nor (SkipLobColumns) large objects outside
// of keys; and when enough was found. Immutable.
class ValidationScope {
 public:
  explicit ValidationScope(const TaskDefinition& definition);  // which must outlive it

  // Indexes into the target's columns, of those too that rules compute.
  std::vector<std::uint32_t> columns(const PlannedTable& table) const;
  // What settings change of the source's rows before rules see them.
  TableEdits edits(const PlannedTable& table) const;
  // Of two unequal values: that far as ValidationPartialLobSize looks, they are equal.
  bool looks_equal(const model::Column& column, const std::optional<std::string>& a,
                   const std::optional<std::string>& b) const;
  std::size_t large_bytes() const { return large_bytes_; }  // 0: all
  bool is_enough(std::uint64_t of_table) const { return table_max_ != 0 && of_table >= table_max_; }
  bool ends_task(std::uint64_t of_task) const { return task_max_ != 0 && of_task >= task_max_; }
  std::string enough_text() const;

 private:
  const ValueEdits* edits_;
  bool skips_large_;
  std::size_t large_bytes_;
  std::uint64_t table_max_, task_max_;
};

base::Result<ValidationReport> validate_task(const TaskDefinition& definition, const Environment& environment,
                                             const std::function<void(const Difference&)>& on_difference,
                                             std::stop_token stop);

// "text" as a JSON string.
std::string json_text(std::string_view text);

}  // namespace engine
