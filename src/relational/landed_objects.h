// SPDX-License-Identifier: Apache-2.0
//
// A table of another family in the target's own words: what its source says of defaults, indexes, checks, counters and
// foreign keys, as far as it means the same here. What does not is left out and named. Types stay canonical, and
// target_schema of each connector says the rest as for a table of its own family. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "connect/source.h"
#include "model/schema.h"
#include "relational/landed_default.h"

namespace relational {

struct Remark {
  std::string object;   // "index orders_total"
  std::string problem;  // "an index over an expression cannot be said here"
  bool left_out = true;
};

struct LandedTable {
  model::TableSchema table;
  std::vector<Remark> remarks;
};

// Of our own family: the table as it is. Else with names as on the target, and without foreign keys as the
// source has them, for they need both tables.
LandedTable in_words_of(Language ours, const model::TableSchema& table);

struct LandedKeys {
  std::vector<model::ForeignKey> keys;  // by the target's names
  std::vector<Remark> remarks;
};
// `tables`: all tables of the task.
LandedKeys foreign_keys_in_words_of(Language ours, const model::TableSchema& table,
                                    const std::vector<model::TableSchemaPtr>& tables);

// For `check`, and one line for each object that is left out when the table is made.
void add_findings(const model::TableSchema& table, const std::vector<Remark>& remarks,
                  std::vector<connect::Finding>& findings);
void add_skipped(const model::TableSchema& table, const std::vector<Remark>& remarks,
                 std::vector<std::string>& skipped);

}  // namespace relational
