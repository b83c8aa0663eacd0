// SPDX-License-Identifier: Apache-2.0
#include "mapping/pattern.h"

#include <gtest/gtest.h>

namespace mapping {
namespace {

bool matches(std::string_view pattern, std::string_view name) { return Pattern::parse(pattern).take().matches(name); }

TEST(Pattern, wildcards) {
  EXPECT_TRUE(matches("%", ""));
  EXPECT_TRUE(matches("%", "orders"));
  EXPECT_TRUE(matches("ord%s", "orders"));
  EXPECT_TRUE(matches("%a%b%", "xxaxxbxx"));
  EXPECT_FALSE(matches("%a%b", "ab_"));
  EXPECT_TRUE(matches("o_ders", "orders"));
  EXPECT_FALSE(matches("o_ders", "oders"));
  EXPECT_FALSE(matches("orders", "ORDERS"));
  EXPECT_FALSE(matches("", "x"));
}

TEST(Pattern, sets_and_literals) {
  EXPECT_TRUE(matches("[ab]x", "bx"));
  EXPECT_FALSE(matches("[ab]x", "cx"));
  EXPECT_TRUE(matches("t[0-9]", "t7"));
  EXPECT_TRUE(matches("t[a-c-]", "t-"));
  EXPECT_TRUE(matches("a[_]b", "a_b"));
  EXPECT_FALSE(matches("a[_]b", "axb"));
  EXPECT_TRUE(matches("100[%]", "100%"));
  EXPECT_FALSE(matches("100[%]", "1000"));
}

TEST(Pattern, a_character_is_a_code_point) {
  EXPECT_TRUE(matches("_", "\xc3\xa9"));
  EXPECT_TRUE(matches("x_", "x\xf0\x9f\x98\x80"));
  EXPECT_TRUE(matches("[\xc3\xa0-\xc3\xbf]", "\xc3\xa9"));
  EXPECT_TRUE(matches("__", "\xff\xfe"));  // not UTF-8: a byte each
}

TEST(Pattern, refuses_broken_sets) {
  for (const char* text : {"a[b", "a[]", "[z-a]"}) EXPECT_FALSE(Pattern::parse(text).ok()) << text;
}

TEST(Pattern, many_runs_stay_cheap) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a%";
  EXPECT_FALSE(matches(pattern + "b", std::string(20000, 'a')));
}

}  // namespace
}  // namespace mapping
