// SPDX-License-Identifier: Apache-2.0
//
// What the tables of a plan are to the task: the mapping's document with its row filters, and what those filters and
// the references between tables mean, said without any code of the engine's. Pure.
#pragma once

#include "sim/plan.h"
#include "sim/rows.h"

namespace sim {

// Columns of a row that have a meaning.
namespace place {
enum Place : std::size_t { id, second, version, single };
}

// Empty: all rows.
RowFilter row_filter(const TablePlan& table);
// Whether the log may lack values of a row that an update moves into the filter: then the table is suspended by name.
bool may_lack_values(const TablePlan& table);
// `left_out`: number of a table that is not selected; -1: none. One that stands alone, else it is selected all the
// same.
std::string mapping_document(const RunPlan& plan, std::int64_t left_out);
// The tables whose rows refer to that one's.
std::vector<const TablePlan*> children_of(const RunPlan& plan, const TablePlan& parent);

}  // namespace sim
