// SPDX-License-Identifier: Apache-2.0
#include "engine/bound_tables.h"

#include <algorithm>

#include "engine/errors.h"

namespace engine {

using base::Result;
using model::TableName;

BoundTables::BoundTables(const std::vector<model::TableSchemaPtr>& tables) {
  std::set<TableName> known;
  std::map<TableName, std::set<TableName>> neighbours;
  for (const model::TableSchemaPtr& table : tables) known.insert(table->source_name);
  for (const model::TableSchemaPtr& table : tables) {
    for (const model::ForeignKey& key : table->foreign_keys) {
      if (!key.unlogged || !known.contains(key.referenced)) continue;
      neighbours[table->source_name].insert(key.referenced);
      neighbours[key.referenced].insert(table->source_name);
    }
  }
  for (const auto& [table, direct] : neighbours) {
    std::set<TableName> reached{table};
    std::vector<TableName> left{table};
    while (!left.empty()) {
      const TableName one = std::move(left.back());
      left.pop_back();
      for (const TableName& next : neighbours[one]) {
        if (reached.insert(next).second) left.push_back(next);
      }
    }
    reached.erase(table);
    if (!reached.empty()) others_[table] = std::move(reached);
  }
}

const std::set<TableName>& BoundTables::others(const TableName& table) const {
  static const std::set<TableName> none;
  const auto found = others_.find(table);
  return found == others_.end() ? none : found->second;
}

std::vector<std::set<TableName>> BoundTables::sets() const {
  std::vector<std::set<TableName>> all;
  for (const auto& [table, others] : others_) {
    if (!others.empty() && *others.begin() < table) continue;  // told by the first of them
    all.push_back(others);
    all.back().insert(table);
  }
  return all;
}

namespace {

// Empty: the rules of the mapping leave its rows as the source has them.
std::string mapping_problem(const PlannedTable& table) {
  if (!table.filter.empty()) return fmt::format("table {} is filtered", table.source->name.text());
  if (table.mapped.computes || table.edited) {
    return fmt::format("values of table {} are changed on the way", table.source->name.text());
  }
  return "";
}

std::string problem_of(const PlannedTable& table, const model::ForeignKey& key, const std::vector<PlannedTable>& tables,
                       const connect::Target& target) {
  if (!target.carries_out_keys()) return "this target has no tables in which it could be done";
  const auto parent = std::find_if(tables.begin(), tables.end(),
                                   [&](const PlannedTable& one) { return one.source->name == key.referenced; });
  if (parent == tables.end()) return fmt::format("table {} is not part of the task", key.referenced.text());
  for (const PlannedTable* one : {&table, &*parent}) {
    std::string problem = mapping_problem(*one);
    if (!problem.empty()) return problem;
  }
  const std::vector<model::ForeignKey>& kept = table.mapped.target->foreign_keys;
  const bool is_kept =
      std::any_of(kept.begin(), kept.end(), [&](const model::ForeignKey& one) { return one.name == key.name; });
  if (is_kept) return "";
  const std::string head = "foreign key " + key.name + ": ";
  for (const std::string& left_out : table.mapped.left_out) {
    if (left_out.starts_with(head)) return left_out.substr(head.size());
  }
  return "the mapping leaves it out";
}

}  // namespace

std::vector<connect::Finding> binding_problems(const std::vector<PlannedTable>& tables, const connect::Target& target) {
  std::vector<connect::Finding> findings;
  for (const PlannedTable& table : tables) {
    for (const model::ForeignKey& key : table.source->foreign_keys) {
      if (!key.unlogged) continue;
      const std::string problem = problem_of(table, key, tables, target);
      if (problem.empty()) continue;
      findings.push_back({connect::Finding::Severity::refusal, "table " + table.source->name.text(),
                          fmt::format("foreign key {} ({}): what it changes by itself is not in the source's log: {}",
                                      key.name, key.rules, problem),
                          "Make the key RESTRICT at the source, or run a full-load task."});
    }
  }
  return findings;
}

namespace {

enum class Fate { none, load, error };

Fate fate_of(const std::set<TableName>& tables, const Ledger& ledger, bool is_first) {
  bool has_loaded = false, is_pending = false, has_failed = false;
  for (const TableName& name : tables) {
    const std::optional<TableRecord> record = ledger.table(name);
    if (record && record->state == table_state::dropped) continue;
    const bool is_error = record && record->state == table_state::error;
    const bool is_loaded = record && record->state == table_state::completed;
    const bool is_suspended = is_error && (record->load_ended != 0 || !is_first);
    has_loaded = has_loaded || is_loaded || is_suspended;
    has_failed = has_failed || is_suspended;
    is_pending = is_pending || !(is_loaded || is_suspended);
  }
  if (is_pending && (is_first || !has_failed)) return has_loaded ? Fate::load : Fate::none;
  return has_failed ? Fate::error : Fate::none;
}

}  // namespace

Result<std::vector<TableName>> settle_bound(const BoundTables& bound, Ledger& ledger, bool is_first) {
  std::vector<TableName> moved;
  for (const std::set<TableName>& tables : bound.sets()) {
    const Fate fate = fate_of(tables, ledger, is_first);
    if (fate == Fate::none) continue;
    for (const TableName& name : tables) {
      const std::optional<TableRecord> record = ledger.table(name);
      if (!record || record->state == table_state::dropped) continue;
      const std::string_view wanted = fate == Fate::load ? table_state::before_load : table_state::error;
      if (record->state == wanted) continue;
      TRY(ledger.update_table(name, [&](TableRecord& row) {
        row.state = wanted;
        // A failed load is tried at the next start; what a stream suspended waits for --reload-table.
        if (fate == Fate::load || !is_first) row.load_ended = 0;
        row.suspended_reason =
            fate == Fate::load ? "" : base::failed(errors::bound_table, "table {}", name.text()).text();
      }));
      moved.push_back(name);
    }
  }
  return moved;
}

}  // namespace engine
