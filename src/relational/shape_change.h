// SPDX-License-Identifier: Apache-2.0
//
// Two shapes of one table, told apart by the numbers of their columns, so that a rename is not a drop and an add. Pure;
// any thread.
#pragma once

#include <string>
#include <vector>

#include "model/schema.h"

namespace relational {

// What brings a target's table from one shape to the other.
struct SchemaChange {
  std::vector<std::string> statements;
  // Not empty: existing rows got values at the source that the log does not carry (a default that is computed, a new
  // identity column), so the table must be loaded again.
  std::string not_derivable;
};
inline constexpr const char* unclear_columns = "columns were renamed or replaced, and the log does not say which";

// nullptr: there is none.
const model::Column* by_ordinal(const model::TableSchema& table, std::int32_t ordinal);

// Gives numbers to the columns of both shapes that have none (ordinal below 0). False: they may be any of the others.
bool number_columns(model::TableSchema& before, model::TableSchema& after);

}  // namespace relational
