// SPDX-License-Identifier: Apache-2.0
#include "main/mapping_rows.h"

#include <gtest/gtest.h>

namespace main_program {
namespace {

constexpr const char* rules = R"({"rules": [
  {"rule-type": "selection", "rule-id": "3", "rule-action": "include",
   "object-locator": {"schema-name": "s", "table-name": "t"},
   "filters": [{"filter-type": "source", "column-name": "id",
                "filter-conditions": [{"filter-operator": "gte", "value": "10"}]}]},
  {"rule-type": "transformation", "rule-id": "4", "rule-action": "add-column", "rule-target": "column",
   "object-locator": {"schema-name": "s", "table-name": "t"}, "value": "n", "expression": "$name",
   "data-type": {"type": "int4"}},
  {"rule-type": "transformation", "rule-id": "5", "rule-action": "rename", "rule-target": "column",
   "object-locator": {"schema-name": "s", "table-name": "t", "column-name": "name"}, "value": "title"}
]})";

std::string mapped(std::string_view file, bool is_csv) {
  const auto mapping = mapping::Mapping::parse(rules);
  const auto table = columns_from_text({"s", "t"}, "id:int4, name:string");
  std::string out;
  const auto done = map_rows(
      *mapping, *table, [](const auto&, const auto& column) { return model::plain_comparison(column.type.type); }, file,
      is_csv, [&](const std::string& line) { out += line; });
  return done.ok() ? out : out + done.error().message;
}

TEST(MappingRows, each_row_is_mapped_filtered_or_said_to_fail) {
  EXPECT_EQ(mapped("{\"id\": 10, \"name\": \"5\"}\n{\"id\": \"9\"}\n\n{\"id\": 11, \"name\": \"x\"}\n{\"id\": \"y\"}\n",
                   false),
            "{\"row\":1,\"result\":{\"id\":\"10\",\"title\":\"5\",\"n\":\"5\"}}\n"
            "{\"row\":2,\"filtered\":\"rule 3\"}\n"
            "{\"row\":3,\"error\":\"column n (rule 4): the expression's value is no INT4\"}\n"
            "{\"row\":4,\"error\":\"column id: the value is no INT4\"}\n");
}

TEST(MappingRows, csv_tells_null_from_the_empty_text) {
  EXPECT_EQ(mapped("name,id\n,12\n\"7\",13\n", true),
            "{\"row\":1,\"result\":{\"id\":\"12\",\"title\":null,\"n\":null}}\n"
            "{\"row\":2,\"result\":{\"id\":\"13\",\"title\":\"7\",\"n\":\"7\"}}\n");
}

TEST(MappingRows, a_file_that_is_not_understood_names_its_row) {
  EXPECT_EQ(mapped("{\"id\": 10, \"nme\": 1}\n", false), "row 1: table s.t has no column nme");
  EXPECT_EQ(mapped("id,name\n10\n", true), "row 1: it has 1 fields, and the first line names 2");
  EXPECT_NE(mapped("{\"id\": 10", false).find("row 1"), std::string::npos);
  EXPECT_FALSE(columns_from_text({"s", "t"}, "id:int4, id:int4").ok());
  EXPECT_FALSE(columns_from_text({"s", "t"}, "id:number").ok());
}

}  // namespace
}  // namespace main_program
