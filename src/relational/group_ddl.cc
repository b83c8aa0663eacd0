// SPDX-License-Identifier: Apache-2.0
//
// The parts of GroupApplier that decide about what is not a row: truncate, changed shapes, dropped tables. Each stands
// in the group at its own place among the rows; refused, it suspends its table.
#include <algorithm>

#include "relational/group_applier.h"

namespace relational {

using model::Change;
using model::Op;

base::Result<void> GroupApplier::barrier(const model::ChangeBatch& batch, std::size_t& index,
                                         connect::ApplyReport& report) {
  const Change& change = batch.changes[index];
  if (change.op != Op::truncate) keys_.reset();
  in_hand_ = &change;
  nth_in_hand_ = nth_;
  committed_ = last_commit_;
  if (change.op == Op::schema) return change_schema(batch.tables[change.table], report);
  if (change.op == Op::drop_table) return drop_table(*batch.tables[change.table], report);
  if (!policies_.handle_truncate) return {};
  // One command of the source names several tables: consecutive changes of one transaction.
  std::vector<const Change*> together{&change};
  while (index + 1 < batch.changes.size() && batch.changes[index + 1].op == Op::truncate &&
         batch.changes[index + 1].position.log == change.position.log) {
    together.push_back(&batch.changes[++index]);
  }
  return truncate(batch, together, report);
}

void GroupApplier::note_done(const model::ChangeBatch& batch, const Change& change) {
  if (change.op == Op::schema || change.op == Op::drop_table) keys_.reset();
  if (change.op == Op::schema) known_[batch.tables[change.table]->source_name] = batch.tables[change.table];
  if (change.op == Op::drop_table) known_.erase(batch.tables[change.table]->source_name);
}

void GroupApplier::suspend_for_ddl(const model::TableSchema& table, base::Error cause, connect::ApplyReport& report) {
  relational::suspend(table,
                      base::failed(codes_.suspended, "table {}: a schema change was refused", table.name.text())
                          .because(std::move(cause)),
                      state_, report);
}

base::Result<void> GroupApplier::suspend_underivable(const model::TableSchema& after, const std::string& what,
                                                     connect::ApplyReport& report) {
  return suspend(
      after,
      base::failed(codes_.suspended, "table {}: {}: change the target's table by hand, or load its rows again",
                   after.name.text(), what),
      report);
}

base::Result<void> GroupApplier::change_schema(const model::TableSchemaPtr& after, connect::ApplyReport& report) {
  const auto known = known_.find(after->source_name);
  const model::TableSchemaPtr before = known == known_.end() ? nullptr : known->second;
  known_[after->source_name] = after;
  if (state_.suspended.contains(after->source_name)) return {};
  if (before == nullptr || *before == *after) return reconcile(after, report);
  model::TableSchema from = *before;
  if (replaying_) TRY(take_mended(from, *after, report));
  const SchemaChange change = schema_change(from, *after);
  if (change.statements.empty() && change.not_derivable.empty()) return {};
  destinations_.erase(before.get());
  ++report.tables[after->source_name].ddls;
  if (!policies_.handle_alter) {
    log_->warning("apply", "table {}: a schema change was left out, HandleSourceTableAltered is false",
                  after->name.text());
    return {};
  }
  if (!change.not_derivable.empty()) return suspend_underivable(*after, change.not_derivable, report);
  return run_ddl(*after, change.statements, report);
}

base::Result<std::set<std::string>> GroupApplier::columns_there(const model::TableName& table,
                                                                connect::ApplyReport& report) {
  TRY(settle(report));
  return read_columns(table);
}

// Columns of the same names before and after say nothing about who made them: then the change is ours to make.
base::Result<void> GroupApplier::take_mended(model::TableSchema& before, const model::TableSchema& after,
                                             connect::ApplyReport& report) {
  const auto names = [](const model::TableSchema& table) {
    std::set<std::string> all;
    for (const model::Column& column : table.columns) all.insert(column.name);
    return all;
  };
  const std::set<std::string> wanted = names(after);
  if (names(before) == wanted || TRY(columns_there(after.name, report)) != wanted) return {};
  std::vector<model::Column> columns;
  for (const model::Column& column : after.columns) {
    const auto same = std::find_if(before.columns.begin(), before.columns.end(), [&](const model::Column& old) {
      return column.ordinal > 0 && old.ordinal > 0 ? old.ordinal == column.ordinal : old.name == column.name;
    });
    columns.push_back(same == before.columns.end() ? column : *same);
    columns.back().name = column.name;
    columns.back().ordinal = column.ordinal;
  }
  before.columns = std::move(columns);
  return {};
}

base::Result<void> GroupApplier::reconcile(const model::TableSchemaPtr& after, connect::ApplyReport& report) {
  const std::set<std::string> there = TRY(columns_there(after->name, report));
  if (there.empty()) return {};  // not there at all: the first row of it says so
  std::set<std::string> wanted;
  model::TableSchema before = *after;
  std::erase_if(before.columns, [&](const model::Column& column) { return !there.contains(column.name); });
  if (before.columns.size() == after->columns.size()) return {};
  for (const model::Column& column : after->columns) wanted.insert(column.name);
  const bool more =
      std::any_of(there.begin(), there.end(), [&](const std::string& name) { return !wanted.contains(name); });
  SchemaChange change = schema_change(before, *after);
  if (more && change.not_derivable.empty())
    change.not_derivable = "columns were renamed or replaced while the task was down";
  ++report.tables[after->source_name].ddls;
  if (!policies_.handle_alter) return {};
  if (change.not_derivable.empty()) return run_ddl(*after, change.statements, report);
  return suspend_underivable(*after, change.not_derivable, report);
}

base::Result<void> GroupApplier::drop_table(const model::TableSchema& table, connect::ApplyReport& report) {
  if (!policies_.handle_drop || state_.suspended.contains(table.source_name)) return {};
  ++report.tables[table.source_name].ddls;
  known_.erase(table.source_name);
  std::erase_if(destinations_,
                [&](const auto& entry) { return entry.second->schema->source_name == table.source_name; });
  return run_ddl(table, {drop_sql(table.name)}, report);
}

}  // namespace relational
