// SPDX-License-Identifier: Apache-2.0
//
// What PostgreSQL's operators say of the values of a column, as far as their text tells (model/comparison.h). Text is
// ordered by its bytes under the collations C, POSIX, ucs_basic and C.UTF-8 only; under any other one, and in a
// database of another encoding than UTF-8, equality alone is known; under a user's own collation, which need not be
// deterministic, nothing is. Of domains the types that are no text are known. Pure but for reading the database's own
// collation.
#pragma once

#include "connectors/postgres/connection.h"
#include "model/comparison.h"
#include "model/schema.h"

namespace postgres {

// Of the whole database.
struct DatabaseText {
  bool is_utf8 = false;
  bool orders_bytes = false;  // its default collation
};
base::Result<DatabaseText> read_database_text(Connection& connection);

model::Comparison comparison_of(const DatabaseText& database, const model::TableSchema& table,
                                const model::Column& column);

}  // namespace postgres
