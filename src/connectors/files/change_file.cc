// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/change_file.h"

#include <algorithm>

namespace connectors::files {

using model::Cell;
using model::CellState;
using model::Op;

base::Result<void> ChangeFile::store_as(const Settings& settings, wire::ObjectStore& store, const std::string& key,
                                        const wire::ObjectFacts& facts, const std::stop_token& stop) const {
  const std::unique_ptr<ObjectFile> file = TRY(ObjectFile::open(settings, store, key, facts, stop));
  for (const std::string& piece : pieces_) TRY(file->text(piece));
  for (const Batch& batch : batches_) {
    TRY(file->rows(table_, op_column_, *batch.rows, 0, batch.rows->rows, batch.extras));
  }
  return file->finish();
}

static std::string transaction_names(const Settings& settings, const model::TableSchema& table) {
  const formats::CsvEncoder encoder(settings.csv, table);
  std::string names;
  encoder.field(names, table.name.table);
  names += settings.csv.delimiter;
  encoder.field(names, table.name.schema);
  return names + settings.csv.delimiter;
}

const std::vector<std::uint32_t>& key_columns(const model::TableSchema& table) {
  static const std::vector<std::uint32_t> none;
  if (!table.primary_key.empty()) return table.primary_key;
  return table.old_image == model::OldImage::key ? table.old_key : none;
}

RowEncoder::RowEncoder(const Settings& settings, model::TableSchemaPtr table, bool transactions)
    : settings_(settings),
      table_(std::move(table)),
      transactions_(transactions),
      stored_(model::stored_columns(*table_)),
      csv_(settings.csv, *table_),
      shape_(settings.parquet_settings, *table_) {
  cells_.resize(stored_.size());
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    const auto& key = key_columns(*table_);
    if (std::find(key.begin(), key.end(), stored_[i]) != key.end()) key_.push_back(static_cast<std::uint32_t>(i));
  }
  for (int i = 0; i < 3; ++i) {
    if (transactions_ || settings_.cdc_has_op()) before_[i] = std::string(1, "IUD"[i]) + settings_.csv.delimiter;
    if (transactions_) before_[i] += transaction_names(settings_, *table_);
  }
}

bool RowEncoder::same_shape(const model::TableSchema& other) const {
  if (other.name != table_->name || other.columns.size() != table_->columns.size()) return false;
  for (std::size_t i = 0; i < other.columns.size(); ++i) {
    const model::Column& a = table_->columns[i];
    const model::Column& b = other.columns[i];
    if (a.name != b.name || !(a.type == b.type) || a.generated != b.generated) return false;
  }
  return other.primary_key == table_->primary_key;
}

static std::string_view bytes_of(const model::ChangeBatch& batch, const Cell& cell) { return batch.cell_bytes(cell); }

// Without a key the row itself is the key: a change of it is a row that goes and a row that comes.
bool RowEncoder::key_changed(const model::ChangeBatch& batch, const model::Change& change) const {
  if (change.old_count == 0) return false;
  if (key_.empty()) return true;
  for (const std::uint32_t i : key_) {
    const Cell& before = batch.cells[change.old_first + i];
    const Cell& after = batch.cells[change.new_first + i];
    if (before.state != after.state && (before.state == CellState::misfit || after.state == CellState::misfit))
      return true;
    if (before.state != CellState::value || after.state != CellState::value) continue;
    if (bytes_of(batch, before) != bytes_of(batch, after)) return true;
  }
  return false;
}

static bool is_known(const Cell& cell) {
  return cell.state == CellState::value || cell.state == CellState::null || cell.state == CellState::misfit;
}

bool RowEncoder::resolve_new(const model::ChangeBatch& batch, const model::Change& change, std::string& reason) {
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    cells_[i] = batch.cells[change.new_first + i];
    if (is_known(cells_[i])) continue;
    if (change.old_count != 0) {
      const Cell& before = batch.cells[change.old_first + i];
      if (before.state == CellState::value || before.state == CellState::misfit ||
          (before.state == CellState::null && cells_[i].state == CellState::unchanged)) {
        cells_[i] = before;
        continue;
      }
    }
    if (settings_.missing == MissingValues::marker) continue;
    reason = fmt::format(
        "table {}, column {}: the log does not hold the unchanged large value; with REPLICA IDENTITY FULL it would",
        table_->source_name.text(), table_->columns[stored_[i]].name);
    return false;
  }
  return true;
}

// Columns that the log does not carry are NULL in a D row (or the marker, when chosen).
void RowEncoder::resolve_old(const model::ChangeBatch& batch, const model::Change& change) {
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    cells_[i] = batch.cells[change.old_first + i];
    if (!is_known(cells_[i]) && settings_.parquet) cells_[i].state = CellState::null;
  }
}

bool RowEncoder::fits(const model::ChangeBatch& batch, std::string& reason) const {
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (cells_[i].state != CellState::misfit) continue;
    const model::Column& column = table_->columns[stored_[i]];
    if (cells_[i].size != 0) {
      reason = fmt::format("table {}, {}", table_->source_name.text(), batch.cell_bytes(cells_[i]));
      return false;
    }
    reason = fmt::format("table {}, column {}: the value has no place in a {}", table_->source_name.text(), column.name,
                         model::type_name(column.type.type));
    return false;
  }
  if (!settings_.parquet) return true;
  const std::optional<formats::Misfit> misfit = shape_.misfit(batch.bytes, cells_.data());
  if (!misfit) return true;
  reason = fmt::format("table {}, column {}: {}", table_->source_name.text(),
                       table_->columns[stored_[misfit->column]].name, misfit->reason);
  return false;
}

void RowEncoder::write_csv(ChangeFile& file, const model::ChangeBatch& batch, char op) {
  std::string& out = file.text();
  const std::size_t start = out.size();
  if (file.rows_ == 0 && settings_.add_column_name && !transactions_) {
    csv_.header(out, settings_.cdc_has_op() ? "Op" : "", settings_.timestamp_column);
  }
  csv_.row(out, batch.bytes, cells_.data(), before_[op == 'I' ? 0 : op == 'U' ? 1 : 2], after_);
  file.bytes_ += out.size() - start;
}

void RowEncoder::write_parquet(ChangeFile& file, const model::ChangeBatch& batch, char op, std::int64_t commit_time) {
  file.table_ = table_;
  file.op_column_ = settings_.cdc_has_op();
  if (file.batches_.empty() || file.batches_.back().rows->rows >= ChangeFile::batch_rows ||
      file.batches_.back().rows->weight() >= ChangeFile::batch_bytes) {
    file.batches_.push_back({std::make_unique<model::RowBatch>(table_), {}});
  }
  ChangeFile::Batch& to = file.batches_.back();
  std::size_t bytes = 1;
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    model::ColumnVector& column = to.rows->columns[i];
    const Cell& cell = cells_[i];
    bytes += 9 + cell.size;
    if (cell.state != CellState::value) {
      column.add_null();
    } else if (const std::string_view value = bytes_of(batch, cell); model::is_fixed(column.type)) {
      column.add_fixed(model::load_fixed(value));
    } else if (model::is_real(column.type)) {
      column.add_real(model::load_real(value));
    } else {
      column.add_bytes(value);
    }
  }
  if (file.op_column_) to.extras.ops += op;
  if (!settings_.timestamp_column.empty()) to.extras.times.push_back(commit_time);
  ++to.rows->rows;
  file.bytes_ += bytes;
}

void RowEncoder::write(ChangeFile& file, const model::ChangeBatch& batch, char op, std::int64_t commit_time) {
  if (settings_.parquet && !transactions_) {
    write_parquet(file, batch, op, commit_time);
  } else {
    if (!settings_.timestamp_column.empty() && after_time_ != commit_time) {
      after_ = settings_.csv.delimiter;
      csv_.field(after_, base::utc_text(commit_time, 6));
      after_time_ = commit_time;
    }
    write_csv(file, batch, op);
  }
  ++file.rows_;
}

RowOutcome RowEncoder::encode(ChangeFile& file, const model::ChangeBatch& batch, const model::Change& change,
                              std::string& reason) {
  if (change.op == Op::remove) {
    resolve_old(batch, change);
    if (!fits(batch, reason)) return RowOutcome::misfit;
    write(file, batch, 'D', change.commit_time);
    return RowOutcome::written;
  }
  bool pair = false;
  if (change.op == Op::update && settings_.key_update == KeyUpdate::delete_first && settings_.writes(Op::remove) &&
      key_changed(batch, change)) {
    // Both rows or none.
    if (!resolve_new(batch, change, reason)) return RowOutcome::missing_value;
    if (!fits(batch, reason)) return RowOutcome::misfit;
    resolve_old(batch, change);
    if (!fits(batch, reason)) return RowOutcome::misfit;
    write(file, batch, 'D', change.commit_time);
    pair = true;
  }
  if (!resolve_new(batch, change, reason)) return RowOutcome::missing_value;
  if (!fits(batch, reason)) return RowOutcome::misfit;
  write(file, batch, change.op == Op::insert || pair ? 'I' : 'U', change.commit_time);
  return RowOutcome::written;
}

}  // namespace connectors::files
