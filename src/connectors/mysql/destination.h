// SPDX-License-Identifier: Apache-2.0
//
// What statements for a MySQL or MariaDB table need beside relational::Destination: how its columns take values, and
// whether rows may be told from others by `=` on the key, and updated as a set.
#pragma once

#include <memory>

#include "connectors/mysql/literal.h"
#include "connectors/mysql/session.h"
#include "relational/destination.h"

namespace mysql {

constexpr std::size_t statement_rows_max = 5000;

struct Destination final : relational::Destination {
  std::vector<TargetColumn> columns;  // one for each stored column
  bool exact_key = false;             // no two keys of the source are equal to the target's collations
  bool upserts = false;               // INSERT ... ON DUPLICATE KEY UPDATE changes the row of the key, and no trigger
};
inline const Destination& own(const relational::Destination& to) { return static_cast<const Destination&>(to); }

// Whether values that the source tells apart are told apart by the target's column: both by the same collation, or the
// target by the bytes.
bool keeps_apart(const model::TableSchema& schema, const model::Column& source, const TargetColumn& target);

// The table's columns as they are there, one for each stored column of `schema`. Fails with mysql.target_missing.
base::Result<std::vector<TargetColumn>> read_target_columns(Session& session, const model::TableSchema& schema);

base::Result<std::shared_ptr<const Destination>> read_destination(Session& session,
                                                                  const model::TableSchemaPtr& schema);

}  // namespace mysql
