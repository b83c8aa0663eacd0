// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/log_window.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/mysql/key_text.h"

namespace mysql {
namespace {

using base::failed;
using base::Result;
using model::Cell;
using model::CellState;
using model::Change;
using model::ChangeBatch;
using model::Op;

constexpr std::size_t window_bytes_max = 16u << 20;
constexpr std::size_t window_keys_max = 20'000;
constexpr base::Nanos window_wait_max = std::chrono::seconds(60);

// What stands against telling rows by their key; nullopt: nothing.
std::optional<std::string> key_problem(const model::TableSchema& table) {
  if (table.primary_key.empty()) return "it has no primary key";
  for (const std::uint32_t index : table.primary_key) {
    const model::Column& column = table.columns[index];
    const Result<NativeType> native = parse_type(column.type.native, column.collation);
    if (!native.ok() || !has_literal(native->kind) || column.generated) {
      return fmt::format("column {} of its key is {}", column.name, column.type.native);
    }
  }
  return std::nullopt;
}

// Behind the server's own place, and between two transactions.
bool is_through(const BinlogSession& session, const BinlogReader& reader, const LogPlace& high) {
  return !reader.is_inside() && !(session.place() < high);
}

}  // namespace

std::map<model::TableName, std::string> rigid_tables(const connect::CapturePlan& plan) {
  std::map<model::TableName, std::string> rigid;
  for (const model::TableSchemaPtr& table : plan.tables) {
    if (const std::optional<std::string> why = key_problem(*table)) rigid[table->name] = *why;
    if (plan.filtered.contains(table->name)) rigid[table->name] = "it is filtered";
    for (const model::ForeignKey& key : table->foreign_keys) {
      if (!key.unlogged) continue;
      rigid[table->name] = rigid[key.referenced] = "foreign keys act on it, which the log does not tell";
    }
  }
  return rigid;
}

void WindowFold::obstruct(const model::TableName& table, std::string_view why) {
  if (obstacle_.empty()) obstacle_ = fmt::format("table {} ({})", table.text(), why);
}

std::optional<LoggedRow> WindowFold::row_of(const ChangeBatch& batch, std::uint32_t first, std::uint32_t count) {
  LoggedRow row;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Cell& cell = batch.cells[first + i];
    if (cell.state == CellState::null)
      row.emplace_back();
    else if (cell.state == CellState::value)
      row.emplace_back(std::string(batch.cell_bytes(cell)));
    else
      return std::nullopt;
  }
  return row;
}

std::optional<LoggedRow> WindowFold::key_of(const model::TableSchema& table, const ChangeBatch& batch,
                                            std::uint32_t first, std::uint32_t count) {
  const std::vector<std::uint32_t> stored = model::stored_columns(table);
  LoggedRow key;
  for (const std::uint32_t index : table.primary_key) {
    const auto rank = static_cast<std::uint32_t>(std::find(stored.begin(), stored.end(), index) - stored.begin());
    if (rank >= count || batch.cells[first + rank].state != CellState::value) return std::nullopt;
    key.emplace_back(std::string(batch.cell_bytes(batch.cells[first + rank])));
  }
  return key;
}

void WindowFold::take_change(const ChangeBatch& batch, const Change& change) {
  const model::TableSchemaPtr& schema = batch.tables[change.table];
  if (const auto rigid = rigid_.find(schema->name); rigid != rigid_.end()) return obstruct(schema->name, rigid->second);
  const bool is_row = change.op == Op::insert || change.op == Op::update || change.op == Op::remove;
  if (!is_row) return obstruct(schema->name, "a statement changed it as a whole");
  if (change.streamed) return obstruct(schema->name, "a large transaction or an XA transaction changed it");
  Table& table = tables_[schema->name];
  table.schema = schema;
  const auto set = [&](const std::optional<LoggedRow>& key, std::optional<LoggedRow> row) {
    if (table.rows.insert_or_assign(*key, std::move(row)).second) ++keys_;
  };
  if (change.op != Op::insert) {
    const std::optional<LoggedRow> key = key_of(*schema, batch, change.old_first, change.old_count);
    if (!key) return obstruct(schema->name, "the log does not hold the whole row");
    set(key, std::nullopt);
  }
  if (change.op != Op::remove) {
    const std::optional<LoggedRow> key = key_of(*schema, batch, change.new_first, change.new_count);
    std::optional<LoggedRow> row = row_of(batch, change.new_first, change.new_count);
    if (!key || !row) return obstruct(schema->name, "the log does not hold the whole row");
    set(key, std::move(row));
  }
  if (keys_ > window_keys_max) obstruct(schema->name, "too many rows changed in that moment");
}

void WindowFold::take(const ChangeBatch& batch) {
  for (const Change& change : batch.changes) {
    if (!obstacle_.empty()) return;
    if (change.table != model::no_table) take_change(batch, change);
  }
}

std::map<model::TableName, TablePatch> WindowFold::patches() const {
  std::map<model::TableName, TablePatch> patches;
  for (const auto& [name, table] : tables_) {
    const model::TableSchema& schema = *table.schema;
    const bool is_wide = schema.primary_key.size() > 1;
    TablePatch& patch = patches[name];
    std::string names, keys;
    for (const std::uint32_t index : schema.primary_key) {
      names += (names.empty() ? "" : ", ") + quote_identifier(schema.columns[index].name);
    }
    for (const auto& [key, row] : table.rows) {
      std::string values;
      for (std::size_t i = 0; i < key.size(); ++i) {
        values += (i == 0 ? "" : ", ") + key_literal(schema.columns[schema.primary_key[i]], *key[i]);
      }
      keys += (keys.empty() ? "" : ", ") + (is_wide ? "(" + values + ")" : values);
      if (row) patch.rows.push_back(*row);
    }
    patch.keys = fmt::format("{} NOT IN ({})", is_wide ? "(" + names + ")" : names, keys);
  }
  return patches;
}

Result<LogWindow> read_window(WindowRequest request) {
  LogWindow window;
  const base::Nanos begun = request.clock->monotonic();
  BinlogSession session = TRY(BinlogSession::open(request.start, request.stop));
  BinlogReader reader(std::move(request.reader));
  while (!is_through(session, reader, request.high)) {
    const binlog::Event* const event = TRY(session.next(request.stop));
    Result<void> taken = reader.take(*event, session.place(), session.decoder());
    if (!taken.ok() && taken.error().is(errors::unknown_xa)) {
      window.obstacle = "an XA transaction that was prepared before ended";
      return window;
    }
    TRY(std::move(taken));
    if (reader.batch().weight() > window_bytes_max) {
      window.obstacle = "more than 16 MiB were committed in that moment";
      return window;
    }
    if (request.clock->monotonic() - begun > window_wait_max) {
      return failed(errors::log_behind, "file {}, offset {}", request.high.file, request.high.offset);
    }
  }
  WindowFold fold(request.rigid);
  fold.take(reader.take_batch());
  window.gtids = reader.gtids();
  window.obstacle = fold.obstacle();
  if (window.obstacle.empty()) window.patches = fold.patches();
  window.keys = fold.keys();
  return window;
}

}  // namespace mysql
