// SPDX-License-Identifier: Apache-2.0
//
// Which shape each captured table has at the place we are in the binlog. Shapes begin as those noted at the stream's
// start (or the catalogue's) and move by the statements in the log (on_statement, dialect of convert/mysql_ddl.h).
// Columns keep their ordinals, so that a rename is told from a drop and an add. Every TABLE_MAP is compared with the
// shape that is known: with binlog_row_metadata=FULL by names and types, else by types. Where they differ the catalogue
// is asked, and believed when it says what the log says; otherwise the table is unclear and must be loaded again.
// One thread.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "connectors/mysql/binlog_rows.h"
#include "convert/mysql_ddl.h"
#include "model/change.h"

namespace mysql {

struct KnownTable {
  model::TableSchemaPtr schema;
  std::vector<NativeType> natives;  // one for each column
  std::uint64_t version = 0;        // moves with each change of the shape
  bool is_unclear = false;          // its rows are not understood any more
  bool is_gone = false;             // dropped; one that comes again under its name is another
  std::int32_t last_ordinal = 0;    // given to a column so far
};

class TableHistory {
 public:
  // What the catalogue says now; nullptr: no such table.
  using Describe = std::function<base::Result<model::TableSchemaPtr>(const model::TableName& table)>;

  // `folds_names`: names of tables have no case (lower_case_table_names is not 0). `server`: who carried the statements
  // out; their modes are in the log. `logs_keys`: so is what foreign keys do.
  TableHistory(const std::vector<model::TableSchemaPtr>& tables, Describe describe, bool folds_names,
               const convert::MysqlDialect& server, bool logs_keys);

  // nullptr: none of ours.
  KnownTable* find(std::string_view schema, std::string_view table);

  // What happened to a table of ours, in order.
  struct Outcome {
    model::Op op = model::Op::schema;  // schema, unclear, drop_table, truncate
    model::TableSchemaPtr table;       // the new shape; of the others the one before
  };
  // A statement of the log that is no row change.
  base::Result<std::vector<Outcome>> on_statement(const binlog::Query& query);
  // A TABLE_MAP of that table, which it makes fit: outcomes when the shape moved without a statement that told it.
  base::Result<std::vector<Outcome>> on_shape(const binlog::TableShape& shape, KnownTable& table);

 private:
  using Outcomes = std::vector<Outcome>;
  base::Result<void> replace(KnownTable& table, model::TableSchemaPtr schema);
  model::TableName name_of(const convert::MysqlTable& ref, std::string_view schema) const;
  KnownTable* known(const model::TableName& name);
  void put_aside(KnownTable& table, Outcomes& outcomes);
  // A foreign key whose changes of the table will not be in the log.
  bool adds_unlogged_changes(const convert::Action& action) const;
  // Whether it changes such a key that is there, or columns of one.
  bool touches_unlogged_key(const KnownTable& table, const convert::Action& action) const;
  void drop(KnownTable& table, Outcomes& outcomes);
  void on_renames(const std::vector<std::pair<model::TableName, model::TableName>>& renames, Outcomes& outcomes);
  void on_create(const convert::Statement& ddl, const model::TableName& name, Outcomes& outcomes);
  base::Result<void> on_alter(const convert::Statement& ddl, std::string_view schema, Outcomes& outcomes);

  std::map<model::TableName, KnownTable> tables_;
  Describe describe_;
  const bool folds_names_;
  const convert::MysqlDialect server_;
  const bool logs_keys_;
  std::uint64_t versions_ = 0;
};

// Whether a row of that shape is a row of the schema.
bool matches(const binlog::TableShape& shape, const KnownTable& table);

}  // namespace mysql
