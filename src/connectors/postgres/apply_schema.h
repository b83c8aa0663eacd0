// SPDX-License-Identifier: Apache-2.0
//
// From two shapes of one table to the ALTER TABLE statements between them: columns are told by their ordinal, so that
// a rename is not a drop and an add. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "relational/shape_change.h"

namespace postgres {

using relational::SchemaChange;

SchemaChange schema_change(model::TableSchema before, model::TableSchema after);

// Whether a default is a literal, so that it means the same on both sides.
bool is_literal(std::string_view expression);

}  // namespace postgres
