// SPDX-License-Identifier: Apache-2.0
#include "engine/state_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace engine {
namespace {

class Folder {
 public:
  Folder() {
    std::string pattern = testing::TempDir() + "state_XXXXXX";
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

// The same tests over both stores; `reopen` gives what is left after the process died.
class state_store : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    if (!GetParam()) {
      if (!store) store = std::make_unique<MemoryStore>();
      return;
    }
    store.reset();
    auto opened = SqliteStore::open(folder.path + "/state.db", SqliteStore::Open::create_or_open);
    ASSERT_TRUE(opened.ok()) << opened.error().text();
    store = opened.take();
  }
  State load() { return store->load().take(); }
  Folder folder;
  std::unique_ptr<StateStore> store;
};

TableRecord full_table(const std::string& name) {
  TableRecord table;
  table.source_name = {"public", name};
  table.state = "Full load";
  table.suspended_reason = "a 'reason'";
  table.fence = {0xfedcba9876543210ULL, 4, 9, {5, 7}};
  table.load_rows = ~std::uint64_t{0};
  table.load_started = -5;
  table.reloaded = true;
  table.read = {1, 2, 3, 4};
  table.applied = {5, 6, 7, 8};
  table.rules_hash = "AB12";
  table.put_aside = 9;
  table.last_update = 10;
  return table;
}

TEST_P(state_store, gives_back_every_member) {
  EXPECT_FALSE(load().task.has_value());
  StateChange change;
  TaskRecord task{"crm-to-lake",
                  "hash",
                  "cdc",
                  "streaming",
                  "",
                  model::Position{1ULL << 63, 2, "a:token"},
                  std::nullopt,
                  model::Position{},
                  3,
                  4,
                  5,
                  6,
                  7};
  change.task = task;
  change.tables = {full_table("orders"), full_table("quote\"d 'n zero")};
  change.chunks = {{{"public", "orders"}, 1, "ctid 2", ChunkState::planned, 0},
                   {{"public", "orders"}, 0, "ctid 1", ChunkState::loaded, 77}};
  ASSERT_TRUE(store->commit(change).ok());
  reopen();
  const State state = load();
  EXPECT_EQ(state.task, task);
  EXPECT_EQ(state.task->capture_start->token, "a:token");
  ASSERT_EQ(state.tables.size(), 2u);
  const TableRecord& table = state.tables.at({"public", "orders"});
  const TableRecord expected = full_table("orders");
  EXPECT_EQ(table.fence.high, expected.fence.high);
  EXPECT_EQ(table.fence.in_progress, expected.fence.in_progress);
  EXPECT_EQ(table.load_rows, expected.load_rows);
  EXPECT_EQ(table.load_started, -5);
  EXPECT_TRUE(table.reloaded);
  EXPECT_EQ(table.read, expected.read);
  EXPECT_EQ(table.applied, expected.applied);
  EXPECT_EQ(table.suspended_reason, expected.suspended_reason);
  EXPECT_EQ(table.rules_hash, expected.rules_hash);
  const auto& chunks = state.chunks.at({"public", "orders"});
  ASSERT_EQ(chunks.size(), 2u);
  EXPECT_EQ(chunks[0].rows, 77u);
  EXPECT_EQ(chunks[1], change.chunks[0]);
}

TEST_P(state_store, replaces_and_forgets) {
  StateChange change;
  change.tables = {full_table("a"), full_table("b")};
  change.chunks = {{{"public", "a"}, 0, "x", ChunkState::planned, 0},
                   {{"public", "b"}, 0, "x", ChunkState::planned, 0}};
  ASSERT_TRUE(store->commit(change).ok());
  StateChange second;
  second.chunks = {{{"public", "b"}, 0, "y", ChunkState::loaded, 1}};
  ASSERT_TRUE(store->commit(second).ok());
  State state = load();
  EXPECT_EQ(state.tables.size(), 2u);
  EXPECT_EQ(state.chunks.at({"public", "a"}), std::vector{change.chunks[0]});
  EXPECT_EQ(state.chunks.at({"public", "b"}), second.chunks);
  StateChange wipe;
  wipe.wipe = true;
  wipe.notes = {{"kept", "x"}};
  ASSERT_TRUE(store->commit(wipe).ok());
  state = load();
  EXPECT_TRUE(state.tables.empty() && state.chunks.empty() && !state.task);
  EXPECT_EQ(store->note("kept").take(), "x");
}

TEST_P(state_store, keeps_a_journal_for_each_space) {
  const auto source = journal_of(*store, "source");
  const auto target = journal_of(*store, "target");
  const std::string odd("\xff\0\x01", 3);
  ASSERT_TRUE(source->commit({{"a/1", "one"}, {"a/2", odd}, {"b", ""}}).ok());
  ASSERT_TRUE(target->commit({{"a/1", "other"}, {odd, "odd"}}).ok());
  reopen();
  const auto again = journal_of(*store, "source");
  EXPECT_EQ(again->get("a/1").take(), "one");
  EXPECT_EQ(again->get("b").take(), "");
  EXPECT_EQ(again->get("c").take(), std::nullopt);
  const auto found = again->scan("a/").take();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1], std::make_pair(std::string("a/2"), odd));
  ASSERT_TRUE(again->commit({{"a/1", std::nullopt}, {"b", "new"}}).ok());
  EXPECT_EQ(again->scan("").take().size(), 2u);
  EXPECT_EQ(journal_of(*store, "target")->scan("").take().size(), 2u);
  EXPECT_EQ(journal_of(*store, "target")->scan(odd).take().size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(both, state_store, testing::Bool(),
                         [](const auto& which) { return which.param ? "sqlite" : "memory"; });

TEST(sqlite_store, refuses_a_newer_version) {
  const Folder folder;
  const std::string path = folder.path + "/state.db";
  ASSERT_TRUE(SqliteStore::open(path, SqliteStore::Open::create_or_open).ok());
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  sqlite3_exec(database, "PRAGMA user_version=99", nullptr, nullptr, nullptr);
  sqlite3_close(database);
  const auto opened = SqliteStore::open(path, SqliteStore::Open::existing);
  ASSERT_FALSE(opened.ok());
  EXPECT_TRUE(opened.error().is(errors::state_newer));
}

TEST(sqlite_store, goes_on_with_an_older_version) {
  const Folder folder;
  const std::string path = folder.path + "/state.db";
  StateChange change;
  change.tables = {full_table("orders")};
  ASSERT_TRUE(SqliteStore::open(path, SqliteStore::Open::create_or_open).take()->commit(change).ok());
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "ALTER TABLE tables DROP COLUMN rules_hash; PRAGMA user_version=2", nullptr, nullptr,
                         nullptr),
            SQLITE_OK);
  sqlite3_close(database);
  const auto opened = SqliteStore::open(path, SqliteStore::Open::existing);
  ASSERT_TRUE(opened.ok()) << opened.error().text();
  const State state = opened.value()->load().take();
  const TableRecord& table = state.tables.at({"public", "orders"});
  EXPECT_EQ(table.rules_hash, "");
  EXPECT_EQ(table.read, full_table("orders").read);
}

TEST(sqlite_store, names_a_damaged_file) {
  const Folder folder;
  const std::string path = folder.path + "/state.db";
  std::ofstream(path) << std::string(8192, 'x');
  const auto opened = SqliteStore::open(path, SqliteStore::Open::existing);
  ASSERT_FALSE(opened.ok());
  EXPECT_TRUE(opened.error().is(errors::state_damaged)) << opened.error().text();
}

TEST(sqlite_store, says_when_there_is_none) {
  const Folder folder;
  const auto opened = SqliteStore::open(folder.path + "/state.db", SqliteStore::Open::existing);
  ASSERT_FALSE(opened.ok());
  EXPECT_TRUE(opened.error().is(errors::state_absent));
  EXPECT_FALSE(std::filesystem::exists(folder.path + "/state.db"));
}

TEST(sqlite_store, lets_another_process_read_meanwhile) {
  const Folder folder;
  const std::string path = folder.path + "/state.db";
  auto owner = SqliteStore::open(path, SqliteStore::Open::create_or_open).take();
  StateChange change;
  change.tables = {full_table("a")};
  ASSERT_TRUE(owner->commit(change).ok());
  auto reader = SqliteStore::open(path, SqliteStore::Open::existing).take();
  EXPECT_EQ(reader->load().take().tables.size(), 1u);
  EXPECT_TRUE(owner->commit(change).ok());
}

}  // namespace
}  // namespace engine
