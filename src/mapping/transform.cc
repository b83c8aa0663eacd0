// SPDX-License-Identifier: Apache-2.0
#include "mapping/transform.h"

#include <algorithm>

#include "mapping/errors.h"
#include "mapping/mask.h"
#include "model/cell_text.h"

namespace mapping {

using base::Result;
using model::Type;
using SourceKind = ColumnSource::Kind;
using Mask = ColumnSource::Mask;
using What = Variable::Kind;

namespace {

std::uint32_t place_in(const std::vector<std::uint32_t>& columns, std::uint32_t column) {
  const auto found = std::find(columns.begin(), columns.end(), column);
  return found == columns.end() ? no_column : static_cast<std::uint32_t>(found - columns.begin());
}

bool contains_column(const std::vector<std::uint32_t>& columns, std::uint32_t column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

void append(model::ColumnVector& out, const PlainCell& cell) {
  if (cell.is_null) {
    out.add_null();
  } else if (model::is_fixed(out.type)) {
    out.add_fixed(cell.fixed);
  } else if (model::is_real(out.type)) {
    out.add_real(cell.real);
  } else {
    out.add_bytes(cell.bytes);
  }
}

Value value_in(const model::ColumnVector& column, std::size_t row, NumericView view, std::string& scratch) {
  if (column.present[row] == 0) return {};
  if (model::is_fixed(column.type)) return value_of_fixed(column.type, column.fixed[row], scratch);
  if (model::is_real(column.type)) return value_of_real(column.real[row]);
  return value_of_bytes(column.type, column.bytes_at(row), view);
}

}  // namespace

std::string no_value_of(std::string_view what, const model::ColumnType& type) {
  return fmt::format("{} is no {}", what, model::type_name(type.type));
}

Result<std::unique_ptr<RowTransform>> RowTransform::open(const model::TableSchema& source, const MappedTable& mapped,
                                                         PositionText position_text) {
  std::unique_ptr<RowTransform> made(new RowTransform(source, mapped, std::move(position_text)));
  TRY(made->set_up());
  return made;
}

RowTransform::RowTransform(const model::TableSchema& source, const MappedTable& mapped, PositionText position_text)
    : source_(source), mapped_(mapped), position_text_(std::move(position_text)) {}

Result<void> RowTransform::set_up() {
  engine_ = TRY(ExpressionEngine::open());
  for (const std::uint32_t column : model::stored_columns(*mapped_.target)) {
    slots_.push_back(TRY(make_slot(column)));
  }
  std::size_t inputs = 0;
  for (const Slot& slot : slots_) inputs = std::max(inputs, slot.inputs.size());
  values_.resize(inputs);
  scratches_.resize(inputs + 1);
  whole_row_is_key_ = mapped_.target->primary_key.empty();
  return {};
}

Result<RowTransform::Slot> RowTransform::make_slot(std::uint32_t column) {
  Slot slot;
  slot.origin = &mapped_.sources[column];
  slot.target = &mapped_.target->columns[column];
  slot.in_key = contains_column(mapped_.target->primary_key, column);
  if (slot.origin->kind == SourceKind::computed) {
    slot.expression = TRY(engine_->prepare(slot.origin->expression));
    for (const Variable& variable : slot.origin->variables) slot.inputs.push_back(make_input(variable));
    return slot;
  }
  const std::uint32_t from = slot.origin->column;
  slot.from = source_.columns[from].type.type;
  slot.converts = slot.origin->kind == SourceKind::converted ||
                  (slot.origin->kind == SourceKind::before_image &&
                   !(source_.columns[from].type == slot.target->type) && slot.origin->mask != Mask::hash);
  slot.in_old_key = contains_column(source_.old_key, from);
  slot.load_place = place_in(mapped_.read_columns, from);
  slot.stream_place = place_in(model::stored_columns(source_), from);
  return slot;
}

RowTransform::Input RowTransform::make_input(const Variable& variable) const {
  Input input;
  input.kind = variable.kind;
  input.constant = variable.constant;
  if (variable.column == no_column) return input;
  input.type = source_.columns[variable.column].type.type;
  input.load_place = place_in(mapped_.read_columns, variable.column);
  input.stream_place = place_in(model::stored_columns(source_), variable.column);
  input.in_old_key = contains_column(source_.old_key, variable.column);
  return input;
}

// ---- both ----

// The cell holds a value of the target's type, or the source's text when a hash is made of it.
void RowTransform::mask(const Slot& slot, PlainCell& cell) const {
  const Mask kind = slot.origin->mask;
  if (kind == Mask::none || cell.is_null) return;
  const Type type = slot.target->type.type;
  if (model::is_fixed(type)) {
    const IntegerRange range = integer_range(type);
    cell.fixed = random_integer(cell.fixed, range.low, range.high);
  } else if (type == Type::numeric) {
    cell.bytes = random_number(cell.bytes);
  } else {
    cell.bytes = masked_text(kind, slot.origin->mask_character, cell.bytes);
  }
}

// ---- full load ----

// The row gets a NULL in the column's place until it is dropped.
void RowTransform::reject(const Slot& slot, std::size_t row, std::string_view cause, model::ColumnVector& out) {
  out.add_null();
  if (rejected_.size() <= row) rejected_.resize(row + 1);
  if (!rejected_[row].empty()) return;
  rejected_[row] =
      fmt::format("column {} (rule {}), row {} of the chunk: {}", slot.target->name,
                  slot.origin->rule_ids.empty() ? "" : slot.origin->rule_ids.back(), rows_loaded_ + row + 1, cause);
}

void RowTransform::drop_rejected(model::RowBatch& out) {
  if (rejected_.empty()) return;
  rejected_.resize(out.rows);
  std::vector<std::size_t> kept;
  std::vector<std::string> reasons = std::move(out.rejected);
  for (std::size_t row = 0; row < out.rows; ++row) {
    if (rejected_[row].empty()) {
      kept.push_back(row);
    } else {
      reasons.push_back(std::move(rejected_[row]));
    }
  }
  out = out.picked(kept);
  out.rejected = std::move(reasons);
  rejected_.clear();
}

void RowTransform::load_header(const Input& input, base::WallMicros now, Value& value, std::string& scratch) const {
  switch (input.kind) {
    case What::timestamp:
    case What::commit_timestamp:
      scratch = model::fixed_text(Type::datetime, now);
      value = Value::of(std::string_view(scratch));
      return;
    case What::operation: value = Value::of(std::string_view("INSERT")); return;
    case What::constant: value = Value::of(std::string_view(input.constant)); return;
    case What::before: value = {}; return;
    default: value = Value::of(std::string_view("")); return;
  }
}

void RowTransform::load_computed(const model::RowBatch& in, std::size_t number, base::WallMicros now,
                                 model::ColumnVector& out) {
  const Slot& slot = slots_[number];
  const std::span<const Value> values(values_.data(), slot.inputs.size());
  for (std::size_t i = 0; i < slot.inputs.size(); ++i) {
    if (slot.inputs[i].kind != What::column) load_header(slot.inputs[i], now, values_[i], scratches_[i]);
  }
  for (std::size_t row = 0; row < in.rows; ++row) {
    for (std::size_t i = 0; i < slot.inputs.size(); ++i) {
      const Input& input = slot.inputs[i];
      if (input.kind != What::column) continue;
      values_[i] = value_in(in.columns[input.load_place], row, NumericView::arithmetic, scratches_[i]);
    }
    const Result<Value> value = engine_->evaluate(slot.expression, values);
    if (!value.ok()) {
      reject(slot, row, value.error().message, out);
    } else if (!to_cell(*value, slot.target->type, cell_)) {
      reject(slot, row, no_value_of("the expression's value", slot.target->type), out);
    } else {
      append(out, cell_);
    }
  }
}

void RowTransform::load_changed(const model::ColumnVector& in, const Slot& slot, model::ColumnVector& out) {
  model::ColumnType as_is;
  as_is.type = slot.from;
  const model::ColumnType& wanted = slot.converts ? slot.target->type : as_is;
  for (std::size_t row = 0; row < in.present.size(); ++row) {
    const Value value = value_in(in, row, NumericView::exact, scratches_[0]);
    if (!to_cell(value, wanted, cell_)) {
      reject(slot, row, no_value_of("the value", wanted), out);
      continue;
    }
    mask(slot, cell_);
    append(out, cell_);
  }
}

Result<std::unique_ptr<model::RowBatch>> RowTransform::load(model::RowBatch& in, base::WallMicros now) {
  auto out = std::make_unique<model::RowBatch>(mapped_.target);
  out->rows = in.rows;
  out->rejected = std::move(in.rejected);
  engine_->set_operation(RowOperation::load);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    model::ColumnVector& column = out->columns[i];
    if (slot.origin->kind == SourceKind::computed) {
      load_computed(in, i, now, column);
    } else if (slot.origin->kind == SourceKind::before_image) {
      for (std::size_t row = 0; row < in.rows; ++row) column.add_null();
    } else if (!slot.origin->is_as_read()) {
      load_changed(in.columns[slot.load_place], slot, column);
    }
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].origin->is_as_read()) out->columns[i] = std::move(in.columns[slots_[i].load_place]);
  }
  drop_rejected(*out);
  rows_loaded_ += in.rows;
  return out;
}

}  // namespace mapping
