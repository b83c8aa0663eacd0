// SPDX-License-Identifier: Apache-2.0
#include "sim/run.h"

#include <algorithm>

#include "engine/attempt.h"
#include "engine/errors.h"
#include "engine/ledger.h"
#include "engine/task.h"
#include "relay/errors.h"
#include "sim/checks/lake_check.h"
#include "sim/file_target.h"
#include "sim/tables.h"
#include "sim/workload.h"

namespace sim {
namespace {

using base::Result;

constexpr base::WallMicros start_of_time = 1'789'999'200'000'000;  // a full hour
constexpr base::Nanos stop_limit = std::chrono::minutes(2);        // from the request to the end
constexpr base::Nanos catch_up_limit = std::chrono::minutes(30);   // of the last life
constexpr int last_rounds_max = 6;
constexpr base::Nanos restart_pause = std::chrono::milliseconds(500);
constexpr char data_folder[] = "/data";

class TraceLog final : public base::Log {
 public:
  explicit TraceLog(Trace& trace) : trace_(trace) {}
  void write(base::Level, std::string_view component, std::string_view text) override {
    trace_.note("log {}: {}", component, text);
  }

 private:
  Trace& trace_;
};

// A process of the engine, and what is its alone.
struct Life {
  Life(SimScheduler& scheduler, Trace& trace, CrashReport& crashes, const CrashPlan& crash, DiskServer& disk_server,
       engine::MemoryStore& memory, Chance chance, const StoreWeather& weather, ProcessStore::Recorded recorded)
      : process(scheduler, trace, crashes, crash),
        disk(disk_server, &process, scheduler),
        store(memory, process, chance, weather, std::move(recorded)),
        log(trace) {}

  Process process;
  ProcessDisk disk;
  ProcessStore store;
  TraceLog log;
  base::TaskGroup fiber;  // that it runs in when it may stand still
  base::Nanos wakes{0};
};

class World final : public SourceWatch, public TargetWatch {
 public:
  World(const RunPlan& plan, bool keeps_trace, CrashReport& crashes)
      : plan_(plan),
        crashes_(crashes),
        chance_(mix(plan.seed) ^ 0x2545f491),
        scheduler_(chance_.fork("scheduler"), plan.scheduler),
        trace_(scheduler_, keeps_trace),
        clock_(scheduler_, start_of_time + plan.clock_start.count() / 1000),
        source_clock_(scheduler_, start_of_time + plan.clock_start.count() / 1000),
        disk_(chance_.fork("disk")),
        folder_(disk_, lake_folder),
        source_(scheduler_, trace_, source_clock_),
        workload_(plan, source_, scheduler_, chance_.fork("workload")),
        source_chance_(chance_.fork("source")),
        target_chance_(chance_.fork("target")),
        engine_chance_(chance_.fork("engine")),
        store_chance_(chance_.fork("store")) {}

  RunReport run() {
    weather_ = plan_.weather;
    disk_.weather = plan_.weather.disk;
    disk_.make_root(data_folder);
    disk_.make_root(lake_folder);
    const std::string verdict = scheduler_.run([this] { live(); });
    if (!verdict.empty()) {
      findings_.push_back(verdict + "\n" + scheduler_.describe());
      (void)life_.release();  // threads of it never return
      (void)older_.release();
    }
    RunReport report;
    report.findings = findings_;
    report.checksum = trace_.checksum();
    report.steps = scheduler_.steps();
    report.time = scheduler_.now();
    report.commits_shown = shown_;
    report.lines = trace_.lines();
    return report;
  }

  // --- what checkers see
  void slot_begun(const model::Position& start) override {
    for_checks([&](Check& check) { check.slot_begun(start); });
  }
  void snapshot_taken(const model::Fence& fence) override {
    for_checks([&](Check& check) { check.snapshot_taken(fence); });
  }
  void confirmed(const model::Position& position) override {
    for_checks([&](Check& check) { check.confirmed(position); });
  }
  void prepared(const model::TableName& table) override {
    for_checks([&](Check& check) { check.prepared(table); });
  }
  void loaded(const model::TableName& table) override {
    for_checks([&](Check& check) { check.loaded(table); });
  }
  void replayed(const model::TableName& table, const model::Position& position) override {
    for_checks([&](Check& check) { check.replayed(table, position); });
  }
  void position_forgotten() override {
    for_checks([&](Check& check) { check.position_forgotten(); });
  }
  void shown(const std::optional<model::Position>& position) override {
    shown_ += 1;
    for_checks([&](Check& check) { check.shown(position); });
  }

 private:
  template <typename Call>
  void for_checks(Call&& call) {
    for (const auto& check : checks_) {
      call(*check);
      if (check->findings().empty() || !findings_.empty()) continue;
      for (const std::string& finding : check->findings()) report(finding);
    }
  }
  // The first finding ends the run: what follows would be its consequences.
  void report(const std::string& finding) {
    trace_.note("FOUND {}", finding);
    findings_.push_back(finding);
    if (life_) life_->process.die("because the run has failed");
    if (older_) older_->process.die("because the run has failed");
  }

  void live();
  void run_life(const LifePlan& life);
  void run_last_life();
  void begin_process(const CrashPlan& crash);
  void recorded(const engine::StateChange& change);
  // Tables in error that no replay can bring back, and those of which the target refused rows.
  std::vector<model::TableName> tables_to_reload();
  // Suspended ones of which the log lacks values: a replay lacks them again.
  std::set<model::TableName> without_values() const;
  Result<engine::Outcome> run_task(Life& life, const engine::Until& until, const std::vector<model::TableName>& reload);
  // True: it stands still. The older one is gone when it returns.
  bool live_through(const std::vector<model::TableName>& reload, bool may_stand_still);
  void wake_older(base::TaskGroup& waker);
  void end_older();
  void run_outages(const std::stop_token& stop);
  void judge(const Result<engine::Outcome>& outcome, bool is_last);
  engine::TaskDefinition definition() const;
  engine::Environment environment(Life& life);
  Servers servers();
  std::optional<model::Position> held();

  const RunPlan& plan_;
  CrashReport& crashes_;
  Chance chance_;
  SimScheduler scheduler_;
  Trace trace_;
  SimClock clock_;
  SimClock source_clock_;
  DiskServer disk_;
  FolderLake folder_;
  BucketServer bucket_;
  SourceServer source_;
  TargetServer target_;
  engine::MemoryStore store_;
  Workload workload_;
  Weather weather_;
  Chance source_chance_, target_chance_, engine_chance_, store_chance_;
  std::vector<std::unique_ptr<Check>> checks_;
  std::vector<std::string> findings_;
  std::uint64_t shown_ = 0;
  std::set<model::TableName> suspended_, to_load_;  // by what the state store holds
  std::int64_t left_out_ = -1;                      // table that the user's mapping does not select now

  std::unique_ptr<Life> life_;   // that is lived now
  std::unique_ptr<Life> older_;  // that stands still, or has gone on
};

engine::TaskDefinition World::definition() const {
  engine::TaskDefinition task;
  task.identifier = "simulated";
  task.task_id = "simulated_1";
  task.definition_hash = "hash";
  task.migration_type = engine::MigrationType::full_load_and_cdc;
  task.chunk_bytes = plan_.chunk_bytes;
  task.source_log_cap_bytes = plan_.source_log_cap;
  task.relay_cap_bytes = plan_.relay_cap;
  task.budgets.queue_bytes = plan_.queue_bytes;
  task.budgets.group_bytes = plan_.group_bytes;
  task.budgets.group_changes = plan_.group_changes;
  task.budgets.spool_bytes = plan_.spool_bytes;
  task.budgets.relay_segment_min = 1000;
  task.mapping = mapping::Mapping::parse(mapping_document(plan_, left_out_)).take();
  task.settings = engine::Settings::parse(plan_.settings).take();
  return task;
}

engine::Environment World::environment(Life& life) {
  engine::Environment environment;
  environment.clock = &clock_;
  environment.random = &engine_chance_;
  environment.disk = &life.disk;
  environment.log = &life.log;
  environment.store = &life.store;
  environment.data_folder = data_folder;
  Process& process = life.process;
  environment.open_source = [this, &process](const connect::Context&) {
    return open_source({scheduler_, trace_, source_, process, weather_.source, *this, source_chance_});
  };
  environment.open_target = [this, &process](const connect::Context& context) {
    const TargetSide side{scheduler_, trace_, target_, process, weather_.target, *this, target_chance_, plan_.compacts};
    return plan_.target == TargetKind::database ? open_target(side, context)
                                                : open_file_target(side, plan_, bucket_, context);
  };
  environment.source_text = "the simulated source";
  environment.target_text = "the simulated target";
  return environment;
}

// The file target keeps its books in the state store.
std::optional<model::Position> World::held() {
  if (plan_.target == TargetKind::database) return target_.position();
  const std::optional<std::string> note = store_.note("target/files/position").take();
  if (!note) return std::nullopt;
  return model::Position{first_number(*note), model::sequence_end, {}};
}

Servers World::servers() {
  Lake* lake = plan_.files.is_bucket ? static_cast<Lake*>(&bucket_) : &folder_;
  return {plan_,
          scheduler_,
          source_,
          target_,
          disk_,
          std::string(data_folder) + "/relay",
          workload_.bank_total(),
          suspended_,
          to_load_,
          plan_.target == TargetKind::database ? nullptr : lake,
          [this] { return held(); },
          [this](const std::string& key) { return store_.note("target/" + key).take(); }};
}

// As a user would: start what was never started, resume everything else.
Result<engine::Outcome> World::run_task(Life& life, const engine::Until& until,
                                        const std::vector<model::TableName>& reload) {
  const bool is_known = store_.load().take().task.has_value();
  const auto start = is_known ? engine::StartType::resume_processing : engine::StartType::start_replication;
  engine::Task task(definition(), environment(life));
  for (const model::TableName& table : reload) trace_.note("the user asks for {} to be loaded again", table.text());
  if (!reload.empty()) {
    const Result<void> asked = task.reload_tables(reload);
    if (!asked.ok()) return Result<engine::Outcome>(base::Error(asked.error()));
  }
  Result<engine::Outcome> outcome = task.run(start, until, life.process.stop().get_token());
  trace_.note("the task ends: {}", outcome.ok() ? std::string("well") : outcome.error().text());
  return outcome;
}

void World::recorded(const engine::StateChange& change) {
  namespace state = engine::table_state;
  const auto keep = [&](std::set<model::TableName>& tables, std::initializer_list<std::string_view> states) {
    if (change.wipe) tables.clear();
    for (const engine::TableRecord& record : change.tables) {
      tables.erase(record.source_name);
      if (std::find(states.begin(), states.end(), record.state) != states.end()) tables.insert(record.source_name);
    }
  };
  if (change.task) life_->process.may_stand_still = change.task->phase != engine::phase::starting;
  keep(suspended_, {state::error});
  keep(to_load_, {state::before_load, state::loading, state::cancelled});
}

std::vector<model::TableName> World::tables_to_reload() {
  std::set<model::TableName> replayable;
  const std::vector<std::pair<std::string, std::string>> notes = store_.notes("engine/kept/").take();
  for (const auto& [key, value] : notes) {
    const std::string name = key.substr(std::string_view("engine/kept/").size());
    replayable.insert({name.substr(0, name.find('\0')), name.substr(name.find('\0') + 1)});
  }
  std::vector<model::TableName> tables;
  const engine::State state = store_.load().take();
  for (const auto& [name, record] : state.tables) {
    const bool is_lost = record.state == engine::table_state::error && !replayable.contains(name);
    const bool is_there = source_.tables().contains(name);
    if (is_there && (is_lost || target_.has_exceptions(name))) tables.push_back(name);
  }
  return tables;
}

std::set<model::TableName> World::without_values() const {
  std::set<model::TableName> names;
  for (const TablePlan& table : plan_.tables) {
    if (may_lack_values(table) && suspended_.contains(table.schema->name)) names.insert(table.schema->name);
  }
  return names;
}

// Faults may end a task with an error that a user answers by starting it again; nothing else may.
void World::judge(const Result<engine::Outcome>& outcome, bool is_last) {
  if (outcome.ok() || life_->process.is_dead()) return;
  const base::Error& error = outcome.error();
  const std::string text = error.text();
  const bool is_ours = text.find("sim.cut") != std::string::npos || text.find("sim.timed_out") != std::string::npos ||
                       text.find("disk.full") != std::string::npos || text.find("disk.failed") != std::string::npos ||
                       text.find("engine.state_failed") != std::string::npos;
  const bool none_is_left = left_out_ >= 0 && error.is(engine::errors::no_tables);
  const bool is_known =
      error.kind() == base::Kind::transient || error.is(engine::errors::retries_exhausted) || is_ours || none_is_left;
  if (is_last || !is_known) report("the task stopped: " + text);
}

void World::begin_process(const CrashPlan& crash) {
  life_ = std::make_unique<Life>(scheduler_, trace_, crashes_, crash, disk_, store_, store_chance_.fork("life"),
                                 weather_.store, [this](const engine::StateChange& change) { recorded(change); });
  const std::optional<engine::TaskRecord> task = store_.load().take().task;
  life_->process.may_stand_still = task && task->phase != engine::phase::starting;
}

void World::wake_older(base::TaskGroup& waker) {
  if (!older_) return;
  waker.spawn("waker", [this](std::stop_token stop) -> Result<void> {
    if (scheduler_.pause(older_->wakes, stop)) older_->process.go_on();
    return {};
  });
}

bool World::live_through(const std::vector<model::TableName>& reload, bool may_stand_still) {
  const engine::Until until{engine::Until::Kind::forever, "", 0};
  base::TaskGroup waker;
  wake_older(waker);
  bool is_over = false;
  if (may_stand_still) {
    Life& life = *life_;
    life.fiber.spawn("task", [this, &life, &is_over, until, reload](std::stop_token) -> Result<void> {
      Result<engine::Outcome> outcome = run_task(life, until, reload);
      if (&life != life_.get()) return {};  // it had stood still
      judge(outcome, false);
      is_over = true;
      return {};
    });
    while (!is_over && !life.process.is_still()) scheduler_.pause(std::chrono::milliseconds(20), {});
    if (is_over) (void)life.fiber.join();
  } else {
    judge(run_task(*life_, until, reload), false);
  }
  waker.request_stop();
  (void)waker.join();
  if (!may_stand_still || is_over) end_older();
  return may_stand_still && !is_over;
}

// Its successor has ended: now its machine is switched off, too. What it still does is not judged, only what it did.
void World::end_older() {
  if (!older_) return;
  older_->process.go_on();
  scheduler_.pause(std::chrono::seconds(2), {});
  older_->process.die("with its machine");
  (void)older_->fiber.join();
  older_.reset();
}

void World::run_life(const LifePlan& life) {
  CrashPlan crash;
  if (life.end == LifePlan::End::crash_at_step) crash = {life.step, point_number(life.point), life.after};
  crash.stands_still = life.is_paused && !older_ && plan_.target == TargetKind::database;
  begin_process(crash);
  life_->wakes = life.wakes;
  clock_.skew += life.clock_jump.count() / 1000;
  target_.refused_every = life.is_mended ? 0 : plan_.refused_every;
  target_.refuses_ddl = !life.is_mended && plan_.refuses_ddl;
  left_out_ = plan_.target == TargetKind::database ? life.left_out : -1;
  std::vector<model::TableName> reload;
  if (life.reload == LifePlan::all_lost) {
    reload = tables_to_reload();
  } else if (life.reload >= 0) {
    const engine::State state = store_.load().take();
    for (const auto& [name, record] : state.tables) {
      if (name.table == fmt::format("t{}", life.reload)) reload.push_back(name);
    }
  }
  trace_.note("a process begins");
  base::Nanos asked{0};
  std::stop_source over;
  base::TaskGroup fate;
  fate.spawn("fate", [&](std::stop_token) -> Result<void> {
    const bool crashes = life.end == LifePlan::End::crash_at_step;
    const bool is_stopped = life.end == LifePlan::End::stopped || (!life.point.empty() && life.length.count() > 0);
    const base::Nanos length = crashes && !is_stopped ? base::Nanos(std::chrono::minutes(3)) : life.length;
    if (!scheduler_.pause(length, over.get_token())) return {};
    asked = scheduler_.now();
    if (is_stopped) {
      trace_.note("the user stops the task");
      life_->process.stop().request_stop();
    } else {
      life_->process.end("at that time");
    }
    return {};
  });
  const bool is_still = live_through(reload, crash.stands_still);
  over.request_stop();
  (void)fate.join();
  if (is_still) {
    older_ = std::move(life_);
    return;
  }
  if (asked != base::Nanos{0} && scheduler_.now() - asked > stop_limit) {
    report(fmt::format("waits: the task took {} s to end", (scheduler_.now() - asked).count() / 1'000'000'000));
  }
  if (life_->process.is_dead() && life.power_cut) {
    trace_.note("the power is cut");
    disk_.cut_power();
    for_checks([](Check& check) { check.power_came_back(); });
  }
}

void World::run_last_life() {
  weather_ = Weather();
  weather_.source.batch_changes_max = plan_.weather.source.batch_changes_max;
  disk_.weather = DiskWeather();
  target_.refused_every = 0;
  target_.refuses_ddl = false;
  left_out_ = -1;
  const base::Nanos began = scheduler_.now();
  base::TaskGroup waker;
  wake_older(waker);
  std::set<model::TableName> hopeless;
  for (int round = 0; round < last_rounds_max; ++round) {
    begin_process(CrashPlan());
    trace_.note("the last process begins: nothing fails any more");
    std::vector<model::TableName> reload = tables_to_reload();
    for (const model::TableName& table : without_values()) {
      if (hopeless.contains(table) && source_.tables().contains(table)) reload.push_back(table);
    }
    hopeless = without_values();
    const Result<engine::Outcome> outcome = run_task(*life_, {engine::Until::Kind::caught_up, "", 0}, reload);
    judge(outcome, true);
    if (outcome.ok() && *outcome != engine::Outcome::finished) report("the last process ended before it caught up");
    if (!findings_.empty() || (suspended_.empty() && tables_to_reload().empty())) break;
  }
  waker.request_stop();
  (void)waker.join();
  end_older();
  for (const model::TableName& table : suspended_) {
    if (findings_.empty() && source_.tables().contains(table)) {
      report(fmt::format("waits: table {} stays in error", table.text()));
    }
  }
  if (scheduler_.now() - began > catch_up_limit) {
    report(fmt::format("waits: it took {} s to catch up", (scheduler_.now() - began).count() / 1'000'000'000));
  }
}

void World::run_outages(const std::stop_token& stop) {
  for (const OutagePlan& outage : plan_.outages) {
    if (!scheduler_.pause(outage.before, stop)) break;
    bool& is_down = outage.of_source ? weather_.source.is_down : weather_.target.is_down;
    is_down = true;
    trace_.note("the {} is down", outage.of_source ? "source" : "target");
    const bool goes_on = scheduler_.pause(outage.length, stop);
    if (outage.fails_over) source_.fail_over();
    is_down = false;
    trace_.note("the {} is back", outage.of_source ? "source" : "target");
    if (!goes_on) break;
  }
}

void World::live() {
  source_.tells_ddl = plan_.tells_ddl;
  workload_.fill();
  const Servers seen = servers();
  checks_ = all_checks(seen);
  scheduler_.on_held = [this](std::string_view stage, std::size_t bytes) {
    for_checks([&](Check& check) { check.held(stage, bytes); });
  };
  base::TaskGroup sessions;
  for (std::size_t i = 0; i < plan_.workload.sessions; ++i) {
    sessions.spawn(fmt::format("session-{}", i), [this](std::stop_token stop) -> Result<void> {
      workload_.run_session(stop);
      return {};
    });
  }
  base::TaskGroup outages;
  outages.spawn("outages", [this](std::stop_token stop) -> Result<void> {
    run_outages(stop);
    return {};
  });
  for (const LifePlan& life : plan_.lives) {
    if (!findings_.empty()) break;
    run_life(life);
    scheduler_.pause(restart_pause, {});
  }
  if (!findings_.empty()) sessions.request_stop();
  (void)sessions.join();
  outages.request_stop();
  (void)outages.join();
  if (findings_.empty()) run_last_life();
  if (findings_.empty()) {
    for_checks([](Check& check) { check.ended(); });
  }
  end_older();
  life_.reset();
  checks_.clear();
}

}  // namespace

RunReport run_plan(const RunPlan& plan, bool keeps_trace, CrashReport& crashes) {
  World world(plan, keeps_trace, crashes);
  return world.run();
}

}  // namespace sim
