// SPDX-License-Identifier: Apache-2.0
#include "sim/target_apply.h"

#include <algorithm>

#include "connectors/postgres/compact.h"

namespace sim {
namespace {

using base::Result;
using model::Change;
using model::ChangeBatch;
using model::Op;

Row row_of(const ChangeBatch& batch, const model::Cell* cells, std::size_t count, const Row* old) {
  Row row;
  for (std::size_t i = 0; i < count; ++i) {
    const bool is_kept = cells[i].state == model::CellState::unchanged || cells[i].state == model::CellState::absent;
    if (cells[i].state == model::CellState::value) {
      row.emplace_back(batch.cell_bytes(cells[i]));
    } else {
      row.push_back(is_kept && old != nullptr ? (*old)[i] : std::nullopt);
    }
  }
  return row;
}

Result<void> reshape(TargetServer& server, const model::TableSchemaPtr& shape) {
  const auto found = server.tables().find(shape->name);
  if (found == server.tables().end()) return base::failed(connect::errors::table_missing, "{}", shape->name.text());
  const model::TableSchema& before = *found->second.rows.schema();
  std::vector<std::uint32_t> from;
  for (const model::Column& column : shape->columns) {
    std::uint32_t place = model::no_table;
    for (std::uint32_t i = 0; i < before.columns.size(); ++i) {
      if (before.columns[i].ordinal == column.ordinal) place = i;
    }
    from.push_back(place);
  }
  return server.reshape(shape, from);
}

Result<void> apply_change(TargetServer& server, const ChangeBatch& batch, const Change& change) {
  const model::TableSchemaPtr& schema = batch.tables[change.table];
  const model::Cell* cells = batch.cells.data();
  switch (change.op) {
    case Op::insert:
      return server.insert(schema->name, row_of(batch, cells + change.new_first, change.new_count, nullptr));
    case Op::update: {
      const Row like = change.old_count > 0 ? row_of(batch, cells + change.old_first, change.old_count, nullptr)
                                            : row_of(batch, cells + change.new_first, change.new_count, nullptr);
      const Row old = TRY(server.take(schema->name, like));
      return server.insert(schema->name, row_of(batch, cells + change.new_first, change.new_count, &old));
    }
    case Op::remove:
      TRY(server.take(schema->name, row_of(batch, cells + change.old_first, change.old_count, nullptr)));
      return {};
    case Op::truncate: return server.clear(schema->name);
    case Op::schema: return reshape(server, schema);
    default: return {};
  }
}

// The same by sets, as the PostgreSQL target does it: removes, then updates, then inserts.
Result<bool> apply_set(TargetServer& server, const ChangeBatch& batch, const std::vector<std::uint32_t>& run) {
  const model::TableSchemaPtr& schema = batch.tables[batch.changes[run.front()].table];
  if (schema->primary_key.empty() || !schema->unique_keys.empty()) return false;
  const postgres::NetChanges net = postgres::compact(batch, run, {schema->primary_key, true});
  if (net.ordered) return false;
  const std::size_t count = schema->columns.size();
  for (const postgres::NetRow& row : net.removes)
    TRY(server.take(schema->name, row_of(batch, row.key, count, nullptr)));
  for (const auto& [known, rows] : net.updates) {
    for (const postgres::NetRow& row : rows) {
      const Row old = TRY(server.take(schema->name, row_of(batch, row.key, count, nullptr)));
      TRY(server.insert(schema->name, row_of(batch, row.cells, count, &old)));
    }
  }
  for (const postgres::NetRow& row : net.inserts) {
    TRY(server.insert(schema->name, row_of(batch, row.cells, count, nullptr)));
  }
  return true;
}

bool is_row(Op op) { return op == Op::insert || op == Op::update || op == Op::remove; }

// The changes that are not skipped, table by table; what is no row change stands between runs.
Result<void> apply_runs(const TargetSide& side, const ChangeBatch& batch, const std::vector<std::uint32_t>& changes) {
  std::map<std::uint32_t, std::vector<std::uint32_t>> runs;
  const auto finish = [&]() -> Result<void> {
    for (const auto& [table, run] : runs) {
      if (TRY(apply_set(side.server, batch, run))) continue;
      for (const std::uint32_t index : run) TRY(apply_change(side.server, batch, batch.changes[index]));
    }
    runs.clear();
    return {};
  };
  for (const std::uint32_t index : changes) {
    const Change& change = batch.changes[index];
    if (side.compacts && is_row(change.op)) {
      runs[change.table].push_back(index);
      continue;
    }
    TRY(finish());
    TRY(apply_change(side.server, batch, change));
  }
  return finish();
}

void count(connect::TableCounts& counts, Op op) {
  if (op == Op::insert) counts.inserts += 1;
  if (op == Op::update) counts.updates += 1;
  if (op == Op::remove) counts.deletes += 1;
  if (!is_row(op)) counts.ddls += 1;
}

}  // namespace

Result<std::optional<model::Position>> apply_batch(const TargetSide& side, const ChangeBatch& batch,
                                                   const std::optional<model::Position>& durable, ApplyState& state,
                                                   connect::ApplyReport& report) {
  std::vector<std::uint32_t> wanted;
  std::optional<model::Position> reached;
  for (std::uint32_t i = 0; i < batch.changes.size(); ++i) {
    const Change& change = batch.changes[i];
    if (change.op == Op::begin) {
      state.is_inside = true;
      state.is_skipped = durable && model::Position{change.position.log, model::sequence_end, {}} <= *durable;
    } else if (change.op == Op::commit) {
      state.is_inside = false;
      if (!state.is_skipped) reached = change.position;
    } else if (!state.is_skipped && change.table != model::no_table) {
      wanted.push_back(i);
      count(report.tables[batch.tables[change.table]->source_name], change.op);
    }
  }
  TRY(apply_runs(side, batch, wanted));
  if (state.is_inside) return std::optional<model::Position>();
  return reached;
}

}  // namespace sim
