// SPDX-License-Identifier: Apache-2.0
#include "relational/compact.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "relational/changes_fixture.h"

namespace {

using relational::CompactOptions;
using relational::NetChanges;
using relational::NetRow;
using relational_test::Changes;
using relational_test::null_cell;
using relational_test::table_of;
using relational_test::unchanged_cell;

const CompactOptions by_first_column{{0}, true};

NetChanges net_of(Changes& changes, const CompactOptions& options = by_first_column) {
  std::vector<std::uint32_t> all;
  for (std::uint32_t i = 0; i < changes.batch().changes.size(); ++i) all.push_back(i);
  return relational::compact(changes.batch(), all, options);
}

std::string text(const model::ChangeBatch& batch, const model::Cell& cell) {
  if (cell.state == model::CellState::value) return std::string(batch.cell_bytes(cell));
  return cell.state == model::CellState::unchanged ? "?" : "null";
}

// "-1 ~2=b +3=c": removes, updates, inserts; keys and second columns.
std::string words(const Changes& changes, const NetChanges& net) {
  const model::ChangeBatch& batch = const_cast<Changes&>(changes).batch();
  if (net.ordered) return "ordered";
  std::string all;
  for (const NetRow& row : net.removes) all += " -" + text(batch, row.key[0]);
  for (const auto& [mask, rows] : net.updates) {
    for (const NetRow& row : rows) all += " ~" + text(batch, row.key[0]) + "=" + text(batch, row.cells[1]);
  }
  for (const NetRow& row : net.inserts) all += " +" + text(batch, row.cells[0]) + "=" + text(batch, row.cells[1]);
  return all.empty() ? all : all.substr(1);
}

const model::TableSchemaPtr keyed = table_of("t", {"id bigint", "v text"});

TEST(Compact, what_comes_and_goes_leaves_nothing) {
  Changes changes;
  changes.insert(keyed, {"1", "a"}).update(keyed, {"1", "b"}).remove(keyed, {"1", null_cell});
  EXPECT_EQ(words(changes, net_of(changes)), "");
}

TEST(Compact, several_updates_are_one) {
  Changes changes;
  changes.update(keyed, {"1", "a"}).update(keyed, {"2", "x"}).update(keyed, {"1", "b"});
  EXPECT_EQ(words(changes, net_of(changes)), "~1=b ~2=x");
}

TEST(Compact, a_row_that_is_removed_and_comes_back_is_an_update) {
  Changes changes;
  changes.remove(keyed, {"1", null_cell}).insert(keyed, {"1", "new"});
  EXPECT_EQ(words(changes, net_of(changes)), "~1=new");
}

TEST(Compact, a_key_change_is_a_remove_and_an_insert) {
  Changes changes;
  changes.update(keyed, {"2", "a"}, {"1", null_cell});
  EXPECT_EQ(words(changes, net_of(changes)), "-1 +2=a");
  EXPECT_EQ(words(changes, net_of(changes, {{0}, false})), "ordered");
}

TEST(Compact, keys_are_swapped_through_a_third) {
  Changes changes;
  changes.update(keyed, {"9", "a"}, {"1", null_cell})
      .update(keyed, {"1", "b"}, {"2", null_cell})
      .update(keyed, {"2", "a"}, {"9", null_cell});
  EXPECT_EQ(words(changes, net_of(changes)), "-1 -2 +2=a +1=b");
}

TEST(Compact, unchanged_values_come_from_earlier_in_the_run_or_stay_away) {
  Changes changes;
  changes.insert(keyed, {"1", "big"}).update(keyed, {"1", unchanged_cell}).update(keyed, {"2", unchanged_cell});
  const NetChanges net = net_of(changes);
  EXPECT_EQ(words(changes, net), "~2=? +1=big");
  EXPECT_EQ(net.updates.begin()->first, (std::vector<bool>{true, false}));
}

TEST(Compact, a_full_old_image_fills_what_the_log_does_not_repeat) {
  Changes changes;
  changes.update(keyed, {"2", unchanged_cell}, {"1", "big"});
  EXPECT_EQ(words(changes, net_of(changes)), "-1 +2=big");
}

TEST(Compact, a_key_change_without_the_large_value_keeps_the_order) {
  Changes changes;
  changes.update(keyed, {"2", unchanged_cell}, {"1", null_cell});
  EXPECT_EQ(words(changes, net_of(changes)), "ordered");
}

TEST(Compact, contradictions_keep_the_order) {
  Changes twice, gone;
  twice.insert(keyed, {"1", "a"}).insert(keyed, {"1", "b"});
  EXPECT_EQ(words(twice, net_of(twice)), "ordered");
  gone.remove(keyed, {"1", null_cell}).update(keyed, {"1", "b"});
  EXPECT_EQ(words(gone, net_of(gone)), "ordered");
}

// Random legal histories: the sets, applied to the state before, give the state after.
TEST(Compact, sets_equal_the_changes_in_order) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::map<std::string, std::string> state, before;
    for (int key = 0; key < 6; ++key) {
      if (random() % 2) state[std::to_string(key)] = "v" + std::to_string(key);
    }
    before = state;
    std::deque<std::string> texts;
    const auto keep = [&](const std::string& value) { return texts.emplace_back(value).c_str(); };
    Changes changes;
    for (int step = 0; step < 12; ++step) {
      const std::string key = std::to_string(random() % 6), other = std::to_string(random() % 6);
      const std::string value = "n" + std::to_string(round) + "." + std::to_string(step);
      if (!state.contains(key)) {
        changes.insert(keyed, {keep(key), keep(value)});
        state[key] = value;
      } else if (random() % 3 == 0) {
        changes.remove(keyed, {keep(key), null_cell});
        state.erase(key);
      } else if (random() % 2 && !state.contains(other)) {
        changes.update(keyed, {keep(other), keep(value)}, {keep(key), null_cell});
        state.erase(key);
        state[other] = value;
      } else {
        changes.update(keyed, {keep(key), keep(value)});
        state[key] = value;
      }
    }
    const NetChanges net = net_of(changes);
    ASSERT_FALSE(net.ordered) << "round " << round;
    const model::ChangeBatch& batch = changes.batch();
    for (const NetRow& row : net.removes) ASSERT_EQ(before.erase(text(batch, row.key[0])), 1u) << round;
    for (const auto& [mask, rows] : net.updates) {
      for (const NetRow& row : rows) {
        ASSERT_TRUE(before.contains(text(batch, row.key[0]))) << round;
        before[text(batch, row.key[0])] = text(batch, row.cells[1]);
      }
    }
    for (const NetRow& row : net.inserts) {
      ASSERT_TRUE(before.emplace(text(batch, row.cells[0]), text(batch, row.cells[1])).second) << round;
    }
    ASSERT_EQ(before, state) << "round " << round;
  }
}

}  // namespace
