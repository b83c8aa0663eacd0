// SPDX-License-Identifier: Apache-2.0
//
// Columns of canonical cells as Arrow arrays: the types, the conversion, and which values have no place. Internal to
// the Parquet writer; only this header of formats/ needs Arrow's. Pure functions; an array may point into the column it
// was made from, so it must not outlive it.
#pragma once

#include <arrow/api.h>

#include "formats/parquet.h"

namespace formats {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;

enum class ArrowKind : std::uint8_t {
  boolean,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float4,
  float8,
  decimal,
  date,
  time,
  timestamp_micros,
  timestamp_millis,
  utf8,
  binary,
};

ArrowKind arrow_kind(const ParquetSettings& settings, const model::ColumnType& type);
std::shared_ptr<arrow::DataType> arrow_type(ArrowKind kind, const model::ColumnType& type);

// nullptr: fits. Else why not, as a sentence.
const char* fixed_misfit(ArrowKind kind, std::int64_t value);
const char* decimal_misfit(std::string_view text, int precision, int scale);
// The digits as an integer scaled by 10^scale; nullopt: not a plain number or too many digits on either side.
std::optional<Int128> parse_decimal(std::string_view text, int precision, int scale);

// Fails with parquet.value, naming the row within the range; the caller adds table and column.
base::Result<std::shared_ptr<arrow::Array>> make_array(ArrowKind kind, const model::ColumnType& type,
                                                       const model::ColumnVector& column, std::size_t first,
                                                       std::size_t count);

}  // namespace formats
