// SPDX-License-Identifier: Apache-2.0
//
// What an event trigger said about one table (ddl_trigger.h), read back from the logical message:
//   {"oid","schema","table","event":"sql_drop"}                                            the table was dropped
//   {"oid","schema","table","event","made","converts","columns":[[...]],"partitions":[[schema, table]]}
// Hostile input: nullopt for whatever is not exactly that. Pure.
#pragma once

#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "model/schema.h"

namespace postgres {

struct DdlReport {
  std::uint32_t oid = 0;
  model::TableName name;
  bool dropped = false;
  bool made = false;     // only a partition was made
  bool converts = true;  // an expression (USING) may have changed values of a column whose type was changed
  std::vector<model::Column> columns;  // all of the table, by number; without the family-free part of their types
  std::set<std::int32_t> filled;       // numbers of those whose default stands in the rows that were there before
  std::optional<std::set<model::TableName>> partitions;  // of a partitioned table
};

// nullopt: not a report we understand (somebody else's use of the prefix).
std::optional<DdlReport> parse_ddl_report(std::string_view content);

}  // namespace postgres
