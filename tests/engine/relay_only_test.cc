// SPDX-License-Identifier: Apache-2.0
#include "engine/relay_only.h"

#include <gtest/gtest.h>

#include "tests/engine/memory_world.h"

namespace {

using support::World;

// The target is away: what the source's log holds moves into the relay.
void outlast(World& world, std::chrono::milliseconds length) {
  engine::TaskDefinition definition = world.definition();
  definition.source_log_cap_bytes = 0;
  const engine::Environment environment = world.environment();
  engine::Statistics statistics(world.clock);
  std::stop_source stop;
  const auto outlasted = engine::outlast_target(definition, environment, statistics, length, stop.get_token());
  ASSERT_TRUE(outlasted.ok()) << outlasted.error().text();
}

TEST(relay_only, keeps_what_the_source_was_told_to_forget) {
  World world;
  ASSERT_TRUE(world.run().ok());
  for (int window = 0; window < 4; ++window) {
    for (int i = 0; i < 20; ++i) world.move_money(i % 5 == 0);
    outlast(world, std::chrono::milliseconds(200));
    EXPECT_EQ(world.source->capture().confirmed, world.source->end_of_log());
  }
  const auto outcome = world.run();
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  world.expect_equal();
}

TEST(relay_only, a_source_that_remembers_more_is_no_gap) {
  World world;
  ASSERT_TRUE(world.run().ok());
  const memory::Database::Capture before = world.source->capture();
  for (int i = 0; i < 20; ++i) world.move_money(i % 5 == 0);
  ASSERT_TRUE(world.run().ok());
  for (int i = 0; i < 20; ++i) world.move_money(i % 5 == 0);
  outlast(world, std::chrono::milliseconds(200));
  world.source->set_capture(before);  // a server that crashed before it had stored what we confirmed
  for (int i = 0; i < 20; ++i) world.move_money(i % 5 == 0);
  outlast(world, std::chrono::milliseconds(200));
  const auto outcome = world.run();
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  world.expect_equal();
}

}  // namespace
