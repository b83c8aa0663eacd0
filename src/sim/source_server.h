// SPDX-License-Identifier: Apache-2.0
//
// The source's database server: tables, row locks, transactions with savepoints, and the log of what committed. It
// behaves as PostgreSQL does where the engine can tell: a commit has its place in the log before other sessions see it;
// changes of an open transaction may be streamed out before its end; a table's changes are sent from the moment on at
// which the table was published.
//
// It also keeps what nobody else has: the digest of every table at every position of the log, which is what the
// checkers compare the target with.
//
// Outlives the engine's processes. One simulated thread at a time; methods do not switch unless they say so.
#pragma once

#include <deque>
#include <functional>
#include <set>

#include "sim/rows.h"
#include "sim/trace.h"

namespace sim {

struct LoggedChange {
  model::Op op = model::Op::insert;
  model::TableSchemaPtr schema;
  std::optional<Row> before, after;
  std::uint64_t sub_xid = 0;
  std::string report = {};  // of DDL: what an event trigger says about it
};

struct LogEntry {
  enum class Kind { whole, piece, abort, streamed_commit, heartbeat } kind = Kind::whole;
  std::uint64_t log = 0;
  std::uint64_t xid = 0, sub_xid = 0;
  base::WallMicros commit_time = 0;
  std::vector<LoggedChange> changes;
};

struct SourceTable {
  explicit SourceTable(const model::TableSchemaPtr& schema)
      : rows(schema), highest(static_cast<std::int32_t>(schema->columns.size())) {}
  RowSet rows;
  std::int32_t highest;                        // column number given so far
  int readers = 0;                             // chunks being read hold TRUNCATE and DDL up
  std::uint64_t rewrites = 0;                  // by TRUNCATE and DDL
  std::set<std::uint64_t> writers;             // open transactions
  std::uint64_t exclusive = 0;                 // the transaction that locks all of it
  std::map<std::string, std::uint64_t> locks;  // row key -> transaction
};

// What a table of that name was from a position on; id 0: there is none.
struct Moment {
  std::uint64_t log = 0, id = 0, digest = 0;
  Shape shape;
  bool is_described = true;  // a change in the log came with these columns
};

// ALTER TABLE, of any of its kinds.
struct Alteration {
  model::TableSchemaPtr shape;
  std::function<Row(const Row&)> shaped;  // what a row becomes
  bool rewrites = false;
  bool converts = false;  // by an expression of the user's
};

struct Transaction {
  struct Undo {
    model::TableName table;
    std::optional<Row> before, after;
    std::optional<RowSet> replaced;             // all rows, by TRUNCATE or DDL
    std::uint64_t digest_change = 0;            // by this change
    std::optional<std::uint64_t> digest_after;  // with `replaced`: of the whole table
    Shape shape_after;
    std::int32_t highest = 0;  // with `replaced`: column number before
    std::uint64_t sub_xid = 0;
  };
  std::uint64_t xid = 0;
  std::vector<std::uint64_t> open_subs;  // innermost last
  std::vector<LoggedChange> changes;     // not in the log yet
  std::vector<Undo> undo;
  bool is_streamed = false;
  bool is_logged = false;  // its commit is in the log, but not visible yet
};

// What one moment shows.
struct SourceView {
  std::map<model::TableName, RowSet> tables;
  model::Fence fence;  // high is the end of the log
};

class SourceServer {
 public:
  SourceServer(SimScheduler& scheduler, Trace& trace, const SimClock& clock)
      : scheduler_(scheduler), trace_(trace), clock_(clock) {}

  // --- as an application. A change returns false when somebody else holds a lock on what it needs.
  void create_table(const model::TableSchemaPtr& schema, RowFilter filter);
  bool drop_table(const model::TableName& name);  // a transaction of its own
  std::uint64_t begin();
  bool insert(std::uint64_t xid, const model::TableName& table, Row row);
  bool update(std::uint64_t xid, const model::TableName& table, const Row& before, Row after);
  bool remove(std::uint64_t xid, const model::TableName& table, const Row& row);
  bool truncate(std::uint64_t xid, const model::TableName& table);
  bool alter(std::uint64_t xid, const Alteration& alteration);
  void savepoint(std::uint64_t xid);
  void release_savepoint(std::uint64_t xid);
  void rollback_to_savepoint(std::uint64_t xid);
  // What the transaction did so far goes to the log now.
  void stream_out(std::uint64_t xid);
  // Waits that long between the log and visibility.
  void commit(std::uint64_t xid, base::Nanos invisible = base::Nanos{0});
  void rollback(std::uint64_t xid);
  bool is_open(std::uint64_t xid) const { return open_.contains(xid); }
  const std::map<model::TableName, SourceTable>& tables() const { return tables_; }
  bool is_locked(const model::TableName& table, const Row& row, std::uint64_t xid) const;
  // The row with that first key cell stays until the transaction ends; false: there is none, or somebody else has it.
  bool lock_referenced(std::uint64_t xid, const model::TableName& table, const Value& id);

  // --- as a server
  // `by_log`: what is in the log counts, as the snapshot of a new slot; else what other sessions see.
  SourceView view(bool by_log) const;
  std::uint64_t end_of_log() const { return end_of_log_; }
  const std::deque<LogEntry>& log() const { return log_; }
  void heartbeat();
  // Changes logged behind `from` are sent, if not earlier ones already.
  void publish(const model::TableName& table, std::uint64_t from);
  bool is_published(std::uint64_t table_id, std::uint64_t log) const;
  // What other sessions see of the table of that number; nullptr: none.
  struct Visible {
    model::TableSchemaPtr schema;
    std::int32_t highest = 0;
    std::uint64_t locked_by = 0;  // the transaction that locks all of it
  };
  Visible visible(std::uint64_t table_id) const;
  Visible visible(const model::TableName& table) const;
  // Open transactions that wrote that table.
  std::set<std::uint64_t> writers(const model::TableName& table) const;
  void count_reader(const model::TableName& table, int by);
  struct Slot {
    bool exists = false;
    std::uint64_t confirmed = 0;
    std::uint64_t started = 0;
  };
  Slot slot;
  std::uint64_t streams = 0;  // opened so far
  bool tells_ddl = true;      // event triggers report DDL in the log
  // A standby takes over. It has all of the log, and of the slot what was copied to it some time ago.
  void fail_over();
  std::uint64_t failovers() const { return failovers_; }
  void note_confirmed() { earlier_confirmed_ = slot.confirmed; }

  // --- as an oracle
  Moment at(const model::TableName& table, std::uint64_t log) const;
  const std::vector<Moment>& history(const model::TableName& table) const { return histories_.at(table); }
  bool is_commit(std::uint64_t log) const { return commits_.contains(log); }

 private:
  bool lock_row(Transaction& transaction, SourceTable& table, const Row& row);
  bool lock_table(Transaction& transaction, SourceTable& table);
  void add_change(Transaction& transaction, LoggedChange change, Transaction::Undo undo);
  LogEntry& add_entry(LogEntry::Kind kind, std::uint64_t xid);
  void fill_entry(LogEntry& entry, Transaction& transaction);
  static void revert(RowSet& rows, const Transaction::Undo& undo);
  void take_back(const Transaction::Undo& undo);
  void end(std::uint64_t xid);

  SimScheduler& scheduler_;
  Trace& trace_;
  const SimClock& clock_;
  std::map<model::TableName, SourceTable> tables_;
  std::map<model::TableName, std::vector<Moment>> histories_;
  std::map<std::uint64_t, std::uint64_t> published_;  // table number -> changes logged behind this are sent
  std::map<std::uint64_t, Transaction> open_;
  std::deque<LogEntry> log_;
  std::set<std::uint64_t> commits_;
  std::uint64_t earlier_confirmed_ = 0;
  std::uint64_t failovers_ = 0;  // connections of before are dead
  std::uint64_t next_xid_ = 100;
  std::uint64_t end_of_log_ = 1000;
};

}  // namespace sim
