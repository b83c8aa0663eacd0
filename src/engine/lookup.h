// SPDX-License-Identifier: Apache-2.0
//
// Large values that the log does not repeat (CellState::unchanged), read again at the source, for targets that need
// whole rows (connect::Target::needs_whole_rows). What is read is at least as new as the change and may be newer. Of a
// row that is gone since, or has another key, the value is NULL; the log tells what became of it later.
//
// One thread (the applier's or the replay's). Each read opens a snapshot of its own and waits until that holds the
// change's transaction: a source may send a commit before others can see it.
#pragma once

#include <map>
#include <set>

#include "connect/source.h"
#include "engine/statistics.h"

namespace engine {

class Lookup {
 public:
  Lookup(connect::Source& source, Statistics& statistics, base::Clock& clock)
      : source_(source), statistics_(statistics), clock_(clock) {}

  // Fills the values of `batch` (source shapes, canonical cells), from its first change on, until about `bytes_max` are
  // read. What follows then is taken off the batch and returned, to be given again: whole transactions where the batch
  // holds one, else the rest of one. Tables that cannot be read are named in `failed_tables`; they keep their gaps.
  base::Result<model::ChangeBatch> fill(model::ChangeBatch& batch, std::size_t bytes_max,
                                        std::vector<std::pair<model::TableName, base::Error>>& failed_tables,
                                        const std::stop_token& stop);

 private:
  struct Gap {
    std::size_t change = 0;
    std::string key;                     // the key's cells, each with its length
    std::vector<std::uint32_t> missing;  // positions among the stored columns
  };

  static std::optional<Gap> gap_of(const model::ChangeBatch& batch, std::size_t change);
  base::Result<void> open_snapshot(const std::stop_token& stop);
  base::Result<void> read(model::ChangeBatch& batch, const std::vector<Gap>& gaps, const std::stop_token& stop);
  std::string key_filter(const model::ChangeBatch& batch, const std::vector<Gap>& gaps) const;

  connect::Source& source_;
  Statistics& statistics_;
  base::Clock& clock_;
  std::unique_ptr<connect::Snapshot> snapshot_;
  std::uint64_t commit_log_ = 0, xid_ = 0;  // of the transaction being followed
  std::size_t largest_ = 1u << 16;          // bytes of a row read, so far
};

}  // namespace engine
