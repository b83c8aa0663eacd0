// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/engine/memory_world.h"

namespace {

using support::World;

TEST(memory_to_memory, loads_without_stream) {
  World world;
  const auto outcome = world.run(engine::MigrationType::full_load);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_EQ(outcome.value(), engine::Outcome::finished);
  world.expect_equal();
}

TEST(memory_to_memory, loads_and_catches_up_again_and_again) {
  World world;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 30; ++i) world.move_money(i % 5 == 0);
    const auto outcome = world.run();
    ASSERT_TRUE(outcome.ok()) << outcome.error().text();
    world.expect_equal();
  }
}

TEST(memory_to_memory, shows_only_committed_states_while_it_streams) {
  World world;
  ASSERT_TRUE(world.run().ok());
  world.target->keep_history();
  for (int i = 0; i < 200; ++i) world.move_money(i % 7 == 0);
  ASSERT_TRUE(world.run().ok());
  world.expect_equal();
  for (const memory::Shown& shown : world.target->history()) {
    EXPECT_EQ(World::total_of(shown.tables.at(world.account->name)), World::accounts * World::opening);
  }
}

// What the stream passed over while nobody selected the table is not missing once it is selected again.
TEST(memory_to_memory, loads_a_table_again_that_was_deselected_for_a_while) {
  World world;
  world.move_money(false);
  ASSERT_TRUE(world.run().ok());
  world.selection = R"({"schema-name":"%","table-name":"acc%"})";
  for (int i = 0; i < 30; ++i) world.move_money(i % 5 == 0);
  ASSERT_TRUE(world.run().ok());
  EXPECT_EQ(world.store.load().take().tables.at(world.moves->name).state, "Table cancelled");
  EXPECT_LT(world.target->tables().at(world.moves->name).size(), world.source->tables().at(world.moves->name).size());
  world.selection = World::everything;
  for (int i = 0; i < 30; ++i) world.move_money(i % 5 == 0);
  const auto outcome = world.run();
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  world.expect_equal();
}

TEST(memory_to_memory, loads_while_money_moves) {
  World world;
  base::TaskGroup writer;
  writer.spawn("writer", [&](std::stop_token stop) -> base::Result<void> {
    while (!stop.stop_requested()) {
      world.move_money(false);
      world.clock.pause(std::chrono::milliseconds(1), stop);
    }
    return {};
  });
  for (int round = 0; round < 3; ++round) {
    const auto outcome = world.run();
    EXPECT_TRUE(outcome.ok()) << outcome.error().text();
  }
  writer.request_stop();
  EXPECT_TRUE(writer.join().ok());
  const auto outcome = world.run();
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  world.expect_equal();
}

// The process dies at every commit of its state, in turn; what follows is a resume (or, before anything was recorded,
// a start).
TEST(memory_to_memory, survives_death_at_every_commit) {
  int dies_at = 0;
  for (; dies_at < 200; ++dies_at) {
    World world;
    for (int i = 0; i < 10; ++i) world.move_money(i % 3 == 0);
    world.store.dies_at = dies_at;
    const auto first = world.run();
    for (int i = 0; i < 10; ++i) world.move_money(i % 3 == 0);
    world.store.dies_at = -1;
    const auto second = world.run();
    ASSERT_TRUE(second.ok()) << "died at " << dies_at << ": " << second.error().text();
    world.expect_equal();
    if (testing::Test::HasFailure()) FAIL() << "died at " << dies_at;
    if (first.ok()) break;
    EXPECT_TRUE(first.error().text().find("test.died") != std::string::npos) << first.error().text();
  }
  EXPECT_GT(dies_at, 5);
  EXPECT_LT(dies_at, 200);
}

// Each call fails once, after some good ones, with a transient error: the task goes on by itself, unless it is the very
// first look at an end, which may be wrongly named.
TEST(memory_to_memory, goes_on_after_each_transient_failure) {
  for (const char* call :
       {"source.open", "target.open", "target.check", "capture.begin", "snapshot.read", "chunk.next", "loader.write",
        "loader.finish", "target.prepare", "stream.open", "stream.next", "target.apply", "target.publish"}) {
    for (const int passes : {0, 1}) {
      World world;
      for (int i = 0; i < 10; ++i) world.move_money(i % 3 == 0);
      world.source->fail(call, memory::errors::injected, passes);
      world.target->fail(call, memory::errors::injected, passes);
      auto outcome = world.run();
      const bool is_end = call == std::string_view("source.open") || call == std::string_view("target.open");
      EXPECT_EQ(outcome.ok(), passes > 0 || !is_end) << call << " after " << passes;
      if (!outcome.ok()) outcome = world.run();
      for (int i = 0; i < 10; ++i) world.move_money(i % 3 == 0);
      if (outcome.ok()) outcome = world.run();
      ASSERT_TRUE(outcome.ok()) << call << ": " << outcome.error().text();
      world.expect_equal();
      if (testing::Test::HasFailure()) FAIL() << call << " after " << passes;
    }
  }
}

// A transaction that comes in parts, of which the last holds nothing but its end.
TEST(memory_to_memory, ends_a_transaction_whose_last_part_is_only_its_commit) {
  World world;
  ASSERT_TRUE(world.run().ok());
  for (int i = 0; i < 5; ++i) world.move_money(false);
  engine::TaskDefinition definition = world.definition();
  definition.budgets.group_changes = 1;
  engine::Task task(std::move(definition), world.environment());
  std::stop_source stop;
  const auto outcome =
      task.run(engine::StartType::resume_processing, {engine::Until::Kind::caught_up, "", 0}, stop.get_token());
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  world.expect_equal();
}

TEST(memory_to_memory, names_a_position_that_is_gone) {
  World world;
  ASSERT_TRUE(world.run().ok());
  for (int i = 0; i < 10; ++i) world.move_money(false);
  world.source->set_capture({true, world.source->end_of_log()});
  for (int i = 0; i < 10; ++i) world.move_money(false);
  const auto outcome = world.run();
  ASSERT_FALSE(outcome.ok());
  EXPECT_TRUE(outcome.error().is(connect::errors::position_gone)) << outcome.error().text();
}

}  // namespace
