// SPDX-License-Identifier: Apache-2.0
//
// Changes of many tables as rows in an arena, in log order. One thread at a time; moved between stages.
//
// A stream delivers two shapes of transactions:
//   whole:     begin, changes..., commit                          (commit order; may span batches)
//   streamed:  changes with `streamed` set, of several transactions interleaved, then for each
//              stream_abort (transaction or subtransaction) or stream_commit
// The engine's assembler turns the second into the first, through the relay's spool; appliers see whole ones only.
#pragma once

#include "model/position.h"
#include "model/schema.h"

namespace model {

enum class Op : std::uint8_t {
  begin,   // position.log = commit position, commit_time valid
  commit,  // position = {log, sequence_end}
  insert,
  update,
  remove,
  truncate,
  schema,         // from here on the table has the shape tables[table]; the shape before is known to the receiver
  drop_table,     // the source dropped the table
  message,        // a logical message that passed for its position only (heartbeat)
  stream_abort,   // transaction `xid`, or only its subtransaction `sub_xid` (when different)
  stream_commit,  // as commit, for all streamed changes of `xid`
  // The log does not tell how the table changed here: it must be loaded again. Right before a stream_commit and with
  // sub_xid 0: how it changed anywhere in that transaction.
  unclear,
};

enum class CellState : std::uint8_t {
  null,
  value,
  unchanged,  // a large value that the log does not repeat (TOAST): the target keeps what it has
  absent,     // the log does not carry this column (key-only old image)
  // The source has a value that no canonical cell can hold, or a rule of the mapping fails (the bytes say why, for
  // people): by the target's data-error policy.
  misfit,
};

struct Cell {
  std::uint64_t offset = 0;
  std::uint32_t size = 0;
  CellState state = CellState::null;
};

inline constexpr std::uint32_t no_table = 0xffffffff;

struct Change {
  Op op = Op::message;
  bool streamed = false;
  // truncate: tables that refer to it are emptied, too. update, remove: foreign keys acted upon it, and what those
  // with `unlogged` did is not in the log.
  bool cascade = false;
  bool restart_identity = false;               // truncate
  std::uint32_t table = no_table;              // index into ChangeBatch::tables
  std::uint32_t old_first = 0, old_count = 0;  // cells of the old image (key or full row; absent where not logged)
  std::uint32_t new_first = 0, new_count = 0;  // cells of the new row; counts are 0 or the number of stored columns
  std::uint64_t xid = 0;
  std::uint64_t sub_xid = 0;
  std::int64_t commit_time =
      0;  // microseconds since 1970, begin/commit/stream_commit; copied to changes by the assembler
  Position position;
};

enum class CellForm : std::uint8_t {
  canonical,
  native_hex,  // only in relays of an earlier version: native, with bytes as PostgreSQL's hex text
  native,      // the source's own text; bytes and blob raw, as in canonical cells
};

struct ChangeBatch {
  std::vector<TableSchemaPtr> tables;  // source or (after mapping) target schemas; small
  std::vector<CellForm> forms;         // parallel to tables
  std::vector<Change> changes;
  std::vector<Cell> cells;
  std::string bytes;
  // Everything the source committed at or before `through` is in this batch or an earlier one. 0: says nothing new.
  std::uint64_t through = 0;
  // Source's wall clock at the newest log record seen (microseconds since 1970), 0: unknown.
  std::int64_t source_time = 0;

  std::string_view cell_bytes(const Cell& cell) const { return std::string_view(bytes).substr(cell.offset, cell.size); }
  std::size_t weight() const { return bytes.size() + cells.size() * sizeof(Cell) + changes.size() * sizeof(Change); }
  bool empty() const { return changes.empty(); }
  // Index of that schema in `tables`, adding it when new. Equal schemas are one: what was on our disk comes back as
  // another object, and changes of one table must not be parted by that.
  std::uint32_t table_index(const TableSchemaPtr& table, CellForm form);
};

// 8-byte cells (fixed and real types).
std::int64_t load_fixed(std::string_view cell);
double load_real(std::string_view cell);
void append_fixed(std::string& out, std::int64_t value);
void append_real(std::string& out, double value);

}  // namespace model
