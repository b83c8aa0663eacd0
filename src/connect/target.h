// SPDX-License-Identifier: Apache-2.0
//
// The promise of a target. Schemas given to a target are already mapped (names, columns): the target never sees a
// source name except in TableSchema::source_name.
//
// Order: open -> start -> prepare(table)... -> loader(table, chunk)... -> loaded(table) -> begin_apply or resume_apply
// -> apply... -> flush -> stop. prepare and loaders of different tables run in parallel; apply, flush and tick are
// called by one thread only, never before begin_apply or resume_apply.
//
// Exactly once. Either the position is stored in the target with the data in one transaction (relational), or the
// intent (name, position range, rows) is in the Journal before a file is written, so that writing it again gives the
// same bytes under the same name. apply() with changes at or below what is durable is harmless: they are skipped.
#pragma once

#include "connect/source.h"

namespace connect {

enum class Preparation { drop_and_create, truncate, do_nothing };

// Loads one chunk; one thread. Nothing is visible (or counted) before finish() returned; destroying the loader without
// it leaves nothing behind that a later attempt does not remove.
class ChunkLoader {
 public:
  virtual ~ChunkLoader() = default;
  // Why rows were left out since the last call, without values, one text a row; finish() does not count them.
  virtual std::vector<std::string> take_rejected() { return {}; }
  // Rows that were left out before they came here, with the reason of each, for the exceptions table of a target that
  // has one. A loader that is not careful may answer connect.row_refused: then a careful one gets the chunk.
  virtual base::Result<void> note_rejected(const std::vector<std::string>& reasons) {
    (void)reasons;
    return {};
  }
  virtual base::Result<void> write_rows(model::RowBatch& rows) = 0;  // may move from the batch's buffers
  virtual base::Result<void> write_raw(std::string_view bytes) = 0;
  // Rows durable. Must equal what the reader counted; the engine compares.
  virtual base::Result<std::uint64_t> finish() = 0;
};

// How a chunk is to be loaded. Without `careful` a row that the target refuses ends the chunk with
// connect.row_refused; with it such rows are found one by one and left out, and told of in the exceptions table, too.
struct LoadMode {
  ReadForm form = ReadForm::rows;
  bool careful = false;
  bool tell = true;
  std::stop_token stop = {};  // guards every call on the loader
};

// What became of the changes of one apply call, by source table.
struct TableCounts {
  std::uint64_t inserts = 0, updates = 0, deletes = 0, ddls = 0;
  std::uint64_t put_aside = 0;  // written to the exceptions table or ignored by policy
};

struct ApplyReport {
  std::map<model::TableName, TableCounts> tables;  // keyed by source name
  // Tables that cannot go on. Not empty: nothing of this call was kept. `undone`: the same changes may be given again
  // without those tables'; else the target must be opened anew.
  std::vector<std::pair<model::TableName, base::Error>> suspended;
  bool undone = false;
};

class Target {
 public:
  virtual ~Target() = default;
  virtual std::string_view family() const = 0;
  // Whether cells of that source family may come in native form, and chunks raw, for a table of that (mapped) schema.
  virtual bool takes_native(const model::TableSchema& table) const = 0;
  virtual bool takes_raw(const model::TableSchema& table, ReadForm form) const = 0;
  // Problems for these tables: lossy types, missing rights, name clashes. Connects, touches nothing.
  virtual base::Result<std::vector<Finding>> check(const std::vector<model::TableSchemaPtr>& tables,
                                                   Preparation preparation, bool stream) = 0;
  // How a column will look on the target, for `check`: "numeric(12,2)", "DECIMAL(12,2)".
  virtual std::string column_type_text(const model::Column& column) const = 0;

  // Takes the task's place on the target: control tables, owner epoch (an older process of this task can write no
  // more), aborted uploads, unfinished intents. `resume` is false for the first start and for reload-target.
  virtual base::Result<void> start(bool resume) = 0;
  // The position up to which the target holds everything; nullopt before the first begin_apply of this task.
  virtual base::Result<std::optional<model::Position>> durable() = 0;

  // Whether it does what foreign keys with `unlogged` do because of an update or remove with `cascade`, in the same
  // transaction and at the same place among the changes.
  virtual bool carries_out_keys() const { return false; }

  // Whether an update must carry all values, so that the engine reads those again that the log does not repeat.
  virtual bool needs_whole_rows() const { return false; }
  // Whether many changes in one apply() cost less than in several. Else they come as the stream brought them.
  virtual bool gains_from_groups() const { return true; }

  // Called before any prepare with all tables of the task: schemas, types, in dependency order.
  virtual base::Result<void> prepare_all(const std::vector<model::TableSchemaPtr>& tables, Preparation preparation) = 0;
  virtual base::Result<void> prepare(const model::TableSchemaPtr& table, Preparation preparation) = 0;
  // Removes rows or files of an unfinished load attempt of that table.
  virtual base::Result<void> discard(const model::TableSchemaPtr& table) = 0;
  virtual base::Result<std::unique_ptr<ChunkLoader>> loader(const model::TableSchemaPtr& table, const Chunk& chunk,
                                                            const LoadMode& mode) = 0;
  // All chunks of the table are durable: keys if postponed, secondary objects, statistics.
  virtual base::Result<void> loaded(const model::TableSchemaPtr& table) = 0;
  // All tables are loaded: foreign keys and the like.
  virtual base::Result<void> loaded_all(const std::vector<model::TableSchemaPtr>& tables) = 0;

  // The stream starts after `position`; stored durably.
  virtual base::Result<void> begin_apply(const model::Position& position,
                                         const std::vector<model::TableSchemaPtr>& tables) = 0;
  // In place of begin_apply when durable() already holds a position: the shapes that the tables have there.
  virtual base::Result<void> resume_apply(const std::vector<model::TableSchemaPtr>& tables) = 0;
  // A run of whole transactions, or (for one larger than the budget) a part of one: `batch` ends with a commit unless
  // more of the same transaction follows. On return of a batch that ends with commit, a transactional target holds it
  // durably together with the position; a file target may still buffer (see durable()).
  virtual base::Result<ApplyReport> apply(model::ChangeBatch& batch, std::stop_token stop) = 0;
  // The source committed nothing for us up to `through`: a target may move its position.
  virtual base::Result<void> advance(const model::Position& through) = 0;
  // Called about ten times a second: time-based file rolls, control tables.
  virtual base::Result<void> tick() = 0;
  // Everything applied so far becomes durable.
  virtual base::Result<void> flush() = 0;

  // Suspended tables. The engine keeps their changes; apply() gets none of them. Before the first apply of a process it
  // names each, with its shape at durable() or (`is_shape_known` false) any. What was left half done of such a table
  // stays as it is.
  virtual base::Result<void> hold(const model::TableSchemaPtr& table, bool is_shape_known) = 0;
  // Whether replay() can bring a held table back.
  virtual bool can_replay() const = 0;
  // The kept changes of one held table, in order, all at or below durable(), from the first on each time; as apply(),
  // but exactly once by a position of the table's own. Changes of shape count also where an earlier replay has carried
  // them out already: hold() told the shape before the first. After flush() all of it is durable. Nothing else is
  // applied between the first and the last call.
  virtual base::Result<ApplyReport> replay(model::ChangeBatch& batch, const model::TableName& source_name,
                                           std::stop_token stop) = 0;

  // status/history control tables; called at most once a second with the engine's own facts.
  virtual base::Result<void> report(const std::map<std::string, std::string>& facts) = 0;
  virtual base::Result<void> drop() = 0;  // position row, control rows, journal of this task
  virtual Comparable* comparable() = 0;   // nullptr: cannot be validated
};

namespace errors {
inline constexpr base::Code row_refused{
    "connect.row_refused", base::Kind::table,
    "The target refused rows of the full load (a value out of its range, a constraint). Correct the target, or choose "
    "DataErrorPolicy LOG_ERROR, which leaves such rows out and counts them."};
}

}  // namespace connect
