// SPDX-License-Identifier: Apache-2.0
#include "engine/lookup.h"

#include <algorithm>

#include "model/cell_text.h"

namespace engine {

using base::Result;
using model::Cell;
using model::CellState;
using model::Change;
using model::ChangeBatch;
using model::Op;

namespace {

constexpr std::size_t keys_at_once_max = 500;
constexpr base::Nanos visible_wait = std::chrono::milliseconds(5);

// The columns that tell a row, as positions among the stored ones.
std::vector<std::uint32_t> key_ranks(const model::TableSchema& table) {
  const std::vector<std::uint32_t> stored = model::stored_columns(table);
  const std::vector<std::uint32_t>& key =
      table.primary_key.empty() && table.old_image == model::OldImage::key ? table.old_key : table.primary_key;
  std::vector<std::uint32_t> ranks;
  for (const std::uint32_t column : key) {
    const auto at = std::find(stored.begin(), stored.end(), column);
    if (at == stored.end()) return {};
    ranks.push_back(static_cast<std::uint32_t>(at - stored.begin()));
  }
  return ranks;
}

void append_key_part(std::string& key, std::string_view cell) {
  key += std::to_string(cell.size());
  key += ':';
  key += cell;
}

void append_cell(std::string& out, const model::ColumnVector& column, std::size_t row) {
  if (model::is_fixed(column.type)) {
    model::append_fixed(out, column.fixed[row]);
  } else if (model::is_real(column.type)) {
    model::append_real(out, column.real[row]);
  } else {
    out += column.bytes_at(row);
  }
}

model::TableSchemaPtr with_columns(const model::TableSchema& table, const std::vector<std::uint32_t>& columns) {
  auto schema = std::make_shared<model::TableSchema>();
  schema->name = table.name;
  for (const std::uint32_t column : columns) schema->columns.push_back(table.columns[column]);
  return schema;
}

// The changes from `at` on, or from behind the last commit before it.
ChangeBatch cut_off(ChangeBatch& batch, std::size_t at) {
  std::size_t cut = at;
  while (cut > 0 && batch.changes[cut - 1].op != Op::commit) --cut;
  if (cut == 0) cut = at;
  ChangeBatch rest = batch;
  rest.changes.erase(rest.changes.begin(), rest.changes.begin() + static_cast<std::ptrdiff_t>(cut));
  batch.changes.resize(cut);
  return rest;
}

bool is_binary(model::Type type) { return type == model::Type::bytes || type == model::Type::blob; }

}  // namespace

std::optional<Lookup::Gap> Lookup::gap_of(const ChangeBatch& batch, std::size_t at) {
  const Change& change = batch.changes[at];
  if (change.op != Op::update || change.new_count == 0) return std::nullopt;
  Gap gap;
  for (std::uint32_t i = 0; i < change.new_count; ++i) {
    if (batch.cells[change.new_first + i].state != CellState::unchanged) continue;
    const bool is_old_known = change.old_count == change.new_count &&
                              batch.cells[change.old_first + i].state != CellState::absent &&
                              batch.cells[change.old_first + i].state != CellState::unchanged;
    if (!is_old_known) gap.missing.push_back(i);
  }
  if (gap.missing.empty()) return std::nullopt;
  for (const std::uint32_t i : key_ranks(*batch.tables[change.table])) {
    const Cell& cell = batch.cells[change.new_first + i];
    if (cell.state != CellState::value) return std::nullopt;
    append_key_part(gap.key, batch.cell_bytes(cell));
  }
  if (gap.key.empty()) return std::nullopt;  // the target says what it does with such a row
  gap.change = at;
  return gap;
}

Result<ChangeBatch> Lookup::fill(ChangeBatch& batch, std::size_t bytes_max,
                                 std::vector<std::pair<model::TableName, base::Error>>& failed_tables,
                                 const std::stop_token& stop) {
  std::set<model::TableName> failed;
  const std::size_t weight = batch.bytes.size();
  std::vector<Gap> gaps;  // of one table
  const auto settle = [&]() -> Result<void> {
    if (gaps.empty()) return {};
    const model::TableName name = batch.tables[batch.changes[gaps.front().change].table]->name;
    Result<void> done = read(batch, gaps, stop);
    gaps.clear();
    if (done.ok() || done.error().kind() != base::Kind::table) return done;
    if (failed.insert(name).second) failed_tables.emplace_back(name, done.take_error());
    return {};
  };
  snapshot_.reset();
  for (std::size_t i = 0; i < batch.changes.size(); ++i) {
    const Change& change = batch.changes[i];
    if (change.op == Op::begin) {
      commit_log_ = change.position.log;
      xid_ = change.xid;
    }
    std::optional<Gap> gap = gap_of(batch, i);
    if (!gap || failed.contains(batch.tables[change.table]->name)) continue;
    const bool same_table = gaps.empty() || batch.changes[gaps.front().change].table == change.table;
    const std::size_t at_once = std::clamp<std::size_t>(bytes_max / largest_, 1, keys_at_once_max);
    if (!same_table || gaps.size() >= at_once) {
      TRY(settle());
      if (batch.bytes.size() - weight >= bytes_max) return cut_off(batch, i);
    }
    gaps.push_back(std::move(*gap));
  }
  TRY(settle());
  snapshot_.reset();
  return ChangeBatch();
}

Result<void> Lookup::open_snapshot(const std::stop_token& stop) {
  while (!snapshot_ || !snapshot_->fence().holds(commit_log_, xid_)) {
    if (snapshot_ && !clock_.pause(visible_wait, stop)) {
      return base::failed(base::errors::canceled, "reading values again was stopped");
    }
    snapshot_ = TRY(source_.snapshot(true));
  }
  return {};
}

// ("a", "b") IN (('1', '2'), ...): the source gives each literal the column's type.
std::string Lookup::key_filter(const ChangeBatch& batch, const std::vector<Gap>& gaps) const {
  const Change& first = batch.changes[gaps.front().change];
  const model::TableSchema& table = *batch.tables[first.table];
  const std::vector<std::uint32_t> stored = model::stored_columns(table);
  const std::vector<std::uint32_t> ranks = key_ranks(table);
  std::string names, rows;
  for (const std::uint32_t rank : ranks) {
    names += (names.empty() ? "" : ", ") + source_.quote_identifier(table.columns[stored[rank]].name);
  }
  std::set<std::string_view> seen;
  for (const Gap& gap : gaps) {
    if (!seen.insert(gap.key).second) continue;
    std::string values;
    for (const std::uint32_t rank : ranks) {
      const model::Type type = table.columns[stored[rank]].type.type;
      const Cell& cell = batch.cells[batch.changes[gap.change].new_first + rank];
      const std::string text = model::cell_text(type, batch.cell_bytes(cell));
      values += (values.empty() ? "" : ", ") + source_.quote_literal(is_binary(type) ? "\\x" + text : text);
    }
    rows += (rows.empty() ? "" : ", ") + (ranks.size() > 1 ? "(" + values + ")" : values);
  }
  return fmt::format("{} IN ({})", ranks.size() > 1 ? "(" + names + ")" : names, rows);
}

Result<void> Lookup::read(ChangeBatch& batch, const std::vector<Gap>& gaps, const std::stop_token& stop) {
  TRY(open_snapshot(stop));
  const model::TableSchemaPtr table = batch.tables[batch.changes[gaps.front().change].table];
  const std::vector<std::uint32_t> stored = model::stored_columns(*table);
  std::vector<std::uint32_t> wanted = key_ranks(*table);
  const std::size_t key_width = wanted.size();
  for (const Gap& gap : gaps) {
    for (const std::uint32_t rank : gap.missing) {
      if (std::find(wanted.begin() + static_cast<std::ptrdiff_t>(key_width), wanted.end(), rank) == wanted.end()) {
        wanted.push_back(rank);
      }
    }
  }
  std::vector<std::uint32_t> columns;
  for (const std::uint32_t rank : wanted) columns.push_back(stored[rank]);
  connect::Chunk chunk;
  chunk.table = table->name;
  const auto reader =
      TRY(snapshot_->read(*table, columns, chunk, key_filter(batch, gaps), connect::ReadForm::rows, stop));
  std::map<std::string, std::map<std::uint32_t, Cell>> found;  // by key; cells by position among the stored columns
  model::RowBatch rows(with_columns(*table, columns));
  bool is_misfit = false;  // a row came that no cells can hold, and does not say which
  while (TRY(reader->next_rows(rows, stop))) {
    for (std::size_t row = 0; row < rows.rows; ++row) {
      const std::size_t before = batch.bytes.size();
      std::string key;
      for (std::size_t i = 0; i < key_width; ++i) {
        std::string part;
        append_cell(part, rows.columns[i], row);
        append_key_part(key, part);
      }
      auto& to = found[key];
      for (std::size_t i = key_width; i < wanted.size(); ++i) {
        Cell cell;
        cell.offset = batch.bytes.size();
        if (rows.columns[i].present[row] != 0) {
          append_cell(batch.bytes, rows.columns[i], row);
          cell.state = CellState::value;
        }
        cell.size = static_cast<std::uint32_t>(batch.bytes.size() - cell.offset);
        to[wanted[i]] = cell;
      }
      largest_ = std::max(largest_, batch.bytes.size() - before);
    }
    is_misfit = is_misfit || !rows.rejected.empty();
    rows.clear();
  }
  for (const Gap& gap : gaps) {
    const auto at = found.find(gap.key);
    for (const std::uint32_t rank : gap.missing) {
      Cell& cell = batch.cells[batch.changes[gap.change].new_first + rank];
      if (at == found.end()) {
        cell = Cell{0, 0, is_misfit ? CellState::misfit : CellState::null};
      } else {
        cell = at->second.at(rank);
      }
    }
  }
  const std::uint64_t gone = static_cast<std::uint64_t>(
      std::count_if(gaps.begin(), gaps.end(), [&](const Gap& gap) { return !found.contains(gap.key); }));
  statistics_.table(table->name, [&](TableStatus& status) {
    status.looked_up += gaps.size();
    status.looked_up_gone += gone;
  });
  return {};
}

}  // namespace engine
