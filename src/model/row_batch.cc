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
  rejected.clear();
  for (ColumnVector& column : columns) {
    column.present.clear();
    column.fixed.clear();
    column.real.clear();
    column.ends.clear();
    column.bytes.clear();
  }
}

void RowBatch::cut_to_rows() {
  for (ColumnVector& column : columns) {
    if (column.present.size() > rows) column.present.resize(rows);
    if (column.fixed.size() > rows) column.fixed.resize(rows);
    if (column.real.size() > rows) column.real.resize(rows);
    if (column.ends.size() > rows) column.ends.resize(rows);
    if (!is_fixed(column.type) && !is_real(column.type)) column.bytes.resize(rows == 0 ? 0 : column.ends[rows - 1]);
  }
}

RowBatch RowBatch::picked(const std::vector<std::size_t>& which) const {
  RowBatch batch(schema);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const ColumnVector& from = columns[i];
    ColumnVector& to = batch.columns[i];
    for (const std::size_t row : which) {
      if (from.present[row] == 0) {
        to.add_null();
      } else if (is_fixed(from.type)) {
        to.add_fixed(from.fixed[row]);
      } else if (is_real(from.type)) {
        to.add_real(from.real[row]);
      } else {
        to.add_bytes(from.bytes_at(row));
      }
    }
  }
  batch.rows = which.size();
  return batch;
}

}  // namespace model
