// SPDX-License-Identifier: Apache-2.0
#include "engine/shapes.h"

#include <algorithm>

#include "relay/bytes.h"
#include "relay/schema_codec.h"

namespace engine {

using base::Result;
using model::TableSchemaPtr;

namespace {

constexpr std::string_view note_prefix = "engine/shape/";
constexpr std::string_view begins_note = "engine/shapes_begin";
constexpr std::uint8_t note_version = 2;
constexpr std::uint8_t note_version_without_sequence = 1;

std::string note_key(const model::TableName& name) {
  std::string key(note_prefix);
  relay::put_text(key, name.schema);
  relay::put_text(key, name.table);
  return key;
}

}  // namespace

const ShapeHistory::Entry* ShapeHistory::entry_at(const History& history, const model::Position& position) {
  const Entry* newest = nullptr;
  for (const auto& [log, entry] : history) {
    if (log != 0 && model::Position{log, model::sequence_end, ""} > position) break;
    newest = &entry;
  }
  return newest;
}

TableSchemaPtr ShapeHistory::shape_at(const History& history, const model::Position& position) {
  const Entry* entry = entry_at(history, position);
  return entry == nullptr ? nullptr : entry->shape;
}

Result<ShapeHistory::History> ShapeHistory::read(std::string_view value, const model::TableName& name) {
  relay::Cursor cursor(value);
  const auto version = cursor.get<std::uint8_t>();
  History history;
  const std::uint64_t count = cursor.get_count(2 * sizeof(std::uint64_t));
  for (std::uint64_t i = 0; i < count && cursor.ok(); ++i) {
    const auto log = cursor.get<std::uint64_t>();
    Entry entry;
    if (version == note_version) {
      entry.sequence = cursor.get<std::uint64_t>();
      entry.nth = cursor.get<std::uint32_t>();
    }
    const std::string_view bytes = cursor.take(cursor.get<std::uint64_t>());
    std::optional<model::TableSchema> schema;
    if (!bytes.empty() && !(schema = relay::read_schema(bytes))) cursor.refuse();
    if (schema) entry.shape = std::make_shared<const model::TableSchema>(std::move(*schema));
    history[log] = std::move(entry);
  }
  const bool is_ours = version == note_version || version == note_version_without_sequence;
  if (is_ours && cursor.ok() && cursor.at_end()) return history;
  return base::failed(errors::state_damaged, "the note of table {}'s shape is malformed", name.text());
}

Result<void> ShapeHistory::load() {
  base::Lock lock(mutex_);
  histories_.clear();
  for (const auto& [key, value] : TRY(store_.notes(std::string(note_prefix)))) {
    relay::Cursor name(std::string_view(key).substr(note_prefix.size()));
    model::TableName table{name.get_text(), name.get_text()};
    if (!name.ok()) return base::failed(errors::state_damaged, "the name of a shape's note is malformed");
    History history = TRY(read(value, table));
    histories_[std::move(table)] = std::move(history);
  }
  begins_ = 0;
  const std::optional<std::string> begins = TRY(store_.note(std::string(begins_note)));
  if (!begins) return {};
  relay::Cursor cursor(*begins);
  begins_ = cursor.get<std::uint64_t>();
  if (cursor.ok() && cursor.at_end()) return {};
  return base::failed(errors::state_damaged, "the note of where the tables' shapes begin is malformed");
}

Result<void> ShapeHistory::write(const model::TableName& name, const History& history, std::uint64_t begins) {
  std::string value;
  relay::put(value, note_version);
  relay::put(value, static_cast<std::uint64_t>(history.size()));
  for (const auto& [log, entry] : history) {
    std::string bytes;
    if (entry.shape) relay::append_schema(*entry.shape, bytes);
    relay::put(value, log);
    relay::put(value, entry.sequence);
    relay::put(value, entry.nth);
    relay::put(value, static_cast<std::uint64_t>(bytes.size()));
    value += bytes;
  }
  StateChange change;
  change.notes.emplace_back(note_key(name), std::move(value));
  if (begins != begins_) {
    std::string place;
    relay::put(place, begins);
    change.notes.emplace_back(begins_note, std::move(place));
  }
  TRY(store_.commit(change));
  begins_ = begins;
  return {};
}

Result<void> ShapeHistory::loaded(const TableSchemaPtr& source) {
  base::Lock lock(mutex_);
  History history{{0, Entry{0, 0, source}}};
  TRY(write(source->name, history, begins_));
  histories_[source->name] = std::move(history);
  return {};
}

Result<void> ShapeHistory::complete(const std::vector<PlannedTable>& tables) {
  base::Lock lock(mutex_);
  for (const PlannedTable& table : tables) {
    const model::TableName& name = table.source->name;
    if (histories_.contains(name)) continue;
    History history{{0, Entry{0, 0, table.source}}};
    TRY(write(name, history, begins_));
    histories_[name] = std::move(history);
  }
  return {};
}

Result<void> ShapeHistory::changed(const model::TableName& source_name, const model::Position& position,
                                   TableSchemaPtr shape, const model::Position& durable) {
  base::Lock lock(mutex_);
  auto& [last, nth] = last_[source_name];
  nth = last == position ? nth + 1 : 0;
  last = position;
  History history = histories_[source_name];
  const auto known = history.find(position.log);
  const bool is_later = known != history.end() &&
                        std::pair(known->second.sequence, known->second.nth) > std::pair(position.sequence, nth);
  if (is_later) return {};
  history[position.log] = Entry{position.sequence, nth, std::move(shape)};
  std::uint64_t begins = begins_;
  while (history.size() > 1 && model::Position{std::next(history.begin())->first, model::sequence_end, ""} <= durable) {
    history.erase(history.begin());
    begins = std::max(begins, history.begin()->first);
  }
  TRY(write(source_name, history, begins));
  histories_[source_name] = std::move(history);
  return {};
}

Result<void> ShapeHistory::note(const model::ChangeBatch& batch, const Ledger& ledger, const model::Position& durable) {
  for (const model::Change& change : batch.changes) {
    if (change.op != model::Op::schema && change.op != model::Op::drop_table) continue;
    const TableSchemaPtr& shape = batch.tables[change.table];
    const std::optional<TableRecord> record = ledger.table(shape->name);
    if (record && record->fence.holds(change.position.log, change.xid)) continue;
    TRY(changed(shape->name, change.position, change.op == model::Op::schema ? shape : nullptr, durable));
  }
  return {};
}

std::vector<TableSchemaPtr> ShapeHistory::at(const model::Position& position,
                                             const std::vector<PlannedTable>& tables) const {
  std::vector<TableSchemaPtr> shapes = gone(position, tables);
  base::Lock lock(mutex_);
  for (const PlannedTable& table : tables) {
    const auto found = histories_.find(table.source->name);
    if (found == histories_.end()) continue;
    TableSchemaPtr shape = shape_at(found->second, position);
    if (shape && shape->source_id == table.source->source_id) shapes.push_back(std::move(shape));
  }
  return shapes;
}

TableSchemaPtr ShapeHistory::of(const model::TableName& source_name, const model::Position& position) const {
  base::Lock lock(mutex_);
  const auto found = histories_.find(source_name);
  return found == histories_.end() ? nullptr : shape_at(found->second, position);
}

bool ShapeHistory::is_replaced(const model::TableSchema& source, const model::Position& position) const {
  base::Lock lock(mutex_);
  const auto found = histories_.find(source.name);
  const Entry* entry = found == histories_.end() ? nullptr : entry_at(found->second, position);
  if (entry == nullptr) return false;
  if (entry->shape == nullptr) return true;
  return entry->shape->source_id != source.source_id;
}

model::Position ShapeHistory::begins() const {
  base::Lock lock(mutex_);
  return begins_ == 0 ? model::Position() : model::Position{begins_, model::sequence_end, ""};
}

std::vector<connect::LaterShape> ShapeHistory::after(const model::Position& position,
                                                     const std::vector<PlannedTable>& tables) const {
  std::vector<connect::LaterShape> later;
  for (const TableSchemaPtr& begins : at(position, tables)) {
    base::Lock lock(mutex_);
    const auto found = histories_.find(begins->name);
    if (found == histories_.end()) continue;
    for (const auto& [log, entry] : found->second) {
      if (log == 0 || model::Position{log, model::sequence_end, ""} <= position) continue;
      later.push_back({log, begins->source_id, entry.shape});
    }
  }
  return later;
}

std::vector<TableSchemaPtr> ShapeHistory::gone(const model::Position& position,
                                               const std::vector<PlannedTable>& tables) const {
  base::Lock lock(mutex_);
  std::vector<TableSchemaPtr> shapes;
  for (const auto& [name, history] : histories_) {
    TableSchemaPtr shape = shape_at(history, position);
    if (!shape || shape->source_id == 0) continue;
    const bool is_planned = std::any_of(tables.begin(), tables.end(), [&, &key = name](const PlannedTable& table) {
      return table.source->name == key || table.source->source_id == shape->source_id;
    });
    if (!is_planned) shapes.push_back(std::move(shape));
  }
  return shapes;
}

}  // namespace engine
