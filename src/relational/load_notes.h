// SPDX-License-Identifier: Apache-2.0
//
// Notes in the task's journal about the load of each table: that the rows which stand in it are all ours, and that a
// chunk of its load has been begun. They tell whether an unfinished load may be removed by emptying the table. Any
// thread.
#pragma once

#include <set>
#include <string>

#include "base/thread.h"
#include "connect/journal.h"
#include "model/schema.h"

namespace relational {

class LoadNotes {
 public:
  // `prefix`: of the journal's keys, "pgtarget".
  LoadNotes(connect::Journal& journal, std::string prefix) : journal_(journal), prefix_(std::move(prefix)) {}

  // Before a table is prepared: should we die in between, rows of somebody else are never taken for ours.
  base::Result<void> forget(const model::TableName& table);
  base::Result<void> note_emptied(const model::TableName& table);
  // Once a table; before the first row is written.
  base::Result<void> note_loading(const model::TableName& table);

  base::Result<bool> is_emptied(const model::TableName& table);
  base::Result<bool> is_loading(const model::TableName& table);
  base::Result<void> drop();

 private:
  std::string emptied_key(const model::TableName& table) const { return prefix_ + ".emptied." + table.text(); }
  std::string loading_key(const model::TableName& table) const { return prefix_ + ".loading." + table.text(); }

  connect::Journal& journal_;
  const std::string prefix_;
  base::Mutex mutex_;
  std::set<model::TableName> loading_ GUARDED_BY(mutex_);  // noted in the journal
};

}  // namespace relational
