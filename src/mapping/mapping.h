// SPDX-License-Identifier: Apache-2.0
//
// The table-mapping document of a task: which tables are selected, in which order they load, with which filters, and
// how schemas, tables and columns are named on the target. Pure: no I/O, no clock; immutable after parse, so any
// thread may read it. Locators always name source objects. Parts of the language that are not there yet are refused by
// name with the rule's id.
#pragma once

#include <cstdint>
#include <map>
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

inline constexpr std::uint32_t no_column = 0xffffffff;

// What a $NAME of an expression stands for.
struct Variable {
  enum class Kind : std::uint8_t {
    column,
    before,  // the column's value before an update
    constant,
    stream_position,
    timestamp,
    commit_timestamp,
    operation,
    change_sequence,
  };
  Kind kind = Kind::column;
  std::uint32_t column = no_column;  // index into source.columns
  std::string constant;
};

// How the value of a target column comes about.
struct ColumnSource {
  enum class Kind : std::uint8_t { copied, converted, computed, before_image };
  enum class Mask : std::uint8_t { none, digits, random_digits, hash };
  Kind kind = Kind::copied;
  Mask mask = Mask::none;
  char mask_character = 0;
  bool repeatable = true;            // the same source row gives the same value
  std::uint32_t column = no_column;  // copied, converted, before_image: index into source.columns
  std::string expression;            // computed
  std::vector<Variable> variables;
  std::vector<std::string> rule_ids;  // of the rules that made it so, naming included

  bool is_as_read() const { return kind == Kind::copied && mask == Mask::none; }
};

struct MappedTable {
  model::TableSchemaPtr target;        // name, source_name and Column::source_name are set
  std::vector<std::uint32_t> columns;  // target->columns[i] comes from source.columns[columns[i]]; or no_column
  std::vector<ColumnSource> sources;   // parallel to target->columns
  bool identity_columns = false;       // all columns, in order, under their own names, as they are
  // Rows must go through a RowTransform: cells are then needed in canonical form.
  bool computes = false;
  bool marks_deletes = false;  // operation_indicator: deletes become updates
  // What the load reads when it computes: `read` has the source's columns read_columns, in that order.
  std::vector<std::uint32_t> read_columns;
  model::TableSchemaPtr read;
  // Secondary objects that could not be carried over, and why.
  std::vector<std::string> left_out;
  // Why the table cannot be streamed with these rules; empty: it can.
  std::vector<std::string> stream_problems;
  std::string schema_rule, table_rule;  // ids of the naming rules, empty: none
  std::uint64_t patterns_tried = 0;     // what planning it cost
  // Native SQL with ${column-name} in it, that validation compares in place of a column's value; by target column.
  struct Override {
    std::string rule_id, source_function, target_function;
  };
  std::map<std::uint32_t, Override> overrides;
};

// Whether a table is selected, and by which rule.
struct Selection {
  bool selected = false;
  std::string rule_id;      // that includes or, when not selected, excludes it; empty: no rule matches
  std::string why_not;      // empty when selected
  std::string filter_rule;  // whose filters hold; empty: none
};

// What must be known of the source's database to write its SQL.
struct Dialect {
  Quote quote_identifier, quote_literal;
  Comparisons comparison;
};

// A part of a table that is loaded on its own: table-settings with parallel-load ranges.
struct Segments {
  std::string rule_id;
  std::vector<std::string> sql;  // native conditions; every row of the table meets exactly one
};

class Mapping {
 public:
  Mapping();  // selects nothing
  // `target_schema`: TargetMetadata.TargetSchema, the target schema of tables without a schema rule; empty: the
  // source's. Without `large_objects` (TargetMetadata.SupportLobs) columns of their types are left out.
  static base::Result<Mapping> parse(std::string_view json_text, std::string_view target_schema = "",
                                     bool large_objects = true);

  bool selects(const model::TableName& table, bool is_view) const;
  // Higher loads first; 0 when no rule says.
  std::int64_t load_order(const model::TableName& table) const;
  // Empty when the table is not filtered. Valid as long as the Mapping.
  std::span<const Filter> filters(const model::TableName& table) const;

  // The filters of that source table, which must outlive them.
  base::Result<TableFilter> table_filter(const model::TableSchema& source, const Comparisons& comparisons) const;

  Selection selection(const model::TableName& table, bool is_view) const;
  // The ranges of that table's parallel-load; no SQL when there are none. mapping.bad_transformation when a column is
  // not there or cannot be a range.
  base::Result<Segments> segments(const model::TableSchema& source, const Dialect& dialect) const;
  // lob-settings of that table: the bytes of a large object that it keeps, 0: all; nullopt: as the task's settings say.
  std::optional<std::uint64_t> lob_limit(const model::TableName& source) const;
  bool limits_lobs() const;  // of any table
  // Of the rules that decide which of that table's rows there are and with which values: 64 digits. The same for the
  // same rules under other ids and names; what only concerns the load's order and its parts is not in it.
  std::string rules_hash(const model::TableName& source) const;
  // Rules for targets that are none of ours.
  std::vector<std::string> foreign_rules() const;
  // Rules that match none of these tables, which are all that are selected; of columns, none of their columns. An
  // exclude is looked for in `listed`, all tables there are.
  std::vector<std::string> idle_rules(std::span<const model::TableSchemaPtr> tables,
                                      std::span<const model::TableName> listed) const;

  // Fails with mapping.row_failed when an expression gives no name.
  base::Result<model::TableName> map_name(const model::TableName& source) const;
  // The target name of a column, nullopt when it is removed.
  base::Result<std::optional<std::string>> map_column(const model::TableName& table, const model::Column& column) const;
  // Fails with mapping.collision (two columns, one name), mapping.no_columns or mapping.bad_transformation.
  base::Result<MappedTable> map(const model::TableSchema& source) const;
  // mapping.collision when two tables would get one name on the target.
  base::Result<void> check_collisions(std::span<const MappedTable> tables) const;

 private:
  std::shared_ptr<const RuleSet> rules_;
};

}  // namespace mapping
