// SPDX-License-Identifier: Apache-2.0
//
// Applies groups of changes (relational/group_applier.h) to PostgreSQL:
//
//   BEGIN; UPDATE millrace_position (epoch and old position must match)
//   for each run between schema changes and truncates:
//     for each table: SAVEPOINT; removes, updates, inserts as sets; counts must match
//       else ROLLBACK TO; row by row under the error policies (relational/row_applier.h)
//   COMMIT
//
// With session_replication_role = replica ("quiet") foreign keys and ordinary triggers do not fire, so tables are
// independent of each other. Without that right a run is one savepoint, sets go parents first (removes: children
// first), and a refusal repeats the whole run in the source's order. One thread.
#pragma once

#include "connectors/postgres/apply_keys.h"
#include "connectors/postgres/apply_row.h"
#include "connectors/postgres/apply_schema.h"
#include "relational/group_applier.h"

namespace postgres {

class Applier final : public relational::GroupApplier {
 public:
  Applier(const connect::Context& context, SessionSettings settings, const ControlTables& control);

  // Sequences of the tables go past what was applied, with a margin. Never inside a transaction.
  base::Result<void> set_sequences();
  // Sets what the session needs for set-wise apply; returns whether foreign keys and triggers are quiet.
  static base::Result<bool> prepare_session(Session& session);

 protected:
  base::Result<void> open() override;
  void close() override;
  void cancel() override { cancel_.request(); }
  bool is_stop(const base::Error& error) const override { return error.is(errors::query_canceled); }
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
  SchemaChange schema_change(const model::TableSchema& before, const model::TableSchema& after) const override;
  std::string drop_sql(const model::TableName& table) const override;
  base::Result<void> run_ddl(const model::TableSchema& table, const std::vector<std::string>& statements,
                             connect::ApplyReport& report) override;
  base::Result<void> truncate(const model::ChangeBatch& batch, const std::vector<const model::Change*>& changes,
                              connect::ApplyReport& report) override;

 private:
  void queue(Expected::What what, const std::string& sql,
             const std::vector<std::optional<std::string>>& parameters = {});
  base::Result<void> commit(connect::ApplyReport& report);
  base::Result<const Destination*> place_of(const model::TableSchemaPtr& table, connect::ApplyReport& report);
  base::Result<void> flush_loud(const model::ChangeBatch& batch, connect::ApplyReport& report);
  void queue_sets(SetSender& sender, const Destination& to, NetChanges& net, bool removes, bool others);
  // What does not go through the pipeline: COPY, and rows with large values.
  base::Result<bool> copy_sets(SetSender& sender, const NetChanges& net, connect::ApplyReport& report);
  std::vector<std::uint32_t> parents_first(const model::ChangeBatch& batch) const;

  const SessionSettings settings_;
  const ControlTables& control_;
  std::unique_ptr<Session> session_;
  SessionCanceler cancel_;
  bool quiet_ = false;
  std::vector<std::pair<std::vector<bool>, NetRow>> large_;  // updates set aside by queue_sets for copy_sets
};

}  // namespace postgres
