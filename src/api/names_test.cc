// SPDX-License-Identifier: Apache-2.0
#include "api/names.h"

#include <gtest/gtest.h>

namespace api {
namespace {

constexpr NameRule rule{"EndpointIdentifier", 20};

TEST(NamesTest, IdentifiersAreLowerCase) { EXPECT_EQ(*checked_name("Orders-2", rule), "orders-2"); }

TEST(NamesTest, HostileIdentifiersAreRefused) {
  for (const char* text : {"", "2a", "a-", "a--b", "a_b", "../etc", "a/b", "a b", "a\n", "a;DROP TABLE x", "a\x7f", "ä",
                           "aaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_FALSE(checked_name(text, rule).ok()) << text;
  }
  EXPECT_TRUE(checked_name("a.b_c-", {"Group", 20, NameForm::dotted}).ok());
  EXPECT_FALSE(checked_name("a/b", {"Group", 20, NameForm::dotted}).ok());
}

TEST(NamesTest, ArnsGoThereAndBack) {
  const Arn arn{"eu-central-1", "123456789012", "task", "ABC"};
  EXPECT_EQ(arn.text(), "arn:aws:dms:eu-central-1:123456789012:task:ABC");
  const auto read = parse_arn(arn.text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->type, "task");
  EXPECT_EQ(read->suffix, "ABC");
  EXPECT_EQ(parse_arn("arn:aws-cn:dms:r:1:subgrp:a:b")->suffix, "a:b");
  for (const char* text :
       {"", "arn:aws:s3:::bucket", "arn:aws:dms:r:1:task", "arn:aws:dms:r:1:task:", "x:aws:dms:r:1:task:a"}) {
    EXPECT_FALSE(parse_arn(text)) << text;
  }
}

TEST(NamesTest, SuffixesAreOfTheAlphabet) {
  base::SystemRandom random;
  const std::string suffix = random_suffix(random);
  EXPECT_EQ(suffix.size(), 26u);
  EXPECT_EQ(suffix.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), std::string::npos);
}

TEST(NamesTest, MarkersGoThereAndBack) {
  EXPECT_EQ(*name_of_marker(marker_behind("orders|ü")), "orders|ü");
  for (const char* text : {"", "m1.", "m1.6", "m1.6x", "m2.61", "61"}) EXPECT_FALSE(name_of_marker(text).ok()) << text;
}

TEST(NamesTest, PagesHaveTheirBounds) {
  EXPECT_EQ(*page_size(std::nullopt, {}), 100u);
  EXPECT_EQ(*page_size(20, {}), 20u);
  EXPECT_FALSE(page_size(19, {}).ok());
  EXPECT_FALSE(page_size(101, {}).ok());
}

}  // namespace
}  // namespace api
