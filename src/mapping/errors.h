// SPDX-License-Identifier: Apache-2.0
//
// What can be wrong with a table mapping.
#pragma once

#include "base/error.h"

namespace mapping::errors {

inline constexpr base::Code bad_rule{"mapping.bad_rule", base::Kind::input,
                                     "Correct the named rule of TableMappings; docs/task-file.md describes the rules."};
inline constexpr base::Code not_supported{
    "mapping.not_supported", base::Kind::input,
    "This part of the table-mapping language is not supported yet; remove the named rule or member."};
inline constexpr base::Code collision{
    "mapping.collision", base::Kind::input,
    "Two source objects would get one name on the target; change the renaming rules so that the names differ."};
inline constexpr base::Code no_columns{"mapping.no_columns", base::Kind::table,
                                       "The rules remove every column of the table; exclude the table instead."};
inline constexpr base::Code bad_filter{
    "mapping.bad_filter", base::Kind::input,
    "Correct the filter: it names columns of the source table, and values that fit the column's type."};

inline constexpr base::Code bad_expression{
    "mapping.bad_expression", base::Kind::input,
    "Correct the rule's expression: one SQLite expression over $COLUMN names and the functions of docs/mappings.md."};
inline constexpr base::Code bad_transformation{
    "mapping.bad_transformation", base::Kind::input,
    "The rule does not fit the source's table; correct the columns or types it names."};
inline constexpr base::Code row_failed{
    "mapping.row_failed", base::Kind::table,
    "A rule cannot be carried out for a row; correct the rule or the row, then reload the table."};

}  // namespace mapping::errors
