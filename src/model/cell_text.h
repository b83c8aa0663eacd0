// SPDX-License-Identifier: Apache-2.0
//
// One text for each canonical cell, the same wherever the cell came from: what validation compares between databases
// of different families and files, and what errors and tools show. Exact: two cells have the same text only if they are
// the same value. Not a file format (formats/csv writes DMS's); pure.
//
//   boolean true/false   integers in decimal   reals shortest digits that read back, NaN, Infinity, -Infinity
//   date 2024-02-29, 0044-03-15 BC, infinity   time 23:59:59.5   datetime 2024-02-29 23:59:59.5 (no trailing zeros)
//   numeric as it is     text as it is         bytes in lower-case hex
#pragma once

#include <string>
#include <string_view>

#include "model/row_batch.h"

namespace model {

// `cell` in the canonical encoding of that type (see model/schema.h).
std::string cell_text(Type type, std::string_view cell);
std::string fixed_text(Type type, std::int64_t value);
std::string real_text(Type type, double value);
// The cell of a row batch; it must not be NULL.
std::string column_text(const ColumnVector& column, std::size_t row);

}  // namespace model
