// SPDX-License-Identifier: Apache-2.0
//
// The target's DDL, made from mapped table schemas. Pure: statements as text, every identifier quoted; any thread.
// Native parts (types, defaults, index and constraint tails) come from the source's own catalogue functions and are
// taken as they are when the table's family is PostgreSQL. A table of another family has them in our words
// (relational/landed_objects.h) where secondary_statements is asked.
#pragma once

#include <string>
#include <vector>

#include "model/schema.h"

namespace postgres {

// Whether this column keeps the source's own type on a PostgreSQL target.
bool keeps_native(const model::TableSchema& table, const model::Column& column);
// "numeric(12,2)", "character varying(20)": the type the target column gets.
std::string target_type(const model::TableSchema& table, const model::Column& column);
std::string canonical_type(const model::ColumnType& type);

struct CreateOptions {
  bool primary_key = false;  // false: added after the load by primary_key_statement
};
// CREATE TABLE and, for a partitioned one, its partitions.
std::vector<std::string> create_statements(const model::TableSchema& table, const CreateOptions& options);
// Empty when there is none.
std::string primary_key_statement(const model::TableSchema& table);
// The unique key of the replica identity when there is no primary key; empty: not needed.
std::string identity_index_statement(const model::TableSchema& table);

struct ObjectStatement {
  std::string name;                     // as it will be called; empty: unnamed
  std::vector<std::string> statements;  // all or none
};
// In the order in which they must be made; each may be refused on its own.
std::vector<ObjectStatement> secondary_statements(const model::TableSchema& table);
std::vector<std::string> comment_statements(const model::TableSchema& table);

// Columns of the table in the COPY and INSERT lists: "a","b".
std::string stored_column_list(const model::TableSchema& table);

}  // namespace postgres
