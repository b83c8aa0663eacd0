// SPDX-License-Identifier: Apache-2.0
#include "sim/target_apply.h"

#include <algorithm>

#include "connectors/postgres/apply_schema.h"
#include "relational/compact.h"

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

std::string column_names(const model::TableSchema& table) {
  std::string names;
  for (const model::Column& column : table.columns) names += (names.empty() ? "" : ", ") + column.name;
  return names;
}

// 'abc'::text or 7
std::string literal_text(const std::string& expression) {
  if (!expression.starts_with('\'')) return expression;
  return expression.substr(1, expression.find('\'', 1) - 1);
}

// A row or statement that knows the table otherwise than it is.
Result<void> check_names(const TargetServer& server, const model::TableSchema& said) {
  const auto found = server.tables().find(said.name);
  if (found == server.tables().end()) return base::failed(connect::errors::table_missing, "{}", said.name.text());
  const model::TableSchema& real = *found->second.rows.schema();
  const bool is_same = std::equal(real.columns.begin(), real.columns.end(), said.columns.begin(), said.columns.end(),
                                  [](const auto& a, const auto& b) { return a.name == b.name; });
  if (is_same) return {};
  return base::failed(errors::wrong_shape, "table {} has the columns {}, the engine says {}", said.name.text(),
                      column_names(real), column_names(said));
}

struct Applying {
  const TargetSide& side;
  const ChangeBatch& batch;
  ApplyState& state;
  connect::ApplyReport& report;

  TargetServer& server() const { return side.server; }
  const model::TableSchemaPtr& schema(const Change& change) const { return batch.tables[change.table]; }
  bool is_suspended(const model::TableName& source_name) const {
    return std::any_of(report.suspended.begin(), report.suspended.end(),
                       [&](const auto& entry) { return entry.first == source_name; });
  }
  void suspend(const model::TableSchema& table, const std::string& why) const {
    if (is_suspended(table.source_name)) return;
    side.trace.note("target: table {} cannot go on: {}", table.name.text(), why);
    report.suspended.emplace_back(table.source_name,
                                  base::failed(errors::refused, "table {}: {}", table.name.text(), why));
  }
};

// What each row of the table becomes, column by column: by number in what the engine knows, by name in the table.
Result<void> reshape(TargetServer& server, const model::TableSchema& before, const model::TableSchemaPtr& after) {
  TRY(check_names(server, before));
  struct Cell {
    std::uint32_t from = model::no_table;
    Value value;
    bool becomes_text = false;
  };
  std::vector<Cell> cells;
  for (const model::Column& column : after->columns) {
    Cell cell;
    for (std::uint32_t i = 0; i < before.columns.size(); ++i) {
      const model::Column& old = before.columns[i];
      if (old.ordinal != column.ordinal) continue;
      cell.from = i;
      cell.becomes_text = model::is_fixed(old.type.type) && !model::is_fixed(column.type.type);
    }
    if (cell.from == model::no_table && !column.default_expression.empty()) {
      cell.value = cell_of(column, literal_text(column.default_expression));
    }
    cells.push_back(std::move(cell));
  }
  return server.reshape(after, [&](const Row& old) {
    Row row;
    for (const Cell& cell : cells) {
      Value value = cell.from == model::no_table ? cell.value : old[cell.from];
      if (value && cell.becomes_text) value = std::to_string(model::load_fixed(*value));
      row.push_back(std::move(value));
    }
    return row;
  });
}

Result<void> change_schema(const Applying& all, const model::TableSchemaPtr& after) {
  const model::TableSchemaPtr before = std::exchange(all.state.known[after->source_name], after);
  if (all.is_suspended(after->source_name)) return {};
  if (before == nullptr || *before == *after) return check_names(all.server(), *after);
  const postgres::SchemaChange change = postgres::schema_change(*before, *after);
  if (change.statements.empty() && change.not_derivable.empty()) return {};
  if (!change.not_derivable.empty() || all.server().refuses_ddl) {
    all.suspend(*after, "a schema change " + change.not_derivable);
    return {};
  }
  all.side.trace.note("target: table {} is altered", after->name.text());
  return reshape(all.server(), *before, after);
}

Result<void> apply_change(TargetServer& server, const ChangeBatch& batch, const Change& change) {
  const model::TableSchemaPtr& schema = batch.tables[change.table];
  TRY(check_names(server, *schema));
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
    default: return {};
  }
}

bool is_row(Op op) { return op == Op::insert || op == Op::update || op == Op::remove; }

// One change by itself. What the target refuses is put aside or ends the table, by the policies; a table of which rows
// were put aside may lack others for that reason.
Result<void> apply_alone(const Applying& all, const Change& change) {
  const model::TableSchemaPtr& schema = all.schema(change);
  if (all.is_suspended(schema->source_name)) return {};
  if (change.op == Op::schema) return change_schema(all, schema);
  if (change.op == Op::drop_table) {
    all.state.known.erase(schema->source_name);
    if (all.state.policies.handle_drop) all.server().drop(schema->name);
    return {};
  }
  const std::size_t before = all.server().savepoint();
  Result<void> applied = apply_change(all.server(), all.batch, change);
  if (applied.ok()) return applied;
  const bool is_excused = all.server().has_exceptions(schema->name) &&
                          (applied.error().is(errors::missing) || applied.error().is(errors::duplicate));
  if (!is_excused && !applied.error().is(errors::refused)) return applied;
  all.server().rollback_to(before);
  const relational::ApplyPolicies& policies = all.state.policies;
  const relational::ApplyPolicy policy = change.op == Op::insert   ? policies.insert
                                         : change.op == Op::update ? policies.update
                                                                   : policies.remove;
  if (policy == relational::ApplyPolicy::suspend_table) {
    all.suspend(*schema, applied.error().message);
    return {};
  }
  all.side.trace.note("target: a row of {} is put aside", schema->name.text());
  all.server().put_aside(schema->name);
  all.report.tables[schema->source_name].put_aside += 1;
  return {};
}

// The same by sets, as the PostgreSQL target does it: removes, then updates, then inserts.
Result<bool> apply_set(TargetServer& server, const ChangeBatch& batch, const std::vector<std::uint32_t>& run) {
  const model::TableSchemaPtr& schema = batch.tables[batch.changes[run.front()].table];
  TRY(check_names(server, *schema));
  if (schema->primary_key.empty() || !schema->unique_keys.empty()) return false;
  const relational::NetChanges net = relational::compact(batch, run, {schema->primary_key, true});
  if (net.ordered) return false;
  const std::size_t count = schema->columns.size();
  for (const relational::NetRow& row : net.removes)
    TRY(server.take(schema->name, row_of(batch, row.key, count, nullptr)));
  for (const auto& [known, rows] : net.updates) {
    for (const relational::NetRow& row : rows) {
      const Row old = TRY(server.take(schema->name, row_of(batch, row.key, count, nullptr)));
      TRY(server.insert(schema->name, row_of(batch, row.cells, count, &old)));
    }
  }
  for (const relational::NetRow& row : net.inserts) {
    TRY(server.insert(schema->name, row_of(batch, row.cells, count, nullptr)));
  }
  return true;
}

// The changes that are not skipped, table by table; what is no row change stands between runs.
Result<void> apply_runs(const Applying& all, const std::vector<std::uint32_t>& changes) {
  std::map<std::uint32_t, std::vector<std::uint32_t>> runs;
  const auto finish = [&]() -> Result<void> {
    for (const auto& [table, run] : runs) {
      if (all.is_suspended(all.batch.tables[table]->source_name)) continue;
      const std::size_t before = all.server().savepoint();
      Result<bool> applied = apply_set(all.server(), all.batch, run);
      if (applied.ok() && *applied) continue;
      const bool is_excused = !applied.ok() && (applied.error().is(errors::refused) ||
                                                all.server().has_exceptions(all.batch.tables[table]->name));
      if (!applied.ok() && !is_excused) return applied.take_error();
      all.server().rollback_to(before);
      for (const std::uint32_t index : run) TRY(apply_alone(all, all.batch.changes[index]));
    }
    runs.clear();
    return {};
  };
  for (const std::uint32_t index : changes) {
    const Change& change = all.batch.changes[index];
    if (all.side.compacts && is_row(change.op)) {
      runs[change.table].push_back(index);
      continue;
    }
    TRY(finish());
    TRY(apply_alone(all, change));
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
                                                   const std::optional<model::Position>& held, bool is_replay,
                                                   ApplyState& state, connect::ApplyReport& report) {
  std::vector<std::uint32_t> wanted;
  std::optional<model::Position> reached;
  for (std::uint32_t i = 0; i < batch.changes.size(); ++i) {
    const Change& change = batch.changes[i];
    if (change.op == Op::begin) {
      state.is_inside = true;
      state.is_skipped = held && model::Position{change.position.log, model::sequence_end, {}} <= *held;
    } else if (change.op == Op::commit) {
      state.is_inside = false;
      if (!state.is_skipped) reached = change.position;
    } else if (state.is_skipped) {
      if (is_replay && change.op == Op::schema)
        state.known[batch.tables[change.table]->source_name] = batch.tables[change.table];
    } else if (change.table != model::no_table) {
      wanted.push_back(i);
      if (side.trace.keeps_lines()) {
        side.trace.detail("target: gets op {} of {} at {}.{}: {}", int(change.op),
                          batch.tables[change.table]->name.text(), change.position.log, change.position.sequence,
                          column_names(*batch.tables[change.table]));
      }
      count(report.tables[batch.tables[change.table]->source_name], change.op);
    }
  }
  TRY(apply_runs({side, batch, state, report}, wanted));
  if (state.is_inside) return std::optional<model::Position>();
  return reached;
}

}  // namespace sim
