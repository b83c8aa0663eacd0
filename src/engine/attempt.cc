// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt.h"

#include <algorithm>
#include <utility>

#include "engine/bound_tables.h"
#include "engine/errors.h"
#include "engine/load.h"

namespace engine {
namespace {

using base::Result;

const char* migration_text(MigrationType type) {
  switch (type) {
    case MigrationType::full_load: return "full-load";
    case MigrationType::cdc: return "cdc";
    case MigrationType::full_load_and_cdc: return "full-load-and-cdc";
  }
  return "";
}

constexpr int load_passes_max = 5;
constexpr base::Nanos load_report_interval = std::chrono::seconds(1);
constexpr std::size_t connector_budget_bytes = 64u << 20;

}  // namespace

connect::Context make_context(const TaskDefinition& definition, const Environment& environment,
                              connect::Journal* journal, bool reload) {
  connect::Context context;
  context.task = definition.identifier;
  context.task_id = definition.task_id;
  context.clock = environment.clock;
  context.random = environment.random;
  context.disk = environment.disk;
  context.log = environment.log;
  context.journal = journal;
  context.control_schema = definition.settings.text("ControlTablesSettings.ControlSchema");
  context.memory_budget = connector_budget_bytes;
  context.settings = definition.settings.flattened();
  context.reload = reload;
  context.streams = streams(definition);
  return context;
}

Result<AttemptEnd> Attempt::run(bool fresh, bool reload, bool through_relay, const Until& until, std::stop_token stop) {
  TRY(open_ends(reload, stop));
  tables_ = TRY(plan_tables(definition_, *source_, target_.get()));
  if (fresh) {
    TRY(refuse_problems());
    TRY(begin(stop));
  } else {
    TRY(target_->start(true));
    TRY(restore_statistics());
  }
  TRY(history_.load());
  TRY(load_pending(stop));
  if (stop.stop_requested()) return AttemptEnd::interrupted;
  if (!streams(definition_)) {
    TRY(ledger_.update_task([](TaskRecord& record) { record.phase = phase::finished; }));
    for (const auto& [name, record] : ledger_.tables()) {
      if (record.state == table_state::error) {
        return base::failed(errors::tables_failed, "table {}: {}", name.text(), record.suspended_reason);
      }
    }
    return AttemptEnd::finished;
  }
  return this->stream(through_relay, until, stop);
}

Result<void> Attempt::open_ends(bool reload, std::stop_token stop) {
  statistics_.set_phase("starting");
  source_journal_ = journal_of(*environment_.store, "source");
  target_journal_ = journal_of(*environment_.store, "target");
  connect::Context context = make_context(definition_, environment_, source_journal_.get(), reload);
  context.stop = std::move(stop);
  source_ = TRY(environment_.open_source(context));
  if (streams(definition_) && source_->capture() == nullptr) {
    return base::failed(errors::cannot_stream, "{} cannot deliver changes", environment_.source_text);
  }
  context.journal = target_journal_.get();
  target_ = TRY(environment_.open_target(context));
  opened_ = true;
  return {};
}

Result<void> Attempt::refuse_problems() {
  std::string refusals;
  for (const connect::Finding& finding : TRY(find_problems(definition_, tables_, *source_, *target_))) {
    if (finding.severity != connect::Finding::Severity::refusal) continue;
    refusals += fmt::format("{}{}: {}", refusals.empty() ? "" : "; ", finding.object, finding.problem);
    if (!finding.remedy.empty()) refusals += fmt::format(" (remedy: {})", finding.remedy);
  }
  if (!refusals.empty()) return base::failed(errors::refused, "{}", refusals);
  return {};
}

std::function<void(const std::string&)> Attempt::waiting() {
  return [this](const std::string& whom) {
    statistics_.set_phase("starting", whom);
    environment_.log->info("task", "waiting: {}", whom);
  };
}

// First start: the capture's position and its snapshot are one moment; both are recorded before any table is touched.
Result<void> Attempt::begin(std::stop_token stop) {
  TaskRecord task;
  task.identifier = definition_.identifier;
  task.definition_hash = definition_.definition_hash;
  task.migration_type = migration_text(definition_.migration_type);
  task.phase = phase::starting;
  task.starts = 1;
  task.created = task.started = environment_.clock->wall();
  TRY(ledger_.begin_anew(std::move(task)));
  TRY(target_->start(false));
  const connect::CapturePlan plan = capture_plan(definition_, tables_);
  std::optional<model::Position> start;
  if (streams(definition_)) {
    connect::Capture& capture = *source_->capture();
    if (!definition_.start_position.empty()) {
      const model::Position wanted = TRY(source_->parse_position(definition_.start_position));
      start = TRY(capture.adopt(plan, wanted));
    } else {
      TRY(capture.drop());
      auto begun = TRY(capture.begin(plan, waiting(), stop));
      start = begun.first;
      if (loads(definition_)) snapshot_ = std::move(begun.second);
    }
  } else {
    snapshot_ = TRY(source_->snapshot(false));
  }
  return ledger_.update_task([&](TaskRecord& record) {
    record.phase = phase::loading;
    record.capture_start = start;
  });
}

// Tables that are not loaded yet. New ones get a row in the ledger; without a load a table counts as loaded.
Result<std::vector<const PlannedTable*>> Attempt::pending_tables() {
  std::vector<const PlannedTable*> pending;
  for (const PlannedTable& table : tables_) {
    const std::optional<TableRecord> record = ledger_.table(table.source->name);
    const bool known = record.has_value();
    if (known && record->state == table_state::completed) continue;
    if (known && record->state == table_state::error && record->load_ended != 0) continue;
    pending.push_back(&table);
  }
  return pending;
}

// What failed in this attempt would fail again.
void Attempt::drop_failed(std::vector<const PlannedTable*>& pending) const {
  std::erase_if(pending, [this](const PlannedTable* table) {
    const std::optional<TableRecord> record = ledger_.table(table->source->name);
    return record && record->state == table_state::error;
  });
}

// A table that the source dropped and made again under its name is another table: what was loaded is not its rows.
Result<void> Attempt::forget_replaced() {
  for (const PlannedTable& table : tables_) {
    const std::optional<TableRecord> record = ledger_.table(table.source->name);
    const std::string identity = table_identity(*table.source);
    if (!record || record->schema_hash.empty() || record->schema_hash == identity) continue;
    environment_.log->info("task", "table {} was dropped and made again at the source: it is loaded again",
                           table.source->name.text());
    TRY(ledger_.update_table(table.source->name, [&](TableRecord& row) {
      row.state = table_state::before_load;
      row.suspended_reason.clear();
      row.schema_hash = identity;
      row.load_ended = 0;
    }));
  }
  return {};
}

// The stream of a task that does not select a table goes past the table's changes, so whoever selects it again gets it
// loaded again. Recorded before any change is passed.
Result<void> Attempt::cancel_deselected() {
  for (const auto& [name, record] : ledger_.tables()) {
    const bool selected = definition_.mapping.selects(name, false) || definition_.mapping.selects(name, true);
    if (selected || record.state == table_state::cancelled) continue;
    environment_.log->info("task", "table {} is no longer selected: its changes are passed over", name.text());
    TRY(ledger_.update_table(name, [](TableRecord& row) {
      row.state = table_state::cancelled;
      row.suspended_reason = "the table mappings no longer select it";
      row.load_ended = 0;
    }));
  }
  return {};
}

// Rows stay as they were loaded: what the rules of today would make of them is only known to a load.
void Attempt::tell_changed_rules() {
  if (!loads(definition_)) return;
  for (const PlannedTable& table : tables_) {
    const model::TableName& name = table.source->name;
    const std::optional<TableRecord> record = ledger_.table(name);
    if (!record || record->state != table_state::completed || record->rules_hash.empty()) continue;
    if (record->rules_hash == definition_.mapping.rules_hash(name)) continue;
    environment_.log->warning("task",
                              "table {}: its rules were changed since it was loaded; they hold for the changes that "
                              "come, rows that were loaded stay as they are (--reload-table {} loads it again)",
                              name.text(), name.text());
  }
}

Result<void> Attempt::join_bound(bool is_first) {
  if (!streams(definition_)) return {};
  std::vector<model::TableSchemaPtr> sources;
  for (const PlannedTable& table : tables_) sources.push_back(table.source);
  for (const model::TableName& name : TRY(settle_bound(BoundTables(sources), ledger_, is_first))) {
    const std::optional<TableRecord> record = ledger_.table(name);
    environment_.log->info("task", "table {}: {}, with the tables that foreign keys bind to it", name.text(),
                           record->state == table_state::error ? "in error" : "is loaded again");
    statistics_.table(name, [&](TableStatus& status) {
      status.state = record->state;
      status.reason = record->suspended_reason;
    });
  }
  return {};
}

Result<void> Attempt::load_pending(std::stop_token stop) {
  TRY(cancel_deselected());
  TRY(forget_replaced());
  tell_changed_rules();
  for (const PlannedTable& table : tables_) {
    statistics_.table(table.source->name, [&](TableStatus& status) {
      status.target_name = table.mapped.target->name;
      status.rows_estimate = table.rows_estimate;
      if (status.state.empty()) status.state = table_state::before_load;
    });
  }
  for (int pass = 0; pass < load_passes_max; ++pass) {
    TRY(join_bound(pass == 0));
    std::vector<const PlannedTable*> pending = TRY(pending_tables());
    if (pass > 0) drop_failed(pending);
    if (pending.empty()) break;
    // A table that changed under its load may have other columns now than the plan says.
    if (pass > 0) {
      tables_ = TRY(plan_tables(definition_, *source_, target_.get()));
      TRY(forget_replaced());
      pending = TRY(pending_tables());
      drop_failed(pending);
    }
    if (!snapshot_ && streams(definition_)) {
      TRY(source_->capture()->update(capture_plan(definition_, tables_), waiting(), stop));
    }
    if (!loads(definition_)) {
      TRY(prepare(pending, pass == 0));
      for (const PlannedTable* table : pending) {
        TRY(ledger_.update_table(table->source->name, [&](TableRecord& record) {
          record.state = table_state::completed;
          record.schema_hash = table_identity(*table->source);
          record.load_ended = environment_.clock->wall();
        }));
        statistics_.table(table->source->name, [](TableStatus& status) { status.state = table_state::completed; });
      }
      break;
    }
    if (!snapshot_) snapshot_ = TRY(source_->snapshot(streams(definition_)));
    TRY(prepare(pending, pass == 0));
    TRY(load_pass(std::move(pending), stop));
    snapshot_.reset();
    loaded_now_ = true;
  }
  for (const PlannedTable* table : TRY(pending_tables())) {
    const std::optional<TableRecord> record = ledger_.table(table->source->name);
    if (record && record->state == table_state::error) continue;
    TRY(ledger_.update_table(table->source->name, [&](TableRecord& row) {
      row.state = table_state::error;
      row.suspended_reason =
          base::failed(errors::load_unstable, "table {} changed under every snapshot", table->source->name.text())
              .text();
    }));
  }
  TRY(join_bound(false));
  snapshot_.reset();
  return finish_load();
}

Result<void> Attempt::prepare(const std::vector<const PlannedTable*>& tables, bool first_time) {
  statistics_.set_phase(loads(definition_) ? "full load" : "starting");
  const connect::Preparation mode = preparation(definition_);
  std::vector<model::TableSchemaPtr> schemas;
  for (const PlannedTable* table : tables) schemas.push_back(table->mapped.target);
  TRY(target_->prepare_all(schemas, mode));
  for (const PlannedTable* table : tables) {
    const std::optional<TableRecord> record = ledger_.table(table->source->name);
    const bool attempted = record && record->load_started != 0;
    if (attempted || !first_time) TRY(target_->discard(table->mapped.target));
    TRY(history_.loaded(table->source));
    TRY(target_->prepare(table->mapped.target, mode));
  }
  return {};
}

// The control tables of a task that streams.
Result<void> Attempt::report(ControlReport::Phase phase) {
  if (!report_.is_wanted() || !streams(definition_)) return {};
  return target_->report(report_.facts(phase, statistics_.copy()));
}

Result<void> Attempt::load_pass(std::vector<const PlannedTable*> tables, std::stop_token stop) {
  Load load(definition_, environment_, statistics_, ledger_, *snapshot_, *target_);
  base::TaskGroup reporting(stop);
  if (report_.is_wanted() && streams(definition_)) {
    reporting.spawn("report", [this](std::stop_token own) -> Result<void> {
      while (environment_.clock->pause(load_report_interval, own)) TRY(report(ControlReport::Phase::full_load));
      return {};
    });
  }
  Result<LoadOutcome> loaded = load.run(tables, stop);
  reporting.request_stop();
  Result<void> reported = reporting.join();
  const LoadOutcome outcome = TRY(std::move(loaded));
  TRY(std::move(reported));
  TRY(report(ControlReport::Phase::full_load));
  progressed_ = true;
  if (!outcome.failed.empty() && table_errors_stop(definition_, ledger_.tables_in_error())) {
    const auto& [table, error] = outcome.failed.front();
    return base::failed(errors::tables_failed, "table {}: {}", table.text(), error.text());
  }
  return {};
}

Result<void> Attempt::finish_load() {
  const std::optional<TaskRecord> task = ledger_.task();
  if (!loaded_now_ && task && task->phase == phase::streaming) return {};
  std::vector<model::TableSchemaPtr> loaded;
  for (const PlannedTable& table : tables_) {
    const std::optional<TableRecord> record = ledger_.table(table.source->name);
    if (record && record->state == table_state::completed) loaded.push_back(table.mapped.target);
  }
  if (loads(definition_)) TRY(target_->loaded_all(loaded));
  return ledger_.update_task([](TaskRecord& record) { record.phase = phase::streaming; });
}

Result<Goal> Attempt::goal(const Until& until) {
  Goal goal;
  goal.clock_time = definition_.stop_server_time;
  goal.commit_time = definition_.stop_commit_time;
  const bool cached_only = loaded_now_ && definition_.settings.boolean("FullLoadSettings.StopTaskCachedChangesApplied");
  if (until.kind == Until::Kind::caught_up || cached_only) {
    goal.caught_up = TRY(source_->catalog().current_position());
    TRY(source_->capture()->heartbeat());
  }
  if (until.kind == Until::Kind::position) goal.stop_after = TRY(source_->parse_position(until.position));
  if (until.kind == Until::Kind::time) goal.clock_time = until.time;
  return goal;
}

Result<void> Attempt::hold_suspended() {
  const std::map<model::TableName, KeptTable> kept = ledger_.kept();
  for (const PlannedTable& table : tables_) {
    const std::optional<TableRecord> record = ledger_.table(table.source->name);
    if (!record || record->state != table_state::error) continue;
    const auto found = kept.find(table.source->name);
    if (found == kept.end() || !found->second.shape) {
      TRY(target_->hold(table.mapped.target, false));
      continue;
    }
    Result<mapping::MappedTable> mapped = definition_.mapping.map(*found->second.shape);
    TRY(target_->hold(mapped.ok() ? mapped->target : table.mapped.target, mapped.ok()));
  }
  return {};
}

// Each table once a run. False: one of them is suspended again, and the target must be opened anew.
Result<bool> Attempt::replay_suspended(const model::Position& durable, std::stop_token stop) {
  const std::map<model::TableName, KeptTable> kept = ledger_.kept();
  for (const PlannedTable& table : tables_) {
    const model::TableName& name = table.source->name;
    if (!kept.contains(name) || !handover_.replayable.contains(name)) continue;
    statistics_.set_phase("replaying " + name.text());
    const bool is_back =
        TRY(replay_kept(definition_, environment_, statistics_, ledger_, *source_, *target_, name, durable, stop));
    handover_.replayable.erase(name);
    if (!is_back) return false;
    progressed_ = true;
    TRY(sweep_kept_folders(environment_, ledger_));
  }
  return true;
}

// Tells the target where the stream begins, or what its tables stand for where it is.
Result<void> Attempt::open_apply(const model::Position& capture_start, std::optional<model::Position>& durable) {
  TRY(history_.complete(tables_));
  const bool begins = !durable;
  if (begins) durable = capture_start;
  std::vector<model::TableSchemaPtr> schemas;
  for (const model::TableSchemaPtr& shape : history_.at(*durable, tables_)) {
    const std::optional<TableRecord> record = ledger_.table(shape->name);
    if (record && record->state == table_state::error) continue;  // hold() says it
    Result<mapping::MappedTable> mapped = definition_.mapping.map(*shape);
    if (mapped.ok()) schemas.push_back(mapped->target);  // else the rules were changed, for what the table is now
  }
  return begins ? target_->begin_apply(capture_start, schemas) : target_->resume_apply(schemas);
}

Result<AttemptEnd> Attempt::stream(bool through_relay, const Until& until, std::stop_token stop) {
  const std::optional<TaskRecord> task = ledger_.task();
  if (loaded_now_ && definition_.settings.boolean("FullLoadSettings.StopTaskCachedChangesNotApplied")) {
    return AttemptEnd::finished;
  }
  ENSURE(task && task->capture_start);
  std::optional<model::Position> durable = TRY(target_->durable());
  TRY(open_apply(*task->capture_start, durable));
  TRY(sweep_kept_folders(environment_, ledger_));
  TRY(hold_suspended());
  if (!TRY(replay_suspended(*durable, stop))) return AttemptEnd::again;
  auto relay = TRY(relay::Relay::open(
      *environment_.disk, relay_options(environment_.data_folder, definition_.relay_cap_bytes, definition_.budgets)));
  const auto open_monitor = [this] {
    return environment_.open_source(make_context(definition_, environment_, source_journal_.get(), false));
  };
  const bool native = cell_form(tables_, *source_, *target_) == model::CellForm::native;
  StateChange form;
  form.notes.emplace_back(std::string(cell_form_note), native ? "native" : "canonical");
  TRY(environment_.store->commit(form));
  Streaming streaming(definition_, environment_, statistics_, ledger_, history_, *source_, *target_, tables_);
  const auto wanted = [&] { return goal(until); };
  Result<StreamEnd> end = streaming.run(*relay, *durable, through_relay, wanted, open_monitor, stop);
  const Result<std::optional<model::Position>> reached = target_->durable();
  progressed_ = progressed_ || (reached.ok() && *reached && **reached > *durable);
  const StreamEnd ended = TRY(std::move(end));
  if (ended == StreamEnd::goal_reached || ended == StreamEnd::stopped) {
    TRY(report(ControlReport::Phase::not_running));
  }
  switch (ended) {
    case StreamEnd::goal_reached: return AttemptEnd::finished;
    case StreamEnd::stopped: return AttemptEnd::interrupted;
    case StreamEnd::tables_changed: return AttemptEnd::again;
    case StreamEnd::table_suspended: return AttemptEnd::again;
  }
  return AttemptEnd::again;
}

Result<void> Attempt::restore_statistics() {
  for (const auto& [name, record] : ledger_.tables()) {
    if (!definition_.mapping.selects(name, false) && !definition_.mapping.selects(name, true)) continue;
    statistics_.table(name, [&, &row = record](TableStatus& status) {
      status.state = row.state;
      status.reason = row.suspended_reason;
      status.rows_loaded = row.load_rows;
      status.bytes_loaded = row.load_bytes;
      status.load_errors = row.load_errors;
      status.chunks = static_cast<std::uint32_t>(row.load_chunks);
      status.chunks_done = static_cast<std::uint32_t>(row.load_chunks_done);
      status.load_started = row.load_started;
      status.load_ended = row.load_ended;
      status.inserts = std::max(status.inserts, row.read.inserts);
      status.updates = std::max(status.updates, row.read.updates);
      status.deletes = std::max(status.deletes, row.read.deletes);
      status.ddls = std::max(status.ddls, row.read.ddls);
      status.applied_inserts = std::max(status.applied_inserts, row.applied.inserts);
      status.applied_updates = std::max(status.applied_updates, row.applied.updates);
      status.applied_deletes = std::max(status.applied_deletes, row.applied.deletes);
      status.applied_ddls = std::max(status.applied_ddls, row.applied.ddls);
      status.put_aside = std::max(status.put_aside, row.put_aside);
      status.values_cut = std::max(status.values_cut, row.values_cut);
    });
  }
  return {};
}

}  // namespace engine
