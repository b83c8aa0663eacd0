// SPDX-License-Identifier: Apache-2.0
//
// Applies change batches: one target transaction for each batch that ends with a commit, in which the position moves
// too. A batch that ends inside a transaction leaves the target transaction open for the parts that follow. One thread.
//
//   BEGIN; UPDATE millrace_position (epoch and old position must match)
//   for each run between schema changes and truncates:
//     for each table: SAVEPOINT; removes, updates, inserts as sets; counts must match
//       else ROLLBACK TO; row by row under the error policies (apply_row.h)
//   COMMIT
//
// With session_replication_role = replica ("quiet") foreign keys and ordinary triggers do not fire, so tables are
// independent of each other. Without that right a run is one savepoint, sets go parents first (removes: children
// first), and a refusal repeats the whole run in the source's order.
//
// A table that cannot go on ends the group as well: it is undone, and apply() reports the table and nothing else.
//
// How it fails: any error undoes the open transaction and closes the session; start again from the stored position.
// Deadlocks and lock time-outs of a whole group are tried again here.
#pragma once

#include "connectors/postgres/apply_row.h"

namespace postgres {

class Applier {
 public:
  Applier(const connect::Context& context, SessionSettings settings, const ControlTables& control);

  void own(std::int64_t epoch, std::optional<model::Position> position);
  base::Result<void> begin(const model::Position& position, const std::vector<model::TableSchemaPtr>& tables);
  // The shapes that the tables have at the stored position.
  void know(const std::vector<model::TableSchemaPtr>& tables);
  base::Result<connect::ApplyReport> apply(const model::ChangeBatch& batch, const std::stop_token& stop);
  base::Result<void> advance(const model::Position& through);
  // The shape of a suspended table's rows before its kept changes.
  void hold(const model::TableSchemaPtr& shape) { known_[shape->source_name] = shape; }
  // As apply, for kept changes of that table: its own position moves, the task's stands still.
  base::Result<connect::ApplyReport> replay(const model::ChangeBatch& batch, const model::TableName& source_name,
                                            const std::stop_token& stop);
  const std::optional<model::Position>& position() const { return position_; }
  // Sequences of the tables go past what was applied, with a margin. Never inside a transaction.
  base::Result<void> set_sequences();
  // Sets what the session needs for set-wise apply; returns whether foreign keys and triggers are quiet.
  static base::Result<bool> prepare_session(Session& session);

 private:
  // What a queued statement must do: nothing wrong (control), one row (position), or that many rows (set).
  struct Expected {
    enum class What { control, position, set } what = What::control;
    std::uint64_t rows = 0;
    const model::TableName* lenient = nullptr;  // removes under IGNORE_RECORD: fewer rows are put aside
  };
  using Runs = std::map<std::uint32_t, std::vector<std::uint32_t>>;  // changes since the last barrier, by table index

  base::Result<void> open();
  void abandon();
  base::Result<connect::ApplyReport> apply_once(const model::ChangeBatch& batch);
  base::Result<void> open_transaction(const model::Position& to);
  base::Result<void> end_transaction(const model::Position& to, bool was_open, connect::ApplyReport& report);
  // Undone as a whole; what suspended the tables is written on the target.
  base::Result<void> give_up(const ApplyState& before);
  void queue(Expected::What what, const std::string& sql,
             const std::vector<std::optional<std::string>>& parameters = {});
  // Reads what was queued; false: a set did not do what it should. Errors: a control statement, a transient refusal.
  base::Result<bool> settle(connect::ApplyReport& report);
  base::Result<void> commit(connect::ApplyReport& report);

  base::Result<void> barrier(const model::ChangeBatch& batch, std::size_t& index, connect::ApplyReport& report);
  base::Result<void> flush(const model::ChangeBatch& batch, connect::ApplyReport& report);
  base::Result<void> flush_quiet(const model::ChangeBatch& batch, connect::ApplyReport& report);
  base::Result<void> flush_loud(const model::ChangeBatch& batch, connect::ApplyReport& report);
  // False: undone up to the savepoint `name`, which is gone.
  base::Result<bool> undo(const char* name);
  void queue_sets(SetSender& sender, const Destination& to, NetChanges& net, bool removes, bool others);
  // What does not go through the pipeline: COPY, and rows with large values.
  base::Result<bool> copy_sets(SetSender& sender, const NetChanges& net, connect::ApplyReport& report);
  base::Result<void> row_by_row(const model::ChangeBatch& batch, const std::vector<std::uint32_t>& changes,
                                connect::ApplyReport& report);
  base::Result<const Destination*> destination(const model::TableSchemaPtr& table, connect::ApplyReport& report);
  NetChanges net_of(const model::ChangeBatch& batch, const std::vector<std::uint32_t>& changes,
                    const Destination& to) const;
  std::vector<std::uint32_t> parents_first(const model::ChangeBatch& batch) const;

  base::Result<void> truncate(const model::ChangeBatch& batch, const std::vector<const model::Change*>& changes,
                              connect::ApplyReport& report);
  base::Result<void> change_schema(const model::TableSchemaPtr& after, connect::ApplyReport& report);
  // After a restart the shape before is not known: the target's own columns tell what is missing.
  base::Result<void> reconcile(const model::TableSchemaPtr& after, connect::ApplyReport& report);
  base::Result<void> drop_table(const model::TableSchema& table, connect::ApplyReport& report);
  base::Result<void> run_ddl(const model::TableSchema& table, const std::vector<std::string>& statements,
                             connect::ApplyReport& report);
  base::Result<std::set<std::string>> columns_there(const model::TableName& table, connect::ApplyReport& report);
  // When somebody has made the target's columns those of `after`, `before` takes them over: only types are left to do.
  base::Result<void> take_mended(model::TableSchema& before, const model::TableSchema& after,
                                 connect::ApplyReport& report);
  base::Result<void> suspend(const model::TableSchema& table, base::Error why, connect::ApplyReport& report);

  base::Clock* clock_;
  base::Log* log_;
  const SessionSettings settings_;
  const ControlTables& control_;
  const ApplyPolicies policies_;
  std::unique_ptr<Session> session_;
  SessionCanceler cancel_;
  bool quiet_ = false;
  std::int64_t epoch_ = 0;
  std::optional<model::Position> position_;  // stored on the target
  std::optional<model::TableName> replaying_;
  std::map<model::TableName, model::Position> replayed_;  // of tables that are or were replayed
  bool open_ = false;                                     // inside a target transaction
  std::vector<Expected> expected_;                        // one for each statement in the session's pipeline
  ApplyState state_;
  std::map<model::TableName, model::TableSchemaPtr> known_;  // by source name: the shape before the next schema change
  std::map<const model::TableSchema*, std::shared_ptr<const Destination>> destinations_;
  Runs runs_;
  std::vector<std::pair<std::vector<bool>, NetRow>> large_;  // updates set aside by queue_sets for copy_sets
};

}  // namespace postgres
