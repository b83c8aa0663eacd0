// SPDX-License-Identifier: Apache-2.0
//
// The shapes of tables, read from information_schema in bulk: a fixed number of round trips however many tables are
// asked for. Used by the source's Catalog and by whoever must compare a target's table with a wanted shape. The
// connection is used by the calling thread only.
//
// Native types are COLUMN_TYPE; a default is SQL as CREATE TABLE takes it behind DEFAULT, with ON UPDATE behind it
// where the column has one. A type that this version does not know leaves the canonical type a text, and `check`
// refuses it.
#pragma once

#include <vector>

#include "connect/source.h"
#include "connectors/mysql/connection.h"
#include "connectors/mysql/types.h"

namespace mysql {

// A user's tables and views, sorted by name; never those of the server's own schemas or of `control_schema`.
base::Result<std::vector<connect::TableListing>> list_tables(Connection& connection, const std::string& control_schema);

// Names that do not exist are left out of the answer.
base::Result<std::vector<model::TableSchemaPtr>> describe_tables(Connection& connection,
                                                                 const std::vector<model::TableName>& names);

// Whether the binlog has what foreign keys change by themselves: only where MySQL 9.6 or later carries them out above
// the storage engine.
base::Result<bool> logs_key_actions(Connection& connection);

// The family's own column of a canonical description: native type and collation say all.
void describe_type(const std::string& column_type, model::Column& column);

}  // namespace mysql
