// SPDX-License-Identifier: Apache-2.0
#include "server/store.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "connectors/postgres/server_fixture.h"
#include "server/errors.h"
#include "server/seal.h"

namespace server {
namespace {

using postgres_test::SqlSession;
using postgres_test::TestServer;

// A place for a store, which may be opened again and again.
class Place {
 public:
  virtual ~Place() = default;
  virtual std::unique_ptr<Database> database() = 0;
};

class FilePlace final : public Place {
 public:
  FilePlace() : folder_(std::filesystem::temp_directory_path() / ("millrace-store-" + random_hex(8))) {
    std::filesystem::create_directory(folder_);
  }
  ~FilePlace() override { std::filesystem::remove_all(folder_); }
  std::unique_ptr<Database> database() override { return open_sqlite((folder_ / "store.sqlite").string()).take(); }

 private:
  std::filesystem::path folder_;
};

TestServer& postgres_server() {
  static TestServer one;
  return one;
}

class PostgresPlace final : public Place {
 public:
  PostgresPlace() : name_("store_" + random_hex(4)) {
    SqlSession(postgres_server().conninfo("postgres")).run("CREATE DATABASE " + name_);
  }
  std::unique_ptr<Database> database() override {
    auto opened = open_postgres(fmt::format("postgres://postgres@127.0.0.1:{}/{}", postgres_server().port(), name_));
    EXPECT_TRUE(opened.ok()) << opened.error().text();
    return opened.take();
  }
  const std::string& name() const { return name_; }

 private:
  const std::string name_;
};

const Owner here{"a", "the server of /a on here"};

std::unique_ptr<Store> opened_on(Place& place, const std::optional<Owner>& owner = here) {
  auto store = Store::open(place.database(), "mark", owner);
  EXPECT_TRUE(store.ok()) << store.error().text();
  return store.take();
}

// Every test on a file and on a PostgreSQL server.
class StoreTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!GetParam()) {
      place_ = std::make_unique<FilePlace>();
      return;
    }
    ASSERT_TRUE(postgres_server().running()) << postgres_server().problem();
    place_ = std::make_unique<PostgresPlace>();
  }
  std::unique_ptr<Store> opened(bool own = true) {
    return opened_on(*place_, own ? std::optional<Owner>(here) : std::nullopt);
  }

  std::unique_ptr<Place> place_;
};

INSTANTIATE_TEST_SUITE_P(Databases, StoreTest, testing::Bool(),
                         [](const auto& with) { return with.param ? "Postgres" : "Sqlite"; });

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

TEST_P(StoreTest, WhatWasCommittedIsThereAfterwards) {
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

TEST_P(StoreTest, ListsAreInOrderWithFilters) {
  const auto store = opened();
  ASSERT_TRUE(
      store
          ->commit(putting({resource("task", "c"), resource("task", "a"), resource("task", "b"), resource("rep", "a")}))
          .ok());
  const auto ids = [&](const std::vector<Filter>& filters, const std::string& after, std::size_t limit) {
    std::string out;
    const auto rows = store->list("task", filters, after, limit).take();
    for (const Resource& row : rows) out += row.id;
    return out;
  };
  EXPECT_EQ(ids({}, "", 10), "abc");
  EXPECT_EQ(ids({}, "a", 1), "b");
  EXPECT_EQ(ids({{"Color", {"blue", "green"}}}, "", 10), "bc");
  EXPECT_EQ(ids({{"$id", {"a", "c"}}, {"Color", {"blue"}}}, "", 10), "c");
  EXPECT_EQ(ids({{"$arn", {"arn:rep:a"}}}, "", 10), "");
  EXPECT_EQ(ids({{"Color", {"'; DROP TABLE resources; --"}}}, "", 10), "");
  EXPECT_EQ(store->in_state("task", {"ready"})->size(), 3u);
  EXPECT_EQ(store->in_state("task", {"ready", "running"})->front().id, "a");
  EXPECT_EQ(store->in_state("rep", {"running"})->size(), 0u);
}

TEST_P(StoreTest, ReferencesStayUntilTheyAreSetAgain) {
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

TEST_P(StoreTest, RemovingTakesTagsAlong) {
  const auto store = opened();
  const Resource one = resource("task", "a");
  Change change = putting({one});
  change.tags = {{one.arn, {{"k", "v"}}}};
  ASSERT_TRUE(store->commit(change).ok());
  EXPECT_EQ(store->tags(one.arn)->at("k"), "v");
  ASSERT_TRUE(store->commit({.removed = {{"task", "a"}}, .put = {}, .tags = {}, .events = {}}).ok());
  EXPECT_TRUE(store->tags(one.arn)->empty());
}

TEST_P(StoreTest, AFailedCommitChangesNothing) {
  const auto store = opened();
  Resource twin = resource("task", "b");
  twin.arn = "arn:task:b";
  Resource other = resource("task", "b");
  other.arn = "arn:other";
  EXPECT_FALSE(store->commit(putting({resource("task", "a"), twin, other})).ok());
  EXPECT_EQ(*store->count("task"), 0u);
}

TEST_P(StoreTest, AnOvertakenServerWritesNoMore) {
  const auto older = opened();
  const auto newer = opened();
  const auto refused = older->commit(putting({resource("task", "a")}));
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().is(errors::store_taken));
  EXPECT_TRUE(newer->commit(putting({resource("task", "a")})).ok());
}

TEST_P(StoreTest, UsersAreAddedBesideAServer) {
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

TEST_P(StoreTest, AFactIsMadeOnce) {
  const std::string first = *opened()->fact("account", [] { return "1"; });
  EXPECT_EQ(*opened()->fact("account", [] { return "2"; }), first);
}

TEST_P(StoreTest, EventsOfAWindow) {
  const auto store = opened();
  Change change;
  for (const base::WallMicros time : {10, 20, 30})
    change.events.push_back({time, "replication-task", "a", "creation", "x"});
  ASSERT_TRUE(store->commit(change).ok());
  EXPECT_EQ(store->events(20, 30)->size(), 1u);
}

TEST_P(StoreTest, TextThatNoDatabaseKeepsIsKeptReadable) {
  const auto store = opened();
  Resource one = resource("task", "a");
  one.shown["Said"] = std::string("half \xc3, zero \0 and \\u0000", 25);
  Change change = putting({one});
  change.events.push_back({1, "replication-task", "a", "failure", std::string("half \xc3, zero \0.", 15)});
  ASSERT_TRUE(store->commit(change).ok());
  EXPECT_EQ((*store->find("task", "a"))->shown["Said"], "half \xef\xbf\xbd, zero \xef\xbf\xbd and \\u0000");
  EXPECT_EQ(store->list("task", {{"Said", {"x"}}}, "", 10)->size(), 0u);
  EXPECT_EQ(store->events(0, 2)->at(0).message.substr(0, 5), "half ");
}

// The connection breaks during every COMMIT: after it was done, or before.
class LosesAnswers final : public Database {
 public:
  LosesAnswers(std::unique_ptr<Database> database, bool is_done) : database_(std::move(database)), is_done_(is_done) {}
  const Words& words() const override { return database_->words(); }
  std::string member_of(std::string_view column, std::string_view member) const override {
    return database_->member_of(column, member);
  }
  bool is_shared() const override { return database_->is_shared(); }
  base::Result<Answer> run(const std::string& sql, const std::vector<Value>& values) override {
    writes_ = writes_ || sql.starts_with("UPDATE");
    return database_->run(sql, values);
  }
  base::Result<void> begin() override {
    writes_ = false;
    return database_->begin();
  }
  base::Result<void> commit() override {
    if (!armed || !writes_) return database_->commit();
    if (is_done_) TRY(database_->commit());
    if (!is_done_) database_->roll_back();
    return base::failed(errors::store_unclear, "cut");
  }
  void roll_back() override {}
  base::Result<std::int64_t> version() override { return database_->version(); }
  base::Result<void> set_version(std::int64_t version) override { return database_->set_version(version); }

  bool armed = false;

 private:
  const std::unique_ptr<Database> database_;
  const bool is_done_;
  bool writes_ = false;
};

TEST_P(StoreTest, ACommitWithoutAnAnswerIsLookedUp) {
  for (const bool is_done : {true, false}) {
    auto database = std::make_unique<LosesAnswers>(place_->database(), is_done);
    LosesAnswers& line = *database;
    const auto store = Store::open(std::move(database), "mark", here).take();
    const std::size_t before = *store->count("task");
    line.armed = true;
    for (const char* id : {"a", "b"}) {
      const auto outcome = store->commit(putting({resource("task", std::string(id) + (is_done ? "1" : "2"))}));
      EXPECT_EQ(outcome.ok(), is_done);
      EXPECT_EQ(!outcome.ok() && outcome.error().is(errors::store_failed), !is_done);
    }
    EXPECT_EQ(*store->count("task"), before + (is_done ? 2 : 0));
  }
}

TEST_P(StoreTest, AStoreIsOpenedWithItsKeyOnly) {
  opened();
  const auto other = Store::open(place_->database(), "another mark", here);
  ASSERT_FALSE(other.ok());
  EXPECT_TRUE(other.error().is(errors::bad_key));
}

class SharedStoreTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(postgres_server().running()) << postgres_server().problem(); }
  // Ends all its sessions but this one.
  void cut(PostgresPlace& place) {
    SqlSession(postgres_server().conninfo("postgres"))
        .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + place.name() + "'");
  }
};

TEST_F(SharedStoreTest, AnotherDataDirectoryWaitsForTheEndOfTheLease) {
  PostgresPlace place;
  const auto first = opened_on(place);
  const Owner elsewhere{"b", "the server of /b on there"};
  const auto refused = Store::open(place.database(), "mark", elsewhere);
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().is(errors::store_in_use));
  EXPECT_NE(refused.error().message.find("/a on here"), std::string::npos);
  EXPECT_TRUE(first->commit(putting({resource("task", "a")})).ok());
  EXPECT_TRUE(first->renew().ok());
  ASSERT_TRUE(first->release().ok());
  const auto second = opened_on(place, elsewhere);
  EXPECT_TRUE(first->renew().error().is(errors::store_taken));
  EXPECT_TRUE(first->commit(putting({resource("task", "b")})).error().is(errors::store_taken));
  EXPECT_EQ(*second->count("task"), 1u);
}

TEST_F(SharedStoreTest, ALostConnectionIsOpenedAgain) {
  PostgresPlace place;
  const auto store = opened_on(place);
  ASSERT_TRUE(store->commit(putting({resource("task", "a")})).ok());
  cut(place);
  // Whoever meets the end of the connection is told; nothing is half done.
  EXPECT_FALSE(store->commit(putting({resource("task", "b")})).ok());
  EXPECT_EQ(*store->count("task"), 1u);
  EXPECT_TRUE(store->commit(putting({resource("task", "b")})).ok());
  EXPECT_EQ(*store->count("task"), 2u);
}

// A trigger at the end of the transaction ends the session while COMMIT is carried out.
TEST_F(SharedStoreTest, ACommitThatBreaksIsNotTakenAsDone) {
  PostgresPlace place;
  const auto store = opened_on(place);
  SqlSession db(postgres_server().conninfo(place.name()));
  db.run(
      "CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM "
      "pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NULL; END'");
  db.run(
      "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON millrace_server.resources DEFERRABLE INITIALLY DEFERRED FOR "
      "EACH ROW EXECUTE FUNCTION public.die()");
  const auto lost = store->commit(putting({resource("task", "a")}));
  ASSERT_FALSE(lost.ok());
  EXPECT_TRUE(lost.error().is(errors::store_failed)) << lost.error().text();
  EXPECT_EQ(*store->count("task"), 0u);
  db.run("DROP TRIGGER die ON millrace_server.resources");
  EXPECT_TRUE(store->commit(putting({resource("task", "a")})).ok());
}

TEST(SealTest, OpensWhatItClosed) {
  const Seal seal = *Seal::of_digits(std::string(64, 'a'));
  const std::string sealed = seal.close("the password", "arn:1");
  EXPECT_EQ(sealed.find("password"), std::string::npos);
  EXPECT_NE(sealed, seal.close("the password", "arn:1"));
  EXPECT_EQ(*seal.open(sealed, "arn:1"), "the password");
  EXPECT_EQ(*seal.open(seal.close("", "x"), "x"), "");
}

TEST(SealTest, ItsMarkTellsKeysApart) {
  const std::string mark = (*Seal::of_digits(std::string(64, 'a'))).mark();
  EXPECT_EQ(mark, (*Seal::of_digits(std::string(64, 'a'))).mark());
  EXPECT_NE(mark, (*Seal::of_digits(std::string(64, 'b'))).mark());
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
