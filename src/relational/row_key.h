// SPDX-License-Identifier: Apache-2.0
//
// What a mapped table schema says about its rows to every relational target: how a row is told from others, and
// whether names still are the source's. Pure; any thread.
#pragma once

#include <vector>

#include "model/schema.h"

namespace relational {

// Places among the stored columns that identify a row: primary key, else the source's identity, else a solid unique
// key when the log carries whole old rows; empty: the whole row.
std::vector<std::uint32_t> row_key(const model::TableSchema& table);

// Whether definitions of the source (indexes, checks, generation) can be used as they are: no column was renamed.
bool keeps_column_names(const model::TableSchema& table);
// The schema a source-side name lands in: renamed together with its table.
model::TableName landed(const model::TableSchema& table, const model::TableName& source_object);
// Whether the target's table has columns of these names.
bool has_columns(const model::TableSchema& table, const std::vector<std::string>& names);

}  // namespace relational
