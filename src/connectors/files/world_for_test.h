// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the file target share: a table, batches of its changes as the engine hands them over, and a World
// that survives the death of the targets opened on it.
#pragma once

#include <gtest/gtest.h>

#include "connectors/files/fakes_for_test.h"
#include "connectors/files/target.h"

namespace connectors::files {

using model::CellState;
using model::Op;
using model::Type;

inline model::TableSchemaPtr customers() {
  auto schema = std::make_shared<model::TableSchema>();
  schema->name = schema->source_name = {"crm", "customer"};
  const auto add = [&](const char* name, Type type) {
    model::Column column;
    column.name = name;
    column.type.type = type;
    schema->columns.push_back(column);
  };
  add("id", Type::int4);
  add("last", Type::wstring);
  add("first", Type::wstring);
  add("address", Type::nclob);
  add("phone", Type::wstring);
  schema->primary_key = {0};
  return schema;
}

struct Row {
  int id;
  std::string phone;
  std::string address = "1 Skyline Drive, NY, NY";
};

// Builds batches of whole transactions the way the engine hands them over.
class Changes {
 public:
  explicit Changes(std::vector<model::TableSchemaPtr> tables) {
    for (const auto& table : tables) batch.table_index(table, model::CellForm::canonical);
  }
  Changes& begin(std::uint64_t log, std::int64_t commit_time = 0) {
    log_ = log;
    sequence_ = 0;
    time_ = commit_time;
    return add(Op::begin, model::no_table, log_, 0);
  }
  Changes& commit() { return add(Op::commit, model::no_table, log_, model::sequence_end); }
  Changes& insert(const Row& row, std::uint32_t table = 0) {
    add(Op::insert, table, log_, ++sequence_);
    image(row, true);
    return *this;
  }
  Changes& update(const Row& row, const Row* before = nullptr, bool address_unchanged = false,
                  std::uint32_t table = 0) {
    add(Op::update, table, log_, ++sequence_);
    if (before != nullptr) image(*before, false);
    image(row, true);
    if (address_unchanged) batch.cells[batch.changes.back().new_first + 3] = {0, 0, CellState::unchanged};
    return *this;
  }
  Changes& remove(const Row& row, bool key_only = false, std::uint32_t table = 0) {
    add(Op::remove, table, log_, ++sequence_);
    image(row, false);
    for (std::uint32_t i = 1; key_only && i < 5; ++i) {
      batch.cells[batch.changes.back().old_first + i] = {0, 0, CellState::absent};
    }
    return *this;
  }
  Changes& truncate(std::uint32_t table = 0) { return add(Op::truncate, table, log_, ++sequence_); }

  model::ChangeBatch batch;

 private:
  Changes& add(Op op, std::uint32_t table, std::uint64_t log, std::uint64_t sequence) {
    model::Change change;
    change.op = op;
    change.table = table;
    change.commit_time = time_;
    change.position = {log, sequence, ""};
    batch.changes.push_back(change);
    return *this;
  }
  void image(const Row& row, bool is_new) {
    model::Change& change = batch.changes.back();
    (is_new ? change.new_first : change.old_first) = static_cast<std::uint32_t>(batch.cells.size());
    (is_new ? change.new_count : change.old_count) = 5;
    batch.cells.push_back({batch.bytes.size(), 8, CellState::value});
    model::append_fixed(batch.bytes, row.id);
    for (const std::string& text : {std::string("Smith"), std::string("John"), row.address, row.phone}) {
      batch.cells.push_back({batch.bytes.size(), static_cast<std::uint32_t>(text.size()), CellState::value});
      batch.bytes += text;
    }
  }
  std::uint64_t log_ = 0, sequence_ = 0;
  std::int64_t time_ = 0;
};

// What survives a crash, and a target on it.
struct World {
  FaultPlan plan;
  FakeJournal journal{plan};
  std::map<std::string, FakeStore::Object> objects;
  FakeClock clock;
  base::NullLog log;
  std::map<std::string, std::string> options{{"MillraceUrl", "file:///lake"}};
  std::map<std::string, std::string> settings;
  std::size_t memory_budget = 64u << 20;
  std::string task_id = "a1";

  World() { clock.wall_now = 1547837124184000; }  // 2019-01-18 18:45:24.184

  std::unique_ptr<FileTarget> open() {
    plan.dead = false;
    connect::Context context;
    context.task = "crm to lake";
    context.task_id = task_id;
    context.clock = &clock;
    context.log = &log;
    context.journal = &journal;
    context.settings = settings;
    context.memory_budget = memory_budget;
    auto parsed = connect::Options::parse(target_options(), options);
    EXPECT_TRUE(parsed.ok()) << parsed.error().text();
    auto read = read_settings(*parsed, context);
    EXPECT_TRUE(read.ok()) << read.error().text();
    return std::make_unique<FileTarget>(read.take(), context, std::make_unique<FakeStore>(plan, objects),
                                        TimeZone::load(read->time_zone).take());
  }
  std::unique_ptr<FileTarget> open_stream(const std::vector<model::TableSchemaPtr>& tables, bool resume = false) {
    auto target = open();
    EXPECT_TRUE(target->start(resume).ok());
    if (resume) return target;
    const auto begun = target->begin_apply({100, model::sequence_end, ""}, tables);
    EXPECT_TRUE(begun.ok()) << begun.error().text();
    return target;
  }
  std::string text_of_all() const {
    std::string text;
    for (const auto& [key, object] : objects) text += object.bytes;
    return text;
  }
};

#define OK(expression)                                       \
  do {                                                       \
    const auto ok_result = (expression);                     \
    ASSERT_TRUE(ok_result.ok()) << ok_result.error().text(); \
  } while (false)

}  // namespace connectors::files
