// SPDX-License-Identifier: Apache-2.0
//
// The streaming half of TableFilter.
#include <algorithm>

#include "mapping/errors.h"
#include "mapping/filter.h"

namespace mapping {

using base::Result;
using model::Cell;
using model::CellForm;
using model::CellState;
using model::Change;
using model::ChangeBatch;
using model::Op;

TableFilter::Verdict TableFilter::judge_term(const Term& term, const ChangeBatch& batch, const Cell& cell,
                                             CellForm form) const {
  if (cell.state != CellState::null && cell.state != CellState::value) return Verdict::unknown;
  const bool is_null = cell.state == CellState::null;
  Comparand value;
  const bool compares = term.comparer.comparison() != model::Comparison::none;
  if (!is_null && compares && !term.comparer.read_cell(batch.cell_bytes(cell), form, value)) return Verdict::unknown;
  const auto holds = [&](const Condition& condition) {
    if (condition.op == FilterOperator::null) return is_null;
    if (is_null) return false;
    if (condition.op == FilterOperator::notnull) return true;
    const int low = term.comparer.compare(value, condition.low);
    switch (condition.op) {
      case FilterOperator::eq: return low == 0;
      case FilterOperator::noteq: return low != 0;
      case FilterOperator::lte: return low <= 0;
      case FilterOperator::gte: return low >= 0;
      case FilterOperator::between: return low >= 0 && term.comparer.compare(value, condition.high) <= 0;
      case FilterOperator::notbetween: return low < 0 || term.comparer.compare(value, condition.high) > 0;
      default: return false;
    }
  };
  const bool included = term.including.empty() || std::any_of(term.including.begin(), term.including.end(), holds);
  const bool passes = included && std::all_of(term.negative.begin(), term.negative.end(), holds);
  return passes ? Verdict::passes : Verdict::fails;
}

TableFilter::Verdict TableFilter::judge(const ChangeBatch& batch, std::uint32_t first, CellForm form) const {
  Verdict verdict = Verdict::passes;
  for (const auto& term : terms_) {
    const Verdict one = judge_term(*term, batch, batch.cells[first + term->place], form);
    if (one == Verdict::fails) return one;
    if (one == Verdict::unknown) verdict = one;
  }
  return verdict;
}

// What the log does not repeat of the new row stands in the old one, if anywhere.
TableFilter::Verdict TableFilter::judge_new(const ChangeBatch& batch, const Change& change, CellForm form) const {
  Verdict verdict = Verdict::passes;
  for (const auto& term : terms_) {
    const Cell* cell = &batch.cells[change.new_first + term->place];
    if (cell->state == CellState::unchanged && change.old_count != 0) {
      cell = &batch.cells[change.old_first + term->place];
    }
    const Verdict one = judge_term(*term, batch, *cell, form);
    if (one == Verdict::fails) return one;
    if (one == Verdict::unknown) verdict = one;
  }
  return verdict;
}

base::Error TableFilter::not_in_log(const Change& change, const PositionText& position_text,
                                    std::string_view what) const {
  return base::failed(
      errors::row_failed, "table {} (rule {}): at {} the log does not carry {}; with REPLICA IDENTITY FULL it would",
      source_->name.text(), terms_.front()->rule_id, position_text ? position_text(change.position) : "", what);
}

Result<void> TableFilter::move_in(ChangeBatch& batch, Change& change, const PositionText& position_text) const {
  const auto first = static_cast<std::uint32_t>(batch.cells.size());
  for (std::uint32_t i = 0; i < change.new_count; ++i) {
    Cell cell = batch.cells[change.new_first + i];
    if (cell.state == CellState::unchanged && change.old_count != 0) cell = batch.cells[change.old_first + i];
    if (cell.state == CellState::unchanged || cell.state == CellState::absent) {
      const std::uint32_t column = model::stored_columns(*source_)[i];
      return not_in_log(change, position_text,
                        "the unchanged large value of column " + source_->columns[column].name +
                            " of a row that moves into the filter");
    }
    batch.cells.push_back(cell);
  }
  change.op = Op::insert;
  change.new_first = first;
  change.old_first = change.old_count = 0;
  return {};
}

Result<bool> TableFilter::follow(ChangeBatch& batch, Change& change, const PositionText& position_text) const {
  const bool is_row = change.op == Op::insert || change.op == Op::update || change.op == Op::remove;
  if (!is_row || terms_.empty()) return true;
  const CellForm form = batch.forms[change.table];
  constexpr std::string_view deciding = "the value of a column that its filter needs";
  Verdict before = Verdict::fails, after = Verdict::fails;
  if (change.new_count != 0) after = judge_new(batch, change, form);
  if (change.old_count != 0) {
    before = judge(batch, change.old_first, form);
  } else if (change.op == Op::update) {
    before = after;  // the key, in which the filter's columns are, stayed as it was
  } else if (change.op == Op::remove) {
    return not_in_log(change, position_text, deciding);
  }
  if (before == Verdict::unknown || after == Verdict::unknown) return not_in_log(change, position_text, deciding);
  if (change.op != Op::update || before == after) return before == Verdict::passes || after == Verdict::passes;
  if (before == Verdict::fails) {
    TRY(move_in(batch, change, position_text));
    return true;
  }
  change.op = Op::remove;
  change.new_first = change.new_count = 0;
  return true;
}

}  // namespace mapping
