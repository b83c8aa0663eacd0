// SPDX-License-Identifier: Apache-2.0
//
// Changes to files: one buffer a table (or one for all with PreserveTransactions), written when it is old or large
// enough, when memory is short, when the table's shape or the date folder changes. Exactly once; the story and its
// trace stand at the head of stream.cc. All methods may be called from any thread; one mutex guards everything.
//
// Order: begin or resume once a process, then apply, advance, tick, flush in any order; reset when a table is loaded
// anew. How it fails: files.replay_mismatch, errors of store and Journal; afterwards only destruction is left.
#pragma once

#include <map>
#include <set>

#include "connect/target.h"
#include "connectors/files/change_file.h"
#include "connectors/files/notes.h"
#include "connectors/files/time_zone.h"

namespace connectors::files {

class ChangeStream {
 public:
  ChangeStream(const Settings& settings, const connect::Context& context, wire::ObjectStore& store, TimeZone zone);

  base::Result<void> begin(const model::Position& position, const std::vector<model::TableSchemaPtr>& tables);
  // The shapes of the tables where a resumed stream goes on.
  base::Result<void> know(const std::vector<model::TableSchemaPtr>& tables);
  // Goes on from the Journal, when begin was called in an earlier process.
  base::Result<void> resume();
  base::Result<connect::ApplyReport> apply(model::ChangeBatch& batch, const std::stop_token& stop);
  base::Result<void> advance(std::uint64_t through);
  base::Result<void> tick();
  base::Result<void> flush();
  base::Result<std::optional<model::Position>> durable();
  // The table is loaded anew: what is gathered of it is dropped, names go on after `last_name`.
  base::Result<void> reset(const std::string& folder, std::int64_t last_name);
  // Before a table is loaded anew, with PreserveTransactions: recorded files do not wait for its rows any more.
  base::Result<void> settle_transactions();
  // The table's changes do not come any more, until replay(): files that were recorded wait for it.
  base::Result<void> hold(const model::TableName& table);
  base::Result<connect::ApplyReport> replay(model::ChangeBatch& batch, const std::stop_token& stop);

 private:
  struct Buffer {
    std::string folder;  // identity, and where its files go
    ChangeFile file;
    model::Position base;  // last commit before the first row
    model::Position to;    // position of the last row
    std::string partition;
    base::Nanos opened{};
    model::Position flushed;  // files hold everything up to here
    std::int64_t last_name = 0;
    std::deque<Intent> replay;  // recorded, not known to be written: gathered again, in order
    bool held = false;          // of a suspended table
    // Of its one table; of transaction files, which hold all tables, none.
    std::vector<std::pair<std::string, std::string>> tags;
  };
  struct Table {
    Buffer* buffer = nullptr;
    std::unique_ptr<RowEncoder> encoder;
    model::TableSchemaPtr schema;            // as last seen
    connect::TableCounts* counts = nullptr;  // in the report of the running apply
    std::uint64_t value_errors = 0;          // since the task's start
  };
  struct Sealed {
    Buffer* buffer;
    ChangeFile file;
    Intent intent;
    bool recorded = false;  // its intent is in the Journal already
  };

  base::Result<void> restore(const model::Position& position) REQUIRES(mutex_);
  base::Result<Buffer*> buffer_of(const std::string& folder) REQUIRES(mutex_);
  base::Result<Table*> table_of(const model::TableSchemaPtr& schema) REQUIRES(mutex_);
  base::Result<void> on_row(Table& table, const model::ChangeBatch& batch, const model::Change& change,
                            connect::ApplyReport& report) REQUIRES(mutex_);
  base::Result<void> place_row(Buffer& buffer, const model::Change& change) REQUIRES(mutex_);
  base::Result<void> on_outcome(Table& table, const model::Change& change, RowOutcome outcome,
                                const std::string& reason, connect::ApplyReport& report) REQUIRES(mutex_);
  base::Result<void> on_commit(const model::Position& position) REQUIRES(mutex_);
  base::Result<void> on_schema(const model::TableSchemaPtr& after, connect::ApplyReport& report) REQUIRES(mutex_);
  base::Result<void> on_clear(Table& table, const model::Change& change, bool wanted) REQUIRES(mutex_);
  base::Result<void> finish_clear(const std::string& folder, const model::Position& position) REQUIRES(mutex_);
  base::Result<void> finish_replays(const model::Position& position) REQUIRES(mutex_);
  base::Result<bool> keep_written(const Intent& intent) REQUIRES(mutex_);

  void start_row(Buffer& buffer, const model::Position& position) REQUIRES(mutex_);
  Sealed seal(Buffer& buffer) REQUIRES(mutex_);
  base::Result<void> seal_and_write(Buffer& buffer) REQUIRES(mutex_);
  base::Result<void> write(std::vector<Sealed> files) REQUIRES(mutex_);
  base::Result<void> write_one(const Sealed& sealed) REQUIRES(mutex_);
  base::Result<void> keep_in_budget() REQUIRES(mutex_);
  model::Position computed_position() REQUIRES(mutex_);
  base::Result<void> persist_position() REQUIRES(mutex_);
  std::int64_t next_name(Buffer& buffer) REQUIRES(mutex_);
  std::string key_of(const Buffer& buffer, std::int64_t name) REQUIRES(mutex_);

  const Settings& settings_;
  const connect::Context& context_;
  wire::ObjectStore& store_;
  const TimeZone zone_;

  base::Mutex mutex_;
  std::map<std::string, std::unique_ptr<Buffer>> buffers_ GUARDED_BY(mutex_);
  std::map<std::string, Table> tables_ GUARDED_BY(mutex_);
  std::map<const model::TableSchema*, Table*> by_schema_ GUARDED_BY(mutex_);
  std::map<model::TableName, model::TableSchemaPtr> shapes_
      GUARDED_BY(mutex_);  // by source name, before the next change
  std::vector<Table*> of_batch_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  std::size_t replaying_ GUARDED_BY(mutex_) = 0;
  bool begun_ GUARDED_BY(mutex_) = false;
  bool in_transaction_ GUARDED_BY(mutex_) = false;
  model::Position committed_ GUARDED_BY(mutex_);  // end of the last whole transaction
  std::optional<model::Position> persisted_ GUARDED_BY(mutex_);
  base::Nanos persisted_at_ GUARDED_BY(mutex_){};
  std::stop_token stop_ GUARDED_BY(mutex_);
};

}  // namespace connectors::files
