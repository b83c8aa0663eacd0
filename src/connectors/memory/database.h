// SPDX-License-Identifier: Apache-2.0
//
// A database in memory: tables, transactions, and a log of their changes that a Stream reads. It stands for the server,
// so it outlives sources and targets opened on it, and a test drives it while a task runs: it writes, asks for faults,
// and reads what the target shows. As a target it stores rows and position in one step and can keep every state it
// ever showed. All methods may be called from any thread.
//
// A transaction: begin, insert/update/remove, commit or abort. stream() puts what it has done so far into the log
// before its end, as a server does with large ones. How it fails: memory.* and the faults that a test injected.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/thread.h"
#include "model/change.h"

namespace memory {

using Value = std::optional<std::string>;  // a canonical cell; nullopt: NULL
using Row = std::vector<Value>;            // one for each stored column

Value fixed(std::int64_t value);
Value text(std::string_view value);

// Rows by their key (all columns when there is none; then a row may be there several times).
class Table {
 public:
  explicit Table(model::TableSchemaPtr schema);
  const model::TableSchemaPtr& schema() const { return schema_; }
  base::Result<void> insert(Row row);
  base::Result<Row> take(const Row& like);  // by the key columns of `like`
  void clear() { rows_.clear(); }
  std::vector<Row> rows() const;
  std::size_t size() const;
  std::string key_of(const Row& row) const;
  friend bool operator==(const Table& a, const Table& b) { return a.rows_ == b.rows_; }

 private:
  model::TableSchemaPtr schema_;
  std::vector<std::size_t> key_;  // as indexes into a Row
  std::map<std::string, std::vector<Row>> rows_;
};

using Tables = std::map<model::TableName, Table>;

struct LoggedChange {
  model::Op op = model::Op::insert;
  model::TableSchemaPtr schema;
  std::optional<Row> before, after;
  std::uint64_t sub_xid = 0;
};

struct LogEntry {
  enum class Kind { whole, piece, abort, streamed_commit, heartbeat } kind = Kind::whole;
  std::uint64_t log = 0;
  std::uint64_t xid = 0, sub_xid = 0;
  base::WallMicros commit_time = 0;
  std::vector<LoggedChange> changes;
};

// One state that a target showed.
struct Shown {
  std::optional<model::Position> position;
  Tables tables;
};

class Database {
 public:
  explicit Database(base::Clock& clock) : clock_(clock) {}

  // --- as the application
  void create_table(const model::TableSchemaPtr& schema);
  std::uint64_t begin();
  base::Result<void> insert(std::uint64_t xid, const model::TableName& table, Row row, std::uint64_t sub_xid = 0);
  // The row is found by the key of `before`, and must be there.
  base::Result<void> update(std::uint64_t xid, const model::TableName& table, const Row& before, Row after,
                            std::uint64_t sub_xid = 0);
  base::Result<void> remove(std::uint64_t xid, const model::TableName& table, const Row& like,
                            std::uint64_t sub_xid = 0);
  base::Result<void> truncate(std::uint64_t xid, const model::TableName& table);
  std::uint64_t new_sub_xid();
  base::Result<void> abort_sub(std::uint64_t xid, std::uint64_t sub_xid);
  base::Result<void> stream(std::uint64_t xid);
  base::Result<void> commit(std::uint64_t xid);
  void abort(std::uint64_t xid);
  Tables tables() const;
  std::uint64_t end_of_log() const;

  // --- as a test
  // The call of that name ("stream.next", "target.apply", ...) fails with that code, after `passes` more good ones.
  void fail(const std::string& call, const base::Code& code, int passes = 0);
  base::Result<void> check_fault(const std::string& call);
  void keep_history() {
    base::Lock lock(mutex_);
    keeps_history_ = true;
  }
  std::vector<Shown> history() const;

  // --- as the source's server
  struct Capture {
    bool exists = false;
    std::uint64_t confirmed = 0;
  };
  struct View {
    Tables tables;
    model::Fence fence;  // high is the end of the log
  };
  View view() const;
  Capture capture() const;
  void set_capture(const Capture& capture);
  void heartbeat();
  // Entries from that index on; waits up to `at_most` for one.
  std::vector<LogEntry> entries(std::size_t from, std::size_t count_max, const std::stop_token& stop,
                                base::Nanos at_most);

  // --- as the target's server
  std::uint64_t take_over();  // the new owner's epoch
  std::optional<model::Position> position(const std::string& task) const;
  // Replaces these tables and the position (nullopt: keeps it) in one step, if the epoch is still the owner's.
  base::Result<void> publish(std::uint64_t epoch, const std::string& task, Tables&& changed,
                             const std::optional<model::Position>& position);
  base::Result<void> forget_task(const std::string& task);
  // Adds rows to a table in one step.
  base::Result<void> load(const model::TableName& table, std::vector<Row>&& rows);
  std::optional<Table> table(const model::TableName& name) const;

 private:
  struct Running {
    std::vector<LoggedChange> changes;  // not yet in the log
    std::vector<LoggedChange> done;     // streamed before
    bool is_streamed = false;
  };
  base::Result<Running*> running(std::uint64_t xid) REQUIRES(mutex_);
  base::Result<model::TableSchemaPtr> schema_of(const model::TableName& table) const REQUIRES(mutex_);
  LogEntry& log_entry(LogEntry::Kind kind, std::uint64_t xid) REQUIRES(mutex_);

  base::Clock& clock_;
  mutable base::Mutex mutex_;
  base::Condition changed_;
  Tables tables_ GUARDED_BY(mutex_);
  std::map<std::uint64_t, Running> running_ GUARDED_BY(mutex_);
  std::deque<LogEntry> log_ GUARDED_BY(mutex_);
  std::uint64_t next_xid_ GUARDED_BY(mutex_) = 100;
  std::uint64_t end_of_log_ GUARDED_BY(mutex_) = 1000;
  Capture capture_ GUARDED_BY(mutex_);
  struct Fault {
    const base::Code* code = nullptr;
    int passes = 0;
  };
  std::map<std::string, Fault> faults_ GUARDED_BY(mutex_);
  std::uint64_t epoch_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, model::Position> positions_ GUARDED_BY(mutex_);
  bool keeps_history_ GUARDED_BY(mutex_) = false;
  std::vector<Shown> history_ GUARDED_BY(mutex_);
};

}  // namespace memory
