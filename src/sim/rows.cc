// SPDX-License-Identifier: Apache-2.0
#include "sim/rows.h"

#include <algorithm>
#include <cstdlib>

#include "model/cell_text.h"
#include "sim/chance.h"

namespace sim {

using base::Result;

Value whole_number(std::int64_t value) {
  std::string cell;
  model::append_fixed(cell, value);
  return cell;
}

std::string show(const model::TableSchema& schema, const Row& row) {
  const std::vector<std::uint32_t> stored = model::stored_columns(schema);
  std::string text;
  for (std::size_t i = 0; i < row.size() && i < stored.size(); ++i) {
    const model::Column& column = schema.columns[stored[i]];
    std::string value = row[i] ? model::cell_text(column.type.type, *row[i]) : "NULL";
    if (value.size() > 24) value = fmt::format("{}...({} bytes)", value.substr(0, 16), value.size());
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", column.name, value);
  }
  return text;
}

Shape shape_of(const model::TableSchema& schema) {
  Shape shape{11, 11};
  for (const model::Column& column : schema.columns) {
    const std::uint64_t name = hash_text(column.name);
    shape.names = mix(shape.names ^ name) + std::uint64_t(column.type.type);
    shape.columns = mix(shape.columns ^ name) + std::uint64_t(column.ordinal) * 31 + std::uint64_t(column.type.type);
  }
  return shape;
}

std::string text_of(const model::Column& column, const std::string& cell) {
  return model::is_fixed(column.type.type) ? std::to_string(model::load_fixed(cell)) : cell;
}

std::string cell_of(const model::Column& column, const std::string& text) {
  return model::is_fixed(column.type.type) ? *whole_number(std::strtoll(text.c_str(), nullptr, 10)) : text;
}

RowSet::RowSet(model::TableSchemaPtr schema) : schema_(std::move(schema)) { learn_columns(); }

void RowSet::learn_columns() {
  const std::vector<std::uint32_t> stored = model::stored_columns(*schema_);
  const auto& keys = schema_->primary_key;
  key_.clear();
  column_hashes_.clear();
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (keys.empty() || std::find(keys.begin(), keys.end(), stored[i]) != keys.end()) key_.push_back(i);
    column_hashes_.push_back(hash_text(schema_->columns[stored[i]].name));
  }
}

std::string RowSet::key_of(const Row& row) const {
  std::string key;
  for (const std::size_t index : key_) {
    const Value& value = row[index];
    if (!value) {
      key += '-';
      continue;
    }
    const auto size = static_cast<std::uint32_t>(value->size());
    key += '+';
    for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(size >> shift);
    key += *value;
  }
  return key;
}

std::uint64_t RowSet::hash_of(const Row& row) const {
  if (!passes(row)) return 0;
  std::uint64_t hash = 7;
  for (std::size_t i = 0; i < row.size(); ++i) {
    // NULL adds nothing, so that a column added with NULLs changes no digest.
    if (row[i]) hash += mix(hash_text(*row[i], column_hashes_[i]));
  }
  return mix(hash);
}

Result<void> RowSet::insert(Row row) {
  const std::uint64_t hash = hash_of(row);
  const auto [place, is_new] = rows_.try_emplace(key_of(row));
  if (!is_new) {
    if (!schema_->primary_key.empty()) {
      return base::failed(errors::duplicate, "table {}: {}", schema_->name.text(), show(*schema_, row));
    }
    place->second.count += 1;
  } else {
    place->second.row = std::move(row);
  }
  size_ += 1;
  digest_ += hash;
  return {};
}

Result<Row> RowSet::take(const Row& like) {
  const auto found = rows_.find(key_of(like));
  if (found == rows_.end()) {
    return base::failed(errors::missing, "table {}: {}", schema_->name.text(), show(*schema_, like));
  }
  size_ -= 1;
  digest_ -= hash_of(found->second.row);
  if (--found->second.count > 0) return Row(found->second.row);
  Row row = std::move(found->second.row);
  rows_.erase(found);
  return row;
}

const Row* RowSet::find(const Row& like) const {
  const auto found = rows_.find(key_of(like));
  return found == rows_.end() ? nullptr : &found->second.row;
}

const Row* RowSet::at(std::size_t index) const {
  if (rows_.empty()) return nullptr;
  return &std::next(rows_.begin(), std::ptrdiff_t(index % rows_.size()))->second.row;
}

void RowSet::clear() {
  rows_.clear();
  size_ = 0;
  digest_ = 0;
}

std::vector<Row> RowSet::rows() const {
  std::vector<Row> all;
  for (const auto& [key, entry] : rows_) all.insert(all.end(), entry.count, entry.row);
  return all;
}

std::vector<Row> RowSet::passing_rows() const {
  std::vector<Row> passing = rows();
  std::erase_if(passing, [this](const Row& row) { return !passes(row); });
  return passing;
}

void RowSet::reshape(model::TableSchemaPtr schema, const std::function<Row(const Row&)>& shaped) {
  const std::vector<Row> old = rows();
  schema_ = std::move(schema);
  learn_columns();
  clear();
  for (const Row& row : old) insert(shaped(row)).take();
}

}  // namespace sim
