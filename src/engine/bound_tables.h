// SPDX-License-Identifier: Apache-2.0
//
// Tables that foreign keys with `unlogged` bind together: a change of one changes rows of another, and the source's log
// tells of the first only. So they stand or fall together: loaded under one snapshot, suspended and reloaded as one.
// Built from source shapes; immutable; any thread. Pure.
#pragma once

#include <map>
#include <set>

#include "connect/target.h"
#include "engine/ledger.h"
#include "engine/task.h"

namespace engine {

class BoundTables {
 public:
  explicit BoundTables(const std::vector<model::TableSchemaPtr>& tables);

  // The others, by source name; empty: it stands alone.
  const std::set<model::TableName>& others(const model::TableName& table) const;
  // Each set of several tables once.
  std::vector<std::set<model::TableName>> sets() const;

 private:
  std::map<model::TableName, std::set<model::TableName>> others_;
};

// Keys whose doings this task could not carry out on its target, as refusals. For tasks that stream.
std::vector<connect::Finding> binding_problems(const std::vector<PlannedTable>& tables, const connect::Target& target);

// Before a pass of the load (`is_first`: of this attempt) or behind the last: tables that are bound to one that is to
// be loaded are to be loaded with it; those that are bound to one in error are in error. Names whose state changed.
base::Result<std::vector<model::TableName>> settle_bound(const BoundTables& bound, Ledger& ledger, bool is_first);

}  // namespace engine
