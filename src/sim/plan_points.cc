// SPDX-License-Identifier: Apache-2.0
#include "sim/plan_points.h"

#include <algorithm>

#include "sim/crash_point.h"
#include "sim/plan_families.h"

namespace sim {
namespace {

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
  if (is_of_suspension(point)) {
    lean_on_suspension(plan, chance);
    if (point.find("give_up") != std::string::npos) {
      plan.relay_cap = std::uint64_t(chance.between(1'000, 2'500));
      plan.source_log_cap = 1u << 20;
    }
  }
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

// Is passed once in a life at most, some only when what went before has left its traces.
bool is_rare(const std::string& point) {
  if (is_of_suspension(point) || is_of_drops(point) || is_of_bounds(point) || is_of_leaving(point)) return true;
  for (const char* part : {"Task::run",
                           "Relay::is_torn",
                           "Relay::cut_tail",
                           "Spool::open",
                           "Spool::~Spool",
                           "Load::table_failed",
                           "ChangeStream::settle",
                           "ChangeStream::keep_written",
                           "ChangeStream::finish_clear",
                           "ChangeStream::on_clear",
                           "settle_segment: remove(aside) (2)",
                           "open_segment: remove(path) (2)",
                           "Streaming::apply: tick()",
                           "Streaming::end_apply",
                           "remove_empty_folders",
                           "Attempt::begin",
                           "Attempt::finish_load",
                           "Attempt::open_apply",
                           "Attempt::load_pending",
                           "Attempt::stream",
                           "FileTarget::start",
                           "FileTarget::prepare_all",
                           "FileTarget::begin_apply",
                           "ChangeStream::begin",
                           "Ledger::begin_anew",
                           "Task::reload_tables",
                           "LoadFiles::discard",
                           "LoadFiles::remove_chunk: commit",
                           "LocalStore::probe",
                           "Relay::open: sync_folder",
                           "fill_relay: confirm"}) {
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

// How many seeds go to a point, beside the others: more where few of them come to it, fewer where others pass it, too.
// The first whose part is in the point's name counts; one where none is.
struct Weight {
  const char* part;
  double weight;
};
constexpr Weight weights[] = {
    {"fill_relay: confirm", 6},
    {"Load::table_failed", 9},
    {"Spool::~Spool", 10},
    {"remove_folder", 6},
    {"apply: replay", 7},
    {"replay_kept", 6},
    {"Task::reload_tables", 3},
    {"remove_chunk: commit", 4},
    {"Attempt::load_pending", 3},
    {"LoadFiles::discard", 3},
    {"ChangeStream::begin", 2},
    {"LocalStore::abort_stale", 6},
    {"~LocalUpload", 4},
    {"forget_replaced", 5},
    {"Spool::abort", 3},
    {"Relay::is_torn", 5},
    {"note_dropped", 7},
    {"keep_written", 4},
    {"remove(aside) (2)", 4},
    {"remove(aside)", 5},
    {"Streaming::end_apply", 4},
    {"Streaming::apply: tick() (2)", 0.3},
    {"Streaming::apply: tick", 5},
    {"Relay::cut_tail", 4},
    {"Relay::restart: remove", 8},
    {"Relay::restart", 2},
    {"settle_segment: sync", 2},
    {"LocalStore::remove: sync", 3},
    {"remove(beside(path, meta", 2},
    {"settle_transactions", 3},
    {"LoadFiles::next_key", 2},
    {"publish: sync_folder", 2},
    {"Load::table_done", 2},
    {"wait_to_retry", 2},
    {"ChangeQueue::sync", 2},
    {"finish_clear: remove", 6},
    {"finish_clear: commit", 3},
    {"on_clear", 3},
    {"open_segment: remove", 3},
    {"cancel_deselected", 3},
    {"remove_empty_folders", 3},
    {"give_up", 3},
    {"Streaming::suspend", 3},
    {"make_kept_folder", 2},
    {"bound_tables", 2},
    {"Attempt::finish_load", 2},
    {"LocalStore::open_part", 2},
    {"Spool::open", 2},
    {"write_sidecar", 4},
    {"FileTarget::prepare_all", 2},
    {"FileTarget::start", 2},
    {"publish_durable", 2},
    {"Attempt::begin: ", 2},
    {"settle_segment: r", 2},
    {"LoadFiles::restart", 2},
    {"state_store.cc commit", 0.2},
    {"Ledger::commit_table", 0.2},
    {"ObjectFile::finish", 0.3},
    {"copy_chunk", 0.3},
    {"finish_oldest", 0.3},
    {"Attempt::prepare: prepare(", 0.3},
    {"try_group", 0.3},
    {"Ledger::update_task", 0.3},
    {"ShapeHistory::write", 0.4},
    {"open_segment: sync", 0.4},
    {"remove_chunk: remove", 0.4},
    {"save_statistics", 0.4},
    {"Ledger::update_all", 0.4},
    {"ChangeQueue::append", 0.4},
    {"store_as", 0.4},
};

double weight_of(const std::string& point) {
  for (const Weight& one : weights) {
    if (point.find(one.part) != std::string::npos) return one.weight;
  }
  return 1;
}

std::vector<const char*> driven_points() {
  std::vector<const char*> driven;
  for (const CrashPoint& point : crash_points()) {
    if (point.not_driven[0] == '\0') driven.push_back(point.name);
  }
  return driven;
}

}  // namespace

LifePlan death(const std::string& point, std::int64_t step, Chance& chance) {
  LifePlan life;
  life.end = LifePlan::End::crash_at_step;
  life.point = point;
  life.step = step;
  life.after = chance.percent(50);
  life.power_cut = chance.percent(50);
  return life;
}

std::string draw_point(Chance& chance) {
  const std::vector<const char*> driven = driven_points();
  return driven[chance.below(driven.size())];
}

std::string point_at(double place) {
  const std::vector<const char*> driven = driven_points();
  double all = 0;
  for (const char* point : driven) all += weight_of(point);
  double left = place * all;
  for (const char* point : driven) {
    left -= weight_of(point);
    if (left < 0) return point;
  }
  return driven.back();
}

void lean_on_point(RunPlan& plan, const std::string& point, Chance& chance) {
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
