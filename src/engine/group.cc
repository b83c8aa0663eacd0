// SPDX-License-Identifier: Apache-2.0
#include "engine/group.h"

#include <algorithm>

#include "base/held.h"

namespace engine {

using model::Cell;
using model::Change;
using model::ChangeBatch;

void append_batch(ChangeBatch& into, ChangeBatch&& from) {
  into.through = std::max(into.through, from.through);
  into.source_time = std::max(into.source_time, from.source_time);
  if (into.changes.empty()) {
    const std::uint64_t through = into.through;
    const std::int64_t source_time = into.source_time;
    into = std::move(from);
    into.through = through;
    into.source_time = source_time;
    return;
  }
  const auto byte_shift = static_cast<std::uint64_t>(into.bytes.size());
  const auto cell_shift = static_cast<std::uint32_t>(into.cells.size());
  std::vector<std::uint32_t> tables(from.tables.size());
  for (std::size_t i = 0; i < tables.size(); ++i) tables[i] = into.table_index(from.tables[i], from.forms[i]);
  into.bytes.append(from.bytes);
  // Exact room for each of thousands of small batches would move everything each time.
  into.cells.insert(into.cells.end(), from.cells.begin(), from.cells.end());
  for (std::size_t i = cell_shift; i < into.cells.size(); ++i) into.cells[i].offset += byte_shift;
  for (Change& change : from.changes) {
    if (change.table != model::no_table) change.table = tables[change.table];
    change.old_first += cell_shift;
    change.new_first += cell_shift;
    into.changes.push_back(std::move(change));
  }
}

ChangeBatch split_tail(ChangeBatch& batch, std::size_t first) {
  ChangeBatch tail;
  tail.tables = batch.tables;
  tail.forms = batch.forms;
  const auto copy_cells = [&](std::uint32_t from, std::uint32_t count) {
    const auto start = static_cast<std::uint32_t>(tail.cells.size());
    for (std::uint32_t i = 0; i < count; ++i) {
      Cell cell = batch.cells[from + i];
      const std::string_view bytes = batch.cell_bytes(cell);
      cell.offset = tail.bytes.size();
      tail.bytes.append(bytes);
      tail.cells.push_back(cell);
    }
    return start;
  };
  for (std::size_t i = first; i < batch.changes.size(); ++i) {
    Change change = std::move(batch.changes[i]);
    change.old_first = copy_cells(change.old_first, change.old_count);
    change.new_first = copy_cells(change.new_first, change.new_count);
    tail.changes.push_back(std::move(change));
  }
  batch.changes.resize(first);
  return tail;
}

namespace {

constexpr std::size_t foresight_bytes_min = 256u << 10;

std::size_t rows_of(const ChangeBatch& batch) {
  return static_cast<std::size_t>(std::count_if(batch.changes.begin(), batch.changes.end(), [](const Change& change) {
    return change.op != model::Op::begin && change.op != model::Op::commit;
  }));
}

}  // namespace

// Large batches come one after the other until the group is full: with room for that at once nothing is moved as it
// grows. What is not used of it is never touched.
void GroupBuilder::make_room(const ChangeBatch& next) {
  const std::size_t weight = pending_.weight();
  if (weight < foresight_bytes_min || pending_.changes.capacity() >= pending_.changes.size() + next.changes.size()) {
    return;
  }
  const double growth = std::min(static_cast<double>(limits_.bytes_max) / static_cast<double>(weight),
                                 static_cast<double>(limits_.changes_max) /
                                     static_cast<double>(std::max<std::size_t>(1, pending_.changes.size())));
  if (growth <= 1) return;
  const auto grown = [growth](std::size_t now, std::size_t more) {
    return static_cast<std::size_t>(static_cast<double>(now) * growth) + more;
  };
  pending_.bytes.reserve(grown(pending_.bytes.size(), next.bytes.size()));
  pending_.cells.reserve(grown(pending_.cells.size(), next.cells.size()));
  pending_.changes.reserve(grown(pending_.changes.size(), next.changes.size()));
}

void GroupBuilder::add(ChangeBatch&& batch) {
  base::note_held("group", [this] { return pending_.weight(); });
  rows_ += rows_of(batch);
  if (!pending_.changes.empty()) make_room(batch);
  append_batch(pending_, std::move(batch));
}

ChangeBatch GroupBuilder::take() {
  if (pending_.changes.empty()) {
    ChangeBatch silence;
    silence.through = pending_.through;
    silence.source_time = pending_.source_time;
    pending_ = {};  // cells of changes that were taken out may be left
    return silence;
  }
  std::size_t end = pending_.changes.size();
  while (end > 0 && pending_.changes[end - 1].op != model::Op::commit) --end;
  if (end == 0 && !full()) return {};  // the commit is still to come
  ChangeBatch rest;
  if (end > 0 && end < pending_.changes.size()) rest = split_tail(pending_, end);
  ChangeBatch group = std::move(pending_);
  pending_ = std::move(rest);
  rows_ = rows_of(pending_);
  // Only what is whole may claim to be through.
  if (!pending_.changes.empty() || end == 0) group.through = 0;
  return group;
}

}  // namespace engine
