// SPDX-License-Identifier: Apache-2.0
#include "server/store.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "server/errors.h"
#include "server/seal.h"

namespace server {
namespace {

class StoreTest : public testing::Test {
 protected:
  StoreTest() : folder_(std::filesystem::temp_directory_path() / ("millrace-store-" + random_hex(8))) {
    std::filesystem::create_directory(folder_);
  }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }
  std::unique_ptr<Store> opened(bool own = true) {
    auto store = Store::open((folder_ / "store.sqlite").string(), own);
    EXPECT_TRUE(store.ok());
    return std::move(store).take();
  }

  std::filesystem::path folder_;
};

Resource resource(const std::string& kind, const std::string& id) {
  Resource out;
  out.kind = kind;
  out.id = id;
  out.arn = "arn:" + kind + ":" + id;
  out.state = "ready";
  out.shown = {{"Name", id}, {"Color", id < "b" ? "red" : "blue"}};
  return out;
}

Change putting(std::vector<Resource> resources) {
  return {.removed = {}, .put = std::move(resources), .tags = {}, .events = {}};
}

TEST_F(StoreTest, WhatWasCommittedIsThereAfterwards) {
  Resource one = resource("task", "a");
  one.inner = {{"run", 3}};
  one.sealed = std::string("\0secret", 7);
  ASSERT_TRUE(opened()->commit(putting({one})).ok());
  const auto found = *opened()->find_arn(one.arn);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->shown, one.shown);
  EXPECT_EQ(found->inner, one.inner);
  EXPECT_EQ(found->sealed, one.sealed);
}

TEST_F(StoreTest, ListsAreInOrderWithFilters) {
  const auto store = opened();
  ASSERT_TRUE(
      store
          ->commit(putting({resource("task", "c"), resource("task", "a"), resource("task", "b"), resource("rep", "a")}))
          .ok());
  const auto ids = [&](const std::vector<Filter>& filters, const std::string& after, std::size_t limit) {
    std::string out;
    for (const Resource& row : *store->list("task", filters, after, limit)) out += row.id;
    return out;
  };
  EXPECT_EQ(ids({}, "", 10), "abc");
  EXPECT_EQ(ids({}, "a", 1), "b");
  EXPECT_EQ(ids({{"Color", {"blue", "green"}}}, "", 10), "bc");
  EXPECT_EQ(ids({{"$id", {"a", "c"}}, {"Color", {"blue"}}}, "", 10), "c");
  EXPECT_EQ(ids({{"$arn", {"arn:rep:a"}}}, "", 10), "");
  EXPECT_EQ(ids({{"Color", {"'; DROP TABLE resources; --"}}}, "", 10), "");
  EXPECT_EQ(store->in_state("task", {"ready"})->size(), 3u);
}

TEST_F(StoreTest, ReferencesStayUntilTheyAreSetAgain) {
  const auto store = opened();
  Resource task = resource("task", "a");
  task.refers_to = std::vector<std::string>{"arn:x", "arn:y"};
  ASSERT_TRUE(store->commit(putting({task})).ok());
  Resource read = **store->find("task", "a");
  read.id = "renamed";
  ASSERT_TRUE(store->commit(putting({read})).ok());
  EXPECT_EQ(store->referring("task", "arn:x")->size(), 1u);
  EXPECT_FALSE(*store->find("task", "a"));
  read.refers_to.emplace();
  ASSERT_TRUE(store->commit(putting({read})).ok());
  EXPECT_EQ(store->referring("task", "arn:x")->size(), 0u);
}

TEST_F(StoreTest, RemovingTakesTagsAlong) {
  const auto store = opened();
  const Resource one = resource("task", "a");
  Change change = putting({one});
  change.tags = {{one.arn, {{"k", "v"}}}};
  ASSERT_TRUE(store->commit(change).ok());
  EXPECT_EQ(store->tags(one.arn)->at("k"), "v");
  ASSERT_TRUE(store->commit({.removed = {{"task", "a"}}, .put = {}, .tags = {}, .events = {}}).ok());
  EXPECT_TRUE(store->tags(one.arn)->empty());
}

TEST_F(StoreTest, AFailedCommitChangesNothing) {
  const auto store = opened();
  Resource twin = resource("task", "b");
  twin.arn = "arn:task:b";
  Resource other = resource("task", "b");
  other.arn = "arn:other";
  EXPECT_FALSE(store->commit(putting({resource("task", "a"), twin, other})).ok());
  EXPECT_EQ(*store->count("task"), 0u);
}

TEST_F(StoreTest, AnOvertakenServerWritesNoMore) {
  const auto older = opened();
  const auto newer = opened();
  const auto refused = older->commit(putting({resource("task", "a")}));
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().is(errors::store_taken));
  EXPECT_TRUE(newer->commit(putting({resource("task", "a")})).ok());
}

TEST_F(StoreTest, UsersAreAddedBesideAServer) {
  const auto server = opened();
  const auto beside = opened(false);
  const User user{"AKIA1", "ann", "reader", "sealed", "", 0};
  ASSERT_TRUE(beside->add_user(user).ok());
  EXPECT_FALSE(beside->add_user({"AKIA2", "ann", "reader", "sealed", "", 0}).ok());
  ASSERT_TRUE(*server->user("AKIA1"));
  EXPECT_EQ((*server->user("AKIA1"))->role, "reader");
  EXPECT_FALSE(*server->user("AKIA2"));
  EXPECT_TRUE(server->commit(putting({resource("task", "a")})).ok());
  EXPECT_TRUE(*server->remove_user("ann"));
  EXPECT_FALSE(*server->remove_user("ann"));
}

TEST_F(StoreTest, AFactIsMadeOnce) {
  const std::string first = *opened()->fact("account", [] { return "1"; });
  EXPECT_EQ(*opened()->fact("account", [] { return "2"; }), first);
}

TEST_F(StoreTest, EventsOfAWindow) {
  const auto store = opened();
  Change change;
  for (const base::WallMicros time : {10, 20, 30})
    change.events.push_back({time, "replication-task", "a", "creation", "x"});
  ASSERT_TRUE(store->commit(change).ok());
  EXPECT_EQ(store->events(20, 30)->size(), 1u);
}

TEST(SealTest, OpensWhatItClosed) {
  const Seal seal = *Seal::of_digits(std::string(64, 'a'));
  const std::string sealed = seal.close("the password", "arn:1");
  EXPECT_EQ(sealed.find("password"), std::string::npos);
  EXPECT_NE(sealed, seal.close("the password", "arn:1"));
  EXPECT_EQ(*seal.open(sealed, "arn:1"), "the password");
  EXPECT_EQ(*seal.open(seal.close("", "x"), "x"), "");
}

TEST(SealTest, RefusesAnotherOwnerKeyOrText) {
  const Seal seal = *Seal::of_digits(std::string(64, 'a'));
  const std::string sealed = seal.close("the password", "arn:1");
  EXPECT_FALSE(seal.open(sealed, "arn:2").ok());
  EXPECT_FALSE((*Seal::of_digits(std::string(64, 'b'))).open(sealed, "arn:1").ok());
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(seal.open(changed, "arn:1").ok()) << i;
  }
  EXPECT_FALSE(seal.open("", "arn:1").ok());
  EXPECT_FALSE(Seal::of_digits("abc").ok());
  EXPECT_FALSE(Seal::of_digits(std::string(63, 'a') + "g").ok());
}

}  // namespace
}  // namespace server
