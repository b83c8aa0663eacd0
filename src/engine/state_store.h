// SPDX-License-Identifier: Apache-2.0
//
// What a task must remember over a crash, behind atomic commits: its own row, its tables, the chunks already loaded,
// and the notes of its connectors (connect::Journal). One store holds one task. The engine reads everything once with
// load() and from then on only writes; a commit that returned is durable, one that failed changed nothing.
//
// SqliteStore keeps it in one file (WAL, synchronous=FULL), MemoryStore in memory for tests. All methods may be called
// from any thread. How it fails: engine.state_* below, naming the file; after a failed commit the task restarts from
// what load() says.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/thread.h"
#include "connect/journal.h"
#include "model/position.h"
#include "model/schema.h"

struct sqlite3;

namespace engine {

inline constexpr int state_version = 3;

struct TaskRecord {
  std::string identifier;                        // ReplicationTaskIdentifier
  std::string definition_hash;                   // of the task document: a changed one is recognised
  std::string migration_type;                    // "full-load", "cdc", "full-load-and-cdc"
  std::string phase;                             // the engine's own word
  std::string stop_reason;                       // why it stopped last; empty while it runs
  std::optional<model::Position> capture_start;  // where the stream begins
  std::optional<model::Position> acknowledged;   // what the source was told it may forget
  std::optional<model::Position> consistent;     // from here on the target shows only committed states
  std::uint64_t starts = 0;                      // how often the task was started by the user
  std::uint64_t restarts = 0;                    // how often it restarted itself after a transient error
  base::WallMicros created = 0, started = 0, stopped = 0;
  friend bool operator==(const TaskRecord&, const TaskRecord&) = default;
};

// Counters of the stream, as the source sent them and as the target took them.
struct ChangeCounts {
  std::uint64_t inserts = 0, updates = 0, deletes = 0, ddls = 0;
  friend bool operator==(const ChangeCounts&, const ChangeCounts&) = default;
};

struct TableRecord {
  model::TableName source_name;
  std::string state;  // the engine's own word (DescribeTableStatistics.TableState)
  std::string suspended_reason;
  model::Fence fence;       // of the load's snapshot; high 0: none
  std::string schema_hash;  // which table of that name was loaded: plan.h's table_identity; may be empty
  std::string rules_hash;   // of the rules it was loaded under; empty: not known
  std::uint64_t load_rows = 0, load_bytes = 0, load_chunks = 0, load_chunks_done = 0, load_errors = 0;
  base::WallMicros load_started = 0, load_ended = 0;
  bool reloaded = false;
  ChangeCounts read, applied;
  std::uint64_t put_aside = 0;
  std::uint64_t values_cut = 0;
  base::WallMicros last_update = 0;
};

enum class ChunkState : std::uint8_t { planned, loading, loaded };

struct ChunkRecord {
  model::TableName table;  // source name
  std::uint32_t number = 0;
  std::string predicate;
  ChunkState state = ChunkState::planned;
  std::uint64_t rows = 0;
  friend bool operator==(const ChunkRecord&, const ChunkRecord&) = default;
};

using Note = std::pair<std::string, std::optional<std::string>>;  // nullopt: remove

// Applied as one, in this order: wipe, then all upserts.
struct StateChange {
  bool wipe = false;  // reload-target, drop: everything, the notes included
  std::optional<TaskRecord> task;
  std::vector<TableRecord> tables;  // by source_name
  std::vector<ChunkRecord> chunks;  // by table and number
  std::vector<Note> notes;          // by full key, see journal_of
};

struct State {
  std::optional<TaskRecord> task;  // nullopt: the task was never started here
  std::map<model::TableName, TableRecord> tables;
  std::map<model::TableName, std::vector<ChunkRecord>> chunks;  // ordered by number
};

class StateStore {
 public:
  virtual ~StateStore() = default;
  virtual base::Result<State> load() = 0;
  virtual base::Result<void> commit(const StateChange& change) = 0;
  virtual base::Result<std::optional<std::string>> note(const std::string& key) = 0;
  // All notes whose key begins with that, ordered bytewise.
  virtual base::Result<std::vector<std::pair<std::string, std::string>>> notes(const std::string& prefix) = 0;
};

// The notes of one connector: keys are stored as "<space>/<key>". The store must outlive it.
std::unique_ptr<connect::Journal> journal_of(StateStore& store, std::string space);

class MemoryStore final : public StateStore {
 public:
  base::Result<State> load() override;
  base::Result<void> commit(const StateChange& change) override;
  base::Result<std::optional<std::string>> note(const std::string& key) override;
  base::Result<std::vector<std::pair<std::string, std::string>>> notes(const std::string& prefix) override;

 private:
  base::Mutex mutex_;
  State state_ GUARDED_BY(mutex_);
  std::map<std::string, std::string> notes_ GUARDED_BY(mutex_);
};

class SqliteStore final : public StateStore {
 public:
  enum class Open { create_or_open, existing };
  // `path` is absolute; its folder exists. `existing` fails with engine.state_absent when there is no such file.
  static base::Result<std::unique_ptr<SqliteStore>> open(const std::string& path, Open how);
  ~SqliteStore() override;

  base::Result<State> load() override;
  base::Result<void> commit(const StateChange& change) override;
  base::Result<std::optional<std::string>> note(const std::string& key) override;
  base::Result<std::vector<std::pair<std::string, std::string>>> notes(const std::string& prefix) override;

 private:
  SqliteStore(sqlite3* database, std::string path) : database_(database), path_(std::move(path)) {}
  base::Result<void> establish() REQUIRES(mutex_);
  base::Result<void> write_all(const StateChange& change) REQUIRES(mutex_);

  base::Mutex mutex_;
  sqlite3* database_ GUARDED_BY(mutex_);
  const std::string path_;
};

namespace errors {
inline constexpr base::Code state_newer{
    "engine.state_newer", base::Kind::input,
    "A newer Millrace wrote this data directory. Use that version, or another --data-dir for a fresh start."};
inline constexpr base::Code state_absent{"engine.state_absent", base::Kind::input,
                                         "There is no state of this task in the data directory; start the task first."};
inline constexpr base::Code state_damaged{
    "engine.state_damaged", base::Kind::task,
    "The state file is damaged. Check the disk; restore the file, or drop the task and start it with reload-target."};
inline constexpr base::Code state_busy{"engine.state_busy", base::Kind::task,
                                       "Another process holds the state file; stop it, then resume the task."};
inline constexpr base::Code state_failed{
    "engine.state_failed", base::Kind::task,
    "The state could not be made durable; check the data directory's disk and permissions, then resume the task."};
}  // namespace errors

}  // namespace engine
