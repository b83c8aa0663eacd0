// SPDX-License-Identifier: Apache-2.0
#include "relational/compact.h"

#include <functional>
#include <string_view>

namespace relational {
namespace {

using model::Cell;
using model::CellState;
using model::Change;
using model::ChangeBatch;
using model::Op;

struct Followed {
  const Cell* origin = nullptr;  // key on the target; nullptr: inserted in this run
  const Cell* key = nullptr;     // key now; nullptr: removed
  const Cell* cells = nullptr;   // nullptr: nothing but the key is known
  bool key_changed = false;
};

class Compactor {
 public:
  Compactor(const ChangeBatch& batch, const CompactOptions& options, std::size_t changes)
      : batch_(batch), options_(options) {
    std::size_t slots = 64;
    while (slots < changes * 3) slots *= 2;
    slots_.assign(slots, 0);
    rows_.reserve(changes);
  }

  bool add(const Change& change);
  NetChanges finish();

 private:
  const Cell* first_cell(std::uint32_t first) const { return batch_.cells.data() + first; }
  std::uint64_t hash(const Cell* cells) const;
  bool same_key(const Cell* a, const Cell* b) const;
  bool key_known(const Cell* cells) const;
  std::uint32_t& slot(const Cell* key);
  const Cell* merge(const Cell* before, const Cell* after, const Cell* old_image, std::size_t columns);
  static bool complete(const Cell* cells, std::size_t columns);
  bool insert(const Cell* cells);
  bool update(const Cell* old_image, const Cell* cells);
  bool remove(const Cell* key);

  const ChangeBatch& batch_;
  const CompactOptions& options_;
  std::vector<Followed> rows_;
  // Open addressing: 0 empty, else row number + 1. A slot stays with the key of the row that was there first; rows
  // that moved away or were removed leave a row with key nullptr, whose `slot_keys_` entry still tells the key.
  std::vector<std::uint32_t> slots_;
  std::vector<const Cell*> slot_keys_ = {nullptr};
  std::vector<std::uint32_t> slot_rows_ = {0};
  std::size_t columns_ = 0;
  NetChanges net_;
};

std::uint64_t Compactor::hash(const Cell* cells) const {
  std::uint64_t mixed = 0x9e3779b97f4a7c15ull;
  for (const std::uint32_t place : options_.key) {
    const Cell& cell = cells[place];
    mixed ^= std::hash<std::string_view>{}(batch_.cell_bytes(cell)) + cell.size + (mixed << 6) + (mixed >> 2);
    mixed *= 0xff51afd7ed558ccdull;
  }
  return mixed ^ (mixed >> 32);
}

bool Compactor::same_key(const Cell* a, const Cell* b) const {
  for (const std::uint32_t place : options_.key) {
    if (a[place].state != b[place].state || batch_.cell_bytes(a[place]) != batch_.cell_bytes(b[place])) return false;
  }
  return true;
}

bool Compactor::key_known(const Cell* cells) const {
  for (const std::uint32_t place : options_.key) {
    if (cells[place].state != CellState::value) return false;
  }
  return true;
}

// The row (number + 1, 0: none) that has or had this key last; adds the key when new.
std::uint32_t& Compactor::slot(const Cell* key) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash(key) & mask;
  while (slots_[at] != 0) {
    if (same_key(slot_keys_[slots_[at]], key)) return slot_rows_[slots_[at]];
    at = (at + 1) & mask;
  }
  slots_[at] = static_cast<std::uint32_t>(slot_keys_.size());
  slot_keys_.push_back(key);
  slot_rows_.push_back(0);
  return slot_rows_.back();
}

// `after` with its unchanged cells taken from the old image or from what the run knew before.
const Cell* Compactor::merge(const Cell* before, const Cell* after, const Cell* old_image, std::size_t columns) {
  bool gaps = false;
  for (std::size_t i = 0; i < columns; ++i) gaps = gaps || after[i].state == CellState::unchanged;
  if (!gaps || (before == nullptr && old_image == nullptr)) return after;
  std::vector<Cell>& merged = net_.merged.emplace_back(after, after + columns);
  for (std::size_t i = 0; i < columns; ++i) {
    if (merged[i].state != CellState::unchanged) continue;
    const auto known = [](const Cell* cells, std::size_t column) {
      return cells != nullptr && (cells[column].state == CellState::value || cells[column].state == CellState::null);
    };
    if (known(before, i)) {
      merged[i] = before[i];
    } else if (known(old_image, i) && old_image[i].state == CellState::value) {
      merged[i] = old_image[i];
    }
  }
  return merged.data();
}

bool Compactor::complete(const Cell* cells, std::size_t columns) {
  for (std::size_t i = 0; i < columns; ++i) {
    if (cells[i].state != CellState::value && cells[i].state != CellState::null) return false;
  }
  return true;
}

bool Compactor::insert(const Cell* cells) {
  if (!key_known(cells) || !complete(cells, columns_)) return false;
  std::uint32_t& row = slot(cells);
  if (row == 0) {
    rows_.push_back({nullptr, cells, cells, false});
    row = static_cast<std::uint32_t>(rows_.size());
    return true;
  }
  Followed& found = rows_[row - 1];
  if (found.key != nullptr && same_key(found.key, cells)) return false;
  if (found.key == nullptr && (found.origin == nullptr || same_key(found.origin, cells))) {
    // The row that was removed comes back under the same key: all its cells are new.
    found.key = found.cells = cells;
    found.key_changed = false;
    return true;
  }
  rows_.push_back({nullptr, cells, cells, false});
  row = static_cast<std::uint32_t>(rows_.size());
  return true;
}

bool Compactor::update(const Cell* old_image, const Cell* cells) {
  const Cell* key_before = old_image != nullptr && key_known(old_image) ? old_image : cells;
  if (!key_known(key_before)) return false;
  // A value without a place is for the error policies: the row goes on its own.
  for (std::size_t i = 0; i < columns_; ++i) {
    if (cells[i].state == CellState::misfit) return false;
  }
  std::uint32_t& row = slot(key_before);
  if (row == 0) {
    rows_.push_back({key_before, key_before, nullptr, false});
    row = static_cast<std::uint32_t>(rows_.size());
  }
  const std::uint32_t number = row;
  Followed& found = rows_[number - 1];
  if (found.key == nullptr || !same_key(found.key, key_before)) return false;
  const Cell* merged = merge(found.cells, cells, old_image, columns_);
  if (!key_known(merged)) {
    // A key column too large to be repeated: it did not change.
    std::vector<Cell>& whole = net_.merged.emplace_back(merged, merged + columns_);
    for (const std::uint32_t place : options_.key) {
      if (whole[place].state != CellState::value) whole[place] = key_before[place];
    }
    merged = whole.data();
  }
  found.cells = merged;
  if (same_key(merged, key_before)) {
    found.key = merged;
    return true;
  }
  if (!options_.key_change_as_remove || !complete(merged, columns_)) return false;
  found.key = merged;
  found.key_changed = true;
  std::uint32_t& place = slot(merged);
  if (place != 0) {
    const Followed& there = rows_[place - 1];
    if (there.key != nullptr && same_key(there.key, merged) && place != number) return false;
  }
  place = number;
  return true;
}

bool Compactor::remove(const Cell* key) {
  if (key == nullptr || !key_known(key)) return false;
  std::uint32_t& row = slot(key);
  if (row == 0) {
    rows_.push_back({key, nullptr, nullptr, false});
    row = static_cast<std::uint32_t>(rows_.size());
    return true;
  }
  Followed& found = rows_[row - 1];
  if (found.key == nullptr || !same_key(found.key, key)) return false;
  found.key = nullptr;
  found.cells = nullptr;
  return true;
}

bool Compactor::add(const Change& change) {
  if (change.new_count != 0) columns_ = change.new_count;
  const Cell* old_image = change.old_count == 0 ? nullptr : first_cell(change.old_first);
  const Cell* cells = change.new_count == 0 ? nullptr : first_cell(change.new_first);
  switch (change.op) {
    case Op::insert: return cells != nullptr && insert(cells);
    case Op::update: return cells != nullptr && update(old_image, cells);
    case Op::remove: return remove(old_image);
    default: return false;
  }
}

NetChanges Compactor::finish() {
  for (const Followed& row : rows_) {
    if (row.key == nullptr) {
      if (row.origin != nullptr) net_.removes.push_back({row.origin, nullptr});
    } else if (row.origin == nullptr) {
      net_.inserts.push_back({nullptr, row.cells});
    } else if (!same_key(row.origin, row.key)) {
      net_.removes.push_back({row.origin, nullptr});
      net_.inserts.push_back({nullptr, row.cells});
    } else if (row.cells != nullptr) {
      std::vector<bool> mask(columns_);
      for (std::size_t i = 0; i < columns_; ++i) mask[i] = row.cells[i].state != CellState::unchanged;
      net_.updates[mask].push_back({row.origin, row.cells});
    }
  }
  return std::move(net_);
}

}  // namespace

NetChanges compact(const ChangeBatch& batch, std::span<const std::uint32_t> changes, const CompactOptions& options) {
  Compactor compactor(batch, options, changes.size());
  for (const std::uint32_t index : changes) {
    if (!compactor.add(batch.changes[index])) {
      NetChanges ordered;
      ordered.ordered = true;
      return ordered;
    }
  }
  return compactor.finish();
}

}  // namespace relational
