// SPDX-License-Identifier: Apache-2.0
//
// The shapes of tables, read from the catalogue in bulk: a fixed number of round trips however many tables are asked
// for. Used by the source's Catalog and by whoever must compare a target's table with a wanted shape. The connection
// is used by the calling thread only; every name comes out qualified because sessions have no search path.
//
// What is a table here: ordinary and partitioned tables, views, materialized views and foreign tables, but no
// partition: a partitioned table is one table, its root. A table of plain inheritance stands alone (ONLY).
//
// The old image is what the log really carries: for a partitioned table the root's identity decides what is written
// and each partition's decides what is there, so only when both agree is there an image at all.
#pragma once

#include <vector>

#include "connectors/postgres/connection.h"
#include "connectors/postgres/types.h"
#include "model/schema.h"

namespace postgres {

inline constexpr std::string_view family_name = "postgresql";

// Names that do not exist (or no longer do) are left out of the answer; the order is that of the names.
base::Result<std::vector<model::TableSchemaPtr>> describe_tables(Connection& connection, const TypeChoices& choices,
                                                                 const std::vector<model::TableName>& names);

// nullptr when there is no such table, or it is none of a user's: a partition, a system table, one of ours.
base::Result<model::TableSchemaPtr> describe_table(Connection& connection, const TypeChoices& choices,
                                                   std::uint32_t oid);

// "ALTER TABLE ... REPLICA IDENTITY FULL" for the table and every partition under it.
std::string replica_identity_remedy(const model::TableSchema& table);

}  // namespace postgres
