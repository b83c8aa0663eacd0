// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/apply.h"

#include <algorithm>

#include "connectors/postgres/target_errors.h"

namespace postgres {
namespace {

using model::Change;
using model::ChangeBatch;
using model::Op;

constexpr int group_attempts_max = 4;
constexpr auto group_retry_pause = std::chrono::milliseconds(200);
constexpr std::size_t destinations_max = 4096;  // cached; then all are read again

bool is_barrier(Op op) { return op == Op::truncate || op == Op::schema || op == Op::drop_table; }
bool is_row(Op op) { return op == Op::insert || op == Op::update || op == Op::remove; }

}  // namespace

Applier::Applier(const connect::Context& context, SessionSettings settings, const ControlTables& control)
    : clock_(context.clock),
      log_(context.log),
      settings_(std::move(settings)),
      control_(control),
      policies_(ApplyPolicies::from(context.settings)) {}

void Applier::own(std::int64_t epoch, std::optional<model::Position> position) {
  epoch_ = epoch;
  position_ = std::move(position);
}

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

void Applier::abandon() {
  cancel_.aim(nullptr);
  session_.reset();
  expected_.clear();
  runs_.clear();
  large_.clear();
  destinations_.clear();
  open_ = false;
}

void Applier::know(const std::vector<model::TableSchemaPtr>& tables) {
  for (const model::TableSchemaPtr& table : tables) known_[table->source_name] = table;
}

base::Result<void> Applier::begin(const model::Position& position, const std::vector<model::TableSchemaPtr>& tables) {
  know(tables);
  TRY(open());
  if (position_ && *position_ == position) return {};
  const Outcome moved = session_->attempt(control_.move_sql(), control_.move_parameters(epoch_, position_, position));
  if (moved.refusal) return session_->error_of(*moved.refusal, "millrace_position");
  if (moved.rows != 1) return base::failed(target_errors::superseded, "epoch {} of the task has ended", epoch_);
  position_ = position;
  return {};
}

base::Result<void> Applier::advance(const model::Position& through) {
  if (open_ || !position_ || through <= *position_) return {};
  return begin(through, {});
}

base::Result<connect::ApplyReport> Applier::apply(const ChangeBatch& batch, const std::stop_token& stop) {
  if (!position_) return base::failed(target_errors::not_started, "apply before begin_apply");
  const std::stop_callback cancel_when_stopped(stop, [this] { cancel_.request(); });
  const bool whole = !open_ && !batch.changes.empty() && batch.changes.back().op == Op::commit;
  const ApplyState state = state_;
  const auto known = known_;
  for (int attempt = 1;; ++attempt) {
    base::Result<connect::ApplyReport> report = apply_once(batch);
    if (report.ok() && report->suspended.empty()) return report;
    if (report.ok()) {
      known_ = known;
      TRY(give_up(state));
      connect::ApplyReport undone;
      undone.suspended = std::move(report->suspended);
      undone.undone = whole;
      return undone;
    }
    abandon();
    state_ = state;
    known_ = known;
    if (stop.stop_requested() && report.error().is(errors::query_canceled)) {
      return base::failed(base::errors::canceled, "stopped while applying").because(report.take_error());
    }
    if (!whole || !report.error().is(errors::conflict) || attempt == group_attempts_max) return report;
    log_->warning("apply", "group tried again: {}", report.error().text());
    if (!clock_->pause(group_retry_pause * attempt, stop)) return report;
  }
}

base::Result<connect::ApplyReport> Applier::replay(const ChangeBatch& batch, const model::TableName& source_name,
                                                   const std::stop_token& stop) {
  if (!replayed_.contains(source_name)) {
    TRY(open());
    replayed_[source_name] = TRY(control_.replayed(*session_, source_name)).value_or(model::Position{});
  }
  replaying_ = source_name;
  base::Result<connect::ApplyReport> report = apply(batch, stop);
  replaying_.reset();
  return report;
}

// Taking the row first also keeps another process of this task out for the whole transaction.
base::Result<void> Applier::open_transaction(const model::Position& to) {
  if (open_) return {};
  queue(Expected::What::control, "BEGIN");
  queue(Expected::What::position, control_.move_sql(), control_.move_parameters(epoch_, position_, to));
  open_ = true;
  return {};
}

base::Result<void> Applier::end_transaction(const model::Position& to, bool was_open, connect::ApplyReport& report) {
  if (replaying_) {
    queue(Expected::What::control, control_.replayed_sql(), control_.replayed_parameters(*replaying_, to));
  } else if (was_open) {
    queue(Expected::What::position, control_.move_sql(), control_.move_parameters(epoch_, position_, to));
  }
  TRY(commit(report));
  if (replaying_) {
    replayed_[*replaying_] = to;
  } else {
    position_ = to;
  }
  return {};
}

base::Result<void> Applier::give_up(const ApplyState& before) {
  const ApplyState after = std::move(state_);
  abandon();
  state_ = before;
  TRY(open());
  for (const ApplyException& exception : after.last_words) {
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

base::Result<connect::ApplyReport> Applier::apply_once(const ChangeBatch& batch) {
  connect::ApplyReport report;
  std::size_t first = 0;
  if (!open_) {
    const model::Position& held = replaying_ ? replayed_[*replaying_] : *position_;
    while (first < batch.changes.size() && batch.changes[first].position.log <= held.log) ++first;
  }
  if (first == batch.changes.size()) return report;
  const bool ends = batch.changes.back().op == Op::commit;
  const model::Position to = batch.changes.back().position;
  TRY(open());
  const bool was_open = open_;
  TRY(open_transaction(ends && !replaying_ ? to : *position_));
  for (std::size_t i = first; i < batch.changes.size(); ++i) {
    const Change& change = batch.changes[i];
    if (is_row(change.op)) {
      runs_[change.table].push_back(static_cast<std::uint32_t>(i));
    } else if (is_barrier(change.op)) {
      TRY(flush(batch, report));
      TRY(barrier(batch, i, report));
    }
  }
  TRY(flush(batch, report));
  if (!report.suspended.empty()) return report;
  if (ends) {
    TRY(end_transaction(to, was_open, report));
  } else {
    TRY(settle(report));
  }
  return report;
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
  open_ = false;
  return {};
}

void Applier::queue(Expected::What what, const std::string& sql,
                    const std::vector<std::optional<std::string>>& parameters) {
  session_->send(sql, parameters);
  expected_.push_back({what, 1, nullptr});
}

base::Result<bool> Applier::settle(connect::ApplyReport& report) {
  if (expected_.empty()) return true;
  const std::vector<Expected> expected = std::move(expected_);
  expected_.clear();
  const std::vector<Outcome> outcomes = TRY(session_->sync());
  ENSURE(outcomes.size() == expected.size());
  bool good = true;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const Outcome& outcome = outcomes[i];
    if (outcome.skipped) continue;
    if (outcome.refusal) {
      base::Error error = session_->error_of(*outcome.refusal, "apply");
      if (expected[i].what != Expected::What::set || error.kind() == base::Kind::transient) return error;
      good = false;
    } else if (expected[i].what == Expected::What::position && outcome.rows != 1) {
      return base::failed(target_errors::superseded, "epoch {} of the task has ended", epoch_);
    } else if (expected[i].what == Expected::What::set && outcome.rows != expected[i].rows) {
      if (expected[i].lenient == nullptr || outcome.rows > expected[i].rows) {
        good = false;
      } else if (good) {
        const std::uint64_t missing = expected[i].rows - outcome.rows;
        report.tables[*expected[i].lenient].deletes -= missing;
        report.tables[*expected[i].lenient].put_aside += missing;
      }
    }
  }
  return good;
}

base::Result<const Destination*> Applier::destination(const model::TableSchemaPtr& table,
                                                      connect::ApplyReport& report) {
  if (state_.suspended.contains(table->source_name)) return nullptr;
  const auto cached = destinations_.find(table.get());
  if (cached != destinations_.end()) return cached->second.get();
  TRY(settle(report));
  if (destinations_.size() >= destinations_max) destinations_.clear();
  base::Result<std::shared_ptr<const Destination>> read = read_destination(*session_, table);
  if (!read.ok() && read.error().is(target_errors::missing_object)) {
    TRY(reconcile(table, report));
    if (state_.suspended.contains(table->source_name)) return nullptr;
    read = read_destination(*session_, table);
  }
  if (!read.ok()) {
    if (!read.error().is(target_errors::missing_object)) return read.take_error();
    TRY(suspend(*table, read.take_error(), report));
    return nullptr;
  }
  known_.try_emplace(table->source_name, table);
  return (destinations_[table.get()] = read.take()).get();
}

base::Result<void> Applier::suspend(const model::TableSchema& table, base::Error why, connect::ApplyReport& report) {
  TRY(settle(report));
  RowApplier(*session_, control_, policies_, state_, report).suspend(table, std::move(why));
  return {};
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
  // Unless ignored ones are counted, one by one.
  const bool ignore = policies_.remove == ApplyPolicy::ignore_record && policies_.escalation_count == 0;
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

// Without a key only a run of nothing but inserts can go as a set.
NetChanges Applier::net_of(const ChangeBatch& batch, const std::vector<std::uint32_t>& changes,
                           const Destination& to) const {
  if (!to.key.empty()) return compact(batch, changes, {to.key, quiet_});
  NetChanges net;
  for (const std::uint32_t index : changes) {
    const Change& change = batch.changes[index];
    if (change.op != Op::insert || change.new_count == 0 || holds_misfit(batch, change)) {
      net.ordered = true;
      net.inserts.clear();
      return net;
    }
    net.inserts.push_back({nullptr, batch.cells.data() + change.new_first});
  }
  return net;
}

base::Result<void> Applier::row_by_row(const ChangeBatch& batch, const std::vector<std::uint32_t>& changes,
                                       connect::ApplyReport& report) {
  for (const std::uint32_t index : changes) TRY(destination(batch.tables[batch.changes[index].table], report));
  TRY(settle(report));
  RowApplier rows(*session_, control_, policies_, state_, report);
  return rows.apply(batch, changes, [&](std::uint32_t table) -> const Destination* {
    const auto found = destinations_.find(batch.tables[table].get());
    return found == destinations_.end() ? nullptr : found->second.get();
  });
}

base::Result<void> Applier::flush(const ChangeBatch& batch, connect::ApplyReport& report) {
  if (runs_.empty()) return {};
  for (const auto& [table, changes] : runs_) {
    connect::TableCounts& counts = report.tables[batch.tables[table]->source_name];
    for (const std::uint32_t index : changes) {
      const Op op = batch.changes[index].op;
      ++(op == Op::insert ? counts.inserts : op == Op::update ? counts.updates : counts.deletes);
    }
  }
  if (quiet_) {
    TRY(flush_quiet(batch, report));
  } else {
    TRY(flush_loud(batch, report));
  }
  runs_.clear();
  return {};
}

base::Result<void> Applier::flush_quiet(const ChangeBatch& batch, connect::ApplyReport& report) {
  for (const auto& [table, changes] : runs_) {
    const Destination* to = TRY(destination(batch.tables[table], report));
    if (to == nullptr) continue;
    NetChanges net = net_of(batch, changes, *to);
    if (net.ordered) {
      TRY(row_by_row(batch, changes, report));
      continue;
    }
    SetSender sender(*session_, batch, *to, batch.forms[table]);
    const connect::ApplyReport before = report;
    queue(Expected::What::control, "SAVEPOINT millrace_set");
    queue_sets(sender, *to, net, true, true);
    if (TRY(copy_sets(sender, net, report)) && TRY(settle(report))) {
      queue(Expected::What::control, "RELEASE SAVEPOINT millrace_set");
      continue;
    }
    report = before;
    TRY(undo("millrace_set"));
    TRY(row_by_row(batch, changes, report));
  }
  return {};
}

// Without the right to be quiet. Order keeps foreign keys whole; what order cannot do is done in the source's order.
base::Result<void> Applier::flush_loud(const ChangeBatch& batch, connect::ApplyReport& report) {
  const std::vector<std::uint32_t> order = parents_first(batch);
  std::map<std::uint32_t, NetChanges> nets;
  std::map<std::uint32_t, const Destination*> destinations;
  bool good = true;
  for (const std::uint32_t table : order) {
    const Destination* to = TRY(destination(batch.tables[table], report));
    if (to == nullptr) continue;
    destinations[table] = to;
    nets[table] = net_of(batch, runs_[table], *to);
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
