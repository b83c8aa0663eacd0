// SPDX-License-Identifier: Apache-2.0
//
// From source changes to target changes: drops what is not selected, suspended, already in a table's load (its fence)
// or outside of its filter, renames tables, and puts each row's cells into the target's order. Works in place; the
// arena stays as it is.
//
// One thread (the applier's). It is given every batch of the stream in order, because it follows transactions (xid for
// the fences) and schema changes.
#pragma once

#include <map>
#include <set>
#include <unordered_map>

#include "engine/statistics.h"
#include "engine/value_edits.h"
#include "mapping/transform.h"

namespace engine {

class KeptChanges;

class Router {
 public:
  Router(const mapping::Mapping& mapping, Statistics& statistics, const connect::Source& source)
      : mapping_(mapping), statistics_(statistics), source_(source) {}

  // Changes that the settings make to values; nullptr: none. Both outlive the router.
  void edit_values(const ValueEdits* edits, base::Log* log) {
    edits_ = edits;
    log_ = log;
  }

  // A table of the plan; changes of others are dropped.
  void add_table(const model::TableName& source_name, model::Fence fence);
  void suspend(const model::TableName& source_name) { suspended_.insert(source_name); }
  bool is_suspended(const model::TableName& source_name) const { return suspended_.contains(source_name); }

  // On return the batch holds target schemas, and begin/commit of every transaction. A mapping that no longer fits a
  // changed table, or a change of which the source knows too little (Op::unclear), suspends it: named in
  // `failed_tables`. Changes of suspended tables go to `kept`, unless nullptr.
  using FailedTables = std::vector<std::pair<model::TableName, base::Error>>;
  base::Result<void> route(model::ChangeBatch& batch, FailedTables& failed_tables, KeptChanges* kept);
  // Undoes the last route() for what is left in the batch, so that it may be routed again (and is not counted again).
  void unroute(model::ChangeBatch& batch);
  // Beyond the highest fence no change is skipped any more.
  std::uint64_t fence_high() const { return fence_high_; }

 private:
  struct Route {
    model::TableSchemaPtr source;  // keeps the key of routes_ alive
    model::TableSchemaPtr target;
    const model::Fence* fence = nullptr;  // nullptr: not planned
    std::vector<std::uint32_t> cells;     // target cell i is source cell cells[i]
    bool same_cells = false;
    std::unique_ptr<mapping::TableFilter> filter;  // nullptr: all rows
    TableEdits edits;
    std::shared_ptr<const mapping::MappedTable> mapped;  // kept for `transform`
    std::unique_ptr<mapping::RowTransform> transform;    // nullptr: cells stay as they are
    bool taken = false;                                  // selected, planned, not suspended
  };
  struct Counted {
    std::uint64_t inserts = 0, updates = 0, deletes = 0, ddls = 0;
  };

  const model::Fence* fence_of(const model::TableName& source_name) const;  // nullptr: not planned
  base::Result<Route*> find_route(const model::TableSchemaPtr& source);
  base::Result<void> find_filter(Route& route) const;
  enum class Way { target, aside, nowhere };
  Way way_of(const model::Change& change, const std::vector<Route*>& routes) const;
  // False: DataTruncationErrorPolicy leaves the change out.
  base::Result<bool> edit(model::ChangeBatch& batch, model::Change& change, const Route& route);
  base::Result<bool> route_change(model::ChangeBatch& batch, model::Change& change, std::size_t left,
                                  const std::vector<Route*>& routes, std::vector<Counted>& counted,
                                  FailedTables& failed_tables, KeptChanges* kept);
  // False: the filter leaves nothing of it, or edit() leaves it out.
  base::Result<bool> map_change(model::ChangeBatch& batch, model::Change& change, std::size_t place, Route& route,
                                Counted& counted);
  base::Result<void> map_rows(model::ChangeBatch& batch, model::Change& change, Route& route);
  void remap_cells(model::ChangeBatch& batch, model::Change& change, const Route& route) const;
  void count(const model::Change& change, Counted& counted) const;

  const mapping::Mapping& mapping_;
  Statistics& statistics_;
  const ValueEdits* edits_ = nullptr;
  base::Log* log_ = nullptr;
  const connect::Source& source_;
  std::map<model::TableName, model::Fence> fences_;  // also the set of planned tables
  std::set<model::TableName> suspended_;
  std::unordered_map<const model::TableSchema*, Route> routes_;
  struct Cells {
    std::size_t change = 0;
    model::Op op = model::Op::message;
    std::uint32_t old_first = 0, old_count = 0, new_first = 0, new_count = 0;
  };
  std::vector<model::TableSchemaPtr> source_tables_;  // of the last batch routed, and its changes that were remapped
  std::vector<Cells> source_cells_;
  bool is_counted_ = false;
  std::uint64_t fence_high_ = 0;
  std::uint64_t xid_ = 0;  // of the transaction being followed
  std::uint64_t commit_log_ = 0;
};

}  // namespace engine
