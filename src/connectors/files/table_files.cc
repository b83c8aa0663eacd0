// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/table_files.h"

#include <algorithm>

#include "connectors/files/errors.h"
#include "formats/csv_values.h"

namespace connectors::files {

constexpr std::uint64_t piece_bytes = 4u << 20;

TableFiles::TableFiles(const Settings& settings, wire::ObjectStore& store, const model::TableSchema& table,
                       std::vector<wire::ObjectEntry> files, bool has_op, bool transactions)
    : settings_(settings),
      store_(store),
      table_(table),
      stored_(model::stored_columns(table)),
      files_(std::move(files)),
      has_op_(has_op),
      transactions_(transactions) {}

base::Result<bool> TableFiles::next(FileRow& row, const std::stop_token& stop) {
  while (true) {
    if (!open_) {
      if (file_ == files_.size()) return false;
      if (stop.stop_requested()) return base::failed(base::errors::canceled, "stopped while reading files");
      TRY(open_next());
    }
    const bool got = parquet_ ? TRY(next_parquet(row)) : TRY(next_csv(row, stop));
    if (got) return true;
    open_ = false;
  }
}

base::Result<void> TableFiles::open_next() {
  const wire::ObjectEntry& entry = files_[file_++];
  open_ = true;
  offset_ = 0;
  parquet_.reset();
  gzip_.reset();
  if (!entry.key.ends_with(".parquet")) {
    csv_ = std::make_unique<formats::CsvReader>(settings_.csv);
    if (entry.key.ends_with(".gz")) gzip_ = std::make_unique<formats::GzipReader>();
    header_pending_ = settings_.add_column_name;
    return {};
  }
  const auto read_at = [this, key = entry.key](std::uint64_t offset, std::uint64_t size) {
    return store_.get(key, wire::ByteRange{offset, size}, {});
  };
  parquet_ = TRY(formats::ParquetReader::open(read_at, entry.size, entry.key));
  const std::vector<std::string>& names = parquet_->columns();
  const auto find = [&](const std::string& name, std::size_t from) {
    const auto found =
        std::find(names.begin() + static_cast<std::ptrdiff_t>(std::min(from, names.size())), names.end(), name);
    return found == names.end() ? -1 : static_cast<int>(found - names.begin());
  };
  parquet_op_ = has_op_ ? find("Op", 0) : -1;
  parquet_columns_.clear();
  for (const std::uint32_t column : stored_)
    parquet_columns_.push_back(find(table_.columns[column].name, has_op_ ? 1 : 0));
  return {};
}

base::Result<bool> TableFiles::next_parquet(FileRow& row) {
  if (!TRY(parquet_->next(parquet_cells_))) return false;
  row.op = 'I';
  if (parquet_op_ >= 0) {
    const std::optional<std::string>& op = parquet_cells_[static_cast<std::size_t>(parquet_op_)];
    if (!op || op->size() != 1) return base::failed(errors::bad_file, "{}: Op is not a letter", files_[file_ - 1].key);
    row.op = op->front();
  }
  row.cells.resize(stored_.size());
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    row.cells[i] =
        parquet_columns_[i] < 0 ? std::nullopt : parquet_cells_[static_cast<std::size_t>(parquet_columns_[i])];
  }
  return true;
}

base::Result<bool> TableFiles::refill(const std::stop_token& stop) {
  const wire::ObjectEntry& entry = files_[file_ - 1];
  if (offset_ >= entry.size) return false;
  const std::string piece = TRY(store_.get(entry.key, wire::ByteRange{offset_, piece_bytes}, stop));
  if (piece.empty()) return base::failed(errors::bad_file, "{}: shorter than listed", entry.key);
  offset_ += piece.size();
  const bool last = offset_ >= entry.size;
  if (!gzip_) {
    csv_->append(piece);
  } else {
    std::string text;
    TRY(gzip_->append(piece, text));
    if (last) TRY(gzip_->finish());
    csv_->append(text);
  }
  if (last) csv_->finish();
  return true;
}

base::Result<bool> TableFiles::next_csv(FileRow& row, const std::stop_token& stop) {
  while (true) {
    auto got = csv_->next(fields_);
    if (!got.ok()) {
      return base::failed(errors::bad_file, "{}", files_[file_ - 1].key).because(got.take_error());
    }
    if (!*got) {
      if (!TRY(refill(stop))) return false;
      continue;
    }
    if (header_pending_) {
      header_pending_ = false;
      continue;
    }
    if (TRY(take_csv(row))) return true;
  }
}

// False: a row of another table in a transaction file.
base::Result<bool> TableFiles::take_csv(FileRow& row) {
  const std::string& key = files_[file_ - 1].key;
  std::size_t at = 0;
  row.op = 'I';
  if (has_op_ || transactions_) {
    if (fields_[0].text.size() != 1) return base::failed(errors::bad_file, "{}, row {}: no Op", key, csv_->rows());
    row.op = fields_[at++].text.front();
  }
  if (transactions_) {
    if (fields_.size() < 3) return base::failed(errors::bad_file, "{}, row {}: too short", key, csv_->rows());
    if (fields_[1].text != table_.name.table || fields_[2].text != table_.name.schema) return false;
    at += 2;
  }
  const std::size_t wanted = at + stored_.size() + (settings_.timestamp_column.empty() ? 0 : 1);
  if (fields_.size() != wanted) {
    return base::failed(errors::bad_file, "{}, row {}: {} fields, the table has {} columns now", key, csv_->rows(),
                        fields_.size(), stored_.size());
  }
  row.cells.resize(stored_.size());
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    formats::CsvField& field = fields_[at + i];
    const model::Column& column = table_.columns[stored_[i]];
    const bool nothing = !field.quoted && field.text == settings_.csv.null_text;
    if (nothing && (column.nullable || !field.text.empty())) {
      row.cells[i].reset();
      continue;
    }
    if (!formats::to_cell_text(column.type.type, field.text)) {
      return base::failed(errors::bad_file, "{}, row {}, column {}: not a {}", key, csv_->rows(), column.name,
                          model::type_name(column.type.type));
    }
    row.cells[i] = std::move(field.text);
  }
  return true;
}

}  // namespace connectors::files
