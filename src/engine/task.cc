// SPDX-License-Identifier: Apache-2.0
#include "engine/task.h"

#include <algorithm>

#include "engine/attempt.h"
#include "engine/errors.h"
#include "engine/relay_only.h"
#include "engine/retry.h"
#include "engine/validate.h"

namespace engine {

using base::Result;

namespace {

constexpr int replans_max = 5;

}  // namespace

struct Task::Parts {
  TaskDefinition definition;
  Environment environment;
  Ledger ledger;
  Statistics statistics;
  base::Nanos failing_since{0};

  Parts(TaskDefinition task, Environment stands_on)
      : definition(std::move(task)),
        environment(std::move(stands_on)),
        ledger(*environment.store),
        statistics(*environment.clock) {}

  Result<bool> settle_start(StartType start);
  Result<Outcome> run_attempts(bool fresh, bool reload, const Until& until, std::stop_token stop);
  Result<void> wait_to_retry(const base::Error& error, int failures, std::stop_token stop);
};

Task::Task(TaskDefinition definition, Environment environment)
    : parts_(std::make_unique<Parts>(std::move(definition), std::move(environment))) {}
Task::~Task() = default;

std::shared_ptr<const TaskStatus> Task::status() const {
  return std::make_shared<const TaskStatus>(parts_->statistics.copy());
}

// Checks the start type against what the data directory holds; true: begin afresh.
Result<bool> Task::Parts::settle_start(StartType start) {
  TRY(ledger.load());
  const std::optional<TaskRecord> before = ledger.task();
  if (before && before->identifier != definition.identifier) {
    return base::failed(errors::other_task, "the data directory holds task {}, not {}", before->identifier,
                        definition.identifier);
  }
  const bool begun = before && before->capture_start.has_value();
  const bool loading_only = before && (before->phase == phase::loading || before->phase == phase::finished);
  if (start == StartType::start_replication && before && before->phase != phase::starting) {
    return base::failed(errors::state_exists, "task {} was started before", definition.identifier);
  }
  if (start == StartType::resume_processing && !before) {
    return base::failed(errors::no_state, "task {} was never started here", definition.identifier);
  }
  const bool fresh = start != StartType::resume_processing || (!begun && !loading_only);
  if (!fresh) return false;
  return true;
}

Result<Outcome> Task::run(StartType start, const Until& until, std::stop_token stop) {
  Parts& parts = *parts_;
  const bool fresh = TRY(parts.settle_start(start));
  const bool reload = start == StartType::reload_target;
  Result<Outcome> outcome = parts.run_attempts(fresh, reload, until, stop);
  parts.statistics.set_phase("stopped");
  if (parts.ledger.task()) {
    const std::string reason =
        outcome.ok() ? (*outcome == Outcome::finished ? "finished" : "interrupted") : outcome.error().text();
    Result<void> noted = parts.ledger.update_task([&](TaskRecord& record) {
      record.stop_reason = reason;
      record.stopped = parts.environment.clock->wall();
    });
    if (outcome.ok() && !noted.ok()) return noted.take_error();
  }
  return outcome;
}

Result<Outcome> Task::Parts::run_attempts(bool fresh, bool reload, const Until& until, std::stop_token stop) {
  bool through_relay = false;
  bool opened = !fresh;           // an end that cannot be reached at all is the user's to mend, not ours to wait for
  int failures = 0, replans = 0;  // since something was achieved
  Handover handover;
  for (const auto& [name, kept] : ledger.kept()) handover.replayable.insert(name);
  while (true) {
    if (stop.stop_requested()) return Outcome::interrupted;
    Attempt attempt(definition, environment, statistics, ledger, handover);
    Result<AttemptEnd> end = attempt.run(fresh, reload, through_relay, until, stop);
    opened = opened || attempt.opened();
    if (attempt.progressed()) failures = replans = 0;
    // What was recorded decides how the next attempt begins.
    TRY(ledger.load());
    const std::optional<TaskRecord> record = ledger.task();
    fresh = !record || record->phase == phase::starting;
    if (end.ok()) {
      if (*end == AttemptEnd::finished) return Outcome::finished;
      if (*end == AttemptEnd::interrupted) return Outcome::interrupted;
      continue;
    }
    if (stop.stop_requested()) return Outcome::interrupted;
    through_relay = end.error().is(errors::relay_needed);
    if (through_relay || end.error().is(connect::errors::stream_again)) continue;
    // A table went between plan and capture: the next plan is without it.
    const bool plan_is_old = end.error().is(connect::errors::table_missing) && replans++ < replans_max;
    if ((end.error().kind() != base::Kind::transient && !plan_is_old) || !opened) return end.take_error();
    failures += 1;
    TRY(wait_to_retry(end.error(), failures, stop));
    if (stop.stop_requested()) return Outcome::interrupted;
  }
}

// While the target cannot be reached and the source's log passes its cap, the relay takes the changes.
Result<void> Task::Parts::wait_to_retry(const base::Error& error, int failures, std::stop_token stop) {
  const base::Nanos now = environment.clock->monotonic();
  if (failures == 1) failing_since = now;
  const std::optional<base::Nanos> wait = RetrySchedule(definition.settings).wait(failures, now - failing_since);
  if (!wait) return base::failed(errors::retries_exhausted, "given up after {} retries", failures - 1).because(error);
  const base::Nanos length = *wait;
  const double seconds = std::chrono::duration<double>(length).count();
  environment.log->warning("task", "{}; trying again in {:.1f} s", error.text(), seconds);
  statistics.set_phase("waiting to retry", error.text());
  if (ledger.task()) TRY(ledger.update_task([](TaskRecord& record) { ++record.restarts; }));
  const std::optional<TaskRecord> record = ledger.task();
  if (record && record->phase == phase::streaming) {
    return outlast_target(definition, environment, statistics, length, stop);
  }
  environment.clock->pause(length, stop);
  return {};
}

Result<void> Task::reload_tables(const std::vector<model::TableName>& tables) {
  Ledger& ledger = parts_->ledger;
  TRY(ledger.load());
  if (!ledger.task()) {
    return base::failed(errors::no_state, "task {} was never started here", parts_->definition.identifier);
  }
  for (const model::TableName& table : tables) {
    if (!ledger.table(table))
      return base::failed(connect::errors::table_missing, "table {} is not in this task", table.text());
    TRY(ledger.update_table(table, [](TableRecord& record) {
      record.state = table_state::before_load;
      record.suspended_reason.clear();
      record.load_ended = 0;
    }));
  }
  return {};
}

Result<void> Task::resume_tables(const std::vector<model::TableName>& tables) {
  Ledger& ledger = parts_->ledger;
  TRY(ledger.load());
  if (!ledger.task()) {
    return base::failed(errors::no_state, "task {} was never started here", parts_->definition.identifier);
  }
  const std::map<model::TableName, KeptTable> kept = ledger.kept();
  for (const model::TableName& table : tables) {
    const std::optional<TableRecord> record = ledger.table(table);
    if (!record) return base::failed(connect::errors::table_missing, "table {} is not in this task", table.text());
    if (kept.contains(table)) continue;
    if (record->state != table_state::error) {
      return base::failed(errors::not_resumable, "table {} is not suspended", table.text());
    }
    return base::failed(errors::not_resumable, "table {} was suspended without its changes: {}", table.text(),
                        record->suspended_reason);
  }
  return {};
}

Result<Plan> Task::plan(std::stop_token stop) {
  (void)stop;
  Parts& parts = *parts_;
  auto source_journal = journal_of(*parts.environment.store, "source");
  auto target_journal = journal_of(*parts.environment.store, "target");
  auto source = TRY(
      parts.environment.open_source(make_context(parts.definition, parts.environment, source_journal.get(), false)));
  auto target = TRY(
      parts.environment.open_target(make_context(parts.definition, parts.environment, target_journal.get(), false)));
  Plan plan;
  plan.tables = TRY(plan_tables(parts.definition, *source, target.get()));
  plan.findings = TRY(find_problems(parts.definition, plan.tables, *source, *target));
  if (streams(parts.definition) && source->capture() == nullptr) {
    plan.findings.push_back({connect::Finding::Severity::refusal, parts.environment.source_text,
                             "it cannot deliver changes", "use MigrationType full-load"});
  }
  if (loads(parts.definition)) {
    auto snapshot = TRY(source->snapshot(false));
    for (PlannedTable& table : plan.tables) {
      Result<std::vector<connect::Chunk>> chunks = snapshot->chunks(*table.source, parts.definition.chunk_bytes);
      if (chunks.ok()) table.chunks = static_cast<std::uint32_t>(chunks->size());
    }
  }
  return plan;
}

Result<ValidationReport> Task::validate(std::function<void(const Difference&)> on_difference, std::stop_token stop) {
  Parts& parts = *parts_;
  TRY(parts.ledger.load());
  return validate_task(parts.definition, parts.environment, std::move(on_difference), stop);
}

// Order: source first (it holds log for us), then the target's rows, then what is local. Each step may be repeated.
Result<void> Task::drop(bool force) {
  Parts& parts = *parts_;
  const Environment& environment = parts.environment;
  TRY(parts.ledger.load());
  auto source_journal = journal_of(*environment.store, "source");
  auto target_journal = journal_of(*environment.store, "target");
  const auto drop_source = [&]() -> Result<void> {
    auto source =
        TRY(environment.open_source(make_context(parts.definition, environment, source_journal.get(), false)));
    if (source->capture() != nullptr) TRY(source->capture()->drop());
    return {};
  };
  const auto drop_target = [&]() -> Result<void> {
    auto target =
        TRY(environment.open_target(make_context(parts.definition, environment, target_journal.get(), false)));
    return target->drop();
  };
  const auto allowed = [&](Result<void> dropped) -> Result<void> {
    if (dropped.ok() || !force) return dropped;
    environment.log->warning("task", "drop goes on although: {}", dropped.error().text());
    return {};
  };
  TRY(allowed(drop_source()));
  TRY(allowed(drop_target()));
  for (const std::string folder : {"/relay/", "/spool/"}) {
    for (const std::string& name : TRY(environment.disk->list(environment.data_folder + folder))) {
      TRY(environment.disk->remove(environment.data_folder + folder + name));
    }
  }
  StateChange wipe;
  wipe.wipe = true;
  TRY(environment.store->commit(wipe));
  TRY(parts.ledger.load());
  return sweep_kept_folders(environment, parts.ledger);
}

}  // namespace engine
