// SPDX-License-Identifier: Apache-2.0
//
// What the catalogue says now about the columns of tables, in one cheap statement, and what that allows to conclude
// about a row description of the log, which has names and types but no column numbers.
//
//   known from the log   id 1, a 2, b 3
//   catalogue now        id 1, b 3, c 5; numbers given so far: 5
//   the log's row        id, x, b, y      at some place in between
//
// The row's columns are in the order of their numbers. Those that are known and still there (1, 3) are among them, the
// others are known and gone (2) or were added since (4, 5). Only when there is one way to choose, it is used: here the
// row has four columns, two of 2, 4, 5 are to be chosen, and nothing is certain. Names prove nothing: they may have
// been given to another column.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "connectors/postgres/connection.h"
#include "connectors/postgres/pgoutput.h"
#include "model/schema.h"

namespace postgres {

struct SurveyedColumn {
  std::int32_t ordinal = 0;
  std::string name;
  std::uint32_t type = 0;
  std::int32_t modifier = -1;
  bool not_null = false, has_default = false, generated = false, identity = false;
  bool filled = false;  // rows that were there before got its default
  friend bool operator==(const SurveyedColumn&, const SurveyedColumn&) = default;
};

struct SurveyedTable {
  std::int32_t highest = 0;  // column number given so far
  std::vector<SurveyedColumn> columns;
  const SurveyedColumn* numbered(std::int32_t ordinal) const;
  friend bool operator==(const SurveyedTable&, const SurveyedTable&) = default;
};

struct Survey {
  std::uint64_t end = 0;                          // of the log: all that the survey saw was committed below
  std::map<std::uint32_t, SurveyedTable> tables;  // by OID; those that are not there are gone
  // By OID: who held a table as only DDL does just before the rest was read; 0: somebody of no known number. What a
  // transaction does to a table others see when it has ended, which may be long after its commit is in the log: it
  // holds the table until then.
  std::map<std::uint32_t, std::set<std::uint32_t>> locked;
};

base::Result<Survey> survey_tables(Connection& connection, const std::vector<std::uint32_t>& oids);

// Whether the columns are the same by number, name and type.
bool same_columns(const model::TableSchema& known, const SurveyedTable& now);

// Numbers of the columns of a row description, empty when more than one answer is possible. `settled`: numbers up to
// this one are in `known` or will never be seen again.
std::vector<std::int32_t> numbers_of(const pgoutput::Message& relation, const model::TableSchema& known,
                                     const SurveyedTable& now, std::int32_t settled = 0);

// Whether a column that was added since stood at NULL in all rows that were there.
bool began_as_null(const SurveyedColumn& column);

// Whether the values that rows already had in the columns of `now` can be told from `known`: nothing retyped, and what
// was added began as NULL everywhere.
bool derivable(const model::TableSchema& known, const SurveyedTable& now);

}  // namespace postgres
