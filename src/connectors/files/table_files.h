// SPDX-License-Identifier: Apache-2.0
//
// Rows of the files of one table, one file after another, as this task's settings would have written them: csv (gzipped
// or not) or Parquet, with or without Op, of the table's own folder or of transaction files. One thread.
// How it fails: files.bad_file, csv.malformed, gzip.malformed, parquet.failed, each naming the file.
#pragma once

#include <optional>

#include "connectors/files/options.h"
#include "formats/csv.h"
#include "formats/gzip.h"
#include "formats/parquet_reader.h"
#include "wire/object_store.h"

namespace connectors::files {

struct FileRow {
  char op = 'I';
  std::vector<std::optional<std::string>> cells;  // one for each stored column, model::cell_text
};

class TableFiles {
 public:
  // `has_op`: the files begin with the Op column; `transactions`: after it table and schema, of which ours are taken.
  TableFiles(const Settings& settings, wire::ObjectStore& store, const model::TableSchema& table,
             std::vector<wire::ObjectEntry> files, bool has_op, bool transactions);
  base::Result<bool> next(FileRow& row, const std::stop_token& stop);

 private:
  base::Result<void> open_next();
  base::Result<bool> next_csv(FileRow& row, const std::stop_token& stop);
  base::Result<bool> next_parquet(FileRow& row);
  base::Result<bool> take_csv(FileRow& row);
  base::Result<bool> refill(const std::stop_token& stop);

  const Settings& settings_;
  wire::ObjectStore& store_;
  const model::TableSchema& table_;
  const std::vector<std::uint32_t> stored_;
  const std::vector<wire::ObjectEntry> files_;
  const bool has_op_;
  const bool transactions_;
  std::size_t file_ = 0;  // the one after the open one
  bool open_ = false;
  std::uint64_t offset_ = 0;
  bool header_pending_ = false;
  std::unique_ptr<formats::CsvReader> csv_;
  std::unique_ptr<formats::GzipReader> gzip_;
  std::vector<formats::CsvField> fields_;
  std::unique_ptr<formats::ParquetReader> parquet_;
  std::vector<int> parquet_columns_;  // of stored columns; -1: not in the file
  int parquet_op_ = -1;
  std::vector<std::optional<std::string>> parquet_cells_;
};

}  // namespace connectors::files
