// SPDX-License-Identifier: Apache-2.0
#include "sim/plan_families.h"

#include <gtest/gtest.h>

#include <array>
#include <map>

namespace sim {
namespace {

constexpr std::uint64_t window = 2000;
constexpr std::uint64_t starts[] = {0, 1, 777, 2001, 100'000, 1'000'000'000'000, 1ULL << 63};

TEST(families, each_has_its_share_of_any_two_thousand_seeds) {
  for (const std::uint64_t start : starts) {
    std::map<std::string, int> drawn;
    for (std::uint64_t seed = start; seed < start + window; ++seed) drawn[family_of(seed).family->name] += 1;
    for (const Family& family : all_families()) {
      EXPECT_NEAR(drawn[family.name], double(window) * family.share / family_shares, 1)
          << family.name << ", seeds from " << start;
    }
  }
}

// The place picks the crash point of a death: no stretch of them is left to chance.
TEST(families, each_has_its_seeds_in_all_its_places) {
  constexpr std::size_t parts = 10;
  for (const std::uint64_t start : starts) {
    std::map<std::string, std::array<int, parts>> drawn;
    for (std::uint64_t seed = start; seed < start + window; ++seed) {
      const FamilyPlace at = family_of(seed);
      ASSERT_GE(at.place, 0);
      ASSERT_LT(at.place, 1);
      drawn[at.family->name][std::size_t(at.place * parts)] += 1;
    }
    for (const Family& family : all_families()) {
      const double expected = double(window) * family.share / family_shares / parts;
      for (std::size_t part = 0; part < parts; ++part) {
        EXPECT_NEAR(drawn[family.name][part], expected, 2)
            << family.name << ", part " << part << ", seeds from " << start;
      }
    }
  }
}

TEST(families, names_are_their_own) {
  std::map<std::string, int> names;
  for (const Family& family : all_families()) names[family.name] += 1;
  for (const auto& [name, count] : names) EXPECT_EQ(count, 1) << name;
  EXPECT_EQ(names.size(), all_families().size());
}

}  // namespace
}  // namespace sim
