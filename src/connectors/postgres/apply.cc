// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/apply.h"

#include <algorithm>

#include "connectors/postgres/target_errors.h"

namespace postgres {
namespace {

using model::ChangeBatch;

constexpr relational::ApplyCodes codes{target_errors::superseded, target_errors::not_started,
                                       target_errors::missing_object, target_errors::apply_stopped,
                                       target_errors::apply_suspended};

}  // namespace

Applier::Applier(const connect::Context& context, SessionSettings settings, const ControlTables& control)
    : GroupApplier(context, codes), settings_(std::move(settings)), control_(control) {}

// The planner's row estimates know nothing of unnest(): without this it reads the whole table for each set.
base::Result<bool> Applier::prepare_session(Session& session) {
  TRY(
      session.run("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; SET jit = off; "
                  "SET plan_cache_mode = force_generic_plan; SET lock_timeout = '15s'",
                  "apply session"));
  const Outcome role = session.attempt("SET session_replication_role = replica");
  return !role.refusal;
}

base::Result<void> Applier::open() {
  if (session_ != nullptr && !session_->broken()) return {};
  session_ = TRY(Session::open(settings_));
  quiet_ = TRY(prepare_session(*session_));
  cancel_.aim(session_.get());
  destinations_.clear();
  return {};
}

void Applier::close() {
  cancel_.aim(nullptr);
  session_.reset();
  large_.clear();
}

base::Result<std::uint64_t> Applier::move_position(const model::Position& to) {
  const Outcome moved = session_->attempt(control_.move_sql(), control_.move_parameters(epoch_, position_, to));
  if (moved.refusal) return session_->error_of(*moved.refusal, "millrace_position");
  return moved.rows;
}

base::Result<model::Position> Applier::read_replayed(const model::TableName& source_name) {
  return TRY(control_.replayed(*session_, source_name)).value_or(model::Position{});
}

// Taking the row first also keeps another process of this task out for the whole transaction.
base::Result<void> Applier::begin_group(const model::Position& to) {
  queue(Expected::What::control, "BEGIN");
  queue(Expected::What::position, control_.move_sql(), control_.move_parameters(epoch_, position_, to));
  return {};
}

base::Result<void> Applier::end_group(const model::Position& to, bool is_continued, connect::ApplyReport& report) {
  if (replaying_) {
    queue(Expected::What::control, control_.replayed_sql(), control_.replayed_parameters(*replaying_, to));
  } else if (is_continued) {
    queue(Expected::What::position, control_.move_sql(), control_.move_parameters(epoch_, position_, to));
  }
  return commit(report);
}

base::Result<void> Applier::tell_suspended(const relational::ApplyState& after) {
  for (const relational::ApplyException& exception : after.last_words) {
    session_->send(control_.exception_sql(), control_.exception_parameters(exception));
  }
  const std::string suspended_sql = control_.suspended_sql();
  for (const auto& [table, reason] : after.ending) {
    if (!suspended_sql.empty()) session_->send(suspended_sql, control_.suspended_parameters(table, reason));
  }
  for (const Outcome& outcome : TRY(session_->sync())) {
    if (outcome.refusal) return session_->error_of(*outcome.refusal, "control tables");
  }
  return {};
}

base::Result<void> Applier::commit(connect::ApplyReport& report) {
  // Sets and the position are looked at before COMMIT; what else is queued goes with it, as one round trip.
  const bool unseen = std::any_of(expected_.begin(), expected_.end(),
                                  [](const Expected& expected) { return expected.what != Expected::What::control; });
  if (unseen) TRY(settle(report));
  // COMMIT of a failed transaction would quietly roll back.
  if (session_->transaction_failed()) return base::failed(base::errors::bug, "commit of a failed transaction");
  queue(Expected::What::control, "COMMIT");
  TRY(settle(report));
  return {};
}

void Applier::queue(Expected::What what, const std::string& sql,
                    const std::vector<std::optional<std::string>>& parameters) {
  session_->send(sql, parameters);
  expected_.push_back({what, 1, nullptr});
}

base::Result<std::vector<Applier::Answer>> Applier::read_answers() {
  std::vector<Answer> answers;
  for (const Outcome& outcome : TRY(session_->sync())) {
    Answer& answer = answers.emplace_back(Answer{outcome.rows, outcome.skipped, std::nullopt});
    if (outcome.refusal) answer.refusal = session_->error_of(*outcome.refusal, "apply");
  }
  return answers;
}

base::Result<std::shared_ptr<const relational::Destination>> Applier::read_destination(
    const model::TableSchemaPtr& table) {
  return std::shared_ptr<const relational::Destination>(TRY(postgres::read_destination(*session_, table)));
}

base::Result<const Destination*> Applier::place_of(const model::TableSchemaPtr& table, connect::ApplyReport& report) {
  return static_cast<const Destination*>(TRY(destination(table, report)));
}

base::Result<bool> Applier::undo(const char* name) {
  TRY(session_->run(fmt::format("ROLLBACK TO SAVEPOINT {0}; RELEASE SAVEPOINT {0}", name), "savepoint"));
  return false;
}

void Applier::queue_sets(SetSender& sender, const Destination& to, NetChanges& net, bool removes, bool others) {
  std::vector<Sent> sent;
  if (!to.key_indexed) queue(Expected::What::control, "SET LOCAL enable_hashjoin = on");
  if (removes) sender.send_removes(net.removes, sent);
  const std::size_t removing = sent.size();
  if (others) {
    for (auto& [mask, rows] : net.updates) {
      std::erase_if(rows, [&, &of = mask](const NetRow& row) {
        const bool large = sender.is_large(row);
        if (large) large_.emplace_back(of, row);
        return large;
      });
      sender.send_updates(mask, rows, false, sent);
    }
    if (!sender.prefers_copy(net.inserts)) sender.send_inserts(net.inserts, sent);
  }
  const bool ignore = ignores_missing();
  for (std::size_t i = 0; i < sent.size(); ++i) {
    expected_.push_back(
        {Expected::What::set, sent[i].rows, i < removing && ignore ? &to.schema->source_name : nullptr});
  }
  if (!to.key_indexed) queue(Expected::What::control, "SET LOCAL enable_hashjoin = off");
}

base::Result<bool> Applier::copy_sets(SetSender& sender, const NetChanges& net, connect::ApplyReport& report) {
  const std::vector<std::pair<std::vector<bool>, NetRow>> large = std::move(large_);
  large_.clear();
  const bool copies = !net.inserts.empty() && sender.prefers_copy(net.inserts);
  if (!copies && large.empty()) return true;
  if (!TRY(settle(report))) return false;
  const auto good = [&](const Outcome& outcome, std::uint64_t rows) -> base::Result<bool> {
    if (!outcome.refusal) return outcome.rows == rows;
    base::Error error = session_->error_of(*outcome.refusal, "apply");
    if (error.kind() == base::Kind::transient) return error;
    return false;
  };
  for (const auto& [mask, row] : large) {
    const Outcome outcome = TRY(sender.staged_update(mask, row));
    if (!TRY(good(outcome, 1))) return false;
  }
  if (!copies) return true;
  const Outcome copied = TRY(sender.copy_inserts(net.inserts));
  return good(copied, net.inserts.size());
}

base::Result<bool> Applier::send_sets(const ChangeBatch& batch, std::uint32_t table, const relational::Destination& to,
                                      NetChanges& net, connect::ApplyReport& report) {
  const auto& own = static_cast<const Destination&>(to);
  SetSender sender(*session_, batch, own, batch.forms[table]);
  queue_sets(sender, own, net, true, true);
  return copy_sets(sender, net, report);
}

std::unique_ptr<relational::RowApplier> Applier::row_applier(connect::ApplyReport& report) {
  return std::make_unique<RowApplier>(*session_, control_, policies_, codes_, state_, report);
}

base::Result<void> Applier::flush_runs(const ChangeBatch& batch, connect::ApplyReport& report) {
  return quiet_ ? flush_independent(batch, true, report) : flush_loud(batch, report);
}

// Without the right to be quiet. Order keeps foreign keys whole; what order cannot do is done in the source's order.
base::Result<void> Applier::flush_loud(const ChangeBatch& batch, connect::ApplyReport& report) {
  const std::vector<std::uint32_t> order = parents_first(batch);
  std::map<std::uint32_t, NetChanges> nets;
  std::map<std::uint32_t, const Destination*> destinations;
  bool good = true;
  for (const std::uint32_t table : order) {
    const Destination* to = TRY(place_of(batch.tables[table], report));
    if (to == nullptr) continue;
    destinations[table] = to;
    nets[table] = net_of(batch, runs_[table], *to, quiet_);
    good = good && !nets[table].ordered;
  }
  const connect::ApplyReport before = report;
  if (good) {
    queue(Expected::What::control, "SAVEPOINT millrace_set");
    for (const std::uint32_t table : order) {
      if (!good || !nets.contains(table)) continue;
      SetSender sender(*session_, batch, *destinations[table], batch.forms[table]);
      queue_sets(sender, *destinations[table], nets[table], false, true);
      good = TRY(copy_sets(sender, nets[table], report));
    }
    for (auto table = order.rbegin(); table != order.rend() && good; ++table) {
      if (!nets.contains(*table)) continue;
      SetSender sender(*session_, batch, *destinations[*table], batch.forms[*table]);
      queue_sets(sender, *destinations[*table], nets[*table], true, false);
    }
    const bool settled = TRY(settle(report));
    if (good && settled) {
      queue(Expected::What::control, "RELEASE SAVEPOINT millrace_set");
      return {};
    }
    report = before;
    TRY(undo("millrace_set"));
  }
  std::vector<std::uint32_t> all;
  for (const auto& [table, changes] : runs_) all.insert(all.end(), changes.begin(), changes.end());
  std::sort(all.begin(), all.end());
  return row_by_row(batch, all, report);
}

std::vector<std::uint32_t> Applier::parents_first(const ChangeBatch& batch) const {
  std::vector<std::uint32_t> order;
  std::set<std::uint32_t> placed;
  const std::function<void(std::uint32_t)> place = [&](std::uint32_t table) {
    if (!placed.insert(table).second) return;
    for (const model::ForeignKey& foreign : batch.tables[table]->foreign_keys) {
      for (const auto& [other, changes] : runs_) {
        const model::TableSchema& parent = *batch.tables[other];
        if (other != table && (parent.source_name == foreign.referenced || parent.name == foreign.referenced)) {
          place(other);
        }
      }
    }
    order.push_back(table);
  };
  for (const auto& [table, changes] : runs_) place(table);
  return order;
}

}  // namespace postgres
