// SPDX-License-Identifier: Apache-2.0
//
// A task between two databases in memory, for tests of the engine: a bank of accounts with a ledger of moves, a store
// that dies at a chosen commit, and what must hold at the end and in every state in between.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "connectors/memory/errors.h"
#include "connectors/memory/memory.h"
#include "engine/task.h"
#include "tests/support/changes.h"

namespace support {

inline constexpr base::Code died{"test.died", base::Kind::task, "A test let the process die here."};

// From the commit of that number on, every commit fails, as after the process died; -1: never.
class DyingStore final : public engine::StateStore {
 public:
  base::Result<engine::State> load() override { return store_.load(); }
  base::Result<void> commit(const engine::StateChange& change) override {
    base::Lock lock(mutex_);
    if (dies_at >= 0 && commits >= dies_at) return base::failed(died, "at commit {}", commits);
    commits += 1;
    return store_.commit(change);
  }
  base::Result<std::optional<std::string>> note(const std::string& key) override { return store_.note(key); }
  base::Result<std::vector<std::pair<std::string, std::string>>> notes(const std::string& prefix) override {
    return store_.notes(prefix);
  }
  int dies_at = -1;
  int commits = 0;

 private:
  base::Mutex mutex_;
  engine::MemoryStore store_;
};

class World {
 public:
  static constexpr std::int64_t accounts = 60;
  static constexpr std::int64_t opening = 1000;
  static constexpr const char* everything = R"({"schema-name":"%","table-name":"%"})";

  World() {
    std::string pattern = testing::TempDir() + "world_XXXXXX";
    folder = ::mkdtemp(pattern.data());
    account = bank_table("account", true);
    moves = bank_table("moves", false);
    source->create_table(account);
    source->create_table(moves);
    const std::uint64_t xid = source->begin();
    for (std::int64_t i = 0; i < accounts; ++i) {
      EXPECT_TRUE(source->insert(xid, account->name, {memory::fixed(i), memory::fixed(opening)}).ok());
    }
    EXPECT_TRUE(source->commit(xid).ok());
    balances.assign(accounts, opening);
  }
  ~World() { std::filesystem::remove_all(folder); }

  // Moves money between two accounts and notes it; some are streamed, with an aborted subtransaction.
  void move_money(bool is_streamed) {
    const auto from = std::int64_t(random() % accounts);
    const auto to = std::int64_t(random() % accounts);
    const auto amount = std::int64_t(random() % 50);
    if (from == to) return;
    const std::uint64_t xid = source->begin();
    change_balance(xid, from, -amount);
    if (is_streamed) {
      EXPECT_TRUE(source->stream(xid).ok());
      const std::uint64_t sub_xid = source->new_sub_xid();
      EXPECT_TRUE(source->insert(xid, moves->name, {memory::fixed(-1), memory::fixed(-1)}, sub_xid).ok());
      EXPECT_TRUE(source->stream(xid).ok());
      EXPECT_TRUE(source->abort_sub(xid, sub_xid).ok());
    }
    change_balance(xid, to, amount);
    EXPECT_TRUE(source->insert(xid, moves->name, {memory::fixed(next_move++), memory::fixed(amount)}).ok());
    EXPECT_TRUE(source->commit(xid).ok());
  }

  engine::TaskDefinition definition(engine::MigrationType type = engine::MigrationType::full_load_and_cdc) {
    engine::TaskDefinition definition;
    definition.identifier = "bank";
    definition.task_id = "bank_1";
    definition.definition_hash = "hash";
    definition.migration_type = type;
    definition.chunk_bytes = 2000;
    auto mapping = mapping::Mapping::parse(
        R"({"rules":[{"rule-type":"selection","rule-id":"1","rule-name":"1","rule-action":"include","object-locator":)" +
        selection + "}]}");
    EXPECT_TRUE(mapping.ok()) << mapping.error().text();
    definition.mapping = mapping.take();
    return definition;
  }

  engine::Environment environment() {
    engine::Environment environment;
    environment.clock = &clock;
    environment.random = &system_random;
    environment.disk = &disk;
    environment.log = &log;
    environment.store = &store;
    environment.data_folder = folder;
    environment.open_source = [this](const connect::Context& context) { return memory::open_source(source, context); };
    environment.open_target = [this](const connect::Context& context) { return memory::open_target(target, context); };
    environment.source_text = "memory source";
    environment.target_text = "memory target";
    return environment;
  }

  std::unique_ptr<engine::Task> make_task(engine::MigrationType type = engine::MigrationType::full_load_and_cdc) {
    return std::make_unique<engine::Task>(definition(type), environment());
  }

  base::Result<engine::Outcome> run(engine::MigrationType type = engine::MigrationType::full_load_and_cdc) {
    const bool is_known = store.load().take().task.has_value();
    const auto start = is_known ? engine::StartType::resume_processing : engine::StartType::start_replication;
    std::stop_source stop;
    return make_task(type)->run(start, {engine::Until::Kind::caught_up, "", 0}, stop.get_token());
  }

  void expect_equal() const {
    const memory::Tables wanted = source->tables();
    const memory::Tables held = target->tables();
    for (const auto& [name, table] : wanted) {
      ASSERT_TRUE(held.contains(name)) << name.text();
      EXPECT_EQ(table.size(), held.at(name).size()) << name.text();
      EXPECT_TRUE(table == held.at(name)) << name.text();
    }
  }

  static std::int64_t total_of(const memory::Table& table) {
    std::int64_t total = 0;
    for (const memory::Row& row : table.rows()) total += model::load_fixed(*row[1]);
    return total;
  }

  base::SystemClock clock;
  base::SystemRandom system_random;
  base::PosixDisk disk;
  base::NullLog log;
  DyingStore store;
  std::string folder;
  std::shared_ptr<memory::Database> source = std::make_shared<memory::Database>(clock);
  std::shared_ptr<memory::Database> target = std::make_shared<memory::Database>(clock);
  model::TableSchemaPtr account, moves;
  std::mt19937_64 random{7};
  std::vector<std::int64_t> balances;
  std::int64_t next_move = 0;
  std::string selection = everything;  // object-locator of the one rule

 private:
  static model::TableSchemaPtr bank_table(const std::string& name, bool has_key) {
    auto schema = std::make_shared<model::TableSchema>(*two_column_table(name));
    schema->columns[1].name = "amount";
    schema->columns[1].type.type = model::Type::int8;
    if (!has_key) {
      schema->primary_key.clear();
      schema->old_key.clear();
      schema->old_image = model::OldImage::full;
    }
    return schema;
  }
  void change_balance(std::uint64_t xid, std::int64_t id, std::int64_t by) {
    std::int64_t& balance = balances[std::size_t(id)];
    const memory::Row before{memory::fixed(id), memory::fixed(balance)};
    balance += by;
    EXPECT_TRUE(source->update(xid, account->name, before, {memory::fixed(id), memory::fixed(balance)}).ok());
  }
};

}  // namespace support
