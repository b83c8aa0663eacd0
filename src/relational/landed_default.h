// SPDX-License-Identifier: Apache-2.0
//
// What stands behind DEFAULT at a source of another family, in our words: only where the column gets the same value
// here. A source changes some words before it keeps them (blanks, fractions, casts that nobody sees, members of an
// enum); those that it would change are not known to mean the same. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "convert/definition.h"
#include "model/schema.h"

namespace relational {

using convert::Language;

// nullopt: nothing is known of that family's words.
std::optional<Language> language_of(const std::string& family);

struct LandedDefault {
  std::string sql;            // empty: none
  bool is_literal = false;    // a value that rows get that are there already
  bool drops_update = false;  // that changes of a row set it, too, is left out
};
// No value: it cannot be said here. Of a family that is not known: literals as the standard has them, which are
// PostgreSQL's.
std::optional<LandedDefault> landed_default(Language ours, const model::TableSchema& table,
                                            const model::Column& column);

}  // namespace relational
