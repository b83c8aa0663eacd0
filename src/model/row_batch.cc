// SPDX-License-Identifier: Apache-2.0
#include "model/row_batch.h"

namespace model {

void ColumnVector::add_null() {
  present.push_back(0);
  if (is_fixed(type)) {
    fixed.push_back(0);
  } else if (is_real(type)) {
    real.push_back(0);
  } else {
    ends.push_back(bytes.size());
  }
}

void ColumnVector::add_fixed(std::int64_t value) {
  present.push_back(1);
  fixed.push_back(value);
}

void ColumnVector::add_real(double value) {
  present.push_back(1);
  real.push_back(value);
}

void ColumnVector::add_bytes(std::string_view value) {
  present.push_back(1);
  bytes.append(value);
  ends.push_back(bytes.size());
}

RowBatch::RowBatch(TableSchemaPtr schema_of_rows) : schema(std::move(schema_of_rows)) {
  for (const std::uint32_t index : stored_columns(*schema)) {
    columns.emplace_back();
    columns.back().type = schema->columns[index].type.type;
  }
}

std::size_t RowBatch::weight() const {
  std::size_t total = 0;
  for (const ColumnVector& column : columns) {
    total += column.present.size() + column.fixed.size() * 8 + column.real.size() * 8 + column.ends.size() * 8 +
             column.bytes.size();
  }
  return total;
}

void RowBatch::clear() {
  rows = 0;
  for (ColumnVector& column : columns) {
    column.present.clear();
    column.fixed.clear();
    column.real.clear();
    column.ends.clear();
    column.bytes.clear();
  }
}

}  // namespace model
