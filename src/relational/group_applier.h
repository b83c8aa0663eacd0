// SPDX-License-Identifier: Apache-2.0
//
// The life of a group of changes on a relational target: one target transaction for each batch that ends with a commit,
// in which the position moves too. A batch that ends inside a transaction leaves the target transaction open for the
// parts that follow. One thread. Each target says how sets, rows and schema changes are carried out.
//
//   begin_group (the stored position and the owner epoch must be ours)
//   for each run between schema changes and truncates: flush_runs, then what foreign keys did because of it unlogged
//     (key_actions.h); a run ends where a later change meets a table that those keys reach
//   end_group: the position moves, COMMIT
//
// A table that cannot go on ends the group as well: it is undone, and apply() reports the table and nothing else.
//
// How it fails: any error undoes the open transaction and closes the session; start again from the stored position.
// Deadlocks and lock time-outs of a whole group are tried again here.
#pragma once

#include "relational/compact.h"
#include "relational/key_actions.h"
#include "relational/row_applier.h"
#include "relational/shape_change.h"

namespace relational {

class GroupApplier {
 public:
  GroupApplier(const connect::Context& context, const ApplyCodes& codes);
  virtual ~GroupApplier() = default;
  GroupApplier(const GroupApplier&) = delete;
  GroupApplier& operator=(const GroupApplier&) = delete;

  void own(std::int64_t epoch, std::optional<model::Position> position);
  base::Result<void> begin(const model::Position& position, const std::vector<model::TableSchemaPtr>& tables);
  // The shapes that the tables have at the stored position.
  void know(const std::vector<model::TableSchemaPtr>& tables);
  base::Result<connect::ApplyReport> apply(const model::ChangeBatch& batch, const std::stop_token& stop);
  base::Result<void> advance(const model::Position& through);
  // The shape of a suspended table's rows before its kept changes.
  void hold(const model::TableSchemaPtr& shape) { know({shape}); }
  // As apply, for kept changes of that table: its own position moves, the task's stands still.
  base::Result<connect::ApplyReport> replay(const model::ChangeBatch& batch, const model::TableName& source_name,
                                            const std::stop_token& stop);
  const std::optional<model::Position>& position() const { return position_; }

 protected:
  using Runs = std::map<std::uint32_t, std::vector<std::uint32_t>>;  // changes since the last barrier, by table index
  // What a queued statement must do: nothing wrong (control), one row (position), or that many rows (set).
  struct Expected {
    enum class What { control, position, set } what = What::control;
    std::uint64_t rows = 0;
    const model::TableName* lenient = nullptr;  // removes under IGNORE_RECORD: fewer rows are put aside
  };
  // What it did. After a refusal the rest of what was queued with it is skipped.
  struct Answer {
    std::uint64_t rows = 0;
    bool skipped = false;
    std::optional<base::Error> refusal;
  };

  // ---- the session
  virtual base::Result<void> open() = 0;                         // one that is sound, when there is none
  virtual void close() = 0;                                      // whatever it had open is undone by the server
  virtual void cancel() = 0;                                     // ends what it is doing; any thread
  virtual bool is_stop(const base::Error& error) const = 0;      // what cancel() ends look like
  virtual bool is_conflict(const base::Error& error) const = 0;  // the group may be tried again

  // ---- the group's transaction
  virtual base::Result<void> begin_group(const model::Position& to) = 0;
  // `is_continued`: earlier calls have left the transaction open.
  virtual base::Result<void> end_group(const model::Position& to, bool is_continued, connect::ApplyReport& report) = 0;
  // One for each of `expected_`, which the target fills as it queues statements.
  virtual base::Result<std::vector<Answer>> read_answers() = 0;
  virtual void queue_control(const std::string& sql) = 0;
  // False: undone up to the savepoint `name`, which is gone.
  virtual base::Result<bool> undo(const char* name) = 0;
  // The sets of one table, queued; what cannot be queued is done. False: a set did not do what it should.
  virtual base::Result<bool> send_sets(const model::ChangeBatch& batch, std::uint32_t table, const Destination& to,
                                       NetChanges& net, connect::ApplyReport& report) = 0;
  virtual std::unique_ptr<RowApplier> row_applier(connect::ApplyReport& report) = 0;
  virtual base::Result<void> flush_runs(const model::ChangeBatch& batch, connect::ApplyReport& report) = 0;
  // In a transaction of its own; how many rows of millrace_position: 0, another process has the task.
  virtual base::Result<std::uint64_t> move_position(const model::Position& to) = 0;
  virtual base::Result<model::Position> read_replayed(const model::TableName& source_name) = 0;
  // What suspended tables, on the target, after the group is undone.
  virtual base::Result<void> tell_suspended(const ApplyState& after) = 0;

  // ---- what is not a row
  virtual base::Result<std::shared_ptr<const Destination>> read_destination(const model::TableSchemaPtr& table) = 0;
  virtual base::Result<std::set<std::string>> read_columns(const model::TableName& table) = 0;
  virtual SchemaChange schema_change(const model::TableSchema& before, const model::TableSchema& after) const = 0;
  virtual std::string drop_sql(const model::TableName& table) const = 0;
  virtual base::Result<void> run_ddl(const model::TableSchema& table, const std::vector<std::string>& statements,
                                     connect::ApplyReport& report) = 0;
  virtual base::Result<void> truncate(const model::ChangeBatch& batch, const std::vector<const model::Change*>& changes,
                                      connect::ApplyReport& report) = 0;
  virtual std::unique_ptr<KeyedRows> keyed_rows() = 0;
  // Changes that a transaction of ours holds already though the position has not passed them.
  virtual bool is_done(const model::Change&) const { return false; }

  // ---- for those
  // What was queued and not looked at yet; false: a set did not do what it should. Errors: a control statement, a
  // transient refusal.
  base::Result<bool> settle(connect::ApplyReport& report);
  // Tables that do not depend on each other: each as sets under a savepoint of its own, else row by row.
  base::Result<void> flush_independent(const model::ChangeBatch& batch, bool key_change_as_remove,
                                       connect::ApplyReport& report);
  base::Result<void> row_by_row(const model::ChangeBatch& batch, const std::vector<std::uint32_t>& changes,
                                connect::ApplyReport& report);
  // Without a key only a run of nothing but inserts can go as a set.
  static NetChanges net_of(const model::ChangeBatch& batch, std::span<const std::uint32_t> changes,
                           const Destination& to, bool key_change_as_remove);
  // Removes whose missing rows are ignored; not when they are counted, one by one.
  bool ignores_missing() const {
    return policies_.remove == ApplyPolicy::ignore_record && policies_.escalation_count == 0;
  }
  base::Result<const Destination*> destination(const model::TableSchemaPtr& table, connect::ApplyReport& report);
  // One that destination() has read.
  const Destination* known_destination(const model::TableSchemaPtr& table) const;
  base::Result<void> suspend(const model::TableSchema& table, base::Error why, connect::ApplyReport& report);
  void suspend_for_ddl(const model::TableSchema& table, base::Error cause, connect::ApplyReport& report);

  base::Clock* const clock_;
  base::Log* const log_;
  const ApplyPolicies policies_;
  const ApplyCodes codes_;
  std::int64_t epoch_ = 0;
  std::optional<model::Position> position_;  // stored on the target
  std::optional<model::TableName> replaying_;
  std::map<model::TableName, model::Position> replayed_;  // of tables that are or were replayed
  bool open_ = false;                                     // inside a target transaction
  std::vector<Expected> expected_;                        // one for each queued statement
  ApplyState state_;
  std::map<model::TableName, model::TableSchemaPtr> known_;  // by source name: the shape before the next schema change
  std::map<const model::TableSchema*, std::shared_ptr<const Destination>> destinations_;
  Runs runs_;
  // Before the change in hand, which is no row or the first row of the runs: the last commit.
  model::Position committed_;
  const model::Change* in_hand_ = nullptr;
  std::uint32_t nth_in_hand_ = 0;
  // Changes of shape have the number of the row before them: how many of them up to the change that is looked at.
  std::uint32_t nth_ = 0;
  std::uint64_t parts_kept_ = 0;  // of groups: a target may have to commit in the middle of one

 private:
  void abandon();
  base::Result<connect::ApplyReport> apply_once(const model::ChangeBatch& batch);
  // Undone as a whole; what suspended the tables is written on the target.
  base::Result<void> give_up(const ApplyState& before);
  base::Result<void> flush(const model::ChangeBatch& batch, connect::ApplyReport& report);
  // A change of a row, for the runs; ends the run before it where foreign keys tell the order.
  base::Result<void> take_row(const model::ChangeBatch& batch, std::uint32_t index, connect::ApplyReport& report);
  const KeyGraph& keys();
  bool meets_keys(const model::ChangeBatch& batch, const model::Change& change, bool acts);
  base::Result<void> find_reached(const model::ChangeBatch& batch, connect::ApplyReport& report);
  base::Result<void> carry_out_keys(const model::ChangeBatch& batch, connect::ApplyReport& report);
  // Each piece is queued before the next is made, so that the target works meanwhile. False: undone, nothing is queued.
  base::Result<bool> send_in_pieces(const model::ChangeBatch& batch, std::uint32_t table, const Destination& to,
                                    bool key_change_as_remove, connect::ApplyReport& report);
  base::Result<void> barrier(const model::ChangeBatch& batch, std::size_t& index, connect::ApplyReport& report);
  void note_done(const model::ChangeBatch& batch, const model::Change& change);
  void note_place(const model::Change& change);
  base::Result<std::set<std::string>> columns_there(const model::TableName& table, connect::ApplyReport& report);
  base::Result<void> change_schema(const model::TableSchemaPtr& after, connect::ApplyReport& report);
  // After a restart the shape before is not known: the target's own columns tell what is missing.
  base::Result<void> reconcile(const model::TableSchemaPtr& after, connect::ApplyReport& report);
  base::Result<void> drop_table(const model::TableSchema& table, connect::ApplyReport& report);
  // When somebody has made the target's columns those of `after`, `before` takes them over: only types are left to do.
  base::Result<void> take_mended(model::TableSchema& before, const model::TableSchema& after,
                                 connect::ApplyReport& report);
  base::Result<void> suspend_underivable(const model::TableSchema& after, const std::string& what,
                                         connect::ApplyReport& report);

  std::optional<KeyGraph> keys_;       // of known_; nullopt: to be made
  std::vector<std::uint32_t> acting_;  // changes in runs_ upon which keys act: removes of one table, or one update
  model::Position last_commit_;        // in the batch, or held before it
  model::Position commit_before_runs_;
  model::Position place_;  // of the change that was looked at last
};

}  // namespace relational
