// SPDX-License-Identifier: Apache-2.0
//
// The net effect of a run of changes of one table, key by key. Pure: no I/O, no clock; one thread.
//
// A net row is followed from the key it has on the target (origin; none when it was inserted in the run) to the key it
// has at the end (none when removed). What comes out are three sets that give the same table as the changes in order:
//
//   removes   rows by their origin key
//   updates   rows whose key stays; only the cells that are known (unchanged large values are left alone)
//   inserts   rows with all cells; a key change is a remove and an insert
//
// Executed in this order: a key given up by one row may be taken by another, in any chain or swap.
// Example: insert 1; update 1 -> 2; delete 7; insert 7  =>  inserts {2}, updates {7 with all cells}.
//
// `ordered` is set when sets cannot say it: the log contradicts itself (insert of a row that is there, change of one
// that was removed), or a row changes its key while a large value is not in the log. Then nothing else is filled and
// the changes are to be applied one by one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "model/change.h"

namespace relational {

struct NetRow {
  const model::Cell* key = nullptr;    // cells (all stored columns) that hold the key on the target; not for inserts
  const model::Cell* cells = nullptr;  // cells of the new row; not for removes
};

struct NetChanges {
  bool ordered = false;
  std::vector<NetRow> removes;
  std::map<std::vector<bool>, std::vector<NetRow>> updates;  // by the stored columns that get a value
  std::vector<NetRow> inserts;
  std::deque<std::vector<model::Cell>> merged;  // cells that stand in no batch
};

struct CompactOptions {
  std::vector<std::uint32_t> key;    // places among the stored columns; never empty
  bool key_change_as_remove = true;  // false: rows that change their key make the run `ordered`
};

// `changes` are indexes into batch.changes: inserts, updates and removes of one table, in order.
// The result points into the batch's cells and must not outlive it.
NetChanges compact(const model::ChangeBatch& batch, std::span<const std::uint32_t> changes,
                   const CompactOptions& options);

}  // namespace relational
