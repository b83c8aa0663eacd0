// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/array_text.h"

#include <gtest/gtest.h>

namespace postgres {
namespace {

TEST(PostgresArrayText, what_is_written_is_read_again) {
  const std::vector<std::string> items = {"plain", "", "with \"quotes\"", "back\\slash", "a,b", "{}", "NULL", "😀"};
  auto read = parse_array(array_literal(items));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, items);
  EXPECT_EQ(array_literal(std::vector<std::uint32_t>{1, 23}), "{1,23}");
}

TEST(PostgresArrayText, the_servers_short_forms_are_read) {
  auto read = parse_array("{a,\"b c\",NULL,d}");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, (std::vector<std::string>{"a", "b c", "", "d"}));
  EXPECT_TRUE(parse_array("{}").ok());
}

TEST(PostgresArrayText, malformed_text_is_refused) {
  for (const char* text : {"", "{", "a", "{\"a}", "{a,}", "{\"a\"b}", "{a\\}"}) {
    EXPECT_FALSE(parse_array(text).ok()) << text;
  }
}

}  // namespace
}  // namespace postgres
