// SPDX-License-Identifier: Apache-2.0
//
// Tests only: what a target is opened with, and builders for schemas and change batches, so that a test reads like the
// changes it makes. One thread.
#pragma once

#include <map>

#include "base/clock.h"
#include "connect/target.h"

namespace relational_test {

class MemoryJournal final : public connect::Journal {
 public:
  base::Result<std::optional<std::string>> get(const std::string& key) override {
    const auto found = notes_.find(key);
    if (found == notes_.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  }
  base::Result<std::vector<std::pair<std::string, std::string>>> scan(const std::string& prefix) override {
    std::vector<std::pair<std::string, std::string>> found;
    for (const auto& [key, value] : notes_) {
      if (key.starts_with(prefix)) found.emplace_back(key, value);
    }
    return found;
  }
  base::Result<void> commit(const std::vector<std::pair<std::string, std::optional<std::string>>>& notes) override {
    for (const auto& [key, value] : notes) {
      if (value) {
        notes_[key] = *value;
      } else {
        notes_.erase(key);
      }
    }
    return {};
  }

 private:
  std::map<std::string, std::string> notes_;
};

struct Surroundings {
  base::SystemClock clock;
  base::SystemRandom random;
  base::NullLog log;
  MemoryJournal journal;
  connect::Context context;

  Surroundings() {
    context.task = "tests";
    context.task_id = "tests";
    context.clock = &clock;
    context.random = &random;
    context.log = &log;
    context.journal = &journal;
  }
};

// "id bigint" , "name text": native columns; the first `keys` of them are the primary key.
inline std::shared_ptr<model::TableSchema> table_of(const std::string& name, const std::vector<std::string>& columns,
                                                    std::size_t keys = 1, const std::string& family = "postgresql",
                                                    const std::string& schema = "public") {
  auto table = std::make_shared<model::TableSchema>();
  table->name = table->source_name = {schema, name};
  table->family = family;
  for (const std::string& text : columns) {
    const std::size_t blank = text.find(' ');
    model::Column column;
    column.name = text.substr(0, blank);
    column.type.native = text.substr(blank + 1);
    column.type.type = model::Type::nclob;
    column.type.native_portable = true;
    column.ordinal = static_cast<std::int32_t>(table->columns.size()) + 1;
    if (table->columns.size() < keys) {
      column.nullable = false;
      table->primary_key.push_back(static_cast<std::uint32_t>(table->columns.size()));
      table->old_key.push_back(static_cast<std::uint32_t>(table->columns.size()));
    }
    table->columns.push_back(column);
  }
  if (keys == 0) table->old_image = model::OldImage::full;
  return table;
}

inline constexpr const char* null_cell = nullptr;
inline constexpr char unchanged_cell[] = "\x01unchanged";  // known by its address
using Values = std::vector<const char*>;

// Native cells. Positions: each transaction gets the next multiple of 10 as its commit.
class Changes {
 public:
  explicit Changes(std::uint64_t log = 1000) : log_(log) {}

  Changes& begin() {
    add(model::Op::begin, nullptr);
    return *this;
  }
  Changes& commit() {
    add(model::Op::commit, nullptr).position.sequence = model::sequence_end;
    log_ += 10;
    sequence_ = 0;
    return *this;
  }
  Changes& insert(const model::TableSchemaPtr& table, const Values& values) {
    const auto [first, count] = cells(values);
    model::Change& change = add(model::Op::insert, table);
    change.new_first = first;
    change.new_count = count;
    return *this;
  }
  Changes& update(const model::TableSchemaPtr& table, const Values& values, const Values& old = {}) {
    const auto [old_first, old_count] = cells(old);
    const auto [first, count] = cells(values);
    model::Change& change = add(model::Op::update, table);
    change.old_first = old_first;
    change.old_count = old_count;
    change.new_first = first;
    change.new_count = count;
    return *this;
  }
  Changes& remove(const model::TableSchemaPtr& table, const Values& old) {
    const auto [first, count] = cells(old);
    model::Change& change = add(model::Op::remove, table);
    change.old_first = first;
    change.old_count = count;
    return *this;
  }
  Changes& other(model::Op op, const model::TableSchemaPtr& table) {
    add(op, table);
    return *this;
  }
  // A new batch that goes on where this one ends.
  void next_batch() { batch_ = {}; }
  model::ChangeBatch& batch() { return batch_; }
  std::uint64_t log() const { return log_; }

 private:
  model::Change& add(model::Op op, const model::TableSchemaPtr& table) {
    model::Change change;
    change.op = op;
    // As in a stream: a change of shape has the number of the row before it.
    const bool counts = op != model::Op::begin && op != model::Op::schema;
    if (counts) ++sequence_;
    change.position = {log_, op == model::Op::begin ? 0 : sequence_, ""};
    if (table != nullptr) change.table = batch_.table_index(table, model::CellForm::native);
    batch_.changes.push_back(change);
    return batch_.changes.back();
  }
  std::pair<std::uint32_t, std::uint32_t> cells(const Values& values) {
    const auto first = static_cast<std::uint32_t>(batch_.cells.size());
    for (const char* value : values) {
      model::Cell cell;
      cell.offset = batch_.bytes.size();
      if (value == unchanged_cell) {
        cell.state = model::CellState::unchanged;
      } else if (value != nullptr) {
        cell.state = model::CellState::value;
        cell.size = static_cast<std::uint32_t>(std::string_view(value).size());
        batch_.bytes += value;
      }
      batch_.cells.push_back(cell);
    }
    return {first, static_cast<std::uint32_t>(values.size())};
  }

  model::ChangeBatch batch_;
  std::uint64_t log_;
  std::uint64_t sequence_ = 0;
};

}  // namespace relational_test
