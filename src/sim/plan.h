// SPDX-License-Identifier: Apache-2.0
//
// What a seed stands for: everything that a run contains, drawn at its beginning. A plan may also be bent by hand,
// which is how a failing one is shrunk, and kept as a text (plan_text.h).
#pragma once

#include <string>
#include <vector>

#include "sim/disk.h"
#include "sim/scheduler.h"
#include "sim/source_connector.h"
#include "sim/store.h"
#include "sim/target_connector.h"

namespace sim {

enum class TableKind { keyed, two_keys, whole_image, no_key, unique, bank };

struct TablePlan {
  model::TableSchemaPtr schema;
  TableKind kind = TableKind::keyed;
  std::int64_t rows = 0;     // at the beginning
  bool is_filtered = false;  // the mapping selects some of its rows
  std::int64_t parent = -1;  // number of the table whose keys its column "single" refers to
  bool is_bound = false;     // to it: what the key does would not be in the log (it does nothing here)
};

// How a life of the engine's process ends.
struct LifePlan {
  enum class End { crash_at_step, killed, stopped } end = End::stopped;
  std::int64_t step = 0;
  std::string point;  // only durable steps at that crash point count; empty: all
  bool after = false;
  base::Nanos length{0};
  bool power_cut = false;     // with a crash or kill
  bool is_paused = false;     // it does not die: its machine stands still
  base::Nanos wakes{0};       // and goes on so long after the next one began, its disk is gone
  base::Nanos clock_jump{0};  // of the engine's wall clock, when it begins
  static constexpr std::int64_t all_lost = -2;
  std::int64_t reload = -1;  // before it begins, the user asks for this table to be loaded again, or for all_lost ones
  bool is_mended = false;    // and mended the target, for this life
  std::int64_t left_out = -1;  // table that the mapping does not select, for this life
};

// A file target: a table's changes in its own files, or transactions in files of all tables.
enum class TargetKind { database, files, transactions };

struct FilesPlan {
  bool is_bucket = false;  // else a folder
  bool op_in_load = false;
  bool partitions = false;
  std::int64_t seconds_max = 5;                 // CdcMaxBatchInterval
  std::int64_t load_kb = 1024, change_kb = 32;  // MaxFileSize, CdcMinFileSize
  std::size_t memory_budget = 64u << 20;
};

struct Weather {
  DiskWeather disk;
  StoreWeather store;
  SourceWeather source;
  TargetWeather target;
};

// What applications do, in shares of a hundred or counts.
struct WorkloadPlan {
  std::size_t sessions = 2;
  std::size_t transactions = 50;   // of all sessions
  std::int64_t changes_max = 6;    // of most transactions
  std::int64_t giant_changes = 0;  // of a giant one
  std::uint64_t giant_share = 0;
  std::uint64_t streamed_share = 20;
  std::uint64_t savepoint_share = 20;
  std::uint64_t rollback_share = 8;
  std::uint64_t prepared_share = 5;
  std::uint64_t truncate_share = 0;
  std::uint64_t alter_share = 0;  // of a thousand changes
  // Of a hundred alterations: the last column is made again; one comes last, or it goes.
  std::uint64_t last_column_share = 0, passing_column_share = 0;
  std::uint64_t drop_share = 0;  // of a thousand transactions: a table is dropped, or made again
  bool waits = false;            // at a third for the slot, at two thirds for a stream
  std::size_t crowd = 0;         // transactions that one session holds open at once, now and then
  std::size_t late_tables = 0;   // the last tables of the plan are made in the middle of the run
  std::int64_t text_bytes = 12;
  std::int64_t large_bytes = 300;
  base::Nanos standby_max{0};  // between a commit in the log and its visibility
  base::Nanos pause_max = std::chrono::milliseconds(50);
};

// Times at which a server cannot be reached, one after another.
struct OutagePlan {
  bool of_source = false;
  base::Nanos before{0};  // since the one before
  base::Nanos length{0};
  bool fails_over = false;  // a standby takes over: what the slot confirmed lately is not known there
};

struct RunPlan {
  std::uint64_t seed = 0;
  std::string family;  // of the seed (plan_families.h); empty: made by hand
  SchedulerStyle scheduler;
  std::vector<TablePlan> tables;
  WorkloadPlan workload;
  Weather weather;
  std::vector<LifePlan> lives;  // before the last, in which nothing fails
  std::vector<OutagePlan> outages;
  TargetKind target = TargetKind::database;
  FilesPlan files;
  base::Nanos clock_start{0};  // of the wall clock, since a full hour
  bool compacts = false;
  bool tells_ddl = true;           // event triggers report DDL in the log
  bool drops_tables = true;        // HandleSourceTableDropped
  std::int64_t refused_every = 0;  // the target refuses one row of so many, 0: none
  bool refuses_ddl = false;
  std::string settings = "{}";
  std::uint64_t chunk_bytes = 1000;
  std::uint64_t source_log_cap = 1u << 20;
  std::uint64_t relay_cap = 1u << 22;
  std::size_t queue_bytes = 24u << 20, group_bytes = 24u << 20, group_changes = 100'000, spool_bytes = 32u << 20;
};

model::ColumnType column_type(bool is_number);
struct Family;
RunPlan draw_plan(std::uint64_t seed);
// The same, bent as that family has it.
RunPlan draw_plan(std::uint64_t seed, const Family& family, double place);
// Gives the tables their schemas, by number and kind.
void name_tables(RunPlan& plan);
// One line for each thing worth knowing.
std::string describe(const RunPlan& plan);

}  // namespace sim
