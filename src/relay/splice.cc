// SPDX-License-Identifier: Apache-2.0
#include "relay/splice.h"

namespace relay {

static std::uint32_t copy_cells(const model::ChangeBatch& from, std::uint32_t first, std::uint32_t count,
                                model::ChangeBatch& to) {
  const auto start = static_cast<std::uint32_t>(to.cells.size());
  for (std::uint32_t i = first; i < first + count; ++i) {
    model::Cell cell = from.cells[i];
    const std::string_view bytes = from.cell_bytes(cell);
    cell.offset = to.bytes.size();
    if (cell.state == model::CellState::value) {
      to.bytes.append(bytes);
    } else {
      cell.size = 0;
    }
    to.cells.push_back(cell);
  }
  return start;
}

void copy_change(const model::ChangeBatch& from, const model::Change& change, model::ChangeBatch& to) {
  model::Change copy = change;
  if (change.table != model::no_table) {
    copy.table = to.table_index(from.tables[change.table], from.forms[change.table]);
  }
  copy.old_first = copy_cells(from, change.old_first, change.old_count, to);
  copy.new_first = copy_cells(from, change.new_first, change.new_count, to);
  to.changes.push_back(std::move(copy));
}

void append_all(const model::ChangeBatch& from, model::ChangeBatch& to) {
  std::vector<std::uint32_t> tables;
  for (std::size_t i = 0; i < from.tables.size(); ++i) {
    tables.push_back(to.table_index(from.tables[i], from.forms[i]));
  }
  const auto first_cell = static_cast<std::uint32_t>(to.cells.size());
  const std::uint64_t first_byte = to.bytes.size();
  to.bytes.append(from.bytes);
  for (model::Cell cell : from.cells) {
    cell.offset += first_byte;
    to.cells.push_back(cell);
  }
  for (model::Change change : from.changes) {
    if (change.table != model::no_table) change.table = tables[change.table];
    change.old_first += first_cell;
    change.new_first += first_cell;
    to.changes.push_back(std::move(change));
  }
}

}  // namespace relay
