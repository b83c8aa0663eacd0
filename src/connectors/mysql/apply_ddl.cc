// SPDX-License-Identifier: Apache-2.0
//
// The parts of Applier that carry out what is not a row: truncate, changed shapes, dropped tables; see apply.h for how
// a group survives statements that commit by themselves.
#include <algorithm>
#include <set>

#include "connectors/mysql/apply.h"
#include "connectors/mysql/counters.h"
#include "connectors/mysql/describe.h"
#include "connectors/mysql/target_errors.h"
#include "convert/mysql_ddl.h"

namespace mysql {

using model::Change;

std::string Applier::part_sql(const Part& part) const {
  return replaying_ ? control_.replayed_sql(*replaying_, part) : control_.part_sql(part);
}

bool Applier::is_done(const Change& change) const {
  const std::optional<Part>* reached = &part_;
  if (replaying_) {
    const auto found = replay_parts_.find(*replaying_);
    if (found == replay_parts_.end()) return false;
    reached = &found->second;
  }
  if (!*reached || change.position.log != (*reached)->before.log) return false;
  if (change.op == model::Op::begin || change.op == model::Op::commit) return false;
  return std::pair(change.position.sequence, nth_) < std::pair((*reached)->before.sequence, (*reached)->nth);
}

relational::SchemaChange Applier::schema_change(const model::TableSchema& before,
                                                const model::TableSchema& after) const {
  return mysql::schema_change(dialect_, before, after);
}

std::string Applier::drop_sql(const model::TableName& table) const { return "DROP TABLE IF EXISTS " + quoted(table); }

base::Result<std::string> Applier::shape_of(const model::TableName& table) {
  std::string words;
  for (const model::TableSchemaPtr& found : TRY(describe_tables(session_->connection(), {table}))) {
    for (const model::Column& column : found->columns) {
      words += fmt::format("{} {} {} {} {} {}\n", quote_identifier(column.name), column.type.native, column.collation,
                           column.nullable ? "NULL" : "NOT NULL", column.default_expression, column.generation);
    }
  }
  return words;
}

base::Result<void> Applier::commit_part(const std::string& shape, connect::ApplyReport& report) {
  const Part reached{in_hand_->position, nth_in_hand_, shape};
  const bool moves = !replaying_ && committed_ > *position_;
  if (moves) queue(Expected::What::position, control_.move_sql(epoch_, position_, committed_));
  queue(Expected::What::control, part_sql(reached));
  TRY(settle(report));
  queue(Expected::What::control, "COMMIT");
  TRY(settle(report));
  ++parts_kept_;
  if (moves) position_ = committed_;
  part() = reached;
  return {};
}

// The source dropped a column, and with it, or before, the checks and keys that use it: empty when there are none.
base::Result<std::string> Applier::with_dependents(const model::TableName& table, const std::string& statement) {
  std::set<std::string> dropped;
  for (const convert::Action& action : convert::parse_mysql(statement, {}).actions) {
    if (action.kind == convert::ActionKind::drop_column) dropped.insert(action.name);
  }
  const std::string head = fmt::format("ALTER TABLE {} ", quoted(table));
  if (dropped.empty() || !statement.starts_with(head)) return std::string();
  const auto is_dropped = [&](const std::string& column) { return dropped.contains(column); };
  std::string clauses;
  for (const model::TableSchemaPtr& there : TRY(describe_tables(session_->connection(), {table}))) {
    for (const model::SecondaryObject& check : there->checks) {
      const bool uses = std::any_of(dropped.begin(), dropped.end(), [&](const std::string& column) {
        return check.definition.find(quote_identifier(column)) != std::string::npos;
      });
      if (uses) clauses += fmt::format("DROP CONSTRAINT {}, ", quote_identifier(check.name));
    }
    for (const model::ForeignKey& key : there->foreign_keys) {
      const bool uses = std::any_of(key.columns.begin(), key.columns.end(), is_dropped);
      if (uses) clauses += fmt::format("DROP FOREIGN KEY {}, ", quote_identifier(key.name));
    }
  }
  return clauses.empty() ? std::string() : head + clauses + statement.substr(head.size());
}

// Another process that takes over waits for the lock; one that had it before has raised the epoch.
base::Result<std::optional<Refusal>> Applier::alter_under_lock(const model::TableName& table,
                                                               const std::vector<std::string>& statements) {
  TRY(control_.lock_task(*session_));
  const auto altered = [&]() -> base::Result<std::optional<Refusal>> {
    const Outcome held = TRY(session_->attempt(control_.hold_sql(epoch_, position_)));
    if (held.refusal || held.rows != 1)
      return base::failed(codes_.superseded, "epoch {} of the task has ended", epoch_);
    for (const std::string& statement : statements) {
      Outcome outcome = TRY(session_->attempt(statement));
      const std::string whole = outcome.refusal ? TRY(with_dependents(table, statement)) : "";
      if (!whole.empty()) outcome = TRY(session_->attempt(whole));
      if (outcome.refusal) return std::optional<Refusal>(std::move(outcome.refusal));
    }
    return std::optional<Refusal>();
  };
  base::Result<std::optional<Refusal>> done = altered();
  if (!session_->broken()) control_.unlock_task(*session_);
  return done;
}

base::Result<void> Applier::run_ddl(const model::TableSchema& table, const std::vector<std::string>& statements,
                                    connect::ApplyReport& report) {
  TRY(settle(report));
  const std::string shape = TRY(shape_of(table.name));
  const std::string note = quoted(table.name) + "\n" + shape;
  const std::optional<Part>& reached = part();
  const bool is_pending = reached && reached->before == in_hand_->position && reached->nth == nth_in_hand_ &&
                          reached->shape.starts_with(quoted(table.name) + "\n");
  // A note that was found stays until the change is behind us: another one would say that it is still to come.
  const bool is_made = is_pending && reached->shape != note;
  std::optional<Refusal> refusal;
  if (!is_made) {
    TRY(commit_part(note, report));
    if (!shape.empty()) refusal = TRY(alter_under_lock(table.name, statements));
    TRY(begin_group(*position_));
  }
  // From here on the change counts as made: a row that stands where it is, in a run, is still to come.
  const bool is_row = in_hand_->op != model::Op::schema && in_hand_->op != model::Op::drop_table;
  Part after{in_hand_->position, nth_in_hand_, ""};
  if (!is_row && !refusal) ++after.nth;
  queue(Expected::What::control, part_sql(after));
  part() = after;
  std::erase_if(destinations_, [&](const auto& entry) { return entry.second->schema->name == table.name; });
  if (!refusal) return {};
  base::Error error = std::move(refusal->error);
  if (error.kind() == base::Kind::transient) return error;
  suspend_for_ddl(table, std::move(error), report);
  return {};
}

void Applier::set_counters() {
  if (open_) return;
  std::vector<model::TableSchemaPtr> tables;
  for (const auto& [name, table] : known_) {
    if (!state_.suspended.contains(name)) tables.push_back(table);
  }
  mysql::set_counters(settings_, tables, *log_);
}

base::Result<void> Applier::truncate(const model::ChangeBatch& batch, const std::vector<const Change*>& changes,
                                     connect::ApplyReport& report) {
  std::set<model::TableName> emptied;
  for (const Change* change : changes) {
    const model::TableSchemaPtr& table = batch.tables[change->table];
    if (TRY(destination(table, report)) == nullptr || !emptied.insert(table->name).second) continue;
    ++report.tables[table->source_name].ddls;
    TRY(settle(report));
    Outcome outcome = TRY(session_->attempt("DELETE FROM " + quoted(table->name)));
    if (outcome.refusal) TRY(suspend(*table, std::move(outcome.refusal->error), report));
  }
  return {};
}

}  // namespace mysql
