// SPDX-License-Identifier: Apache-2.0
#include "engine/route.h"

#include <algorithm>

#include "engine/errors.h"
#include "engine/kept_changes.h"
#include "engine/plan.h"

namespace engine {

using model::Change;
using model::ChangeBatch;
using model::Op;

void Router::add_table(const model::TableName& source_name, model::Fence fence) {
  fence_high_ = std::max(fence_high_, fence.high);
  fences_[source_name] = std::move(fence);
}

// Position of each column among the stored ones, or no_table for generated columns.
static std::vector<std::uint32_t> stored_ranks(const model::TableSchema& schema) {
  std::vector<std::uint32_t> ranks(schema.columns.size(), model::no_table);
  std::uint32_t next = 0;
  for (const std::uint32_t column : model::stored_columns(schema)) ranks[column] = next++;
  return ranks;
}

static mapping::PositionText position_text(const connect::Source& source) {
  return [&source](const model::Position& position) { return source.position_text(position); };
}

const model::Fence* Router::fence_of(const model::TableName& source_name) const {
  const auto found = fences_.find(source_name);
  return found == fences_.end() ? nullptr : &found->second;
}

base::Result<void> Router::find_filter(Route& route) const {
  auto filter = TRY(mapping_.table_filter(*route.source, dialect_of(source_).comparison));
  if (filter.empty()) return {};
  if (!filter.stream_problems().empty()) {
    return base::failed(mapping::errors::bad_filter, "table {}: {}", route.source->name.text(),
                        filter.stream_problems().front());
  }
  route.filter = std::make_unique<mapping::TableFilter>(std::move(filter));
  return {};
}

base::Result<Router::Route*> Router::find_route(const model::TableSchemaPtr& source) {
  const auto found = routes_.find(source.get());
  if (found != routes_.end()) return &found->second;
  Route route;
  route.source = source;
  route.fence = fence_of(source->name);
  route.taken = route.fence != nullptr;
  if (route.taken) {
    TRY(find_filter(route));
    if (edits_ != nullptr) route.edits = edits_->for_table(*source);
    mapping::MappedTable mapped = TRY(mapping_.map(*source));
    route.target = mapped.target;
    if (mapped.computes) {
      route.mapped = std::make_shared<const mapping::MappedTable>(std::move(mapped));
      route.transform = TRY(mapping::RowTransform::open(*source, *route.mapped, position_text(source_)));
      return &routes_.emplace(source.get(), std::move(route)).first->second;
    }
    const std::vector<std::uint32_t> ranks = stored_ranks(*source);
    for (std::uint32_t i = 0; i < mapped.columns.size(); ++i) {
      if (!mapped.target->columns[i].generated) route.cells.push_back(ranks[mapped.columns[i]]);
    }
    route.same_cells = route.cells.size() == model::stored_columns(*source).size();
    for (std::uint32_t i = 0; i < route.cells.size() && route.same_cells; ++i) route.same_cells = route.cells[i] == i;
  }
  return &routes_.emplace(source.get(), std::move(route)).first->second;
}

Router::Way Router::way_of(const Change& change, const std::vector<Route*>& routes) const {
  if (change.table == model::no_table) {
    return change.op == Op::begin || change.op == Op::commit ? Way::target : Way::nowhere;
  }
  const Route& route = *routes[change.table];
  if (route.fence == nullptr) return Way::nowhere;
  if (commit_log_ <= fence_high_ && route.fence->holds(commit_log_, xid_)) return Way::nowhere;
  if (suspended_.empty()) return Way::target;
  // Whatever a suspended table lacks, its end is the end of it.
  return suspended_.contains(route.source->name) && change.op != Op::drop_table ? Way::aside : Way::target;
}

base::Result<bool> Router::edit(ChangeBatch& batch, Change& change, const Route& route) {
  const model::TableName& name = route.source->name;
  const bool is_row = change.op == Op::insert || change.op == Op::update || change.op == Op::remove;
  if (route.edits.empty() || !is_row) return true;
  if (batch.forms[change.table] != model::CellForm::canonical) {
    return base::failed(errors::values_changed_since, "table {}", name.text());
  }
  const Cuts cuts = route.edits.change(batch, change);
  if (cuts.values == 0) return true;
  const CutPolicy policy = edits_->policy();
  const std::string what = fmt::format("table {}: {}", name.text(), cuts.first);
  if (policy == CutPolicy::stop_task) return base::failed(errors::value_cut_stopped, "{}", what);
  if (policy == CutPolicy::suspend_table) return base::failed(errors::value_cut_suspended, "{}", what);
  const bool stays = policy == CutPolicy::log_error;
  if (is_counted_) return stays;
  statistics_.table(name, [&](TableStatus& status) {
    if (stays) status.values_cut += cuts.values;
    if (!stays) ++status.put_aside;
  });
  if (stays) log_->warning("apply", "{}", what);
  return stays;
}

void Router::remap_cells(ChangeBatch& batch, Change& change, const Route& route) const {
  const auto remap = [&](std::uint32_t& first, std::uint32_t& count) {
    if (count == 0) return;
    const auto start = static_cast<std::uint32_t>(batch.cells.size());
    for (const std::uint32_t source_cell : route.cells) batch.cells.push_back(batch.cells[first + source_cell]);
    first = start;
    count = static_cast<std::uint32_t>(route.cells.size());
  };
  remap(change.old_first, change.old_count);
  remap(change.new_first, change.new_count);
}

base::Result<void> Router::map_rows(ChangeBatch& batch, Change& change, Route& route) {
  if (!route.transform) {
    if (!route.same_cells) remap_cells(batch, change, route);
    return {};
  }
  if (batch.forms[change.table] != model::CellForm::canonical) {
    return base::failed(mapping::errors::row_failed, "table {}: changes kept before the rules changed values",
                        route.source->name.text());
  }
  return route.transform->change(batch, change);
}

base::Result<bool> Router::map_change(ChangeBatch& batch, Change& change, std::size_t place, Route& route,
                                      Counted& counted) {
  const Cells before{place, change.op, change.old_first, change.old_count, change.new_first, change.new_count};
  base::Result<bool> stays = true;
  if (route.filter) stays = route.filter->follow(batch, change, position_text(source_));
  if (stays.ok() && !*stays) return false;
  if (!is_counted_) count(change, counted);
  if (stays.ok()) stays = edit(batch, change, route);
  if (stays.ok() && !*stays) return false;
  if (route.filter || route.transform || !route.same_cells || !route.edits.empty()) source_cells_.push_back(before);
  if (!stays.ok()) return stays;
  TRY(map_rows(batch, change, route));
  return true;
}

void Router::count(const Change& change, Counted& counted) const {
  switch (change.op) {
    case Op::insert: ++counted.inserts; break;
    case Op::update: ++counted.updates; break;
    case Op::remove: ++counted.deletes; break;
    case Op::truncate:
    case Op::schema:
    case Op::unclear:
    case Op::drop_table: ++counted.ddls; break;
    default: break;
  }
}

static base::Error unclear(const model::TableName& table) {
  return base::failed(errors::shape_unclear,
                      "table {} was changed at the source: its log does not tell which values belong to which column",
                      table.text());
}

// True: the change stays in the batch, mapped, at the place `left`.
base::Result<bool> Router::route_change(ChangeBatch& batch, Change& change, std::size_t left,
                                        const std::vector<Route*>& routes, std::vector<Counted>& counted,
                                        FailedTables& failed_tables, KeptChanges* kept) {
  if (change.op == Op::begin || change.op == Op::commit) commit_log_ = change.position.log;
  if (change.op == Op::begin) xid_ = change.xid;
  const Way way = way_of(change, routes);
  if (way == Way::nowhere) return false;
  const bool is_of_table = change.table != model::no_table;
  if (is_of_table && !is_counted_ && (way == Way::aside || change.op == Op::unclear)) {
    count(change, counted[change.table]);
  }
  if (change.op == Op::unclear) {
    const model::TableName& name = routes[change.table]->source->name;
    const bool is_news = way == Way::target || (kept != nullptr && kept->keeps(name));
    if (is_news) failed_tables.emplace_back(name, unclear(name));
    suspend(name);
    return false;
  }
  if (kept != nullptr && (way == Way::aside || !is_of_table)) TRY(kept->take(batch, change));
  if (way == Way::aside) return false;
  if (!is_of_table) return true;
  Route& route = *routes[change.table];
  base::Result<bool> mapped = map_change(batch, change, left, route, counted[change.table]);
  if (mapped.ok()) return *mapped;
  if (mapped.error().kind() != base::Kind::table) return mapped;
  // The caller suspends the table and routes again what came back from unroute().
  const model::TableName& name = route.source->name;
  if (!suspended_.contains(name)) {
    failed_tables.emplace_back(name, mapped.take_error());
    suspend(name);
  }
  return true;
}

base::Result<void> Router::route(ChangeBatch& batch, FailedTables& failed_tables, KeptChanges* kept) {
  source_tables_ = batch.tables;
  source_cells_.clear();
  std::vector<Route*> routes;
  for (const model::TableSchemaPtr& table : batch.tables) {
    base::Result<Route*> route = find_route(table);
    if (!route.ok()) {
      if (!suspended_.contains(table->name)) failed_tables.emplace_back(table->name, route.take_error());
      suspend(table->name);
      Route dropped;
      dropped.source = table;
      dropped.fence = fence_of(table->name);
      route = &routes_.emplace(table.get(), std::move(dropped)).first->second;
    }
    routes.push_back(*route);
  }
  std::vector<Counted> counted(routes.size());
  std::size_t left = 0;
  for (std::size_t i = 0; i < batch.changes.size(); ++i) {
    Change& change = batch.changes[i];
    if (!TRY(route_change(batch, change, left, routes, counted, failed_tables, kept))) continue;
    if (left != i) batch.changes[left] = std::move(change);
    ++left;
  }
  batch.changes.resize(left);
  is_counted_ = false;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    if (routes[i]->taken) batch.tables[i] = routes[i]->target;
    const Counted& row = counted[i];
    if (row.inserts + row.updates + row.deletes + row.ddls == 0) continue;
    statistics_.table(routes[i]->source->name, [&](TableStatus& status) {
      status.inserts += row.inserts;
      status.updates += row.updates;
      status.deletes += row.deletes;
      status.ddls += row.ddls;
    });
  }
  return {};
}

void Router::unroute(ChangeBatch& batch) {
  batch.tables = source_tables_;
  for (const Cells& cells : source_cells_) {
    Change& change = batch.changes[cells.change];
    change.op = cells.op;
    change.old_first = cells.old_first;
    change.old_count = cells.old_count;
    change.new_first = cells.new_first;
    change.new_count = cells.new_count;
  }
  is_counted_ = true;
}

}  // namespace engine
