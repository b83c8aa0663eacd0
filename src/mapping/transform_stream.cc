// SPDX-License-Identifier: Apache-2.0
//
// The streaming half of RowTransform. Old images are masked and converted like new ones, so that a row is still found
// by its key; computed columns of an old image are made only where somebody looks at them: in a key, in a table without
// one, and in a delete.
#include "mapping/errors.h"
#include "mapping/mask.h"
#include "mapping/transform.h"
#include "model/cell_text.h"

namespace mapping {

using base::Result;
using model::Cell;
using model::CellState;
using model::Change;
using model::ChangeBatch;
using model::Op;
using model::Type;
using SourceKind = ColumnSource::Kind;
using What = Variable::Kind;

namespace {

constexpr std::uint64_t sequence_room = 100'000'000;      // changes of one transaction in the counter
constexpr std::uint64_t position_room = 100'000'000'000;  // log positions in the counter
constexpr std::int64_t hundredth_micros = 10'000;

Cell added(ChangeBatch& batch, Type type, const PlainCell& value) {
  Cell cell;
  if (value.is_null) return cell;
  cell.state = CellState::value;
  cell.offset = batch.bytes.size();
  if (model::is_fixed(type)) {
    model::append_fixed(batch.bytes, value.fixed);
  } else if (model::is_real(type)) {
    model::append_real(batch.bytes, value.real);
  } else {
    batch.bytes.append(value.bytes);
  }
  cell.size = static_cast<std::uint32_t>(batch.bytes.size() - cell.offset);
  return cell;
}

Cell without_value(CellState state) {
  Cell cell;
  cell.state = state;
  return cell;
}

// 16 digits of the commit's time and a counter of 19: increasing within a source's log, and the same again when the
// change is read again.
std::string change_sequence(const Change& change) {
  const std::string time = model::fixed_text(Type::datetime, change.commit_time);
  std::string digits;
  for (const char c : time.substr(0, time.find('.'))) {
    if (c >= '0' && c <= '9') digits += c;
  }
  digits.resize(14, '0');
  const std::int64_t rest = ((change.commit_time % 1'000'000) + 1'000'000) % 1'000'000;
  const std::uint64_t counter =
      (change.position.log % position_room) * sequence_room + change.position.sequence % sequence_room;
  return fmt::format("{}{:02}{:019}", digits, rest / hundredth_micros, counter);
}

std::string_view operation_name(Op op) { return op == Op::insert ? "INSERT" : op == Op::update ? "UPDATE" : "DELETE"; }

RowOperation operation_of(Op op) {
  return op == Op::insert ? RowOperation::insert : op == Op::update ? RowOperation::update : RowOperation::remove;
}

}  // namespace

void RowTransform::stream_header(const Change& change, const Input& input, Value& value, std::string& scratch) const {
  switch (input.kind) {
    case What::stream_position: scratch = position_text_ ? position_text_(change.position) : ""; break;
    // The commit's time, not the clock's: the same change read again must give the same row.
    case What::timestamp:
    case What::commit_timestamp: scratch = model::fixed_text(Type::datetime, change.commit_time); break;
    case What::operation: scratch = operation_name(change.op); break;
    case What::change_sequence: scratch = change_sequence(change); break;
    default: scratch = input.constant; break;
  }
  value = Value::of(std::string_view(scratch));
}

RowTransform::Reading RowTransform::read_input(const ChangeBatch& batch, const Change& change, const Image& image,
                                               const Input& input, Value& value, std::string& scratch) const {
  if (input.kind != What::column && input.kind != What::before) {
    stream_header(change, input, value, scratch);
    return Reading::known;
  }
  const Cell* cell = nullptr;
  if (input.kind == What::before && !image.old_image) {
    // An update without an old image left the key as it is.
    if (change.op == Op::update && change.old_count != 0) cell = &batch.cells[change.old_first + input.stream_place];
    if (change.op == Op::update && change.old_count == 0 && input.in_old_key) {
      cell = &batch.cells[image.first + input.stream_place];
    }
    if (cell == nullptr) return value = {}, Reading::known;
  } else {
    cell = &batch.cells[image.first + input.stream_place];
  }
  switch (cell->state) {
    case CellState::null: return value = {}, Reading::known;
    case CellState::value:
      value = value_of_cell(input.type, batch.cell_bytes(*cell), NumericView::arithmetic, scratch);
      return Reading::known;
    case CellState::unchanged: return Reading::unchanged;
    default: return Reading::absent;
  }
}

Result<Cell> RowTransform::compute_cell(ChangeBatch& batch, const Change& change, const Slot& slot,
                                        const Image& image) {
  // A value that is another each time would find no row in a table without a key.
  const bool finds = whole_row_is_key_ ? slot.origin->repeatable : change.op == Op::remove || slot.in_key;
  const bool is_looked_at = !image.old_image || finds;
  if (!is_looked_at) return without_value(CellState::absent);
  std::size_t columns = 0, unchanged = 0;
  bool misfit = false, absent = false;
  for (std::size_t i = 0; i < slot.inputs.size(); ++i) {
    const Input& input = slot.inputs[i];
    const Reading reading = read_input(batch, change, image, input, values_[i], scratches_[i]);
    if (input.kind == What::column) ++columns;
    if (reading == Reading::unchanged) ++unchanged;
    if (reading != Reading::absent) continue;
    absent = true;
    misfit = misfit || (input.stream_place != no_column &&
                        batch.cells[image.first + input.stream_place].state == CellState::misfit);
  }
  if (misfit) return without_value(CellState::misfit);
  if (absent) return without_value(image.old_image ? CellState::absent : CellState::unchanged);
  if (unchanged != 0) {
    if (unchanged == columns && slot.origin->repeatable) return without_value(CellState::unchanged);
    return base::failed(
        errors::row_failed,
        "table {}, column {} (rule {}): at {} the log does not repeat an unchanged large value that the "
        "expression needs; with REPLICA IDENTITY FULL it would",
        source_.name.text(), slot.target->name, slot.origin->rule_ids.back(),
        position_text_ ? position_text_(change.position) : "");
  }
  const Result<Value> value = engine_->evaluate(slot.expression, {values_.data(), slot.inputs.size()});
  if (!value.ok()) return unfit(batch, slot, value.error().message);
  if (!to_cell(*value, slot.target->type, cell_)) {
    return unfit(batch, slot, no_value_of("the expression's value", slot.target->type));
  }
  return added(batch, slot.target->type.type, cell_);
}

Cell RowTransform::unfit(ChangeBatch& batch, const Slot& slot, std::string_view cause) const {
  Cell cell = without_value(CellState::misfit);
  cell.offset = batch.bytes.size();
  batch.bytes += fmt::format("column {} (rule {}): {}", slot.target->name,
                             slot.origin->rule_ids.empty() ? "" : slot.origin->rule_ids.back(), cause);
  cell.size = static_cast<std::uint32_t>(batch.bytes.size() - cell.offset);
  return cell;
}

Cell RowTransform::changed_cell(ChangeBatch& batch, const Slot& slot, const Cell& from) {
  if (from.state != CellState::value) return from;
  if (!slot.converts && slot.origin->mask == ColumnSource::Mask::none) return from;
  model::ColumnType as_is;
  as_is.type = slot.from;
  const model::ColumnType& wanted = slot.converts ? slot.target->type : as_is;
  const Value value = value_of_cell(slot.from, batch.cell_bytes(from), NumericView::exact, scratches_[0]);
  if (!to_cell(value, wanted, cell_)) return unfit(batch, slot, no_value_of("the value", wanted));
  mask(slot, cell_);
  return added(batch, slot.target->type.type, cell_);
}

Cell RowTransform::before_cell(ChangeBatch& batch, const Change& change, const Slot& slot) const {
  if (change.op != Op::update) return without_value(CellState::null);
  if (change.old_count != 0) {
    const Cell& cell = batch.cells[change.old_first + slot.stream_place];
    return cell.state == CellState::absent ? without_value(CellState::null) : cell;
  }
  return slot.in_old_key ? batch.cells[change.new_first + slot.stream_place] : without_value(CellState::null);
}

Result<Cell> RowTransform::make_cell(ChangeBatch& batch, const Change& change, const Slot& slot, const Image& image) {
  switch (slot.origin->kind) {
    case SourceKind::computed: return compute_cell(batch, change, slot, image);
    case SourceKind::before_image:
      if (image.old_image) return without_value(whole_row_is_key_ ? CellState::null : CellState::absent);
      return changed_cell(batch, slot, before_cell(batch, change, slot));
    default: break;
  }
  const Cell from = batch.cells[image.first + slot.stream_place];
  // Another random value for an unchanged large one would be a change of its own.
  return changed_cell(batch, slot, from);
}

Result<void> RowTransform::map_image(ChangeBatch& batch, const Change& change, const Image& image, std::uint32_t& first,
                                     std::uint32_t& count) {
  const auto start = static_cast<std::uint32_t>(batch.cells.size());
  for (const Slot& slot : slots_) {
    // Into a variable first: the cells may move while one is made.
    const Cell cell = TRY(make_cell(batch, change, slot, image));
    batch.cells.push_back(cell);
  }
  first = start;
  count = static_cast<std::uint32_t>(slots_.size());
  return {};
}

// The row stays, with its mark; what the log does not carry of it stays as it is.
void RowTransform::soft_delete(ChangeBatch& batch, Change& change, const Image& old_image) {
  const auto start = static_cast<std::uint32_t>(batch.cells.size());
  for (std::uint32_t i = 0; i < old_image.count; ++i) {
    Cell cell = batch.cells[change.old_first + i];
    if (cell.state == CellState::absent) cell.state = CellState::unchanged;
    batch.cells.push_back(cell);
  }
  change.op = Op::update;
  change.new_first = start;
  change.new_count = old_image.count;
}

Result<void> RowTransform::change(ChangeBatch& batch, Change& change) {
  if (change.op != Op::insert && change.op != Op::update && change.op != Op::remove) return {};
  engine_->set_operation(operation_of(change.op));
  const Image old_image{change.old_first, change.old_count, true};
  const Image new_image{change.new_first, change.new_count, false};
  Change mapped = change;
  if (new_image.count != 0) TRY(map_image(batch, change, new_image, mapped.new_first, mapped.new_count));
  if (old_image.count != 0) TRY(map_image(batch, change, old_image, mapped.old_first, mapped.old_count));
  change.old_first = mapped.old_first;
  change.old_count = mapped.old_count;
  change.new_first = mapped.new_first;
  change.new_count = mapped.new_count;
  if (change.op == Op::remove && mapped_.marks_deletes && change.old_count != 0) {
    soft_delete(batch, change, {change.old_first, change.old_count, true});
  }
  return {};
}

}  // namespace mapping
