// SPDX-License-Identifier: Apache-2.0
//
// Applies groups of changes (relational/group_applier.h) to MySQL and MariaDB:
//
//   START TRANSACTION; UPDATE millrace_position (epoch and position must be ours; the row is locked)
//   for each run between schema changes and truncates:
//     for each table: SAVEPOINT; removes, updates, inserts as sets; counts must match
//       else ROLLBACK TO; row by row under the error policies (relational/row_applier.h)
//   UPDATE millrace_position; COMMIT
//
// Foreign keys are off in the session, so tables are independent of each other. TRUNCATE of the source is a DELETE,
// which belongs to the transaction.
//
// ALTER and DROP TABLE commit by themselves, so a group with one comes in parts. Before it, what precedes it is
// committed together with a note (ControlTables::Part): the place in the source's transaction, and the columns the
// table has. A process that finds the note does the change only if the columns still are those, and skips what is
// before it. The change is one statement, which the server does as a whole or not at all; meanwhile the task's lock
// keeps another process from taking over. One thread.
#pragma once

#include "connectors/mysql/apply_keys.h"
#include "connectors/mysql/apply_row.h"
#include "connectors/mysql/target_schema.h"
#include "relational/group_applier.h"

namespace mysql {

class Applier final : public relational::GroupApplier {
 public:
  Applier(const connect::Context& context, ConnectionSettings settings, const ControlTables& control);

  void take(const ControlTables::Ownership& owned);
  // At a clean stop: AUTO_INCREMENT columns go on behind what the source has given out.
  void set_counters();

 protected:
  base::Result<void> open() override;
  void close() override;
  void cancel() override;
  bool is_stop(const base::Error& error) const override {
    return error.is(errors::connection_lost) || error.is(errors::canceled);
  }
  bool is_conflict(const base::Error& error) const override { return error.is(errors::conflict); }
  base::Result<void> begin_group(const model::Position& to) override;
  base::Result<void> end_group(const model::Position& to, bool is_continued, connect::ApplyReport& report) override;
  base::Result<std::vector<Answer>> read_answers() override;
  void queue_control(const std::string& sql) override { queue(Expected::What::control, sql); }
  base::Result<bool> undo(const char* name) override;
  base::Result<bool> send_sets(const model::ChangeBatch& batch, std::uint32_t table, const relational::Destination& to,
                               NetChanges& net, connect::ApplyReport& report) override;
  std::unique_ptr<relational::RowApplier> row_applier(connect::ApplyReport& report) override;
  std::unique_ptr<relational::KeyedRows> keyed_rows() override { return std::make_unique<KeyedRows>(*session_); }
  base::Result<void> flush_runs(const model::ChangeBatch& batch, connect::ApplyReport& report) override;
  base::Result<std::uint64_t> move_position(const model::Position& to) override;
  base::Result<model::Position> read_replayed(const model::TableName& source_name) override;
  base::Result<void> tell_suspended(const relational::ApplyState& after) override;
  base::Result<std::shared_ptr<const relational::Destination>> read_destination(
      const model::TableSchemaPtr& table) override;
  base::Result<std::set<std::string>> read_columns(const model::TableName& table) override;
  relational::SchemaChange schema_change(const model::TableSchema& before,
                                         const model::TableSchema& after) const override;
  std::string drop_sql(const model::TableName& table) const override;
  base::Result<void> run_ddl(const model::TableSchema& table, const std::vector<std::string>& statements,
                             connect::ApplyReport& report) override;
  base::Result<void> truncate(const model::ChangeBatch& batch, const std::vector<const model::Change*>& changes,
                              connect::ApplyReport& report) override;
  bool is_done(const model::Change& change) const override;

 private:
  using Part = ControlTables::Part;

  void queue(Expected::What what, const std::string& sql, std::uint64_t rows = 1);
  // The part of what is applied now: the task's, or that of the table being replayed.
  std::optional<Part>& part() { return replaying_ ? replay_parts_[*replaying_] : part_; }
  std::string part_sql(const Part& part) const;
  // The table's columns in words; empty: there is no such table.
  base::Result<std::string> shape_of(const model::TableName& table);
  // Commits what stands before the change in hand, with a note of it.
  base::Result<void> commit_part(const std::string& shape, connect::ApplyReport& report);
  base::Result<std::optional<Refusal>> alter_under_lock(const model::TableName& table,
                                                        const std::vector<std::string>& statements);
  base::Result<std::string> with_dependents(const model::TableName& table, const std::string& statement);

  const ConnectionSettings settings_;
  const std::stop_token stop_;  // of the whole task
  const ControlTables& control_;
  base::Mutex mutex_;  // of the pointer, for cancel()
  std::unique_ptr<Session> session_;
  Dialect dialect_;
  std::optional<Part> part_;
  std::map<model::TableName, std::optional<Part>> replay_parts_;
};

}  // namespace mysql
