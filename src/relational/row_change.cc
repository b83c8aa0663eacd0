// SPDX-License-Identifier: Apache-2.0
#include "relational/row_change.h"

#include <algorithm>

namespace relational {

using model::Cell;
using model::CellState;
using model::Change;
using model::ChangeBatch;
using model::Op;

namespace {

bool holds_key(const Cell* cells, const Destination& to) {
  return cells != nullptr && std::all_of(to.key.begin(), to.key.end(),
                                         [&](std::uint32_t place) { return cells[place].state == CellState::value; });
}

}  // namespace

const Cell* cells_at(const ChangeBatch& batch, std::uint32_t first, std::uint32_t count) {
  return count == 0 ? nullptr : batch.cells.data() + first;
}

std::size_t bytes_of(const ChangeBatch& batch, const Change& change) {
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < change.old_count; ++i) bytes += batch.cells[change.old_first + i].size;
  for (std::uint32_t i = 0; i < change.new_count; ++i) bytes += batch.cells[change.new_first + i].size;
  return bytes;
}

bool holds_misfit(const ChangeBatch& batch, const Change& change) {
  const Cell* cells = new_cells(batch, change);
  return std::any_of(cells, cells + change.new_count, [](const Cell& cell) { return cell.state == CellState::misfit; });
}

std::string misfit_cause(const ChangeBatch& batch, const Change& change) {
  const Cell* cells = new_cells(batch, change);
  for (std::uint32_t i = 0; i < change.new_count; ++i) {
    if (cells[i].state == CellState::misfit && cells[i].size != 0) return std::string(batch.cell_bytes(cells[i]));
  }
  return "a value has no place in the type that its column has on the way";
}

const Cell* locating(const ChangeBatch& batch, const Change& change, const Destination& to) {
  const Cell* old_image = cells_at(batch, change.old_first, change.old_count);
  const Cell* new_image = new_cells(batch, change);
  if (to.key.empty()) {
    const bool whole = old_image != nullptr && std::none_of(old_image, old_image + change.old_count, [](const Cell& c) {
                         return c.state == CellState::absent || c.state == CellState::unchanged;
                       });
    return whole ? old_image : nullptr;
  }
  if (holds_key(old_image, to)) return old_image;
  return change.op == Op::update && holds_key(new_image, to) ? new_image : nullptr;
}

bool keeps_key(const ChangeBatch& batch, const Change& change, const Destination& to) {
  const Cell* key = locating(batch, change, to);
  const Cell* cells = new_cells(batch, change);
  if (key == nullptr || to.key.empty()) return false;
  return std::all_of(to.key.begin(), to.key.end(), [&](std::uint32_t place) {
    return key == cells ||
           (cells[place].state == CellState::value && batch.cell_bytes(cells[place]) == batch.cell_bytes(key[place]));
  });
}

std::vector<bool> mask_of(const Cell* cells, std::uint32_t count) {
  std::vector<bool> mask(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    mask[i] = cells[i].state == CellState::value || cells[i].state == CellState::null;
  }
  return mask;
}

bool is_complete(const Cell* cells, std::uint32_t count) {
  return cells != nullptr && std::all_of(cells, cells + count, [](const Cell& cell) {
           return cell.state == CellState::value || cell.state == CellState::null;
         });
}

ApplyPolicy policy_of(const ApplyPolicies& policies, Op op) {
  if (op == Op::insert) return policies.insert;
  return op == Op::update ? policies.update : policies.remove;
}

}  // namespace relational
