// SPDX-License-Identifier: Apache-2.0
//
// The parts of GroupApplier that know of foreign keys whose doings are not in the log. What a key does stands at the
// place of the change that made it act: behind everything of the tables it reaches that came before, in front of what
// comes later. So changes are taken together as long as none of them meets such a table.
#include <algorithm>

#include "relational/group_applier.h"

namespace relational {

using model::Change;
using model::Op;

const KeyGraph& GroupApplier::keys() {
  if (keys_) return *keys_;
  std::vector<model::TableSchemaPtr> tables;
  for (const auto& [name, table] : known_) tables.push_back(table);
  return keys_.emplace(tables);
}

// Whether it cannot stand in one run with what is there.
bool GroupApplier::meets_keys(const model::ChangeBatch& batch, const Change& change, bool acts) {
  const model::TableName& table = batch.tables[change.table]->source_name;
  if (!acting_.empty()) {
    const Change& before = batch.changes[acting_.front()];
    const bool is_like_them =
        acts && change.op == Op::remove && before.op == Op::remove && change.table == before.table;
    if (is_like_them) return false;
    if (acts || keys().reached_from(batch.tables[before.table]->source_name).contains(table)) return true;
  }
  if (!acts) return false;
  const std::set<model::TableName>& reached = keys().reached_from(table);
  return std::any_of(runs_.begin(), runs_.end(),
                     [&](const auto& run) { return reached.contains(batch.tables[run.first]->source_name); });
}

base::Result<void> GroupApplier::take_row(const model::ChangeBatch& batch, std::uint32_t index,
                                          connect::ApplyReport& report) {
  const Change& change = batch.changes[index];
  const bool acts = keys().acts(batch, change);
  if ((acts || !acting_.empty()) && meets_keys(batch, change, acts)) TRY(flush(batch, report));
  if (runs_.empty()) commit_before_runs_ = last_commit_;
  runs_[change.table].push_back(index);
  if (acts) acting_.push_back(index);
  return {};
}

// Before the run is written: what a table lacks is added then, which may commit.
base::Result<void> GroupApplier::find_reached(const model::ChangeBatch& batch, connect::ApplyReport& report) {
  if (acting_.empty()) return {};
  const model::TableSchemaPtr& table = batch.tables[batch.changes[acting_.front()].table];
  TRY(destination(table, report));
  const std::set<model::TableName> reached = keys().reached_from(table->source_name);
  for (const model::TableName& name : reached) {
    const model::TableSchemaPtr schema = known_.at(name);
    TRY(destination(schema, report));
  }
  return {};
}

base::Result<void> GroupApplier::carry_out_keys(const model::ChangeBatch& batch, connect::ApplyReport& report) {
  const std::vector<std::uint32_t> changes = std::exchange(acting_, {});
  if (changes.empty() || !report.suspended.empty()) return {};
  ENSURE(TRY(settle(report)));
  const model::TableSchemaPtr& table = batch.tables[batch.changes[changes.front()].table];
  const KeyGraph graph = keys();
  std::vector<model::TableSchemaPtr> concerned{table};
  for (const model::TableName& name : graph.reached_from(table->source_name)) concerned.push_back(known_.at(name));
  std::map<const model::TableSchema*, std::shared_ptr<const Destination>> found;
  for (const model::TableSchemaPtr& one : concerned) {
    if (TRY(destination(one, report)) != nullptr) found[one.get()] = destinations_.at(one.get());
  }
  const std::unique_ptr<KeyedRows> rows = keyed_rows();
  KeyActions actions(graph, *rows, [&](const model::TableSchemaPtr& one) -> const Destination* {
    const auto at = found.find(one.get());
    return at == found.end() ? nullptr : at->second.get();
  });
  base::Result<void> done = actions.carry_out(batch, changes);
  if (done.ok() || done.error().kind() != base::Kind::table) return done;
  relational::suspend(*table, done.take_error(), state_, report);
  return {};
}

}  // namespace relational
