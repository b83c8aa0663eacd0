// SPDX-License-Identifier: Apache-2.0
//
// The promise of a source. The engine knows a source only by these classes. Every method is required; abilities that
// not every source has are separate interfaces, reached by the accessor that may return nullptr.
//
// Order: open -> catalog().* -> [begin_capture -> snapshot -> readers] -> open_stream -> next/confirm... Any call may
// fail with `transient` (the engine opens everything anew from its checkpoint), `table` or `task`.
//
// What a stream delivers: each committed transaction that touches a captured table exactly once after the position it
// was opened at, in commit order, complete. Positions only grow. The same transaction delivered again after a restart
// has the same position and the same changes in the same sequence.
// Snapshot and stream give the same cell for the same value.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>

#include "base/clock.h"
#include "base/disk.h"
#include "base/log.h"
#include "connect/journal.h"
#include "connect/options.h"
#include "model/change.h"
#include "model/comparison.h"
#include "model/row_batch.h"

namespace connect {

// What the engine gives every connector. All members outlive the connector.
struct Context {
  std::string task;     // ReplicationTaskIdentifier
  std::string task_id;  // short, stable, [a-z0-9_]: for slot and file names, made from task and data-dir identity
  base::Clock* clock = nullptr;
  base::Random* random = nullptr;
  base::Disk* disk = nullptr;
  base::Log* log = nullptr;
  Journal* journal = nullptr;
  std::string control_schema;                   // ControlTablesSettings.ControlSchema
  std::size_t memory_budget = 64u << 20;        // for one connector's own buffers
  std::stop_token stop;                         // guards what has no token of its own
  bool streams = false;                         // not a full load alone
  bool reload = false;                          // the user asked for reload-target: what this task left before may go
  std::map<std::string, std::string> settings;  // flattened task settings "FullLoadSettings.CommitRate" -> "10000"
};

struct TableListing {
  model::TableName name;
  std::string kind;  // "table", "partitioned", "view", "foreign", "unlogged", ...
  std::int64_t rows_estimate = -1;
  std::uint64_t bytes = 0;
  std::uint64_t source_id = 0;  // as TableSchema::source_id; 0: the name is all there is
};

// A problem found before anything is touched, with the exact remedy.
struct Finding {
  enum class Severity { note, warning, refusal } severity = Severity::note;
  std::string object;  // "table public.orders", "server setting wal_level"
  std::string problem;
  std::string remedy;  // SQL or a sentence; may be empty for notes
};

// A change of a table's shape that an earlier stream has made beyond where this one begins.
struct LaterShape {
  std::uint64_t log = 0;  // the transaction's position
  std::uint64_t table_id = 0;
  model::TableSchemaPtr shape;  // behind it; nullptr: dropped
};

struct CapturePlan {
  std::vector<model::TableSchemaPtr> tables;  // source schemas, as selected
  // open_stream only: the shapes that tables had at the position it opens at, as an earlier stream told them; tables
  // that are gone since are among them. A table that is not here had the shape of `tables`.
  std::vector<model::TableSchemaPtr> shapes;
  // open_stream only: those of which the log says nothing are to be made again, at the same places.
  std::vector<LaterShape> later_shapes;
  // open_stream only, by source_id: what a table's load holds already. Its shape is one behind all of that.
  std::map<std::uint64_t, model::Fence> fences;
  std::set<model::TableName> canonical;       // their rows are computed with: canonical cells in every stream
  std::set<model::TableName> filtered;        // they are loaded by conditions, in the source's own words
  bool insert_only_without_identity = false;  // publish inserts of tables that have no usable identity
};

class Catalog {
 public:
  virtual ~Catalog() = default;
  virtual base::Result<std::string> server_version() = 0;
  // All tables a user could mean (system schemas and our own tables never), sorted by name.
  virtual base::Result<std::vector<TableListing>> list_tables() = 0;
  virtual base::Result<model::TableSchemaPtr> describe(const model::TableName& table) = 0;
  // The end of the source's log now: everything committed before the call is at or below it.
  virtual base::Result<model::Position> current_position() = 0;
  // Checks privileges, settings, identities, filters... for that plan.
  virtual base::Result<std::vector<Finding>> check(const CapturePlan& plan, bool full_load, bool stream) = 0;
};

enum class ReadForm {
  rows,        // RowBatch, canonical cells
  raw_binary,  // the family's own bulk stream, undecoded (PostgreSQL: COPY BINARY)
  raw_text,    // its text form (PostgreSQL: COPY text)
};

struct Chunk {
  model::TableName table;    // source name
  std::uint32_t number = 0;  // 0.. within the table
  std::string predicate;     // the source's own words for the range; opaque to the engine; empty: the whole table
  std::int64_t rows_estimate = -1;
  std::uint64_t bytes_estimate = 0;
};

// Reads one chunk; one thread. next_* returns false at the end; then rows() is the source's own count of rows sent,
// those that are in no batch but in its `rejected` included.
class ChunkReader {
 public:
  virtual ~ChunkReader() = default;
  virtual base::Result<bool> next_rows(model::RowBatch& out, std::stop_token stop) = 0;
  virtual base::Result<bool> next_raw(std::string& out, std::stop_token stop) = 0;
  virtual std::uint64_t rows() const = 0;
};

// One consistent view of the source, shared by all readers until destroyed. Methods may be called from any thread,
// each reader has its own connection.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual model::Fence fence() const = 0;  // high 0: the stream begins exactly at this snapshot
  virtual base::Result<std::vector<Chunk>> chunks(const model::TableSchema& table, std::uint64_t chunk_bytes) = 0;
  // `columns`: indexes into table.columns to read, in that order; `filter`: native SQL or empty.
  // Fails with kind `table` and code connect.table_changed when the table was rewritten since planned.
  virtual base::Result<std::unique_ptr<ChunkReader>> read(const model::TableSchema& table,
                                                          const std::vector<std::uint32_t>& columns, const Chunk& chunk,
                                                          const std::string& filter, ReadForm form,
                                                          const std::stop_token& stop = {}) = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;
  // Blocks up to ~100 ms; an empty batch is a heartbeat that may move `through`. Keepalives towards the source are
  // answered inside; call it (or keep_alive) at least once a second. Failing with connect.stream_again it wants to be
  // opened anew, at once, from what is durable.
  virtual base::Result<model::ChangeBatch> next(std::stop_token stop) = 0;
  // The source may forget everything up to and including that position. Durable at the source eventually.
  virtual base::Result<void> confirm(const model::Position& position) = 0;
  // Answers keepalives without reading data, while the engine cannot take more.
  virtual base::Result<void> keep_alive() = 0;
  // Asks the source to report its position soon (used by --until caught-up).
  virtual base::Result<void> nudge() = 0;
};

struct CaptureStatus {
  bool exists = false;
  model::Position confirmed;         // the source has forgotten everything up to here
  std::uint64_t retained_bytes = 0;  // log kept at the source because of us
  std::string health;                // "reserved", "extended", "unreserved", "lost" or ""
};

// Change capture set up in the source (slot, publication, event trigger), and removed by us.
class Capture {
 public:
  virtual ~Capture() = default;
  virtual base::Result<CaptureStatus> status() = 0;
  // Creates what is missing; the snapshot sees exactly what is committed before the stream's first change.
  // `waiting` is called about once a second with who is waited for (pid, age, query) while creation blocks.
  virtual base::Result<std::pair<model::Position, std::unique_ptr<Snapshot>>> begin(
      const CapturePlan& plan, std::function<void(const std::string&)> waiting, std::stop_token stop) = 0;
  // Start at a given native position with an existing capture (CdcStartPosition), no snapshot.
  virtual base::Result<model::Position> adopt(const CapturePlan& plan, const model::Position& start) = 0;
  // Brings the set of captured tables in line with the plan (added, removed tables).
  virtual base::Result<void> update(const CapturePlan& plan, std::function<void(const std::string&)> waiting,
                                    std::stop_token stop) = 0;
  // `position` must not be behind what the source has forgotten: connect.position_gone.
  virtual base::Result<std::unique_ptr<Stream>> open_stream(const CapturePlan& plan, const model::Position& position,
                                                            model::CellForm form) = 0;
  // Writes a heartbeat into the log so that an idle database does not pin it.
  virtual base::Result<void> heartbeat() = 0;
  virtual base::Result<void> drop() = 0;  // removes all of it; absent things are fine
};

// Rows of one table, for validation. A database gives its native text with fixed session settings; a connector without
// one of its own (files) gives model::cell_text of the canonical cells.
class OrderedReader {
 public:
  virtual ~OrderedReader() = default;
  // Fills `cells` (nullopt: NULL) of the next row; false at the end.
  virtual base::Result<bool> next(std::vector<std::optional<std::string>>& cells, std::stop_token stop) = 0;
};

class Comparable {
 public:
  virtual ~Comparable() = default;
  // Ordered bytewise by the given columns' text, NULL last (key or all stored columns; empty: any order), so that both
  // sides of one family compare equal exactly when the values are equal. `expressions`: native SQL whose text is read
  // in place of a column's value, by the column's index.
  using Expressions = std::map<std::uint32_t, std::string>;
  virtual base::Result<std::unique_ptr<OrderedReader>> read_ordered(const model::TableSchema& table,
                                                                    const std::vector<std::uint32_t>& columns,
                                                                    const std::vector<std::uint32_t>& order,
                                                                    const std::string& filter,
                                                                    const Expressions& expressions) = 0;
  // Whether an empty text and NULL look alike there (csv with the default NULL text); both are given as NULL.
  virtual bool empty_is_null() const { return false; }
};

class Source {
 public:
  virtual ~Source() = default;
  virtual std::string_view family() const = 0;
  virtual Catalog& catalog() = 0;
  // A snapshot of its own (full-load only, reload, added table). With `capturing` it carries a fence.
  virtual base::Result<std::unique_ptr<Snapshot>> snapshot(bool capturing) = 0;
  virtual Capture* capture() = 0;        // nullptr: cannot stream
  virtual Comparable* comparable() = 0;  // nullptr: cannot be validated
  // "0/16B3748" <-> Position.
  virtual std::string position_text(const model::Position& position) const = 0;
  virtual base::Result<model::Position> parse_position(std::string_view text) const = 0;
  // For the native SQL of a source filter (mapping/filter.h).
  virtual std::string quote_identifier(std::string_view name) const = 0;
  virtual std::string quote_literal(std::string_view text) const = 0;
  // How the source itself compares values of that column.
  virtual model::Comparison comparison(const model::TableSchema& table, const model::Column& column) const = 0;
};

namespace errors {
inline constexpr base::Code position_gone{
    "connect.position_gone", base::Kind::task,
    "The source no longer keeps the log from our position on, so changes would be missing. Start the task with "
    "--start-type reload-target."};
inline constexpr base::Code table_changed{"connect.table_changed", base::Kind::table,
                                          "The table was rewritten or truncated while it was loaded; it starts again."};
inline constexpr base::Code table_missing{
    "connect.table_missing", base::Kind::table,
    "The table does not exist (any more); remove it from the mapping or create it."};
inline constexpr base::Code chunk_yielded{
    "connect.chunk_yielded", base::Kind::transient,
    "A chunk of the full load gave up its locks to let others pass; it is tried again."};
inline constexpr base::Code stream_again{"connect.stream_again", base::Kind::transient,
                                         "The stream is opened anew in another form and goes on; nothing to do."};
inline constexpr base::Code bad_position{
    "connect.bad_position", base::Kind::input,
    "Write the position in the source's own form, for PostgreSQL like 4AF/B00000D0."};
inline constexpr base::Code not_supported{"connect.not_supported", base::Kind::input,
                                          "This combination is not supported; the message says which part."};
}  // namespace errors

}  // namespace connect
