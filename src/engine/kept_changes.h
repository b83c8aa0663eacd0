// SPDX-License-Identifier: Apache-2.0
//
// The later changes of suspended tables, on our own disk until the table can be replayed: one relay a table, in a
// folder of its own below kept/. What is kept are the source's changes as they came, before the mapping, in whole
// transactions, each once.
//
//   suspend at D   the target holds the table up to D: an empty folder is made, then the ledger notes it (ledger.h)
//   stream         changes after D: take() each, settle() before anything may move the target's position over them
//   replay         replay_kept(): changes in (D, durable] go to Target::replay; then the ledger says "completed" and
//                  the stream, which delivers everything after durable again, goes on with the table
//
// Died anywhere: what take() got and settle() did not is cut off by the relay and comes again from the source; what
// comes again and is kept already is skipped; a replay begins anew and the target skips what it has of it.
//
// One thread (the applier's), but for the free functions, which are called while nothing streams. How it fails: the
// relay's errors; at the cap the table's changes are given up, with an error in the log and in the table's reason, and
// the stream goes on.
#pragma once

#include <map>

#include "connect/target.h"
#include "engine/ledger.h"
#include "engine/statistics.h"
#include "relay/relay.h"

namespace engine {

class KeptChanges {
 public:
  KeptChanges(const Environment& environment, Ledger& ledger, Statistics& statistics, std::uint64_t bytes_max)
      : environment_(environment), ledger_(ledger), statistics_(statistics), bytes_max_(bytes_max) {}

  base::Result<void> open();
  base::Result<void> add(const model::TableName& source_name);  // suspended just now
  // Not kept any more; nothing when it was not.
  base::Result<void> drop(const model::TableName& source_name);
  bool keeps(const model::TableName& source_name) const { return tables_.contains(source_name); }
  // A begin or commit (of any transaction), or a change of a table that is kept.
  base::Result<void> take(const model::ChangeBatch& batch, const model::Change& change);
  // Everything taken so far is durable on return.
  base::Result<void> settle();

 private:
  struct Table {
    model::TableName name;
    std::unique_ptr<relay::Relay> relay;
    model::Position held;  // everything up to here is in the relay already
    model::ChangeBatch pending;
    bool is_inside = false;  // the transaction being followed has a change of this table
    bool is_unsynced = false;
  };
  base::Result<void> append(Table& table);
  base::Result<void> give_up(const model::TableName& name);

  const Environment& environment_;
  Ledger& ledger_;
  Statistics& statistics_;
  const std::uint64_t bytes_max_;
  std::map<model::TableName, Table> tables_;
  model::Change begin_;  // of the transaction being followed
};

// What the reason of a suspended table ends with.
inline constexpr std::string_view kept_advice =
    "; its changes since then are kept: mend the cause and start the task again";
inline constexpr std::string_view lost_advice = "; it comes back by --reload-table";

// Makes the empty folder for changes of that table after `since`, durably, and returns its name.
base::Result<std::string> make_kept_folder(const Environment& environment, const model::TableName& source_name,
                                           const model::Position& since);
// Removes the folders that the ledger does not name.
base::Result<void> sweep_kept_folders(const Environment& environment, const Ledger& ledger);

// Brings a suspended table up to `durable`. False: it stays suspended, for a reason that the ledger says. Nothing else
// may be given to the target meanwhile, and after false it must be opened anew.
base::Result<bool> replay_kept(const TaskDefinition& definition, const Environment& environment, Statistics& statistics,
                               Ledger& ledger, connect::Source& source, connect::Target& target,
                               const model::TableName& source_name, const model::Position& durable,
                               std::stop_token stop);

}  // namespace engine
