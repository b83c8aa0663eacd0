// SPDX-License-Identifier: Apache-2.0
//
// What the table mappings make of every table of the source, and by which rules: for people who write them. Connects to
// the source only and touches nothing.
#pragma once

#include "engine/task.h"

namespace engine {

struct ExplainedTable {
  model::TableName name;
  std::string kind;  // as TableListing::kind
  mapping::Selection selection;
  std::optional<PlannedTable> plan;   // of a selected table that can be mapped
  std::vector<std::string> sql;       // what the source is sent in the full load, one statement a segment
  std::vector<std::string> problems;  // why it is refused
  std::vector<std::string> notes;     // what is not carried over
};

struct ExplainedMapping {
  std::vector<ExplainedTable> tables;  // in the catalogue's order
  std::vector<std::string> notes;      // rules that match nothing or have no effect
};

// `only`: that table alone; connect.table_missing when the source does not have it.
base::Result<ExplainedMapping> explain_mapping(const TaskDefinition& definition, const Environment& environment,
                                               const std::optional<model::TableName>& only);

}  // namespace engine
