// SPDX-License-Identifier: Apache-2.0
#include "engine/streaming.h"

#include <algorithm>

#include "engine/errors.h"

namespace engine {
namespace {

using base::Result;
using model::Change;
using model::ChangeBatch;
using model::Op;

constexpr base::Nanos pop_wait = std::chrono::milliseconds(50);
constexpr base::Nanos behind_min = std::chrono::seconds(1);         // then throughput counts, not latency,
constexpr base::Nanos behind_wait = std::chrono::milliseconds(50);  // and a group may wait so long for more
constexpr base::Nanos advance_interval = std::chrono::seconds(1);
constexpr base::Nanos report_interval = std::chrono::seconds(1);

}  // namespace

Result<StreamEnd> Streaming::run(relay::Relay& relay, const model::Position& durable, bool through_relay,
                                 const std::function<Result<Goal>()>& goal,
                                 std::function<Result<std::unique_ptr<connect::Source>>()> open_monitor,
                                 std::stop_token stop) {
  for (const PlannedTable& table : tables_) {
    const std::optional<TableRecord> record = ledger_.table(table.source->name);
    router_.add_table(table.source->name, record ? record->fence : model::Fence{});
    if (record && record->state == table_state::error) router_.suspend(table.source->name);
  }
  std::vector<model::TableSchemaPtr> shapes = history_.at(durable, tables_);
  for (const PlannedTable& table : tables_) shapes.push_back(table.source);
  bound_ = BoundTables(shapes);
  TRY(kept_.open());
  add_gone_tables(durable);
  QueueLimits limits;
  limits.source_log_bytes_max = definition_.source_log_cap_bytes;
  limits.memory_bytes_max = definition_.budgets.queue_bytes;
  limits.relay_bytes_max = definition_.relay_cap_bytes;
  queue_ = TRY(ChangeQueue::open(relay, durable, through_relay, limits, *environment_.clock));
  assembler_ = TRY(
      relay::Assembler::open(*environment_.disk, environment_.data_folder + "/spool", definition_.budgets.spool_bytes));
  const model::CellForm form = cell_form(tables_, source_, target_);
  connect::CapturePlan plan = capture_plan(definition_, tables_);
  plan.shapes = history_.at(queue_->stream_start(), tables_);
  plan.later_shapes = history_.after(queue_->stream_start(), tables_);
  plan.fences = fences_of(tables_, ledger_);
  auto stream = TRY(source_.capture()->open_stream(plan, queue_->stream_start(), form));
  goal_ = TRY(goal());
  {
    base::Lock lock(mutex_);
    durable_ = durable;
  }
  confirmed_ = durable;
  applied_through_ = advanced_through_ = durable.log;
  nudge_ = goal_.caught_up.has_value() || goal_.stop_after.has_value();
  statistics_.set_phase("streaming");

  std::stop_callback stop_all(stop, [this] { finished_.request_stop(); });
  base::TaskGroup group(finished_.get_token());
  group.spawn("capture", [&](std::stop_token own) { return capture(*stream, own); });
  group.spawn("apply", [&](std::stop_token own) { return apply(own); });
  group.spawn("monitor", [&](std::stop_token own) { return monitor(open_monitor, own); });
  Result<void> ended = group.join();
  Result<void> saved = save_statistics();
  if (!ended.ok() && ended.error().kind() != base::Kind::canceled) return ended.take_error();
  TRY(confirm_durable(*stream));
  TRY(std::move(saved));
  if (table_suspended_) return StreamEnd::table_suspended;
  if (goal_reached_) return StreamEnd::goal_reached;
  return stop.stop_requested() ? StreamEnd::stopped : StreamEnd::tables_changed;
}

// Tables that the source has dropped since: their changes up to the drop, and the drop, are still to come.
void Streaming::add_gone_tables(const model::Position& durable) {
  for (const model::TableSchemaPtr& gone : history_.gone(durable, tables_)) {
    const std::optional<TableRecord> record = ledger_.table(gone->name);
    const bool was_loaded = record && record->load_ended != 0;
    if (!was_loaded || !definition_.mapping.selects(gone->name, false)) continue;
    router_.add_table(gone->name, record->fence);
    if (record->state == table_state::error) router_.suspend(gone->name);
  }
}

// ---- capture ----

Result<void> Streaming::capture(connect::Stream& stream, std::stop_token stop) {
  const auto keep_alive = [&]() -> Result<void> {
    TRY(queue_->settle());
    TRY(confirm_durable(stream));
    return stream.keep_alive();
  };
  const auto push = [&](ChangeBatch&& batch) -> Result<void> {
    TRY(note_shapes(batch));
    return queue_->push(std::move(batch), keep_alive, stop);
  };
  base::Nanos nudged{0};
  while (!stop.stop_requested()) {
    ChangeBatch batch = TRY(stream.next(stop));
    if (!batch.changes.empty()) {
      const std::int64_t latency = batch.source_time == 0 ? -1 : environment_.clock->wall() - batch.source_time;
      statistics_.task([&](TaskStatus& status) {
        status.changes_captured += batch.changes.size();
        status.bytes_captured += batch.bytes.size();
        if (latency < 0) return;
        status.source_latency_micros = latency;
        status.source_latencies.add(latency);
      });
    }
    TRY(assembler_->take(std::move(batch), push));
    TRY(queue_->settle());
    TRY(confirm_durable(stream));
    const base::Nanos now = environment_.clock->monotonic();
    if (nudge_ && now - nudged > std::chrono::milliseconds(200)) {
      nudged = now;
      TRY(stream.nudge());
    }
  }
  return {};
}

Result<void> Streaming::note_shapes(const ChangeBatch& batch) {
  model::Position durable;
  {
    base::Lock lock(mutex_);
    durable = durable_;
  }
  return history_.note(batch, ledger_, durable);
}

// The source may forget what the target holds, and what the relay holds without a gap behind that.
Result<void> Streaming::confirm_durable(connect::Stream& stream) {
  model::Position durable;
  {
    base::Lock lock(mutex_);
    durable = durable_;
  }
  durable = std::max(durable, queue_->relay_durable());
  if (durable <= confirmed_) return {};
  TRY(stream.confirm(durable));
  confirmed_ = durable;
  return {};
}

// ---- apply ----

Result<void> Streaming::fill_group(GroupBuilder& builder, std::stop_token stop) {
  if (builder.full()) return {};  // with what the group before has left
  std::optional<ChangeBatch> batch = TRY(queue_->pop(stop, pop_wait));
  const base::Nanos began = environment_.clock->monotonic();
  while (batch) {
    const std::int64_t committed = batch->changes.empty() ? 0 : batch->changes.back().commit_time;
    const bool behind =
        committed != 0 && std::chrono::microseconds(environment_.clock->wall() - committed) > behind_min;
    builder.add(std::move(*batch));
    if (builder.full()) break;
    const base::Nanos left = began + behind_wait - environment_.clock->monotonic();
    batch = TRY(queue_->pop(stop, behind ? std::max(left, base::Nanos{0}) : base::Nanos{0}));
  }
  return {};
}

// Whether what was gathered goes now. Who waits for an end does not wait for more.
bool Streaming::is_due(const GroupBuilder& builder) {
  if (builder.at_boundary()) {
    gathering_since_.reset();
    return true;
  }
  const bool ends = goal_.caught_up || goal_.stop_after || goal_.clock_time || goal_.commit_time;
  const base::Nanos now = environment_.clock->monotonic();
  if (!gathering_since_) gathering_since_ = now;
  if (!ends && !inside_transaction_ && !builder.full() && !pace_.is_due(builder.rows(), now - *gathering_since_)) {
    return false;
  }
  gathering_since_.reset();
  return true;
}

Result<void> Streaming::refuse_truncates(const ChangeBatch& group) const {
  if (!definition_.settings.boolean("ErrorBehavior.ApplyErrorFailOnTruncationDdl")) return {};
  for (const Change& change : group.changes) {
    if (change.op != Op::truncate) continue;
    return base::failed(errors::truncate_stopped, "table {} was truncated at {}",
                        group.tables[change.table]->source_name.text(), source_.position_text(change.position));
  }
  return {};
}

Result<void> Streaming::apply(std::stop_token stop) {
  GroupBuilder builder(pace_.limits);
  while (!stop.stop_requested()) {
    Result<void> filled = fill_group(builder, stop);
    if (!filled.ok() && filled.error().kind() == base::Kind::canceled) break;
    TRY(std::move(filled));
    if (!is_due(builder)) {
      TRY(target_.tick());
      TRY(publish_durable());
      continue;
    }
    ChangeBatch group = builder.take();
    const std::uint64_t through = builder.at_boundary() ? group.through : 0;
    const bool cut = cut_at_goal(group);
    if (!group.changes.empty()) TRY(apply_group(std::move(group), stop));
    if (table_suspended_) {
      finished_.request_stop();
      return {};
    }
    if (!cut && !inside_transaction_) applied_through_ = std::max(applied_through_, through);
    TRY(target_.tick());
    TRY(publish_durable());
    if (cut || TRY(reached_goal())) {
      goal_reached_ = true;
      break;
    }
  }
  TRY(end_apply(goal_reached_));
  finished_.request_stop();
  return {};
}

Result<bool> Streaming::try_group(ChangeBatch& group, const Change& last, bool is_whole, FailedTables& unreadable,
                                  std::stop_token stop) {
  connect::ApplyReport report;
  report.suspended = std::exchange(unreadable, {});
  report.undone = true;
  TRY(router_.route(group, report.suspended, &kept_));
  TRY(refuse_truncates(group));
  const bool concerns_us = std::any_of(group.changes.begin(), group.changes.end(), [](const Change& change) {
    return change.op != Op::begin && change.op != Op::commit;
  });
  if (report.suspended.empty()) {
    TRY(kept_.settle());
    // The last part of a huge transaction ends it on the target, though it may hold nothing else for us.
    if (concerns_us || !is_whole) report = TRY(target_.apply(group, stop));
  }
  for (const auto& [table, error] : report.suspended) TRY(suspend(table, error));
  if (!report.suspended.empty()) {
    table_suspended_ = !is_whole || !report.undone;
    router_.unroute(group);
    return false;
  }
  if (concerns_us || !is_whole) note_applied(report, last);
  TRY(note_dropped(group));
  if (last.op == Op::commit && (concerns_us || !is_whole)) {
    advanced_through_ = std::max(applied_through_, last.position.log);
  }
  return true;
}

// A target of whole rows gets the group in parts, as large as the values that are read again for it allow.
Result<void> Streaming::apply_group(ChangeBatch group, std::stop_token stop) {
  while (!group.changes.empty() && !table_suspended_) {
    FailedTables unreadable;
    ChangeBatch rest;
    if (target_.needs_whole_rows()) {
      rest = TRY(lookup_.fill(group, definition_.budgets.group_bytes, unreadable, stop));
    }
    TRY(apply_part(std::move(group), std::move(unreadable), stop));
    group = std::move(rest);
  }
  return {};
}

Result<void> Streaming::apply_part(ChangeBatch group, FailedTables unreadable, std::stop_token stop) {
  const Change last = group.changes.back();
  const bool is_whole = !inside_transaction_ && last.op == Op::commit;
  inside_transaction_ = last.op != Op::commit;
  while (!TRY(try_group(group, last, is_whole, unreadable, stop))) {
    if (table_suspended_) return {};
  }
  if (last.op == Op::commit) applied_through_ = std::max(applied_through_, last.position.log);
  return {};
}

void Streaming::note_applied(const connect::ApplyReport& report, const Change& last) {
  std::uint64_t applied = 0;
  for (const auto& [table, counts] : report.tables) {
    applied += counts.inserts + counts.updates + counts.deletes;
    statistics_.table(table, [&, &counts = counts](TableStatus& status) {
      status.applied_inserts += counts.inserts;
      status.applied_updates += counts.updates;
      status.applied_deletes += counts.deletes;
      status.applied_ddls += counts.ddls;
      status.put_aside += counts.put_aside;
    });
  }
  const std::int64_t latency = environment_.clock->wall() - last.commit_time;
  statistics_.task([&](TaskStatus& status) {
    status.changes_applied += applied;
    if (last.commit_time != 0) {
      status.target_latency_micros = latency;
      status.target_latencies.add(latency);
    }
    status.position = source_.position_text(last.position);
  });
}

Result<void> Streaming::note_dropped(const ChangeBatch& group) {
  for (const Change& change : group.changes) {
    if (change.op != Op::drop_table) continue;
    const model::TableName& table = group.tables[change.table]->source_name;
    const std::optional<TableRecord> record = ledger_.table(table);
    if (!record || record->state == table_state::dropped) continue;
    environment_.log->info("apply", "table {} was dropped at the source", table.text());
    statistics_.table(table, [](TableStatus& status) {
      status.state = table_state::dropped;
      status.reason.clear();
    });
    TRY(ledger_.update_table(table, [](TableRecord& row) {
      row.state = table_state::dropped;
      row.suspended_reason.clear();
    }));
    TRY(kept_.drop(table));
  }
  return {};
}

// Nothing of the group that brought this was kept by the target: the table is held up to what is durable.
Result<void> Streaming::suspend(const model::TableName& table, const base::Error& error) {
  std::optional<KeptTable> kept;
  const std::optional<model::Position> durable = TRY(target_.durable());
  // Else only a load tells its rows.
  const bool is_clear = !error.is(errors::shape_unclear) && bound_.others(table).empty();
  if (target_.can_replay() && durable && is_clear) {
    kept = KeptTable{*durable, TRY(make_kept_folder(environment_, table, *durable)), history_.of(table, *durable)};
  }
  const std::string text = error.text() + std::string(kept ? kept_advice : lost_advice);
  environment_.log->error("apply", "table {} is suspended: {}", table.text(), text);
  router_.suspend(table);
  statistics_.table(table, [&](TableStatus& status) {
    status.state = table_state::error;
    status.reason = text;
  });
  const bool is_kept = kept.has_value();
  TRY(ledger_.suspend(table, text, std::move(kept)));
  TRY(kept_.drop(table));
  if (is_kept) TRY(kept_.add(table));
  for (const model::TableName& other : bound_.others(table)) {
    const std::optional<TableRecord> record = ledger_.table(other);
    if (router_.is_suspended(other) || !record || record->state == table_state::dropped) continue;
    TRY(suspend(other, base::failed(errors::bound_table, "table {} with table {}", other.text(), table.text())));
  }
  if (table_errors_stop(definition_, ledger_.tables_in_error())) {
    return base::failed(errors::tables_failed, "table {} is in error and the task's policy is to stop: {}",
                        table.text(), text);
  }
  return {};
}

// Moves the target's position over log that did not concern us, now and then; and publishes what is durable.
Result<void> Streaming::publish_durable() {
  const base::Nanos now = environment_.clock->monotonic();
  const bool goal_near = goal_.caught_up && applied_through_ >= goal_.caught_up->log;
  if (!inside_transaction_ && applied_through_ > advanced_through_ &&
      (goal_near || now - last_advance_ >= advance_interval)) {
    TRY(target_.advance(model::Position{applied_through_, model::sequence_end, ""}));
    advanced_through_ = applied_through_;
    last_advance_ = now;
  }
  const std::optional<model::Position> durable = TRY(target_.durable());
  if (durable) {
    bool moved = false;
    {
      base::Lock lock(mutex_);
      moved = *durable > durable_;
      if (moved) durable_ = *durable;
    }
    if (moved) {
      TRY(queue_->trim(*durable));
      statistics_.task([&](TaskStatus& status) { status.durable_position = source_.position_text(*durable); });
    }
    if (!consistent_ && durable->log >= router_.fence_high()) {
      consistent_ = true;
      const model::Position at = *durable;
      statistics_.task([&](TaskStatus& status) { status.consistent_at = source_.position_text(at); });
      TRY(ledger_.update_task([&](TaskRecord& record) { record.consistent = at; }));
    }
  }
  if (now - last_report_ < report_interval) return {};
  last_report_ = now;
  if (!report_.is_wanted()) return {};
  TaskStatus status = statistics_.copy();
  status.relay_bytes = queue_->relay_bytes();
  return target_.report(report_.facts(ControlReport::Phase::streaming, status));
}

// Cuts the group before the first transaction beyond the goal; true when it did.
bool Streaming::cut_at_goal(ChangeBatch& group) {
  if (!goal_.stop_after && !goal_.commit_time) return false;
  for (std::size_t i = 0; i < group.changes.size(); ++i) {
    const Change& change = group.changes[i];
    if (change.op != Op::begin) continue;
    const bool beyond = (goal_.stop_after && change.position.log > goal_.stop_after->log) ||
                        (goal_.commit_time && change.commit_time > *goal_.commit_time);
    if (!beyond) continue;
    group.changes.resize(i);
    return true;
  }
  return false;
}

Result<bool> Streaming::reached_goal() {
  if (inside_transaction_) return false;
  if (goal_.caught_up && applied_through_ >= goal_.caught_up->log) return true;
  if (goal_.stop_after && applied_through_ > goal_.stop_after->log) return true;
  if (goal_.clock_time && environment_.clock->wall() >= *goal_.clock_time) return true;
  return false;
}

Result<void> Streaming::end_apply(bool goal_reached) {
  if (goal_reached && goal_.stop_after) applied_through_ = std::min(applied_through_, goal_.stop_after->log);
  // Stopped inside a huge transaction: its part was never committed and comes again.
  if (inside_transaction_) return {};
  TRY(target_.flush());
  return publish_durable();
}

}  // namespace engine
