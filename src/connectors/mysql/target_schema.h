// SPDX-License-Identifier: Apache-2.0
//
// The target's DDL, made from mapped table schemas. Statements as text, every identifier quoted; pure but for
// read_dialect; any thread. Native parts (types, collations, defaults, index and constraint tails) come from the
// source's own catalogue and are taken as they are when the table's family is ours and this server knows them; MySQL
// and MariaDB differ in some. A table of another family is said in our words (relational/landed_objects.h). Text of
// other families gets a collation that tells all texts apart, also those that differ in blanks at their end: two keys
// of the source never are one here.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "connectors/mysql/session.h"
#include "model/schema.h"
#include "relational/shape_change.h"

namespace mysql {

// What one server takes.
struct Dialect {
  Server server;
  std::set<std::string> collations;
};
base::Result<Dialect> read_dialect(Session& session);

// Whether this column keeps the source's own type on a target of the family.
bool keeps_native(const model::TableSchema& table, const model::Column& column);
// "decimal(12,2)", "varchar(20)": the type the target column gets.
std::string landing_type(const Dialect& dialect, const model::TableSchema& table, const model::Column& column);
// The collation it gets; empty: it holds no text.
std::string landing_collation(const Dialect& dialect, const model::TableSchema& table, const model::Column& column);

// CREATE TABLE with the keys that rows are found by.
std::string create_statement(const Dialect& dialect, const model::TableSchema& table);

struct ObjectClause {
  std::string name;
  std::string clause;  // of ALTER TABLE: "ADD INDEX `i` USING BTREE (`a`)"
};
// What is made after the load, in that order.
std::vector<ObjectClause> secondary_clauses(const Dialect& dialect, const model::TableSchema& table);

// One ALTER TABLE, which the server does as a whole or not at all.
relational::SchemaChange schema_change(const Dialect& dialect, model::TableSchema before, model::TableSchema after);

}  // namespace mysql
