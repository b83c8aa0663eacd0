// SPDX-License-Identifier: Apache-2.0
//
// A table cut by the boundaries of its table-settings rule. Boundary tuples are upper ends, exclusive, compared column
// by column; n of them make n + 1 segments, the last one takes the rest. Rows with NULL in the columns, which DMS does
// not load, are in the last segment. Every row is in exactly one segment, whatever the order of the boundaries. Pure.
#pragma once

#include "mapping/mapping.h"
#include "mapping/rules.h"

namespace mapping {

base::Result<Segments> segments_of(const TableSettingsRule& rule, const model::TableSchema& source,
                                   const Dialect& dialect);

// mapping.bad_transformation when the table has no partition that partitions-list names.
base::Result<void> check_partitions(const TableSettingsRule& rule, const model::TableSchema& source);

}  // namespace mapping
