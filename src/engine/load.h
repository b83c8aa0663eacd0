// SPDX-License-Identifier: Apache-2.0
//
// Full load: the chunks of many tables, in parallel, under one snapshot. Each worker takes the next chunk, reads it in
// one thread and writes it in another (a channel weighed in bytes between them), and records it when it is durable.
//
// A row that has no place on the target goes by DataErrorPolicy: left out, counted and logged, or the table's or the
// task's end. When the target refuses rows of a chunk, the chunk is loaded once more, carefully.
//
// How it fails: a table's error suspends that table and the rest goes on; a table that was rewritten under the snapshot
// is reported in `again` for another pass; anything else stops all workers and is returned. What a crash leaves: tables
// recorded as completed are durable; any other table is discarded and loaded again.
#pragma once

#include <deque>
#include <set>

#include "engine/ledger.h"
#include "engine/plan.h"
#include "engine/statistics.h"
#include "engine/value_edits.h"

namespace engine {

struct LoadOutcome {
  std::vector<model::TableName> again;                           // rewritten meanwhile
  std::vector<std::pair<model::TableName, base::Error>> failed;  // suspended
};

class Load {
 public:
  Load(const TaskDefinition& definition, const Environment& environment, Statistics& statistics, Ledger& ledger,
       connect::Snapshot& snapshot, connect::Target& target)
      : definition_(definition),
        environment_(environment),
        statistics_(statistics),
        ledger_(ledger),
        snapshot_(snapshot),
        target_(target) {}

  base::Result<LoadOutcome> run(const std::vector<const PlannedTable*>& tables, std::stop_token stop);

 private:
  struct Progress {
    const PlannedTable* table = nullptr;
    std::uint32_t chunks_left = 0;
    std::uint64_t rows = 0;
    std::uint64_t rejected = 0;
    std::uint64_t cut = 0;
    bool abandoned = false;
  };
  struct Copied {
    std::uint64_t rows = 0;
    std::uint64_t rejected = 0;  // left out by DataErrorPolicy or DataTruncationErrorPolicy
    std::uint64_t cut = 0;       // values
    int cut_lines = 0;           // in the log
  };
  struct Work {
    connect::Chunk chunk;
    std::string filter;  // of the table, and of its segment
    Progress* progress = nullptr;
  };

  base::Result<void> plan_chunks(const std::vector<const PlannedTable*>& tables);
  base::Result<void> plan_table_chunks(Progress& progress);
  base::Result<std::vector<Work>> cut(Progress& progress);
  base::Result<void> work(std::stop_token stop);
  std::optional<Work> next_work();
  base::Result<void> load_chunk(const Work& work, std::stop_token stop);
  base::Result<Copied> copy_chunk(const Work& work, bool careful, std::stop_token stop);
  base::Result<void> reject(const Work& work, const std::vector<std::string>& reasons, connect::ChunkLoader* loader,
                            std::uint64_t& rejected);
  base::Result<void> take_cuts(const Work& work, const Cuts& cuts, Copied& copied);
  // What DataErrorPolicy has become after so many errors of the table.
  std::string_view data_policy(std::uint64_t errors) const;
  base::Result<void> check_data_errors(const Progress& progress, std::uint64_t count) const;
  base::Result<void> chunk_done(const Work& work, const Copied& copied);
  base::Result<void> table_done(Progress& progress);
  base::Result<void> table_failed(Progress& progress, base::Error error);

  const TaskDefinition& definition_;
  const Environment& environment_;
  Statistics& statistics_;
  Ledger& ledger_;
  connect::Snapshot& snapshot_;
  connect::Target& target_;
  base::Mutex mutex_;
  std::deque<Progress> progress_;  // stable addresses
  std::deque<Work> queue_ GUARDED_BY(mutex_);
  LoadOutcome outcome_ GUARDED_BY(mutex_);
};

}  // namespace engine
