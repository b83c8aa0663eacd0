// SPDX-License-Identifier: Apache-2.0
//
// The parts of Applier that carry out what is not a row: truncate, changed shapes, dropped tables. Each stands in the
// group's transaction at its own place among the rows, under a savepoint: refused, it suspends its table.
#include <algorithm>
#include <set>

#include "connectors/postgres/apply.h"
#include "connectors/postgres/apply_schema.h"
#include "connectors/postgres/target_errors.h"

namespace postgres {

using model::Change;
using model::Op;

namespace {
constexpr int sequence_margin = 1000;  // values the source may have given out beyond the rows we know
}

base::Result<void> Applier::barrier(const model::ChangeBatch& batch, std::size_t& index, connect::ApplyReport& report) {
  const Change& change = batch.changes[index];
  if (change.op == Op::schema) return change_schema(batch.tables[change.table], report);
  if (change.op == Op::drop_table) return drop_table(*batch.tables[change.table], report);
  // One command of the source names several tables: consecutive changes of one transaction.
  std::vector<const Change*> together{&change};
  while (index + 1 < batch.changes.size() && batch.changes[index + 1].op == Op::truncate &&
         batch.changes[index + 1].position.log == change.position.log) {
    together.push_back(&batch.changes[++index]);
  }
  return truncate(batch, together, report);
}

base::Result<void> Applier::run_ddl(const model::TableSchema& table, const std::vector<std::string>& statements,
                                    connect::ApplyReport& report) {
  TRY(settle(report));
  TRY(session_->run("SAVEPOINT millrace_ddl", "savepoint"));
  for (const std::string& statement : statements) {
    const Outcome outcome = session_->attempt(statement);
    if (!outcome.refusal) continue;
    base::Error error = session_->error_of(*outcome.refusal, "table " + table.name.text());
    if (error.kind() == base::Kind::transient) return error;
    TRY(undo("millrace_ddl"));
    return suspend(
        table,
        base::failed(target_errors::apply_suspended, "table {}: a schema change was refused", table.name.text())
            .because(std::move(error)),
        report);
  }
  return session_->run("RELEASE SAVEPOINT millrace_ddl", "savepoint");
}

base::Result<void> Applier::truncate(const model::ChangeBatch& batch, const std::vector<const Change*>& changes,
                                     connect::ApplyReport& report) {
  if (!policies_.handle_truncate) return {};
  std::string names, removes;
  bool restart = false;
  const model::TableSchema* first = nullptr;
  for (const Change* change : changes) {
    const model::TableSchemaPtr& table = batch.tables[change->table];
    if (TRY(destination(table, report)) == nullptr) continue;
    if (names.find(quote_name(table->name)) != std::string::npos) continue;
    names += (names.empty() ? "" : ", ") + quote_name(table->name);
    removes += fmt::format("DELETE FROM {}; ", quote_name(table->name));
    restart = restart || change->restart_identity;
    if (first == nullptr) first = table.get();
    ++report.tables[table->source_name].ddls;
  }
  if (first == nullptr) return {};
  TRY(settle(report));
  TRY(session_->run("SAVEPOINT millrace_ddl", "savepoint"));
  const Outcome outcome = session_->attempt(fmt::format("TRUNCATE {}{}", names, restart ? " RESTART IDENTITY" : ""));
  if (!outcome.refusal) return session_->run("RELEASE SAVEPOINT millrace_ddl", "savepoint");
  base::Error error = session_->error_of(*outcome.refusal, "TRUNCATE " + names);
  if (error.kind() == base::Kind::transient) return error;
  TRY(undo("millrace_ddl"));
  // A table outside of the list refers to one in it; with foreign keys quiet the rows can still go.
  if (quiet_ && outcome.refusal->state == "0A000") return session_->run(removes, "truncate " + names);
  for (const Change* change : changes) TRY(suspend(*batch.tables[change->table], error, report));
  return {};
}

base::Result<void> Applier::change_schema(const model::TableSchemaPtr& after, connect::ApplyReport& report) {
  const auto known = known_.find(after->source_name);
  const model::TableSchemaPtr before = known == known_.end() ? nullptr : known->second;
  known_[after->source_name] = after;
  if (state_.suspended.contains(after->source_name)) return {};
  if (before == nullptr || *before == *after) return reconcile(after, report);
  model::TableSchema from = *before;
  if (replaying_) TRY(take_mended(from, *after, report));
  const SchemaChange change = schema_change(std::move(from), *after);
  if (change.statements.empty() && change.not_derivable.empty()) return {};
  destinations_.erase(before.get());
  ++report.tables[after->source_name].ddls;
  if (!policies_.handle_alter) {
    log_->warning("apply", "table {}: a schema change was left out, HandleSourceTableAltered is false",
                  after->name.text());
    return {};
  }
  if (!change.not_derivable.empty()) {
    return suspend(*after,
                   base::failed(target_errors::apply_suspended,
                                "table {}: {}: change the target's table by hand, or load its rows again",
                                after->name.text(), change.not_derivable),
                   report);
  }
  return run_ddl(*after, change.statements, report);
}

base::Result<std::set<std::string>> Applier::columns_there(const model::TableName& table,
                                                           connect::ApplyReport& report) {
  TRY(settle(report));
  const std::vector<Row> rows = TRY(session_->query(
      "SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = "
      "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped",
      {table.schema, table.table}, "table " + table.text()));
  std::set<std::string> there;
  for (const Row& row : rows) there.insert(row[0].value_or(""));
  return there;
}

// Columns of the same names before and after say nothing about who made them: then the change is ours to make.
base::Result<void> Applier::take_mended(model::TableSchema& before, const model::TableSchema& after,
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

base::Result<void> Applier::reconcile(const model::TableSchemaPtr& after, connect::ApplyReport& report) {
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
  return suspend(*after,
                 base::failed(target_errors::apply_suspended,
                              "table {}: {}: change the target's table by hand, or load its rows again",
                              after->name.text(), change.not_derivable),
                 report);
}

base::Result<void> Applier::set_sequences() {
  if (open_) return {};
  TRY(open());
  for (const auto& [name, table] : known_) {
    if (table->family != "postgresql" || state_.suspended.contains(name)) continue;
    const std::string target = quote_name(table->name);
    for (const model::Sequence& sequence : table->sequences) {
      if (sequence.column >= table->columns.size()) continue;
      const std::string column = table->columns[sequence.column].name;
      const Outcome outcome = session_->attempt(fmt::format(
          "SELECT setval(q.seq, LEAST(GREATEST(m.v + {0}, COALESCE(pg_sequence_last_value(q.seq), 0)), p.seqmax)) FROM "
          "(SELECT pg_get_serial_sequence({1}, {2})::regclass AS seq) q JOIN pg_sequence p ON p.seqrelid = q.seq, "
          "(SELECT max({3})::bigint AS v FROM {4}) m WHERE m.v IS NOT NULL AND p.seqincrement > 0",
          sequence_margin, quote_text(target), quote_text(column), quote_name(column), target));
      if (session_->broken()) return session_->error_of(*outcome.refusal, "sequences");
      if (outcome.refusal) {
        log_->warning("apply", "table {}: sequence of {} was not set: SQLSTATE {}", table->name.text(), column,
                      outcome.refusal->state);
      }
    }
  }
  return {};
}

base::Result<void> Applier::drop_table(const model::TableSchema& table, connect::ApplyReport& report) {
  if (!policies_.handle_drop || state_.suspended.contains(table.source_name)) return {};
  ++report.tables[table.source_name].ddls;
  known_.erase(table.source_name);
  std::erase_if(destinations_,
                [&](const auto& entry) { return entry.second->schema->source_name == table.source_name; });
  return run_ddl(table, {"DROP TABLE IF EXISTS " + quote_name(table.name)}, report);
}

}  // namespace postgres
