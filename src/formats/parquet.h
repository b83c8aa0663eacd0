// SPDX-License-Identifier: Apache-2.0
//
// Rows to Parquet, by Arrow's writer. The bytes depend on settings, schema, rows and the cuts of write() calls alone:
// callers that must write the same bytes again cut their rows the same way.
//
// Columns: [Op string,] the stored columns, [a string column with a time]. All are optional (nullable).
//   NUMERIC(p<=38, 0<=s<=p)  DECIMAL(p,s); without precision or beyond: string, exact
//   TIME  TIME_MICROS;  DATETIME  TIMESTAMP_MICROS (UTC-adjusted for "with time zone"), or _MILLIS;  DATE  DATE32
//   BYTES, BLOB  binary;  BOOLEAN, INTn, UINTn, REALn  their own;  all else  UTF-8 string
// Values without a place there (infinity, NaN in a DECIMAL, 24:00:00, microseconds in milliseconds, text that is not
// UTF-8 is passed on as it is) are found by misfit() before they are written; write() refuses them by name.
//
// Order: open, write any number of times, finish once. One thread at a time. How it fails: parquet.value for values,
// parquet.failed when Arrow refuses, or the sink's own error.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/change.h"
#include "model/row_batch.h"

namespace formats {

enum class ParquetEncoding { chosen, plain, dictionary };
enum class ParquetCompression { none, snappy, gzip, zstd };

struct ParquetSettings {
  bool version_2 = false;
  ParquetEncoding encoding = ParquetEncoding::chosen;  // chosen: by the values of the first write()
  ParquetCompression compression = ParquetCompression::zstd;
  std::int64_t dictionary_bytes_max = 1 << 20;
  std::int64_t row_group_rows = 0;  // 0: by size
  std::int64_t page_bytes = 1 << 20;
  bool statistics = true;
  bool milliseconds = false;
};

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual base::Result<void> append(std::string_view bytes) = 0;
};

// What stands around the cells of a batch's rows. One entry for all rows, or one a row; none: no such column.
struct RowExtras {
  std::string ops;                  // 'I', 'U', 'D'
  std::vector<std::int64_t> times;  // microseconds since 1970, UTC
};

// The first cell of a row that has no place in the file.
struct Misfit {
  std::size_t column = 0;  // among the stored columns
  std::string_view reason;
};

class ParquetShape {
 public:
  ParquetShape(const ParquetSettings& settings, const model::TableSchema& table);
  std::optional<Misfit> misfit(std::string_view arena, const model::Cell* cells) const;
  std::optional<Misfit> misfit(const model::RowBatch& batch, std::size_t row) const;
  // The type as `check` shows it: "DECIMAL(12,2)".
  static std::string type_text(const ParquetSettings& settings, const model::ColumnType& type);

 private:
  ParquetSettings settings_;
  std::vector<model::ColumnType> types_;
};

class ParquetWriter {
 public:
  virtual ~ParquetWriter() = default;
  // The sink outlives the writer. `timestamp_column` empty: none.
  static base::Result<std::unique_ptr<ParquetWriter>> open(const ParquetSettings& settings, model::TableSchemaPtr table,
                                                           bool op_column, std::string timestamp_column,
                                                           ByteSink& sink);
  virtual base::Result<void> write(const model::RowBatch& batch, std::size_t first, std::size_t count,
                                   const RowExtras& extras) = 0;
  virtual base::Result<void> finish() = 0;
  virtual std::uint64_t rows() const = 0;
};

namespace errors {
inline constexpr base::Code parquet_value{"parquet.value", base::Kind::table,
                                          "The value cannot be said in the column's Parquet type. Use csv, or change "
                                          "the column's type to string in the mapping."};
inline constexpr base::Code parquet_failed{"parquet.failed", base::Kind::task,
                                           "Arrow refused to read or write a Parquet file; the message says why."};
}  // namespace errors

}  // namespace formats
