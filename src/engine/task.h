// SPDX-License-Identifier: Apache-2.0
//
// A replication task: load, then stream, until told to stop. It knows source and target only by the promises in
// connect/, and is built anew from its durable state after every failure, so starting and recovering are one path.
//
// Owner: main (one process a task). run() blocks its caller's thread; status() may be called from any thread at any
// time and returns an immutable snapshot, renewed a few times a second.
//
// How it fails: transient errors are retried inside run() with bounded back-off (ErrorBehavior.Recoverable*); a table's
// error suspends that table; everything else ends run() with the error, and the durable state allows resume-processing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connect/connector.h"
#include "engine/settings.h"
#include "engine/state_store.h"
#include "mapping/mapping.h"

namespace engine {

class ValueEdits;

enum class MigrationType { full_load, cdc, full_load_and_cdc };
enum class StartType { start_replication, resume_processing, reload_target };

// What one task may hold in memory, by purpose. What does not fit waits at the source or goes to the disk. The sum,
// with the connectors' own buffers, is the budget of a task.
struct Budgets {
  std::size_t queue_bytes = 24u << 20;        // between capture and apply
  std::size_t group_bytes = 24u << 20;        // one call of Target::apply
  std::size_t group_changes = 100'000;        // the same, in changes
  std::size_t spool_bytes = 32u << 20;        // transactions that the source streams before their end
  std::size_t load_bytes = 4u << 20;          // between a chunk's reader and its writer
  std::uint64_t relay_segment = 64ull << 20;  // a file of the relay
  std::uint64_t relay_segment_min = 64u << 10;
};

struct TaskDefinition {
  std::string identifier;       // ReplicationTaskIdentifier
  std::string task_id;          // short and stable, [a-z0-9_]: names the slot; of identifier and data-dir
  std::string definition_hash;  // of the task document
  MigrationType migration_type = MigrationType::full_load;
  mapping::Mapping mapping;
  Settings settings;
  std::shared_ptr<const ValueEdits> edits;           // of the settings; nullptr: values stay as they are
  std::string start_position;                        // CdcStartPosition, native text; empty: none
  std::optional<base::WallMicros> start_time;        // CdcStartTime
  std::optional<base::WallMicros> stop_server_time;  // CdcStopPosition "server_time:..."
  std::optional<base::WallMicros> stop_commit_time;  // CdcStopPosition "commit_time:..."
  std::uint64_t chunk_bytes = 64u << 20;             // MillraceChunkMB of the source endpoint
  std::uint64_t source_log_cap_bytes = 4ull << 30;   // MillraceSourceLogCapMB: beyond it the relay takes over
  std::uint64_t relay_cap_bytes = 16ull << 30;       // MillraceRelayCapMB
  bool insert_only_without_identity = false;         // MillraceInsertOnlyWithoutIdentity
  Budgets budgets;
};

// When run() shall end by itself.
struct Until {
  enum class Kind { forever, caught_up, position, time } kind = Kind::forever;
  std::string position;  // native text
  base::WallMicros time = 0;
};

// What a task stands on. Everything outlives the Task. The factories are called again after a transient failure.
struct Environment {
  base::Clock* clock = nullptr;
  base::Random* random = nullptr;
  base::Disk* disk = nullptr;
  base::Log* log = nullptr;
  StateStore* store = nullptr;
  std::string data_folder;  // relay/ and spool/ live in it
  std::function<base::Result<std::unique_ptr<connect::Source>>(const connect::Context&)> open_source;
  std::function<base::Result<std::unique_ptr<connect::Target>>(const connect::Context&)> open_target;
  std::string source_text;  // "postgres 127.0.0.1:5432/crm", for messages and status
  std::string target_text;
};

struct TableStatus {
  model::TableName source_name;
  model::TableName target_name;
  std::string state;  // DMS's TableState: "Before load", "Full load", "Table completed", "Table error", ...
  std::string reason;
  std::int64_t rows_estimate = -1;
  std::uint64_t rows_loaded = 0;
  std::uint64_t bytes_loaded = 0;
  std::uint64_t load_errors = 0;  // rows left out of the load by DataErrorPolicy
  std::uint32_t chunks = 0, chunks_done = 0;
  base::WallMicros load_started = 0, load_ended = 0, updated = 0;
  std::uint64_t inserts = 0, updates = 0, deletes = 0, ddls = 0;                                  // captured
  std::uint64_t applied_inserts = 0, applied_updates = 0, applied_deletes = 0, applied_ddls = 0;  // durable or buffered
  std::uint64_t put_aside = 0;
  std::uint64_t looked_up = 0, looked_up_gone = 0;  // updates with values read again; of rows that are gone (NULL)
  std::uint64_t values_cut = 0;                     // lost a part by a setting
};

// How many latencies were within each bound (and not within the one before), and how many above the last.
struct Latencies {
  static constexpr std::array<double, 11> bounds{0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30, 300};  // seconds
  std::array<std::uint64_t, bounds.size() + 1> counts{};
  double sum = 0;  // seconds

  void add(std::int64_t micros);
};

struct TaskStatus {
  std::string phase;    // "starting", "full load", "streaming", "stopping", "stopped", "waiting to retry"
  std::string waiting;  // who is waited for, or the error being retried; empty: nothing
  std::vector<TableStatus> tables;
  std::string position;          // applied, native text
  std::string durable_position;  // confirmed
  std::string consistent_at;     // empty until the target is consistent
  std::uint64_t changes_captured = 0, changes_applied = 0, transactions_applied = 0;
  std::uint64_t bytes_captured = 0;
  std::int64_t source_latency_micros = -1;       // log written -> read by us
  std::int64_t target_latency_micros = -1;       // committed at the source -> applied
  Latencies source_latencies, target_latencies;  // of batches read, and of groups applied
  std::string relay_mode;                        // "memory", "source log", "relay", "source log (relay full)"
  std::uint64_t relay_bytes = 0, queued_bytes = 0, source_retained_bytes = 0;
  std::string source_log_health;
};

enum class Outcome { finished, interrupted };  // finished: full load done, or `until`/stop position reached

// One table of the plan, as `check` prints it.
struct PlannedTable {
  model::TableSchemaPtr source;
  mapping::MappedTable mapped;
  std::string filter;  // native SQL, empty: none
  mapping::Segments segments;
  std::int64_t rows_estimate = -1;
  std::uint64_t bytes = 0;
  std::int64_t load_order = 0;
  std::uint32_t chunks = 0;
  bool edited = false;  // settings change values of it: its cells are needed in canonical form
  connect::ReadForm read_form = connect::ReadForm::rows;
  std::vector<std::string> target_types;  // one for each mapped column
};

struct Plan {
  std::vector<PlannedTable> tables;
  std::vector<connect::Finding> findings;
  bool refused() const;
};

// One difference found by validate().
struct Difference {
  model::TableName table;
  std::string kind;     // "MISSING_TARGET", "MISSING_SOURCE", "RECORD_DIFF", DMS's words
  std::string key;      // {"key":["9335"]}
  std::string details;  // names of the columns that differ
};

struct ValidationReport {
  struct Table {
    model::TableName name;
    std::uint64_t rows_source = 0, rows_target = 0, differences = 0;
    std::string state;  // "Validated", "Mismatched records", "Table error"
    std::string note;
  };
  std::vector<Table> tables;
  std::vector<Difference> differences;  // at most differences_max kept
  bool equal() const;
};
inline constexpr std::size_t differences_max = 1000;

class Task {
 public:
  Task(TaskDefinition definition, Environment environment);
  ~Task();
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  // Stopping `stop` ends at a commit boundary within seconds: Outcome::interrupted, resumable.
  base::Result<Outcome> run(StartType start, const Until& until, std::stop_token stop);
  std::shared_ptr<const TaskStatus> status() const;
  // Before run(resume_processing): these tables (source names) are loaded again, fenced against the stream; it is also
  // how a suspended table comes back. Fails with engine.no_state or connect.table_missing.
  base::Result<void> reload_tables(const std::vector<model::TableName>& tables);
  // Before run(resume_processing), which tries every suspended table whose changes are kept: makes sure that these are
  // such tables. Fails with engine.not_resumable.
  base::Result<void> resume_tables(const std::vector<model::TableName>& tables);

  // Connects to both ends and touches nothing.
  base::Result<Plan> plan(std::stop_token stop);
  // Compares source and target row by row; rows that change meanwhile are looked at again.
  base::Result<ValidationReport> validate(std::function<void(const Difference&)> on_difference, std::stop_token stop);
  // Removes capture, relay, target position and local state. `force`: go on when the source cannot be reached.
  base::Result<void> drop(bool force);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace engine
