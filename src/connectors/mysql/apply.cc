// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/apply.h"

#include <algorithm>

#include "connectors/mysql/describe.h"
#include "connectors/mysql/target_errors.h"

namespace mysql {

using model::Change;
using model::ChangeBatch;

namespace {

constexpr relational::ApplyCodes codes{target_errors::superseded, target_errors::not_started,
                                       target_errors::missing_object, target_errors::apply_stopped,
                                       target_errors::apply_suspended};

// Others of the target wait for our rows, and we for theirs: not for long.
constexpr const char* apply_settings = "SET SESSION innodb_lock_wait_timeout = 15, lock_wait_timeout = 15";

}  // namespace

Applier::Applier(const connect::Context& context, ConnectionSettings settings, const ControlTables& control)
    : GroupApplier(context, codes), settings_(std::move(settings)), stop_(context.stop), control_(control) {}

void Applier::take(const ControlTables::Ownership& owned) {
  own(owned.epoch, owned.position);
  part_ = owned.part;
  replay_parts_.clear();
}

base::Result<void> Applier::open() {
  if (session_ != nullptr && !session_->broken()) return {};
  close();
  std::unique_ptr<Session> session = TRY(Session::open(settings_, stop_));
  session->obey(stop_);
  TRY(session->run(apply_settings, "apply session"));
  dialect_ = TRY(read_dialect(*session));
  destinations_.clear();
  base::Lock lock(mutex_);
  session_ = std::move(session);
  return {};
}

void Applier::close() {
  base::Lock lock(mutex_);
  session_.reset();
}

void Applier::cancel() {
  base::Lock lock(mutex_);
  if (session_ != nullptr) session_->cancel();
}

void Applier::queue(Expected::What what, const std::string& sql, std::uint64_t rows) {
  session_->send(sql);
  expected_.push_back({what, rows, nullptr});
}

base::Result<std::vector<Applier::Answer>> Applier::read_answers() {
  std::vector<Answer> answers;
  for (Outcome& outcome : TRY(session_->sync())) {
    Answer& answer = answers.emplace_back(Answer{outcome.rows, outcome.skipped, std::nullopt});
    if (outcome.refusal) answer.refusal = std::move(outcome.refusal->error);
  }
  return answers;
}

base::Result<bool> Applier::undo(const char* name) {
  TRY(session_->run(fmt::format("ROLLBACK TO SAVEPOINT {}", name), "savepoint"));
  TRY(session_->run(fmt::format("RELEASE SAVEPOINT {}", name), "savepoint"));
  return false;
}

base::Result<std::uint64_t> Applier::move_position(const model::Position& to) {
  Outcome moved = TRY(session_->attempt(control_.move_sql(epoch_, position_, to)));
  if (moved.refusal) return std::move(moved.refusal->error);
  return moved.rows;
}

// Taking the row first also keeps another process of this task out for the whole transaction. Where it moves to is not
// said before the end: a schema change may commit in between.
base::Result<void> Applier::begin_group(const model::Position&) {
  queue(Expected::What::control, "START TRANSACTION");
  queue(Expected::What::position, control_.hold_sql(epoch_, position_));
  return {};
}

base::Result<void> Applier::end_group(const model::Position& to, bool, connect::ApplyReport& report) {
  if (replaying_) {
    queue(Expected::What::control, control_.replayed_sql(*replaying_, {to, 0, ""}));
  } else {
    queue(Expected::What::position, control_.move_sql(epoch_, position_, to));
  }
  TRY(settle(report));
  queue(Expected::What::control, "COMMIT");
  TRY(settle(report));
  part().reset();
  return {};
}

base::Result<model::Position> Applier::read_replayed(const model::TableName& source_name) {
  const Part reached = TRY(control_.replayed(*session_, source_name));
  if (reached.before.sequence == model::sequence_end || reached.before.log == 0) return reached.before;
  // In the middle of a transaction: it is given again, from its first change on.
  replay_parts_[source_name] = reached;
  return model::Position{reached.before.log - 1, model::sequence_end, ""};
}

base::Result<void> Applier::tell_suspended(const relational::ApplyState& after) {
  for (const relational::ApplyException& exception : after.last_words)
    session_->send(control_.exception_sql(exception));
  for (const auto& [table, reason] : after.ending) {
    const std::string sql = control_.suspended_sql(table, reason);
    if (!sql.empty()) session_->send(sql);
  }
  // What of its transaction stands already is not to be replayed later.
  if (part_ && !replaying_) {
    for (const model::TableName& source : after.ending_sources) {
      session_->send(control_.replayed_sql(source, {part_->before, part_->nth, ""}));
    }
  }
  for (Outcome& outcome : TRY(session_->sync())) {
    if (outcome.refusal) return std::move(outcome.refusal->error);
  }
  return {};
}

base::Result<std::shared_ptr<const relational::Destination>> Applier::read_destination(
    const model::TableSchemaPtr& table) {
  return std::shared_ptr<const relational::Destination>(TRY(mysql::read_destination(*session_, table)));
}

base::Result<std::set<std::string>> Applier::read_columns(const model::TableName& table) {
  std::set<std::string> there;
  for (const model::TableSchemaPtr& found : TRY(describe_tables(session_->connection(), {table}))) {
    for (const model::Column& column : found->columns) there.insert(column.name);
  }
  return there;
}

std::unique_ptr<relational::RowApplier> Applier::row_applier(connect::ApplyReport& report) {
  return std::make_unique<RowApplier>(*session_, control_, policies_, codes_, state_, report);
}

// What a table lacks is added before any row of the run is written: that commits.
base::Result<void> Applier::flush_runs(const ChangeBatch& batch, connect::ApplyReport& report) {
  for (const auto& [table, changes] : runs_) TRY(destination(batch.tables[table], report));
  return flush_independent(batch, true, report);
}

base::Result<bool> Applier::send_sets(const ChangeBatch& batch, std::uint32_t table, const relational::Destination& to,
                                      NetChanges& net, connect::ApplyReport& report) {
  SetWriter writer(batch, static_cast<const Destination&>(to), batch.forms[table], *session_);
  const auto send = [&](std::vector<Statement>&& statements, bool is_remove) -> base::Result<bool> {
    for (Statement& statement : statements) {
      session_->send(std::move(statement.sql), statement.upsert);
      expected_.push_back(
          {Expected::What::set, statement.rows, is_remove && ignores_missing() ? &to.schema->source_name : nullptr});
      if (session_->queued_bytes() >= session_->statement_bytes() && !TRY(settle(report))) return false;
    }
    return true;
  };
  if (!TRY(send(writer.removes(net.removes), true))) return false;
  for (const auto& [mask, rows] : net.updates) {
    if (!TRY(send(writer.updates(mask, rows), false))) return false;
  }
  return send(writer.inserts(net.inserts), false);
}

}  // namespace mysql
