// SPDX-License-Identifier: Apache-2.0
//
// The table-mapping document of a task: which tables are selected, in which order they load, with which filters, and
// how schemas, tables and columns are named on the target. Pure: no I/O, no clock; immutable after parse, so any
// thread may read it. Locators always name source objects. Parts of the language that are not there yet are refused by
// name with the rule's id.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mapping/errors.h"
#include "mapping/filter.h"
#include "model/schema.h"

namespace mapping {

struct RuleSet;  // mapping/rules.h

struct MappedTable {
  model::TableSchemaPtr target;        // name, source_name and Column::source_name are set
  std::vector<std::uint32_t> columns;  // target->columns[i] comes from source.columns[columns[i]]
  bool identity_columns = false;       // all columns, in order, under their own names
  // Secondary objects that could not be carried over because a column they need was removed or renamed.
  std::vector<std::string> left_out;
};

class Mapping {
 public:
  Mapping();  // selects nothing
  // `target_schema`: TargetMetadata.TargetSchema, the target schema of tables without a schema rule; empty: the
  // source's.
  static base::Result<Mapping> parse(std::string_view json_text, std::string_view target_schema = "");

  bool selects(const model::TableName& table, bool is_view) const;
  // Higher loads first; 0 when no rule says.
  std::int64_t load_order(const model::TableName& table) const;
  // Empty when the table is not filtered. Valid as long as the Mapping.
  std::span<const Filter> filters(const model::TableName& table) const;

  // The filters of that source table as native SQL; empty when there are none.
  base::Result<std::string> filter_sql(const model::TableSchema& source, const Quote& quote_identifier,
                                       const Quote& quote_literal) const;

  model::TableName map_name(const model::TableName& source) const;
  // The target name of a column, nullopt when it is removed.
  std::optional<std::string> map_column(const model::TableName& table, const model::Column& column) const;
  // Fails with mapping.collision (two columns, one name) or mapping.no_columns.
  base::Result<MappedTable> map(const model::TableSchema& source) const;
  // mapping.collision when two tables would get one name on the target.
  base::Result<void> check_collisions(std::span<const MappedTable> tables) const;

 private:
  std::shared_ptr<const RuleSet> rules_;
};

}  // namespace mapping
