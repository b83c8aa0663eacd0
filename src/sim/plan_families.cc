// SPDX-License-Identifier: Apache-2.0
#include "sim/plan_families.h"

#include <algorithm>
#include <array>

#include "sim/plan_points.h"

namespace sim {
namespace {

std::chrono::milliseconds some_ms(std::int64_t low, std::int64_t high, Chance& chance) {
  return std::chrono::milliseconds(chance.between(low, high));
}

LifePlan killed(base::Nanos length) {
  LifePlan life;
  life.end = LifePlan::End::killed;
  life.length = length;
  return life;
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

void stay_plain(RunPlan&, double, Chance&) {}

void die_at_points(RunPlan& plan, double place, Chance& chance) { lean_on_point(plan, point_at(place), chance); }

void change_columns(RunPlan& plan, double, Chance& chance) { lean_on_shapes(plan, chance); }

// Changes of columns that only a look at the catalogue finds, in transactions that others do not see yet.
void hide_columns(RunPlan& plan, double, Chance& chance) {
  lean_on_shapes(plan, chance);
  keep_to_ddl(plan);
  plan.tells_ddl = false;
  plan.workload.alter_share = std::uint64_t(chance.between(100, 300));
  plan.workload.changes_max = chance.between(8, 30);
  plan.workload.drop_share = std::uint64_t(chance.between(20, 200));
  plan.workload.savepoint_share = 0;
  plan.workload.streamed_share = 70;
  // Longer, now and then, than anybody waits for what a transaction did to be seen.
  plan.workload.standby_max = some_ms(500, chance.percent(20) ? 9'000 : 3'000, chance);
  for (int i = 0; i < 6; ++i) {
    LifePlan life;  // stopped, with the tables that were put aside loaded again
    life.length = some_ms(300, 3'000, chance);
    life.reload = LifePlan::all_lost;
    plan.lives.push_back(life);
  }
}

// The same, and what is hidden does not even show in what the log says of the rows.
void hide_replaced_columns(RunPlan& plan, double place, Chance& chance) {
  hide_columns(plan, place, chance);
  plan.workload.drop_share = 0;  // what became of the columns of a table that is gone, nobody can tell
  plan.workload.last_column_share = std::uint64_t(chance.between(40, 80));
}

// Changes of columns that only a look at the catalogue finds, and a process that is killed again and again before they
// are carried out.
void kill_before_looks(RunPlan& plan, double, Chance& chance) {
  lean_on_shapes(plan, chance);
  keep_to_ddl(plan);
  plan.tells_ddl = false;
  plan.workload.alter_share = std::uint64_t(chance.between(20, 200));
  plan.workload.changes_max = 1;
  plan.workload.drop_share = 0;
  plan.workload.pause_max = some_ms(50, 400, chance);
  plan.weather.target.slow_share = 500'000;
  plan.weather.target.slow_max = some_ms(50, 600, chance);
  plan.group_changes = 2;
  const std::int64_t deaths = chance.between(4, 9);
  for (std::int64_t i = 0; i < deaths; ++i) plan.lives.push_back(killed(some_ms(100, 3'000, chance)));
  if (chance.percent(30)) plan.workload.drop_share = std::uint64_t(chance.between(10, 60));
}

void run_ahead(RunPlan& plan, double, Chance& chance) {
  lean_on_shapes(plan, chance);
  lean_on_target_ahead(plan, chance);
}

// A target that has a change of columns and cannot say so for a while: the relay gets again what the target has, of a
// table whose last column came, and has gone since.
void run_ahead_of_columns(RunPlan& plan, double, Chance& chance) {
  lean_on_shapes(plan, chance);
  keep_to_ddl(plan);
  plan.tells_ddl = false;
  plan.tables.resize(1);
  if (plan.tables[0].kind == TableKind::bank) plan.tables[0].kind = TableKind::keyed;
  plan.weather = Weather();
  plan.weather.source.batch_changes_max = 4;
  plan.weather.target.lost_answer_share = std::uint64_t(chance.between(60'000, 120'000));
  plan.weather.target.lost_answer_wait = some_ms(1'000, 3'000, chance);
  plan.source_log_cap = 50;
  plan.relay_cap = RunPlan().relay_cap;
  plan.queue_bytes = RunPlan().queue_bytes;
  plan.workload.savepoint_share = plan.workload.rollback_share = plan.workload.prepared_share = 0;
  plan.workload.transactions = std::size_t(chance.between(150, 220));
  plan.workload.alter_share = std::uint64_t(chance.between(100, 230));
  plan.workload.passing_column_share = std::uint64_t(chance.between(70, 100));
  plan.workload.drop_share = plan.workload.truncate_share = plan.workload.streamed_share = 0;
  plan.workload.standby_max = base::Nanos{0};
  plan.workload.changes_max = chance.between(1, 4);
  plan.workload.pause_max = some_ms(200, 400, chance);
  plan.outages.clear();
  const std::int64_t deaths = chance.between(4, 7);
  for (std::int64_t i = 0; i < deaths; ++i) {
    plan.lives.push_back(killed(some_ms(3'000, 7'000, chance)));
    plan.lives.back().reload = LifePlan::all_lost;  // what was suspended is loaded again
  }
}

// Tables that stand alone are dropped and made again while nobody reads the source, and dropped once more before the
// target is back: what the relay got of the one in between must not be taken for the one before.
void remake_tables(RunPlan& plan, double, Chance& chance) {
  lean_on_shapes(plan, chance);
  plan.tables.resize(4);
  for (TablePlan& table : plan.tables) {
    table.parent = -1;
    table.rows = chance.between(10, 40);
  }
  plan.tells_ddl = true;
  plan.refused_every = 0;
  plan.refuses_ddl = false;
  plan.weather = Weather();
  plan.weather.target.slow_share = 200'000;
  plan.weather.target.slow_max = some_ms(500, 1'500, chance);
  plan.source_log_cap = std::uint64_t(chance.between(50, 1'000));
  plan.relay_cap = std::uint64_t(chance.between(4'000, 6'000));
  plan.workload.sessions = 1;
  plan.workload.late_tables = 0;
  plan.workload.transactions = std::size_t(chance.between(140, 170));
  plan.workload.alter_share = 0;
  plan.workload.drop_share = std::uint64_t(chance.between(120, 180));
  plan.workload.changes_max = chance.between(6, 9);
  plan.workload.pause_max = some_ms(70, 90, chance);
  plan.group_changes = 3;  // so that many positions are shown
  plan.outages = {{true, some_ms(900, 1'400, chance), some_ms(10'000, 10'500, chance), false},
                  {false, some_ms(1'500, 2'500, chance), some_ms(19'000, 20'000, chance), false}};
  plan.lives = {death(
      "engine/attempt.cc Attempt::forget_replaced: update_table(table.source->name, [&](TableRecord& ...)", 0, chance)};
  plan.lives.front().after = true;
}

// A target that is away for long, and a relay that gets the drop of a table: what is made behind it under the same name
// is another table, and may be gone as well before the target is back.
void remake_behind_drops(RunPlan& plan, double place, Chance& chance) {
  remake_tables(plan, place, chance);
  plan.relay_cap = RunPlan().relay_cap;
  plan.source_log_cap = 50;
  plan.workload.alter_share = std::uint64_t(chance.between(10, 120));
  plan.weather = Weather();
  for (TablePlan& table : plan.tables) table.rows = chance.between(1, 5);
  plan.workload.transactions = std::size_t(chance.between(180, 240));
  plan.workload.drop_share = std::uint64_t(chance.between(200, 320));
  plan.outages = {{false, some_ms(1'000, 2'500, chance), some_ms(9'000, 12'000, chance), false}};
  plan.lives = {killed(some_ms(15'000, 20'000, chance))};
}

// Columns change, found by looks at the catalogue, and a standby takes over whose slot is behind; right then the target
// is away: the relay begins with what the target has.
void fail_over_beside_columns(RunPlan& plan, double, Chance& chance) {
  lean_on_shapes(plan, chance);
  keep_to_ddl(plan);
  plan.tells_ddl = false;
  plan.tables.resize(1);
  if (plan.tables[0].kind == TableKind::bank) plan.tables[0].kind = TableKind::keyed;
  plan.weather = Weather();
  plan.source_log_cap = 50;
  plan.relay_cap = RunPlan().relay_cap;
  plan.queue_bytes = RunPlan().queue_bytes;
  plan.workload.transactions = std::size_t(chance.between(150, 220));
  plan.workload.savepoint_share = plan.workload.rollback_share = plan.workload.prepared_share = 0;
  plan.workload.truncate_share = plan.workload.streamed_share = 0;
  plan.workload.standby_max = base::Nanos{0};
  plan.workload.alter_share = std::uint64_t(chance.between(60, 150));
  plan.workload.drop_share = chance.percent(20) ? std::uint64_t(chance.between(5, 30)) : 0;
  plan.workload.changes_max = chance.between(1, 3);
  plan.workload.pause_max = some_ms(100, 250, chance);
  plan.outages.clear();
  for (int i = 0; i < 4; ++i) {
    plan.outages.push_back({true, some_ms(1'500, 4'000, chance), some_ms(200, 800, chance), true});
    plan.outages.push_back({false, some_ms(0, 30, chance), some_ms(1'000, 3'000, chance), false});
  }
  for (int i = 0; i < 6; ++i) {
    plan.lives.push_back(killed(some_ms(2'000, 5'000, chance)));
    plan.lives.back().reload = LifePlan::all_lost;
  }
}

// Machines that stand still in the middle of a load, and go on with it while their successors load the table again.
void stand_still(RunPlan& plan, double, Chance& chance) {
  plan.workload.waits = true;
  plan.chunk_bytes = std::uint64_t(chance.between(100, 600));
  for (TablePlan& table : plan.tables) {
    if (table.kind != TableKind::bank) table.rows = chance.between(20, 60);
  }
  plan.outages.clear();
  plan.lives.clear();
  const std::int64_t deaths = chance.between(3, 6);
  for (std::int64_t i = 0; i < deaths; ++i) {
    LifePlan life;
    life.end = LifePlan::End::crash_at_step;
    life.step = chance.between(4, 60);
    life.is_paused = true;
    life.wakes = some_ms(0, 1'500, chance);
    life.reload = chance.between(0, 1);
    life.length = some_ms(3'000, 8'000, chance);
    plan.lives.push_back(life);
  }
}

// Chunks that give way to somebody when some of their rows are read.
void yield_chunks(RunPlan& plan, double, Chance& chance) {
  for (TablePlan& table : plan.tables) {
    if (table.kind != TableKind::bank) table.rows = chance.between(40, 80);
  }
  plan.chunk_bytes = std::uint64_t(chance.between(2'000, 9'000));
  plan.weather.source.yield_share = std::uint64_t(chance.between(50'000, 300'000));
  plan.weather.source.slow_share = 300'000;
  plan.weather.source.cut_share = plan.weather.source.half_open_share = plan.weather.target.cut_share = 0;
}

// A process that is killed between keeping the changes of a suspended table and moving on, until somebody mends the
// target: what was kept comes again, and is replayed in large groups.
void keep_again(RunPlan& plan, double, Chance& chance) {
  lean_on_suspension(plan, chance);
  plan.workload.alter_share = 0;
  plan.workload.pause_max = some_ms(20, 150, chance);
  plan.group_changes = RunPlan().group_changes;
  plan.group_bytes = RunPlan().group_bytes;
  plan.relay_cap = RunPlan().relay_cap;
  plan.outages.clear();
  plan.lives.clear();
  const std::int64_t deaths = chance.between(3, 7);
  for (std::int64_t i = 0; i < deaths; ++i) {
    plan.lives.push_back(killed(some_ms(600, 4'000, chance)));
    plan.lives.back().power_cut = chance.percent(30);
    plan.lives.back().is_mended = i > 1 && chance.percent(30);
  }
}

constexpr std::array families = {
    Family{"as chance has it", 50, true, stay_plain},
    Family{"tables made again behind their drop", 10, false, remake_behind_drops},
    Family{"fail-overs beside columns that change", 10, false, fail_over_beside_columns},
    Family{"deaths at a crash point", 500, true, die_at_points},
    Family{"columns change", 50, false, change_columns},
    Family{"columns change unseen", 45, false, hide_columns},
    Family{"last columns are replaced unseen", 35, false, hide_replaced_columns},
    Family{"kills before columns are looked at", 30, false, kill_before_looks},
    Family{"a target ahead of its answers", 35, false, run_ahead},
    Family{"a target ahead of columns that pass", 110, false, run_ahead_of_columns},
    Family{"tables made again while the target is away", 70, false, remake_tables},
    Family{"kept changes that come again", 20, false, keep_again},
    Family{"machines that stand still", 20, false, stand_still},
    Family{"chunks that give way", 15, false, yield_chunks},
};

constexpr int sum_of_shares() {
  int sum = 0;
  for (const Family& family : families) sum += family.share;
  return sum;
}
static_assert(sum_of_shares() == family_shares);

}  // namespace

std::span<const Family> all_families() { return families; }

const Family& plain_family() { return families.front(); }

FamilyPlace family_of(std::uint64_t seed) {
  constexpr std::uint64_t golden = 0x9e3779b97f4a7c15ULL;  // its multiples are spread evenly
  double place = double((seed * golden) >> 11) * 0x1p-53 * family_shares;
  for (const Family& family : families) {
    if (place < family.share) return {&family, place / family.share};
    place -= family.share;
  }
  return {&families.back(), 0};
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

void lean_on_target_ahead(RunPlan& plan, Chance& chance) {
  keep_to_ddl(plan);
  plan.source_log_cap = 50;
  plan.workload.alter_share = std::uint64_t(chance.between(100, 400));
  plan.workload.drop_share = chance.percent(30) ? std::uint64_t(chance.between(10, 80)) : 0;
  plan.workload.changes_max = chance.between(1, 8);
  plan.workload.pause_max = some_ms(20, 400, chance);
  plan.weather.source.batch_changes_max = 4;
  plan.weather.target.lost_answer_share = std::uint64_t(chance.between(20'000, 300'000));
  plan.outages.clear();
  for (int i = 0; i < 6; ++i) {
    const base::Nanos before = some_ms(300, 5'000, chance);
    plan.outages.push_back({false, before, some_ms(200, 2'500, chance), false});
  }
  const std::int64_t lives = chance.between(3, 8);
  for (std::int64_t i = 0; i < lives; ++i) {
    LifePlan life = death("engine/shapes.cc ShapeHistory::write: commit(change)", chance.between(0, 40), chance);
    if (chance.percent(50)) {
      life.end = LifePlan::End::killed;
      life.point.clear();
    }
    life.length = some_ms(300, 5'000, chance);
    life.reload = LifePlan::all_lost;
    plan.lives.push_back(life);
  }
}

void lean_on_suspension(RunPlan& plan, Chance& chance) {
  plan.target = TargetKind::database;
  plan.workload.waits = true;
  plan.workload.transactions = std::size_t(chance.between(100, 250));
  plan.workload.pause_max = some_ms(5, 60, chance);
  for (TablePlan& table : plan.tables) table.rows = std::min<std::int64_t>(table.rows, 3);
  plan.refused_every = chance.between(5, 60);
  plan.workload.alter_share = chance.percent(60) ? std::uint64_t(chance.between(5, 100)) : 0;
  if (chance.percent(60)) plan.group_changes = 4;  // a replay in many steps
  plan.settings =
      R"({"ErrorBehavior":{"ApplyErrorInsertPolicy":"SUSPEND_TABLE","ApplyErrorUpdatePolicy":"SUSPEND_TABLE"}})";
}

}  // namespace sim
