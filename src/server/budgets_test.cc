// SPDX-License-Identifier: Apache-2.0
#include "server/budgets.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "server/instances.h"
#include "server/tasks.h"
#include "server/world_fixture.h"

namespace server {
namespace {

constexpr double gib = 1024.0 * 1024 * 1024;

Resource instance(const char* name, double storage) {
  Resource out;
  out.kind = instance_kind;
  out.id = "i";
  out.shown = {{"ReplicationInstanceClass", name}, {"AllocatedStorage", storage}};
  return out;
}

TEST(BudgetsTest, AClassIsMemoryAndCapacityUnitsAre) {
  EXPECT_EQ(budget_of(instance("dms.t3.micro", 50)).memory_bytes, gib);
  EXPECT_EQ(budget_of(instance("dms.r5.xlarge", 50)).memory_bytes, 32 * gib);
  EXPECT_EQ(budget_of(instance("dms.t3.micro", 50)).storage_bytes, 50 * gib);
  Resource config;
  config.kind = config_kind;
  config.shown["ComputeConfig"] = {{"MaxCapacityUnits", 16}, {"MinCapacityUnits", 1}};
  EXPECT_EQ(budget_of(config).memory_bytes, 32 * gib);
  EXPECT_EQ(budget_of(config).storage_bytes, 0);
}

TEST(BudgetsTest, TheLargestOfThoseThatRunMakesRoom) {
  const Budget budget = budget_of(instance("dms.t3.micro", 5));
  std::vector<TaskUse> uses{{"a", 0.5 * gib, 1 * gib, true}, {"b", 0.4 * gib, 2 * gib, true}, {"c", 0, 1 * gib, false}};
  EXPECT_FALSE(excess_of(budget, uses));
  uses[1].memory_bytes = 0.51 * gib;
  auto found = excess_of(budget, uses);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->arn, "b");
  EXPECT_FALSE(found->at_once);
  EXPECT_EQ(
      found->why,
      "server.memory_exceeded: the tasks of the instance i (dms.t3.micro) hold 1.0 GiB of 1.0 GiB of memory, this "
      "one 0.5 GiB");
  uses[0].memory_bytes = 1.1 * gib;
  found = excess_of(budget, uses);
  EXPECT_EQ(found->arn, "a");
  EXPECT_TRUE(found->at_once);
  uses[0].memory_bytes = uses[1].memory_bytes = 0;
  uses[2].storage_bytes = 3 * gib;
  found = excess_of(budget, uses);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->arn, "b");  // c holds more, and rests already
  EXPECT_TRUE(found->why.starts_with("server.storage_exceeded")) << found->why;
  uses[0].runs = uses[1].runs = false;
  EXPECT_FALSE(excess_of(budget, uses));
}

TEST(BudgetsTest, TheRelayTakesAShareOfTheDisk) {
  const auto cap = [](double storage, std::size_t tasks, const char* attributes = "") {
    json document{{"source", {{"ExtraConnectionAttributes", attributes}}}};
    bound_relay(document, budget_of(instance("dms.t3.micro", storage)), tasks);
    return document["source"].value("MillraceRelayCapMB", -1);
  };
  EXPECT_EQ(cap(50, 1), 16384);
  EXPECT_EQ(cap(5, 1), 3840);
  EXPECT_EQ(cap(5, 4), 960);
  EXPECT_EQ(cap(5, 1000), 64);
  EXPECT_EQ(cap(5, 1, "slotName=x;millraceRelayCapMB=9000"), -1);
}

// A task of the instance that runs as this very process, and one at rest.
struct Shared : TestWorld {
  Shared() {
    Resource small = instance("dms.r5.xlarge", 5);
    small.arn = "arn:i";
    small.state = "available";
    for (const char* id : {"runs", "rests"}) {
      Resource& task = *(id[1] == 'u' ? &runs : &rests);
      task.kind = task_kind;
      task.id = id;
      task.arn = std::string("arn:") + id;
      task.state = id[1] == 'u' ? "running" : "stopped";
      task.shown = {{"ReplicationInstanceArn", small.arn}};
      task.inner = {{"folder", id}};
      task.refers_to = std::vector{small.arn};
    }
    commit({small, runs, rests});
    processes.emplace(runs.arn, *Process::of(::getpid()));
  }
  void commit(const std::vector<Resource>& rows) {
    EXPECT_TRUE(store->commit({.removed = {}, .put = rows, .tags = {}, .events = {}}).ok());
  }
  void hold(const Resource& task, std::uintmax_t bytes) {
    const std::string path = ground->task_folder(task);
    std::filesystem::create_directories(path);
    std::ofstream(path + "/big").close();
    std::filesystem::resize_file(path + "/big", bytes);
  }
  void look(std::int64_t seconds, const std::vector<Resource>& active) {
    clock.pass(seconds);
    ASSERT_TRUE(watch.look(active, processes).ok());
  }
  std::string state() { return (*store->find_arn("arn:i"))->state; }
  bool must_end() { return (*store->find_arn(runs.arn))->inner.contains("exceeded"); }

  Resource runs, rests;
  std::map<std::string, Process> processes;
  BudgetWatch watch{*ground};
};

TEST(BudgetsTest, WhatATaskAtRestHoldsCountsForTheOneThatRuns) {
  Shared shared;
  shared.hold(shared.runs, 3u << 30);
  shared.look(1, {shared.runs});
  EXPECT_EQ(shared.state(), "available");
  shared.hold(shared.rests, 3u << 30);  // by hand: nothing began or ended
  shared.look(31, {shared.runs});
  EXPECT_EQ(shared.state(), storage_full);
  EXPECT_TRUE(shared.must_end());
}

TEST(BudgetsTest, ATaskThatEndsIsMeasuredAmongThoseAtRest) {
  Shared shared;
  shared.hold(shared.runs, 6ll << 30);
  shared.look(1, {shared.runs});
  EXPECT_EQ(shared.state(), storage_full);
  shared.runs.state = "failed";
  shared.commit({shared.runs});
  shared.processes.clear();
  shared.look(1, {});
  EXPECT_EQ(shared.state(), storage_full);
  shared.hold(shared.runs, 0);
  shared.look(31, {});  // nothing runs there, and yet it is looked at
  EXPECT_EQ(shared.state(), "available");
}

TEST(BudgetsTest, AFolderIsAllOfItsFiles) {
  TestWorld world;
  const std::string folder = world.folder + "/f";
  std::filesystem::create_directories(folder + "/inner");
  std::ofstream(folder + "/a") << std::string(1000, 'x');
  std::ofstream(folder + "/inner/b") << std::string(500, 'x');
  EXPECT_EQ(folder_bytes(folder), 1500);
  EXPECT_EQ(folder_bytes(folder + "/absent"), 0);
}

}  // namespace
}  // namespace server
