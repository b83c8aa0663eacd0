// SPDX-License-Identifier: Apache-2.0
#include "sim/plan_points.h"

#include <algorithm>

#include "sim/crash_point.h"

namespace sim {
namespace {

LifePlan death(const std::string& point, std::int64_t step, Chance& chance) {
  LifePlan life;
  life.end = LifePlan::End::crash_at_step;
  life.point = point;
  life.step = step;
  life.after = chance.percent(50);
  life.power_cut = chance.percent(50);
  return life;
}

void to_files(RunPlan& plan, TargetKind target, bool is_bucket) {
  plan.target = target;
  plan.files.is_bucket = is_bucket;
  plan.files.seconds_max = 1;
  plan.files.load_kb = plan.files.change_kb = 1;
  plan.files.memory_budget = FilesPlan().memory_budget;
}

// A relay that is always in use, and small.
void to_relay(RunPlan& plan, Chance& chance) {
  plan.source_log_cap = 50;
  plan.queue_bytes = 200;
  plan.target = TargetKind::database;
  plan.weather.target.slow_share = 700'000;
  plan.weather.target.slow_max = std::chrono::milliseconds(chance.between(100, 3'000));
}

// Dies at another point first, without or with a power cut, and leaves something for the point to find.
void before(const char* other, std::int64_t step, bool after, bool power_cut, RunPlan& plan, Chance& chance) {
  LifePlan life = death(other, chance.skewed(step), chance);
  life.after = after;
  life.power_cut = power_cut;
  plan.lives.push_back(life);
}

void prepare_files(const std::string& point, RunPlan& plan, Chance& chance) {
  const auto is = [&](const char* beginning) { return point.starts_with(beginning); };
  if (is("connectors/files/stream.cc ChangeStream::on_clear") ||
      is("connectors/files/stream.cc ChangeStream::finish_clear")) {
    to_files(plan, TargetKind::files, chance.percent(30));
    plan.workload.truncate_share = 60;
  } else if (is("connectors/files/stream.cc ChangeStream::settle") ||
             is("connectors/files/stream.cc ChangeStream::keep_written")) {
    to_files(plan, TargetKind::transactions, chance.percent(30));
    before("connectors/files/stream.cc ChangeStream::write: commit(after)", 6, false, chance.percent(50), plan, chance);
  } else if (is("wire/local_store.cc LocalStore::abort_stale") || is("connectors/files/target.cc FileTarget::sweep")) {
    to_files(plan, TargetKind::files, is("connectors") && chance.percent(30));
    before("connectors/files/change_file.cc ChangeFile::store_as: finish()", 4, false, false, plan, chance);
  } else if (is("connectors/files/")) {
    if (plan.target == TargetKind::database) to_files(plan, TargetKind::files, chance.percent(30));
  } else {
    to_files(plan, TargetKind::files, false);
    if (is("wire/local_store.cc ~LocalUpload")) plan.weather.disk.full_share = 30'000;
  }
}

void prepare_spool(const std::string& point, RunPlan& plan, Chance& chance) {
  plan.workload.streamed_share = 70;
  plan.workload.rollback_share = 40;
  plan.spool_bytes = 100;
  plan.weather.source.cut_share = 6'000;
  if (point.starts_with("relay/spool.cc Spool::open")) {
    before("relay/spool.cc SpoolReader::~SpoolReader: remove(transaction_.path)", 3, false, false, plan, chance);
  }
}

void prepare_relay(const std::string& point, RunPlan& plan, Chance& chance) {
  to_relay(plan, chance);
  const auto is = [&](const char* beginning) { return point.starts_with(beginning); };
  if (is("relay/relay.cc Relay::settle_segment: remove(aside) (2)") ||
      is("relay/relay.cc Relay::open_segment: remove(path) (2)")) {
    plan.weather.disk.sync_fails_share = 300'000;
  } else if (is("relay/relay.cc Relay::is_torn")) {
    before("relay/relay.cc Relay::open_segment: sync()", 3, false, true, plan, chance);
  } else if (is("relay/relay.cc Relay::trim") || is("engine/change_queue.cc ChangeQueue::trim")) {
    plan.relay_cap = 10'000;
    plan.workload.transactions = 150;
  } else if (is("relay/relay.cc Relay::cut_tail")) {
    plan.relay_cap = 10'000;
    plan.workload.giant_share = 20;
    plan.workload.giant_changes = chance.between(60, 150);
    plan.weather.source.batch_changes_max = 5;
    before("relay/relay.cc Relay::open_segment: sync_folder(options_.folder)", 8, true, chance.percent(50), plan,
           chance);
  } else if (is("engine/relay_only.cc")) {
    plan.relay_cap = 1u << 22;
    plan.workload.transactions = 150;
    plan.workload.pause_max = std::chrono::milliseconds(800);
    plan.outages = {{false, std::chrono::milliseconds(chance.between(1'000, 6'000)), std::chrono::minutes(2), false}};
  }
}

bool has_any(const std::string& point, std::initializer_list<const char*> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const char* part) { return point.find(part) != std::string::npos; });
}

bool is_of_shapes(const std::string& point) { return has_any(point, {"engine/shapes.cc", "fill_relay: note"}); }
bool is_of_suspension(const std::string& point) {
  return has_any(point, {"engine/kept_changes.cc", "Streaming::suspend"});
}
bool is_of_replay(const std::string& point) {
  return has_any(point, {"replay_kept", "apply: replay", "remove_folder"});
}
// The target is as it was, so a replay fails.
bool is_refused_again(const std::string& point) {
  return has_any(point, {"replay_kept: update_table(source_name, [&]"});
}
bool is_of_drops(const std::string& point) {
  return has_any(point, {"Streaming::note_dropped", "Attempt::forget_replaced"});
}

bool is_of_leaving(const std::string& point) { return has_any(point, {"Attempt::cancel_deselected"}); }
bool is_of_bounds(const std::string& point) { return has_any(point, {"engine/bound_tables.cc"}); }

// Two tables that a key binds; one of them is loaded again, and the other with it.
void to_bounds(RunPlan& plan) {
  plan.target = TargetKind::database;
  plan.tables.resize(std::max<std::size_t>(plan.tables.size(), 2));
  for (std::size_t i = 0; i < 2; ++i) {
    TablePlan& table = plan.tables[i];
    table = TablePlan();
    table.rows = 3;
  }
  plan.tables[1].parent = 0;
  plan.tables[1].is_bound = true;
  plan.workload.late_tables = 0;
}

// A table that stands alone, beside another, and is not selected by the time.
void to_leaving(RunPlan& plan) {
  plan.target = TargetKind::database;
  plan.tables.resize(std::max<std::size_t>(plan.tables.size(), 2));
  for (TablePlan& table : plan.tables) table.parent = -1;
  plan.workload.late_tables = 0;
}

// Chunks give way to others until their table is given up, 40 s long, and nothing else breaks the load before.
void to_failed_load(RunPlan& plan) {
  plan.weather.source.yield_share = 990'000;
  plan.weather.source.cut_share = plan.weather.source.half_open_share = plan.weather.target.cut_share = 0;
  plan.outages.clear();
}

// Tables that are loaded without a fault, and then have rows that the target refuses; their changes are kept.
void to_suspension(const std::string& point, RunPlan& plan, Chance& chance) {
  plan.target = TargetKind::database;
  plan.workload.waits = true;
  plan.workload.transactions = std::size_t(chance.between(100, 250));
  plan.workload.pause_max = std::chrono::milliseconds(chance.between(5, 60));
  for (TablePlan& table : plan.tables) table.rows = std::min<std::int64_t>(table.rows, 3);
  plan.refused_every = chance.between(5, 60);
  plan.workload.alter_share = chance.percent(60) ? std::uint64_t(chance.between(5, 100)) : 0;
  if (chance.percent(60)) plan.group_changes = 4;  // a replay in many steps
  plan.settings =
      R"({"ErrorBehavior":{"ApplyErrorInsertPolicy":"SUSPEND_TABLE","ApplyErrorUpdatePolicy":"SUSPEND_TABLE"}})";
  if (point.find("give_up") == std::string::npos) return;
  plan.relay_cap = std::uint64_t(chance.between(1'000, 2'500));
  plan.source_log_cap = 1u << 20;
}

// One session, two tables, and a target that refuses nothing: what is in the way is DDL alone.
void keep_to_ddl(RunPlan& plan) {
  plan.refused_every = 0;
  plan.refuses_ddl = false;
  plan.workload.sessions = 1;
  plan.workload.late_tables = 0;
  if (plan.tables.size() > 2) plan.tables.resize(2);
  plan.lives.clear();
}

// What must go before, so that a process gets there at all; by the beginning of the point's name.
void prepare_for(const std::string& point, RunPlan& plan, Chance& chance) {
  const auto is = [&](const char* beginning) { return point.starts_with(beginning); };
  if (is("connectors/files/") || is("wire/local_store.cc")) prepare_files(point, plan, chance);
  if (is("relay/spool.cc")) prepare_spool(point, plan, chance);
  if (is("relay/relay.cc") || is("engine/relay_only.cc") || is("engine/change_queue.cc")) {
    prepare_relay(point, plan, chance);
  }
  if (is_of_shapes(point)) {
    lean_on_shapes(plan, chance);
    lean_on_target_ahead(plan, chance);
    plan.lives.clear();
  }
  if (is_of_suspension(point)) to_suspension(point, plan, chance);
  if (is_of_bounds(point)) to_bounds(plan);
  if (is_of_leaving(point)) to_leaving(plan);
  if (is_of_drops(point)) {
    lean_on_shapes(plan, chance);
    plan.workload.drop_share = std::uint64_t(chance.between(40, 150));
    plan.workload.pause_max = std::chrono::milliseconds(chance.between(5, 100));
  }
  if (is("engine/load.cc Load::table_failed")) to_failed_load(plan);
  if (point == "engine/streaming.cc Streaming::apply: tick()") {
    to_files(plan, TargetKind::files, chance.percent(30));
    plan.settings = R"({"ChangeProcessingTuning":{"MinTransactionSize":40,"CommitTimeout":3}})";
  }
}

// Is passed once in a life at most, when what went before has left its traces.
bool is_rare(const std::string& point) {
  if (is_of_suspension(point) || is_of_drops(point) || is_of_bounds(point) || is_of_leaving(point)) return true;
  for (const char* part :
       {"Task::run", "Relay::is_torn", "Relay::cut_tail", "Spool::open", "Spool::~Spool", "Load::table_failed",
        "ChangeStream::settle", "ChangeStream::keep_written", "ChangeStream::finish_clear", "ChangeStream::on_clear",
        "settle_segment: remove(aside) (2)", "open_segment: remove(path) (2)", "Streaming::apply: tick()",
        "Streaming::end_apply", "remove_empty_folders"}) {
    if (point.find(part) != std::string::npos) return true;
  }
  return false;
}

bool is_at_end(const std::string& point) { return has_any(point, {"end_apply", "Spool::~Spool", "Task::run"}); }

bool needs_reload(const std::string& point) {
  for (const char* part : {"FileTarget::prepare", "LocalStore::remove", "ChangeStream::settle",
                           "ChangeStream::keep_written", "Task::reload", "Attempt::prepare", "LoadFiles::remove_chunk",
                           "LoadFiles::discard", "engine/bound_tables.cc"}) {
    if (point.find(part) != std::string::npos) return true;
  }
  return false;
}

// A life before, in which something happens: tables are suspended, or dropped and made again.
bool needs_history(const std::string& point) {
  return is_of_replay(point) || is_of_leaving(point) ||
         has_any(point, {"Attempt::forget_replaced", "engine/bound_tables.cc"});
}

}  // namespace

std::string draw_point(Chance& chance) {
  std::vector<const char*> driven;
  for (const CrashPoint& point : crash_points()) {
    if (point.not_driven[0] == '\0') driven.push_back(point.name);
  }
  return driven[chance.below(driven.size())];
}

void lean_on_shapes(RunPlan& plan, Chance& chance) {
  plan.target = TargetKind::database;
  plan.tells_ddl = chance.percent(70);
  plan.workload.waits = true;
  plan.workload.transactions = std::size_t(chance.between(60, 200));
  if (plan.refuses_ddl) plan.refuses_ddl = chance.percent(50);
  plan.workload.alter_share = std::uint64_t(chance.between(1, chance.percent(30) ? 200 : 40));
  plan.workload.drop_share = chance.percent(60) ? std::uint64_t(chance.between(1, 20)) : 0;
  if (chance.percent(50)) plan.refused_every = chance.between(7, 150);
}

// Changes of columns that only a look at the catalogue finds, and a process that is killed again and again before they
// are carried out; or such that stand in a transaction that others do not see yet.
void lean_on_unreported(RunPlan& plan, Chance& chance) {
  plan.tells_ddl = false;
  keep_to_ddl(plan);
  if (chance.percent(60)) {
    plan.workload.alter_share = std::uint64_t(chance.between(100, 300));
    plan.workload.changes_max = chance.between(8, 30);
    plan.workload.savepoint_share = 0;
    for (int i = 0; i < 6; ++i) {
      LifePlan life;  // stopped, with the tables that were put aside loaded again
      life.length = std::chrono::milliseconds(chance.between(300, 3'000));
      life.reload = LifePlan::all_lost;
      plan.lives.push_back(life);
    }
    plan.workload.streamed_share = 70;
    // Longer, now and then, than anybody waits for what a transaction did to be seen.
    plan.workload.standby_max = std::chrono::milliseconds(chance.between(500, chance.percent(20) ? 9'000 : 3'000));
    return;
  }
  plan.workload.alter_share = std::uint64_t(chance.between(20, 200));
  plan.workload.changes_max = 1;
  plan.workload.drop_share = 0;
  plan.workload.pause_max = std::chrono::milliseconds(chance.between(50, 400));
  plan.weather.target.slow_share = 500'000;
  plan.weather.target.slow_max = std::chrono::milliseconds(chance.between(50, 600));
  plan.group_changes = 2;
  const std::int64_t deaths = chance.between(4, 9);
  for (std::int64_t i = 0; i < deaths; ++i) {
    LifePlan life;
    life.end = LifePlan::End::killed;
    life.length = std::chrono::milliseconds(chance.between(100, 3'000));
    plan.lives.push_back(life);
  }
}

// A target that has more than its answers said, and is away now and then while streams begin behind it: changes of
// columns come again, in part, to the relay; those that the log does not tell, too.
void lean_on_target_ahead(RunPlan& plan, Chance& chance) {
  keep_to_ddl(plan);
  plan.source_log_cap = 50;
  plan.workload.alter_share = std::uint64_t(chance.between(100, 400));
  plan.workload.drop_share = chance.percent(30) ? std::uint64_t(chance.between(10, 80)) : 0;
  plan.workload.changes_max = chance.between(1, 8);
  plan.workload.pause_max = std::chrono::milliseconds(chance.between(20, 400));
  plan.weather.source.batch_changes_max = 4;
  plan.weather.target.lost_answer_share = std::uint64_t(chance.between(20'000, 300'000));
  plan.outages.clear();
  for (int i = 0; i < 6; ++i) {
    plan.outages.push_back({false, std::chrono::milliseconds(chance.between(300, 5'000)),
                            std::chrono::milliseconds(chance.between(200, 2'500)), false});
  }
  const std::int64_t lives = chance.between(3, 8);
  for (std::int64_t i = 0; i < lives; ++i) {
    LifePlan life = death("engine/shapes.cc ShapeHistory::write: commit(change)", chance.between(0, 40), chance);
    if (chance.percent(50)) {
      life.end = LifePlan::End::killed;
      life.point.clear();
    }
    life.length = std::chrono::milliseconds(chance.between(300, 5'000));
    life.reload = LifePlan::all_lost;
    plan.lives.push_back(life);
  }
}

void lean_on_point(RunPlan& plan, Chance& chance) {
  std::string point = draw_point(chance);
  const std::string other = draw_point(chance);
  if (is_rare(other)) point = other;
  plan.lives.clear();
  const bool rare = is_rare(point);
  const std::int64_t deaths = chance.between(1, 4);
  for (std::int64_t i = 0; i < deaths; ++i) {
    if (i == 0 || rare) prepare_for(point, plan, chance);
    if ((needs_reload(point) && plan.lives.empty()) || needs_history(point)) {
      LifePlan quiet;
      quiet.length = std::chrono::milliseconds(chance.between(1'000, 8'000));
      plan.lives.push_back(quiet);
    }
    plan.lives.push_back(death(point, rare ? 0 : chance.skewed(i == 0 ? 2 : 12), chance));
    LifePlan& life = plan.lives.back();
    if (needs_reload(point)) life.reload = chance.between(0, 1);
    if (is_of_leaving(point)) life.left_out = 0;
    life.is_mended = is_of_replay(point) && !is_refused_again(point);
    if (is_at_end(point)) life.length = std::chrono::milliseconds(chance.between(500, 6'000));
  }
}

}  // namespace sim
