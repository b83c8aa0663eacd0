// SPDX-License-Identifier: Apache-2.0
//
// From two shapes of one table to the ALTER TABLE statements between them: columns are told by their ordinal, so that
// a rename is not a drop and an add. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "model/schema.h"

namespace postgres {

struct SchemaChange {
  std::vector<std::string> statements;
  // Not empty: existing rows got values at the source that the log does not carry (a default that is computed, a new
  // identity column), so the table must be loaded again.
  std::string not_derivable;
};

SchemaChange schema_change(model::TableSchema before, model::TableSchema after);

// Whether a default is a literal, so that it means the same on both sides.
bool is_literal(std::string_view expression);

}  // namespace postgres
