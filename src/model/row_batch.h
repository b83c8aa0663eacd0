// SPDX-License-Identifier: Apache-2.0
//
// Rows of one table in columns, for the full load: canonical cells only (see model/schema.h). A batch is owned by one
// thread at a time and moved between stages. Fixed and real columns use `fixed`/`real`; all others `ends` and `bytes`.
#pragma once

#include <bit>

#include "model/schema.h"

namespace model {

struct ColumnVector {
  Type type = Type::string;
  std::vector<std::uint8_t> present;  // one byte a row: 0 NULL, 1 value
  std::vector<std::int64_t> fixed;    // is_fixed(type); 0 where NULL
  std::vector<double> real;           // is_real(type); 0 where NULL
  std::vector<std::uint64_t> ends;    // else: end of the row's bytes (start is the end of the row before)
  std::string bytes;

  void add_null();
  void add_fixed(std::int64_t value);
  void add_real(double value);
  void add_bytes(std::string_view value);
  std::string_view bytes_at(std::size_t row) const {
    const std::uint64_t start = row == 0 ? 0 : ends[row - 1];
    return std::string_view(bytes).substr(start, ends[row] - start);
  }
};

struct RowBatch {
  TableSchemaPtr schema;
  std::vector<ColumnVector> columns;  // one for each stored column, in order
  std::size_t rows = 0;
  // Why rows that the source sent are left out: a value that no canonical cell can hold. One text a row, without
  // values.
  std::vector<std::string> rejected;

  explicit RowBatch(TableSchemaPtr schema_of_rows);
  std::size_t weight() const;  // bytes held
  void clear();                // keeps the capacity
  void cut_to_rows();          // columns that hold more than `rows` give up the rest: a row that was begun in vain
  // A copy of some rows, in order.
  RowBatch picked(const std::vector<std::size_t>& which) const;
};

}  // namespace model
