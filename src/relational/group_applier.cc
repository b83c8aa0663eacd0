// SPDX-License-Identifier: Apache-2.0
#include "relational/group_applier.h"

#include <algorithm>

namespace relational {
namespace {

using model::Change;
using model::ChangeBatch;
using model::Op;

constexpr int group_attempts_max = 4;
constexpr auto group_retry_pause = std::chrono::milliseconds(200);
constexpr std::size_t piece_changes = 8192;
constexpr std::size_t destinations_max = 4096;  // cached; then all are read again

bool is_barrier(Op op) { return op == Op::truncate || op == Op::schema || op == Op::drop_table; }
bool is_row(Op op) { return op == Op::insert || op == Op::update || op == Op::remove; }

}  // namespace

GroupApplier::GroupApplier(const connect::Context& context, const ApplyCodes& codes)
    : clock_(context.clock), log_(context.log), policies_(ApplyPolicies::from(context.settings)), codes_(codes) {}

void GroupApplier::own(std::int64_t epoch, std::optional<model::Position> position) {
  epoch_ = epoch;
  position_ = std::move(position);
}

void GroupApplier::abandon() {
  close();
  expected_.clear();
  runs_.clear();
  acting_.clear();
  destinations_.clear();
  open_ = false;
}

void GroupApplier::know(const std::vector<model::TableSchemaPtr>& tables) {
  for (const model::TableSchemaPtr& table : tables) known_[table->source_name] = table;
  keys_.reset();
}

base::Result<void> GroupApplier::begin(const model::Position& position,
                                       const std::vector<model::TableSchemaPtr>& tables) {
  know(tables);
  TRY(open());
  if (position_ && *position_ == position) return {};
  if (TRY(move_position(position)) != 1) {
    return base::failed(codes_.superseded, "epoch {} of the task has ended", epoch_);
  }
  position_ = position;
  return {};
}

base::Result<void> GroupApplier::advance(const model::Position& through) {
  if (open_ || !position_ || through <= *position_) return {};
  return begin(through, {});
}

base::Result<connect::ApplyReport> GroupApplier::apply(const ChangeBatch& batch, const std::stop_token& stop) {
  if (!position_) return base::failed(codes_.not_started, "apply before begin_apply");
  const std::stop_callback cancel_when_stopped(stop, [this] { cancel(); });
  const bool whole = !open_ && !batch.changes.empty() && batch.changes.back().op == Op::commit;
  const ApplyState state = state_;
  const auto known = known_;
  const std::uint64_t kept = parts_kept_;
  for (int attempt = 1;; ++attempt) {
    base::Result<connect::ApplyReport> report = apply_once(batch);
    if (report.ok() && report->suspended.empty()) return report;
    if (report.ok()) {
      known_ = known;
      keys_.reset();
      TRY(give_up(state));
      connect::ApplyReport undone;
      undone.suspended = std::move(report->suspended);
      undone.undone = whole && kept == parts_kept_;
      return undone;
    }
    abandon();
    state_ = state;
    known_ = known;
    keys_.reset();
    if (stop.stop_requested() && is_stop(report.error())) {
      return base::failed(base::errors::canceled, "stopped while applying").because(report.take_error());
    }
    if (!whole || !is_conflict(report.error()) || attempt == group_attempts_max) return report;
    log_->warning("apply", "group tried again: {}", report.error().text());
    if (!clock_->pause(group_retry_pause * attempt, stop)) return report;
  }
}

base::Result<connect::ApplyReport> GroupApplier::replay(const ChangeBatch& batch, const model::TableName& source_name,
                                                        const std::stop_token& stop) {
  if (!replayed_.contains(source_name)) {
    TRY(open());
    replayed_[source_name] = TRY(read_replayed(source_name));
  }
  replaying_ = source_name;
  base::Result<connect::ApplyReport> report = apply(batch, stop);
  replaying_.reset();
  return report;
}

base::Result<void> GroupApplier::give_up(const ApplyState& before) {
  const ApplyState after = std::move(state_);
  abandon();
  state_ = before;
  TRY(open());
  return tell_suspended(after);
}

base::Result<connect::ApplyReport> GroupApplier::apply_once(const ChangeBatch& batch) {
  connect::ApplyReport report;
  std::size_t first = 0;
  const model::Position& held = replaying_ ? replayed_[*replaying_] : *position_;
  if (!open_) {
    while (first < batch.changes.size() && batch.changes[first].position.log <= held.log) {
      note_done(batch, batch.changes[first++]);
    }
  }
  if (first == batch.changes.size()) return report;
  const bool ends = batch.changes.back().op == Op::commit;
  const model::Position to = batch.changes.back().position;
  TRY(open());
  const bool was_open = open_;
  last_commit_ = held;
  if (!open_) TRY(begin_group(ends && !replaying_ ? to : *position_));
  open_ = true;
  for (std::size_t i = first; i < batch.changes.size(); ++i) {
    const Change& change = batch.changes[i];
    note_place(change);
    if (change.op == Op::commit) last_commit_ = change.position;
    if (is_done(change)) {
      note_done(batch, change);
    } else if (is_row(change.op)) {
      TRY(take_row(batch, static_cast<std::uint32_t>(i), report));
    } else if (is_barrier(change.op)) {
      TRY(flush(batch, report));
      TRY(barrier(batch, i, report));
    }
  }
  TRY(flush(batch, report));
  if (!report.suspended.empty()) return report;
  if (!ends) {
    TRY(settle(report));
    return report;
  }
  TRY(end_group(to, was_open, report));
  open_ = false;
  if (replaying_) {
    replayed_[*replaying_] = to;
  } else {
    position_ = to;
  }
  return report;
}

void GroupApplier::note_place(const Change& change) {
  if (change.op == Op::unclear || change.op == Op::message) return;  // these have no number either
  const bool is_shape = change.op == Op::schema;
  nth_ = !is_shape ? 0 : change.position == place_ ? nth_ + 1 : 1;
  place_ = change.position;
}

const Destination* GroupApplier::known_destination(const model::TableSchemaPtr& table) const {
  const auto found = destinations_.find(table.get());
  return found == destinations_.end() ? nullptr : found->second.get();
}

base::Result<const Destination*> GroupApplier::destination(const model::TableSchemaPtr& table,
                                                           connect::ApplyReport& report) {
  if (state_.suspended.contains(table->source_name)) return nullptr;
  if (const Destination* cached = known_destination(table)) return cached;
  TRY(settle(report));
  if (destinations_.size() >= destinations_max) destinations_.clear();
  base::Result<std::shared_ptr<const Destination>> read = read_destination(table);
  if (!read.ok() && read.error().is(codes_.missing_object)) {
    TRY(reconcile(table, report));
    if (state_.suspended.contains(table->source_name)) return nullptr;
    read = read_destination(table);
  }
  if (!read.ok()) {
    if (!read.error().is(codes_.missing_object)) return read.take_error();
    TRY(suspend(*table, read.take_error(), report));
    return nullptr;
  }
  if (known_.try_emplace(table->source_name, table).second) keys_.reset();
  return (destinations_[table.get()] = read.take()).get();
}

base::Result<void> GroupApplier::suspend(const model::TableSchema& table, base::Error why,
                                         connect::ApplyReport& report) {
  TRY(settle(report));
  relational::suspend(table, std::move(why), state_, report);
  return {};
}

base::Result<void> GroupApplier::flush(const ChangeBatch& batch, connect::ApplyReport& report) {
  if (runs_.empty()) return {};
  std::uint32_t first = runs_.begin()->second.front();
  for (const auto& [table, changes] : runs_) {
    connect::TableCounts& counts = report.tables[batch.tables[table]->source_name];
    for (const std::uint32_t index : changes) {
      const Op op = batch.changes[index].op;
      ++(op == Op::insert ? counts.inserts : op == Op::update ? counts.updates : counts.deletes);
      first = std::min(first, index);
    }
  }
  in_hand_ = &batch.changes[first];
  nth_in_hand_ = 0;
  committed_ = commit_before_runs_;
  TRY(find_reached(batch, report));
  TRY(flush_runs(batch, report));
  TRY(carry_out_keys(batch, report));
  runs_.clear();
  return {};
}

base::Result<bool> GroupApplier::settle(connect::ApplyReport& report) {
  if (expected_.empty()) return true;
  const std::vector<Expected> expected = std::move(expected_);
  expected_.clear();
  std::vector<Answer> answers = TRY(read_answers());
  ENSURE(answers.size() == expected.size());
  bool good = true;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Answer& answer = answers[i];
    if (answer.skipped) continue;
    if (answer.refusal) {
      if (expected[i].what != Expected::What::set || answer.refusal->kind() == base::Kind::transient) {
        return std::move(*answer.refusal);
      }
      good = false;
    } else if (expected[i].what == Expected::What::position && answer.rows != 1) {
      return base::failed(codes_.superseded, "epoch {} of the task has ended", epoch_);
    } else if (expected[i].what == Expected::What::set && answer.rows != expected[i].rows) {
      if (expected[i].lenient == nullptr || answer.rows > expected[i].rows) {
        good = false;
      } else if (good) {
        const std::uint64_t missing = expected[i].rows - answer.rows;
        report.tables[*expected[i].lenient].deletes -= missing;
        report.tables[*expected[i].lenient].put_aside += missing;
      }
    }
  }
  return good;
}

NetChanges GroupApplier::net_of(const ChangeBatch& batch, std::span<const std::uint32_t> changes, const Destination& to,
                                bool key_change_as_remove) {
  if (!to.key.empty()) return compact(batch, changes, {to.key, key_change_as_remove});
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

base::Result<void> GroupApplier::row_by_row(const ChangeBatch& batch, const std::vector<std::uint32_t>& changes,
                                            connect::ApplyReport& report) {
  for (const std::uint32_t index : changes) TRY(destination(batch.tables[batch.changes[index].table], report));
  TRY(settle(report));
  const std::unique_ptr<RowApplier> rows = row_applier(report);
  return rows->apply(batch, changes, [&](std::uint32_t table) { return known_destination(batch.tables[table]); });
}

base::Result<bool> GroupApplier::send_in_pieces(const ChangeBatch& batch, std::uint32_t table, const Destination& to,
                                                bool key_change_as_remove, connect::ApplyReport& report) {
  const std::span<const std::uint32_t> changes = runs_[table];
  bool good = true;
  bool begun = false;
  for (std::size_t first = 0; first < changes.size() && good; first += piece_changes) {
    const std::size_t count = std::min(piece_changes, changes.size() - first);
    NetChanges net = net_of(batch, changes.subspan(first, count), to, key_change_as_remove);
    good = !net.ordered;
    if (!good) break;
    if (!begun) queue_control("SAVEPOINT millrace_set");
    begun = true;
    good = TRY(send_sets(batch, table, to, net, report));
  }
  if (!begun) return good;
  good = TRY(settle(report)) && good;
  if (!good) return undo("millrace_set");
  queue_control("RELEASE SAVEPOINT millrace_set");
  return true;
}

base::Result<void> GroupApplier::flush_independent(const ChangeBatch& batch, bool key_change_as_remove,
                                                   connect::ApplyReport& report) {
  for (const auto& [table, changes] : runs_) {
    const Destination* to = TRY(destination(batch.tables[table], report));
    if (to == nullptr) continue;
    const connect::ApplyReport before = report;
    if (TRY(send_in_pieces(batch, table, *to, key_change_as_remove, report))) continue;
    report = before;
    TRY(row_by_row(batch, changes, report));
  }
  return {};
}

}  // namespace relational
