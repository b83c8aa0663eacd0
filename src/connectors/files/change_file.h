// SPDX-License-Identifier: Apache-2.0
//
// The rows of one change file while they are gathered in memory, and the row encoder of one table. One thread at a
// time; the encoder is immutable. Encoding is where a change finds its final form: the Op column, the cells (an
// unchanged large value is taken from the old image where the log has it), the commit time.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "connectors/files/object_file.h"

namespace connectors::files {

// What became of one row.
enum class RowOutcome { written, missing_value, misfit };

class ChangeFile {
 public:
  bool empty() const { return rows_ == 0; }
  std::uint64_t rows() const { return rows_; }
  std::size_t bytes() const { return bytes_; }
  // Streams the content to the store; the object is durable on success.
  base::Result<void> store_as(const Settings& settings, wire::ObjectStore& store, const std::string& key,
                              const wire::ObjectFacts& facts, const std::stop_token& stop) const;

 private:
  friend class RowEncoder;
  std::string& text() {
    if (pieces_.empty() || pieces_.back().size() >= piece_bytes) {
      pieces_.emplace_back();
      if (pieces_.size() > 1) pieces_.back().reserve(piece_bytes + piece_bytes / 16);  // a small file is never so large
    }
    return pieces_.back();
  }
  static constexpr std::size_t piece_bytes = 1u << 20;
  static constexpr std::size_t batch_rows = 8192;
  static constexpr std::size_t batch_bytes = 4u << 20;

  std::uint64_t rows_ = 0;
  std::size_t bytes_ = 0;
  std::vector<std::string> pieces_;  // csv
  struct Batch {                     // Parquet: cut by the rows alone, so that writing again cuts alike
    std::unique_ptr<model::RowBatch> rows;
    formats::RowExtras extras;
  };
  std::vector<Batch> batches_;
  model::TableSchemaPtr table_;
  bool op_column_ = false;
};

// The columns by which a row is known in the files: the primary key, else the replica identity's; empty: the whole row.
const std::vector<std::uint32_t>& key_columns(const model::TableSchema& table);

class RowEncoder {
 public:
  // `transactions`: rows of CDC_TXN files, with table and schema name after the op.
  RowEncoder(const Settings& settings, model::TableSchemaPtr table, bool transactions);

  // Writes the change's row or rows (a key update may be two) to the file; on any other outcome than `written` the file
  // is as it was and `reason` says why.
  RowOutcome encode(ChangeFile& file, const model::ChangeBatch& batch, const model::Change& change,
                    std::string& reason);
  const model::TableSchemaPtr& table() const { return table_; }
  // Whether rows of both tables may stand in one file.
  bool same_shape(const model::TableSchema& other) const;

 private:
  bool key_changed(const model::ChangeBatch& batch, const model::Change& change) const;
  // Fills cells_ for the new or old image; false: a value is missing and may not be.
  bool resolve_new(const model::ChangeBatch& batch, const model::Change& change, std::string& reason);
  void resolve_old(const model::ChangeBatch& batch, const model::Change& change);
  bool fits(const model::ChangeBatch& batch, std::string& reason) const;
  void write(ChangeFile& file, const model::ChangeBatch& batch, char op, std::int64_t commit_time);
  void write_csv(ChangeFile& file, const model::ChangeBatch& batch, char op);
  void write_parquet(ChangeFile& file, const model::ChangeBatch& batch, char op, std::int64_t commit_time);

  const Settings& settings_;
  const model::TableSchemaPtr table_;
  const bool transactions_;
  const std::vector<std::uint32_t> stored_;
  std::vector<std::uint32_t> key_;  // indexes of cells
  formats::CsvEncoder csv_;
  formats::ParquetShape shape_;
  std::string before_[3];  // by I, U, D
  std::string after_;
  std::int64_t after_time_ = -1;
  std::vector<model::Cell> cells_;
};

}  // namespace connectors::files
