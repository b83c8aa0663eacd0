// SPDX-License-Identifier: Apache-2.0
#include "sim/plan.h"

#include <algorithm>

#include "connectors/postgres/types.h"
#include "sim/plan_families.h"
#include "sim/plan_points.h"

namespace sim {

model::ColumnType column_type(bool is_number) {
  model::ColumnType type;
  type.native = is_number ? "bigint" : "text";
  type.native_id = is_number ? postgres::type_oid::int8 : postgres::type_oid::text;
  postgres::canonical_type(type.native_id, -1, 'b', postgres::TypeChoices(), type);
  return type;
}

namespace {

model::Column column(const char* name, model::Type type, bool nullable, std::int32_t ordinal) {
  model::Column column;
  column.name = name;
  column.source_name = name;
  column.type = column_type(type == model::Type::int8);
  column.nullable = nullable;
  column.ordinal = ordinal;
  return column;
}

// Cells: id, second, version, unique, text, large. A bank has: id, amount, version.
std::shared_ptr<model::TableSchema> make_schema(std::size_t number, TableKind kind) {
  auto schema = std::make_shared<model::TableSchema>();
  schema->name = {"app", kind == TableKind::bank ? "bank" : fmt::format("t{}", number)};
  schema->source_name = schema->name;
  schema->family = "simulated";
  schema->source_id = 1000 + number;
  schema->columns.push_back(column("id", model::Type::int8, false, 1));
  schema->columns.push_back(column(kind == TableKind::bank ? "amount" : "second", model::Type::int8, false, 2));
  schema->columns.push_back(column("version", model::Type::int8, false, 3));
  if (kind != TableKind::bank) {
    schema->columns.push_back(column("single", model::Type::int8, true, 4));
    schema->columns.push_back(column("words", model::Type::nclob, true, 5));
    schema->columns.push_back(column("large", model::Type::nclob, true, 6));
  }
  schema->primary_key = {0};
  if (kind == TableKind::two_keys) schema->primary_key = {0, 1};
  if (kind == TableKind::no_key) schema->primary_key = {};
  if (kind == TableKind::unique) schema->unique_keys = {{3}};
  schema->old_key = schema->primary_key;
  const bool whole = kind == TableKind::no_key || kind == TableKind::whole_image;
  schema->old_image = whole ? model::OldImage::full : model::OldImage::key;
  if (whole) schema->old_key.clear();
  return schema;
}

void draw_weather(Weather& weather, Chance& chance) {
  const auto share = [&](std::uint64_t of_runs, std::int64_t max) -> std::uint64_t {
    return chance.percent(of_runs) ? std::uint64_t(chance.skewed(max)) : 0;
  };
  weather.source.cut_share = share(50, 8'000);
  weather.source.half_open_share = share(30, 4'000);
  weather.source.slow_share = share(40, 50'000);
  weather.source.yield_share = share(30, 100'000);
  weather.source.batch_changes_max = std::size_t(1 + chance.skewed(60));
  weather.target.cut_share = share(50, 8'000);
  weather.target.lost_answer_share = share(50, 30'000);
  weather.target.slow_share = share(50, 500'000);
  weather.target.slow_max = std::chrono::milliseconds(chance.between(1, 3'000));
  weather.disk.full_share = share(20, 10'000);
  weather.disk.sync_fails_share = share(30, 300'000);
  weather.disk.slow_share = share(30, 30'000);
  weather.store.fails_share = share(15, 20'000);
}

void draw_lives(std::vector<LifePlan>& lives, Chance& chance) {
  const std::int64_t count = chance.skewed(7);
  for (std::int64_t i = 0; i < count; ++i) {
    LifePlan life;
    const std::uint64_t kind = chance.below(100);
    life.end = kind < 60 ? LifePlan::End::crash_at_step : kind < 80 ? LifePlan::End::killed : LifePlan::End::stopped;
    life.step = chance.skewed(chance.percent(30) ? 400 : 80);
    if (chance.percent(40)) {
      life.point = draw_point(chance);
      life.step = chance.skewed(6);
    }
    life.after = chance.percent(50);
    life.length = std::chrono::milliseconds(chance.skewed(20'000));
    if (chance.percent(10)) life.reload = chance.between(0, 3);
    if (chance.percent(25)) life.reload = LifePlan::all_lost;
    life.is_mended = chance.percent(40);
    life.power_cut = life.end != LifePlan::End::stopped && chance.percent(60);
    life.is_paused = life.end != LifePlan::End::stopped && chance.percent(12);
    if (life.is_paused) life.wakes = std::chrono::milliseconds(chance.skewed(8'000));
    lives.push_back(life);
  }
}

// Of its own chance, so that it moves nothing else that a seed stands for.
void draw_left_out(std::vector<LifePlan>& lives, std::uint64_t seed) {
  Chance chance(mix(seed + 0x1ef70c7));
  if (!chance.percent(15)) return;
  for (LifePlan& life : lives) {
    if (chance.percent(50)) life.left_out = chance.between(0, 1);
  }
}

void draw_outages(std::vector<OutagePlan>& outages, Chance& chance) {
  const std::int64_t count = chance.percent(40) ? chance.skewed(5) : 0;
  for (std::int64_t i = 0; i < count; ++i) {
    OutagePlan outage;
    outage.of_source = chance.percent(50);
    outage.before = std::chrono::milliseconds(chance.skewed(10'000));
    outage.length = std::chrono::milliseconds(chance.skewed(30'000));
    outage.fails_over = outage.of_source && chance.percent(40);
    outages.push_back(outage);
  }
}

void draw_workload(WorkloadPlan& workload, Chance& chance) {
  workload.sessions = std::size_t(chance.between(1, 4));
  workload.transactions = std::size_t(5 + chance.skewed(150));
  workload.changes_max = 1 + chance.skewed(12);
  if (chance.percent(25)) {
    workload.giant_share = 4;
    workload.giant_changes = chance.between(50, 400);
  }
  workload.streamed_share = chance.below(50);
  workload.savepoint_share = chance.below(40);
  workload.rollback_share = chance.below(20);
  // A synchronous standby makes commits visible long after they are in the log.
  if (chance.percent(40)) workload.standby_max = std::chrono::milliseconds(1 + chance.skewed(3'000));
  workload.prepared_share = chance.percent(40) ? chance.below(20) : 0;
  workload.truncate_share = chance.percent(40) ? 1 + chance.below(4) : 0;
  if (chance.percent(50)) workload.alter_share = 1 + chance.below(chance.percent(30) ? 300 : 60);
  if (chance.percent(25)) workload.drop_share = 1 + chance.below(15);
  workload.waits = chance.percent(75);
  if (chance.percent(10)) workload.crowd = std::size_t(chance.between(5, 200));
  workload.text_bytes = 1 + chance.skewed(40);
  workload.large_bytes = 1 + chance.skewed(800);
  workload.pause_max = std::chrono::milliseconds(1 + chance.skewed(400));
}

// Rows that the mapping leaves out, and tables that refer to others.
void draw_tables(RunPlan& plan, Chance& chance) {
  if (chance.percent(35)) {
    for (TablePlan& table : plan.tables) table.is_filtered = table.kind != TableKind::bank && chance.percent(60);
  }
  if (!chance.percent(35)) return;
  for (std::size_t i = 1; i < plan.tables.size(); ++i) {
    TablePlan& child = plan.tables[i];
    const std::size_t place = chance.below(i);
    const TablePlan& parent = plan.tables[place];
    const bool has_id = parent.kind == TableKind::keyed || parent.kind == TableKind::whole_image;
    if (child.kind == TableKind::unique || child.kind == TableKind::bank || !has_id || parent.is_filtered) continue;
    child.parent = std::int64_t(place);
    child.is_bound = !child.is_filtered && chance.percent(30);
  }
}

// What the user set, and what the target refuses: rows and schema changes, until somebody mends it.
void draw_settings(RunPlan& plan, Chance& chance) {
  const std::uint64_t mode = chance.below(100);
  const char* preparation = mode < 20 ? "DO_NOTHING" : mode < 40 ? "TRUNCATE_BEFORE_LOAD" : "DROP_AND_CREATE";
  if (chance.percent(25)) plan.refused_every = chance.between(7, 150);
  plan.refuses_ddl = chance.percent(15);
  plan.drops_tables = chance.percent(80);
  const auto policy = [&] {
    return chance.percent(60) ? "SUSPEND_TABLE" : chance.percent(70) ? "LOG_ERROR" : "IGNORE_RECORD";
  };
  const char* on_insert = policy();
  const char* on_update = policy();
  const char* on_load = policy();
  const std::string pace = chance.percent(15) ? fmt::format(R"("MinTransactionSize":{},"CommitTimeout":{})",
                                                            chance.between(1, 40), chance.between(1, 3))
                                              : "";
  plan.settings = fmt::format(
      R"({{"FullLoadSettings":{{"TargetTablePrepMode":"{}"}},"ErrorBehavior":{{"ApplyErrorInsertPolicy":"{}",)"
      R"("ApplyErrorUpdatePolicy":"{}","DataErrorPolicy":"{}"}},"ChangeProcessingTuning":{{{}}},)"
      R"("ChangeProcessingDdlHandlingPolicy":{{"HandleSourceTableDropped":{}}}}})",
      preparation, on_insert, on_update, on_load, pace, plan.drops_tables);
}

// Small budgets and caps, so that little data goes the ways of much.
void draw_budgets(RunPlan& plan, Chance& chance) {
  plan.chunk_bytes = std::uint64_t(100 + chance.skewed(10'000));
  if (chance.percent(70)) plan.queue_bytes = std::size_t(200 + chance.skewed(8'000));
  if (chance.percent(60)) plan.group_bytes = std::size_t(chance.between(200, 20'000));
  if (chance.percent(50)) plan.group_changes = std::size_t(1 + chance.skewed(40));
  if (chance.percent(50)) plan.spool_bytes = std::size_t(chance.between(100, 5'000));
  if (chance.percent(70)) plan.source_log_cap = std::uint64_t(100 + chance.skewed(12'000));
  if (chance.percent(50)) plan.relay_cap = std::uint64_t(1'500 + chance.skewed(40'000));
}

// A target that is far behind, and a machine that loses its power again and again: all goes through the relay.
void lean_on_relay(RunPlan& plan, Chance& chance) {
  plan.source_log_cap = 50;
  plan.queue_bytes = 200;
  plan.workload.pause_max = std::chrono::milliseconds(200);
  if (chance.percent(50)) {
    // Huge transactions in small batches onto a slow disk, so that the power goes in the middle of one.
    plan.workload.giant_share = 10;
    plan.workload.giant_changes = chance.between(20, 150);
    plan.weather.source.batch_changes_max = 5;
    plan.weather.disk.slow_share = 100'000;
    plan.weather.disk.slow_max = std::chrono::milliseconds(100);
  }
  plan.weather.target.slow_share = 700'000;
  plan.weather.target.slow_max = std::chrono::milliseconds(chance.between(100, 5'000));
  for (LifePlan& life : plan.lives) {
    life.power_cut = life.end != LifePlan::End::stopped;
    life.end = life.end == LifePlan::End::stopped ? LifePlan::End::stopped : LifePlan::End::killed;
    life.length = std::chrono::milliseconds(chance.between(800, 5'000));
  }
}

void draw_files(RunPlan& plan, Chance& chance) {
  plan.target = chance.percent(65) ? TargetKind::files : TargetKind::transactions;
  FilesPlan& files = plan.files;
  files.is_bucket = chance.percent(30);
  files.op_in_load = chance.percent(50);
  files.partitions = chance.percent(30);
  files.seconds_max = chance.skewed(12);
  files.load_kb = 1 + chance.skewed(4);
  files.change_kb = 1 + chance.skewed(4);
  if (chance.percent(30)) files.memory_budget = std::size_t(chance.between(100, 5'000));
  plan.clock_start = std::chrono::seconds(chance.between(3'540, 3'600));
  // Tables that are emptied and loaded again, when the power goes: what was removed must stay away.
  const bool is_emptied = plan.target == TargetKind::files && chance.percent(12);
  if (is_emptied) plan.workload.truncate_share = 100;
  for (LifePlan& life : plan.lives) {
    if (chance.percent(15)) life.clock_jump = std::chrono::milliseconds(chance.between(-20'000, 20'000));
    if (!is_emptied || life.end == LifePlan::End::stopped) continue;
    life.power_cut = true;
    life.reload = chance.between(0, 3);
  }
}

// A reader who builds the source again needs one history in a folder, and TRUNCATE is not in the files of transactions.
void fit_files(RunPlan& plan) {
  if (plan.target == TargetKind::database) return;
  plan.workload.alter_share = plan.workload.drop_share = 0;
  plan.refused_every = 0;
  plan.refuses_ddl = false;
  // Nor are suspended tables, which a filter needs where the log may lack values.
  for (TablePlan& table : plan.tables) {
    const bool is_whole = table.kind == TableKind::whole_image || table.kind == TableKind::no_key;
    table.is_filtered = table.is_filtered && is_whole;
  }
  if (plan.target == TargetKind::transactions) plan.workload.truncate_share = 0;
  const bool reloads =
      plan.weather.source.yield_share > 500'000 ||  // tables fail in the load, and come again at the user's word
      std::any_of(plan.lives.begin(), plan.lives.end(), [](const LifePlan& life) { return life.reload != -1; });
  constexpr std::string_view appends = "DO_NOTHING";
  const std::size_t at = plan.settings.find(appends);
  if (reloads && at != std::string::npos) plan.settings.replace(at, appends.size(), "TRUNCATE_BEFORE_LOAD");
}

}  // namespace

void name_tables(RunPlan& plan) {
  for (std::size_t i = 0; i < plan.tables.size(); ++i) {
    TablePlan& table = plan.tables[i];
    const auto schema = make_schema(i, table.kind);
    if (table.parent >= 0) {
      const model::TableName& parent = plan.tables[std::size_t(table.parent)].schema->name;
      const bool is_bound = table.is_bound && plan.target == TargetKind::database;  // files cannot follow
      schema->foreign_keys = {{fmt::format("t{}_parent", i), {"single"}, parent, {"id"}, "", is_bound}};
    }
    table.schema = schema;
  }
}

RunPlan draw_plan(std::uint64_t seed) {
  const FamilyPlace at = family_of(seed);
  return draw_plan(seed, *at.family, at.place);
}

RunPlan draw_plan(std::uint64_t seed, const Family& family, double place) {
  Chance chance(mix(seed + 0x51ed270d));
  RunPlan plan;
  plan.seed = seed;
  plan.family = family.name;
  plan.scheduler.by_rank = chance.percent(30);
  plan.scheduler.switch_share = std::uint64_t(chance.skewed(500'000));
  plan.scheduler.spurious_share = chance.percent(30) ? std::uint64_t(chance.skewed(50'000)) : 0;
  const std::int64_t tables = chance.between(1, 4);
  for (std::int64_t i = 0; i < tables; ++i) {
    const TableKind kind = TableKind(chance.below(5));
    plan.tables.push_back({nullptr, kind, chance.skewed(60)});
  }
  if (chance.percent(60)) {
    plan.tables.push_back({nullptr, TableKind::bank, chance.between(2, 20)});
  }
  draw_tables(plan, chance);
  draw_workload(plan.workload, chance);
  draw_weather(plan.weather, chance);
  draw_lives(plan.lives, chance);
  draw_outages(plan.outages, chance);
  draw_settings(plan, chance);
  if (chance.percent(40)) plan.workload.late_tables = std::size_t(chance.between(1, std::int64_t(tables)));
  plan.compacts = chance.percent(60);
  draw_budgets(plan, chance);
  if (chance.percent(20)) lean_on_relay(plan, chance);
  if (chance.percent(40) && family.may_be_files) draw_files(plan, chance);
  // Of its own chance, so that all else is what the seed has in any family.
  Chance own(mix(seed ^ hash_text(family.name)));
  family.lean(plan, place, own);
  draw_left_out(plan.lives, seed);
  fit_files(plan);
  name_tables(plan);
  return plan;
}

std::string describe(const RunPlan& plan) {
  static const char* const kinds[] = {"keyed", "two keys", "whole image", "no key", "unique", "bank"};
  std::string text = fmt::format("seed {}{}{}\n", plan.seed, plan.family.empty() ? "" : ": ", plan.family);
  for (const TablePlan& table : plan.tables) {
    text += fmt::format(
        "  table {}: {}, {} rows at first{}{}\n", table.schema->name.text(), kinds[int(table.kind)], table.rows,
        table.is_filtered ? ", filtered" : "",
        table.parent < 0 ? "" : fmt::format(", {} t{}", table.is_bound ? "bound to" : "refers to", table.parent));
  }
  const WorkloadPlan& work = plan.workload;
  static const char* const targets[] = {"applies one by one", "is files, by table", "is files, by transaction"};
  text += fmt::format("  {} sessions, {} transactions of up to {} changes (giant: {}), target {}\n", work.sessions,
                      work.transactions, work.changes_max, work.giant_share == 0 ? 0 : work.giant_changes,
                      plan.target == TargetKind::database && plan.compacts ? "compacts" : targets[int(plan.target)]);
  if (plan.target != TargetKind::database) {
    const FilesPlan& files = plan.files;
    text +=
        fmt::format("  files: {}, written after {} s or {} KB, load {} KB{}{}, memory {} B\n",
                    files.is_bucket ? "a bucket" : "a folder", files.seconds_max, files.change_kb, files.load_kb,
                    files.op_in_load ? ", with Op" : "", files.partitions ? ", date folders" : "", files.memory_budget);
  }
  text += fmt::format("  queue {} B, group {} B, spool {} B, source log cap {} B, relay cap {} B\n", plan.queue_bytes,
                      plan.group_bytes, plan.spool_bytes, plan.source_log_cap, plan.relay_cap);
  text +=
      fmt::format("  DDL is {}, alters {}/1000 changes, drops {}/1000 transactions\n",
                  plan.tells_ddl ? "reported by triggers" : "found by comparison", work.alter_share, work.drop_share);
  text += fmt::format("  settings {}; the target refuses {}{}\n", plan.settings,
                      plan.refused_every == 0 ? "no row" : fmt::format("one row of {}", plan.refused_every),
                      plan.refuses_ddl ? " and DDL" : "");
  for (const OutagePlan& outage : plan.outages) {
    text += fmt::format("  outage: the {} for {} ms{}\n", outage.of_source ? "source" : "target",
                        outage.length.count() / 1'000'000, outage.fails_over ? ", a standby takes over" : "");
  }
  for (const LifePlan& life : plan.lives) {
    if (life.end == LifePlan::End::crash_at_step) {
      text += fmt::format("  life: dies {} durable step {}{}", life.after ? "after" : "before", life.step,
                          life.point.empty() ? "" : " at " + life.point);
    } else {
      text += fmt::format("  life: {} after {} ms", life.end == LifePlan::End::killed ? "killed" : "stopped",
                          life.length.count() / 1'000'000);
    }
    text += life.power_cut ? ", power cut" : "";
    if (life.is_paused) text += fmt::format(", but stands still, goes on {} ms later", life.wakes.count() / 1'000'000);
    text += life.is_mended ? ", the target mended" : "";
    if (life.reload == LifePlan::all_lost) text += ", lost tables are loaded again";
    if (life.left_out >= 0) text += fmt::format(", table {} is not selected", life.left_out);
    text += life.reload < 0 ? "\n" : fmt::format(", table {} is loaded again\n", life.reload);
  }
  return text;
}

}  // namespace sim
