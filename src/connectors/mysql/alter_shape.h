// SPDX-License-Identifier: Apache-2.0
//
// The shape of a table behind an ALTER TABLE. Columns keep their ordinals; new ones get the next. Types, defaults and
// keys come from the catalogue where it shows the columns that the statement leaves, else from the statement's text.
// Pure; any thread.
#pragma once

#include <optional>

#include "convert/mysql_ddl.h"
#include "model/schema.h"

namespace mysql {

// nullopt: what became of the rows cannot be told from the statement, the table must be loaded again. `last_ordinal` is
// the highest given so far, and grows. `now` may be nullptr: the table is gone meanwhile.
std::optional<model::TableSchema> altered(const model::TableSchema& before, const std::vector<convert::Action>& actions,
                                          const model::TableSchema* now, std::int32_t& last_ordinal);

}  // namespace mysql
