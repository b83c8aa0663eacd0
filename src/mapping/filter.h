// SPDX-License-Identifier: Apache-2.0
//
// Source filters of a selection rule, and their meaning as native SQL. Pure value types.
//
// Within one filter (one column): the including conditions (eq, lte, gte, between) and null, notnull are joined by OR,
// the negative ones (noteq, notbetween) by AND, and both groups by AND. So NULL rows are returned only by `null`
// without any negative condition, exactly as DMS documents it. Several filters are joined by AND.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/schema.h"

namespace mapping {

enum class FilterOperator { eq, noteq, lte, gte, between, notbetween, null, notnull };

struct FilterCondition {
  FilterOperator op = FilterOperator::eq;
  std::string value;  // between, notbetween: the lower end
  std::string end;    // between, notbetween: the upper end; both inclusive
};

struct Filter {
  std::string rule_id;
  std::string column;  // source name
  std::vector<FilterCondition> conditions;
};

using Quote = std::function<std::string(std::string_view)>;

// Empty when there are no filters. Fails with mapping.bad_filter for unknown, binary or large-object columns and for
// values that cannot be of the column's type.
base::Result<std::string> filter_sql(std::span<const Filter> filters, const model::TableSchema& source,
                                     const Quote& quote_identifier, const Quote& quote_literal);

// A literal for that column, or bad_filter when the text cannot be of its type.
base::Result<std::string> typed_literal(const std::string& rule_id, const std::string& column,
                                        const model::ColumnType& type, const std::string& value,
                                        const Quote& quote_literal);

}  // namespace mapping
