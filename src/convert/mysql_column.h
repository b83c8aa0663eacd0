// SPDX-License-Identifier: Apache-2.0
//
// The parts of CREATE TABLE and ALTER TABLE that define columns and indexes. Each reads from the front and returns
// false when something else stands there. Pure; only mysql_ddl.cc calls them.
#pragma once

#include "convert/mysql_tokens.h"

namespace convert {

// Name, type and attributes, up to what is none: a comma, a bracket, FIRST, AFTER, PARTITION BY.
bool read_column(TokenReader& in, const MysqlDialect& dialect, ColumnDefinition& out);
// [CONSTRAINT [name]] PRIMARY KEY, UNIQUE, FOREIGN KEY, CHECK, or INDEX and its kin, with all of their parts.
bool read_index(TokenReader& in, IndexDefinition& out);
// (a, b(10) DESC, (lower(c)))
bool read_index_parts(TokenReader& in, std::vector<IndexPart>& out);
// As it is written: a literal with its sign or character set, a call, an expression in brackets.
bool read_value(TokenReader& in, std::string& out);

}  // namespace convert
