// SPDX-License-Identifier: Apache-2.0
//
// The task's durable memory in use: a copy of what the state store holds, changed only through commits. Thread-safe;
// a change that could not be committed is an error and leaves the copy as it was.
#pragma once

#include <functional>

#include "base/thread.h"
#include "engine/state_store.h"

namespace engine {

// A suspended table whose changes are kept (see kept_changes.h). Stored as a note, in the commit that suspends the
// table and gone with the commit that ends its suspension.
struct KeptTable {
  model::Position since;        // the target holds the table up to here; everything later is kept
  std::string folder;           // name of the folder with the changes
  model::TableSchemaPtr shape;  // the source's shape at `since`; nullptr: not known
};

// States of a table, DMS's own words (TableStatistics.TableState).
namespace table_state {
inline constexpr std::string_view before_load = "Before load";
inline constexpr std::string_view loading = "Full load";
inline constexpr std::string_view completed = "Table completed";
inline constexpr std::string_view error = "Table error";
inline constexpr std::string_view dropped = "Table was dropped";
inline constexpr std::string_view cancelled = "Table cancelled";  // the mapping no longer selects it
}  // namespace table_state

class Ledger {
 public:
  explicit Ledger(StateStore& store) : store_(store) {}

  base::Result<void> load();
  // Forgets everything, and starts with that task row.
  base::Result<void> begin_anew(TaskRecord task);

  std::optional<TaskRecord> task() const;
  std::optional<TableRecord> table(const model::TableName& source_name) const;
  std::map<model::TableName, TableRecord> tables() const;

  std::size_t tables_in_error() const;

  base::Result<void> update_task(const std::function<void(TaskRecord&)>& change);
  base::Result<void> update_table(const model::TableName& source_name, const std::function<void(TableRecord&)>& change);
  // Table error, with its later changes kept or (nullopt) dropped.
  base::Result<void> suspend(const model::TableName& source_name, const std::string& reason,
                             std::optional<KeptTable> kept);
  // By source name. A table that is no longer in error has none.
  std::map<model::TableName, KeptTable> kept() const;

  // Several tables and the task in one commit; `change` is called for every known table.
  base::Result<void> update_all(const std::function<void(TableRecord&)>& change);
  base::Result<void> chunk(ChunkRecord chunk);

 private:
  base::Result<void> commit_table(TableRecord record, std::optional<KeptTable> kept) REQUIRES(mutex_);

  StateStore& store_;
  mutable base::Mutex mutex_;
  State state_ GUARDED_BY(mutex_);
  std::map<model::TableName, KeptTable> kept_ GUARDED_BY(mutex_);
};

}  // namespace engine
