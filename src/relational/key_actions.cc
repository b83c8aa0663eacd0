// SPDX-License-Identifier: Apache-2.0
#include "relational/key_actions.h"

#include <algorithm>

#include "relational/row_change.h"

namespace relational {

using base::failed;
using base::Result;
using model::Cell;
using model::CellState;
using Action = ActingKey::Action;

namespace {

constexpr std::size_t keys_per_statement = 500;
constexpr std::size_t rows_max = 200'000;  // read of one table for one statement's keys
constexpr int depth_max = 200;             // servers stop far earlier

std::size_t index_of(const Places& places, std::uint32_t place) {
  return static_cast<std::size_t>(std::find(places.begin(), places.end(), place) - places.begin());
}

}  // namespace

Result<void> KeyActions::carry_out(const model::ChangeBatch& batch, const std::vector<std::uint32_t>& changes) {
  if (changes.empty()) return {};
  const model::TableSchemaPtr& table = batch.tables[batch.changes[changes[0]].table];
  const Destination* const of = find_(table);
  if (of == nullptr) return {};
  const Event event = TRY(event_of(batch, changes, *of));
  return follow(table->source_name, event, 0);
}

Result<KeyActions::Event> KeyActions::event_of(const model::ChangeBatch& batch,
                                               const std::vector<std::uint32_t>& changes, const Destination& of) {
  Event event;
  event.places = graph_.referenced_places(of.schema->source_name);
  event.changed.assign(event.places.size(), false);
  event.unknown.assign(event.places.size(), false);
  for (const std::uint32_t index : changes) {
    const model::Change& change = batch.changes[index];
    const Cell* before = cells_at(batch, change.old_first, change.old_count);
    const Cell* after = change.op == model::Op::update ? new_cells(batch, change) : nullptr;
    KeyValues old, made;
    for (std::size_t i = 0; i < event.places.size(); ++i) {
      const std::uint32_t place = event.places[i];
      const auto text = [&](const Cell& cell) -> std::optional<std::string> {
        if (cell.state != CellState::value) return std::nullopt;
        return rows_.text_of(batch, change.table, of, place, cell);
      };
      const bool is_known = place < change.old_count &&
                            (before[place].state == CellState::value || before[place].state == CellState::null);
      const bool is_kept = after != nullptr && place < change.new_count && after[place].state == CellState::unchanged;
      event.unknown[i] = event.unknown[i] || !is_known;
      old.push_back(is_known ? text(before[place]) : std::nullopt);
      if (after == nullptr) continue;
      if (place >= change.new_count) return failed(base::errors::bug, "table {} has other columns", of.table);
      made.push_back(is_kept ? old.back() : text(after[place]));
      event.changed[i] = !is_kept && (!is_known || made.back() != old.back());
    }
    event.before.push_back(std::move(old));
    if (after != nullptr) event.after = std::move(made);
  }
  return event;
}

Result<void> KeyActions::follow(const model::TableName& parent, const Event& event, int depth) {
  if (depth > depth_max) return failed(errors::key_reaches_too_far, "table {}: {} levels", parent.text(), depth);
  for (const ActingKey& key : graph_.acting_on(parent)) TRY(act(key, event, depth));
  return {};
}

// One key: which of its rows are concerned, and what becomes of them.
Result<void> KeyActions::act(const ActingKey& key, const Event& event, int depth) {
  const Action action = event.after ? key.on_update : key.on_delete;
  if (action == Action::none) return {};
  const Destination* const to = find_(key.child);
  if (to == nullptr) return {};
  Places set_places;
  KeyValues values;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const std::size_t at = index_of(event.places, key.referenced[i]);
    if (event.after && action == Action::cascade) {
      if (!event.changed[at]) continue;
      values.push_back((*event.after)[at]);
    } else {
      values.push_back(std::nullopt);
    }
    set_places.push_back(key.columns[i]);
  }
  const bool is_touched = !event.after || std::any_of(key.referenced.begin(), key.referenced.end(), [&](auto place) {
    return event.changed[index_of(event.places, place)];
  });
  if (!is_touched) return {};
  for (const std::uint32_t place : key.referenced) {
    if (!event.unknown[index_of(event.places, place)]) continue;
    return failed(errors::key_values_absent, "table {}, for what refers to it", key.child->source_name.text());
  }
  std::vector<KeyValues> keys;
  const bool removes = !event.after && action == Action::cascade;
  for (const KeyValues& before : event.before) {
    KeyValues one;
    for (const std::uint32_t place : key.referenced) one.push_back(before[index_of(event.places, place)]);
    // NULL refers to nothing.
    if (std::any_of(one.begin(), one.end(), [](const auto& value) { return !value; })) continue;
    keys.push_back(std::move(one));
    if (keys.size() < keys_per_statement) continue;
    TRY(act_on(key, *to, std::exchange(keys, {}), set_places, values, removes, depth));
  }
  if (keys.empty()) return {};
  return act_on(key, *to, keys, set_places, values, removes, depth);
}

// What hangs on the rows follows them, so their values are read before they change.
Result<void> KeyActions::act_on(const ActingKey& key, const Destination& to, const std::vector<KeyValues>& keys,
                                const Places& set_places, const KeyValues& values, bool removes, int depth) {
  const model::TableName& child = key.child->source_name;
  Event next;
  next.places = graph_.referenced_places(child);
  next.unknown.assign(next.places.size(), false);
  const bool is_referenced = std::any_of(next.places.begin(), next.places.end(), [&](std::uint32_t place) {
    return removes || std::find(set_places.begin(), set_places.end(), place) != set_places.end();
  });
  if (is_referenced) {
    next.before = TRY(rows_.read(to, key.columns, keys, next.places, rows_max + 1));
    if (next.before.size() > rows_max) {
      return failed(errors::key_reaches_too_far, "table {}: more than {} rows", child.text(), rows_max);
    }
  }
  if (removes) {
    TRY(rows_.remove(to, key.columns, keys));
    return next.before.empty() ? Result<void>() : follow(child, next, depth + 1);
  }
  TRY(rows_.set(to, key.columns, keys, set_places, values));
  // Each row on its own: their other columns differ.
  for (KeyValues& row : next.before) {
    Event one{next.places, {row}, row, next.unknown, next.unknown};
    for (std::size_t i = 0; i < set_places.size(); ++i) {
      const std::size_t at = index_of(one.places, set_places[i]);
      if (at == one.places.size()) continue;
      (*one.after)[at] = values[i];
      one.changed[at] = values[i] != row[at];
    }
    TRY(follow(child, one, depth + 1));
  }
  return {};
}

}  // namespace relational
