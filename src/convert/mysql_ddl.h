// SPDX-License-Identifier: Apache-2.0
//
// What one statement of a MySQL or MariaDB server's binary log does to databases and tables, as a value. Tolerant: all
// that has no bearing on the shape of a table is skipped; a statement that may change a table in a way that is not
// understood is `unknown`, never taken for something else. Pure; any thread; linear in the statement's size.
//
//   const Statement done = parse_mysql(query.sql, {.ansi_quotes = ..., .version = 80036});
//   if (done.kind == StatementKind::alter_table) for (const Action& action : done.actions) ...
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convert {

// How the server read the statement: sql_mode of its session (in the log), and who it is.
struct MysqlDialect {
  bool ansi_quotes = false;  // "x" is a name, not a text
  bool no_backslash_escapes = false;
  bool is_mariadb = false;
  int version = 80000;  // 80036, 101119: which /*!NNNNN ... */ it carried out
};

enum class StatementKind : std::uint8_t {
  create_table,
  alter_table,
  rename_table,
  drop_table,
  truncate_table,
  create_index,  // as alter_table, with the one action
  drop_index,    // the same
  create_database,
  alter_database,
  drop_database,
  begin,
  commit,
  rollback,      // not to a savepoint
  savepoint,     // SAVEPOINT, ROLLBACK TO, RELEASE SAVEPOINT
  xa,            // `detail`: START, END, PREPARE, COMMIT, ROLLBACK
  changes_rows,  // INSERT and the like: the log is in statements
  other,         // touches no table: users, views, routines, ANALYZE, SET, comments
  unknown,       // may touch the tables in `tables`, or any
};

struct MysqlTable {
  std::string schema;  // empty: the session's default
  std::string table;
  friend bool operator==(const MysqlTable&, const MysqlTable&) = default;
};

struct ColumnDefinition {
  std::string name;
  std::string type;  // as information_schema.COLUMN_TYPE says it: "int unsigned", "enum('a','b')", "decimal(10,0)"
  std::optional<bool> nullable;             // nullopt: not said (NULL, but for keys)
  std::optional<std::string> default_text;  // SQL as written: "'it''s'", "NULL", "CURRENT_TIMESTAMP(3)", "(uuid())"
  std::string on_update;                    // SQL
  bool auto_increment = false;
  bool primary_key = false;
  bool unique = false;
  bool invisible = false;
  std::string character_set;  // empty: not said
  std::string collation;      // empty: not said
  std::string comment;
  std::string generation;       // SQL of a generated column, without the brackets; empty: an ordinary column
  bool is_stored = false;       // generated and stored
  bool is_row_period = false;   // MariaDB: GENERATED ALWAYS AS ROW START or END
  std::string reference_rules;  // of a foreign key behind REFERENCES: "ON DELETE CASCADE"
};

struct IndexPart {
  std::string column;  // empty: an expression
  std::string expression;
  std::uint32_t prefix = 0;  // characters; 0: all
  bool descending = false;
};

enum class IndexKind : std::uint8_t { primary, unique, plain, fulltext, spatial, vector, foreign_key, check };

struct IndexDefinition {
  IndexKind kind = IndexKind::plain;
  std::string name;  // empty: the server makes one
  std::vector<IndexPart> parts;
  MysqlTable referenced;  // foreign key
  std::vector<std::string> referenced_columns;
  std::string rules;       // foreign key: "ON DELETE CASCADE"
  std::string expression;  // check, SQL
};

enum class ActionKind : std::uint8_t {
  add_column,      // column, place
  drop_column,     // name
  change_column,   // name -> column, place (CHANGE; MODIFY has name = column.name)
  rename_column,   // name -> new_name
  set_default,     // name, text (SQL)
  drop_default,    // name
  set_visibility,  // name, is_on
  add_index,       // index, of any kind
  drop_primary_key,
  drop_index,          // name
  drop_foreign_key,    // name
  drop_check,          // name (DROP CHECK)
  drop_constraint,     // name, of any kind
  rename_index,        // name -> new_name
  rename_table,        // table
  convert_characters,  // text: character set, new_name: collation; both empty: the database's default
  option,              // name in capitals: "ENGINE", "CHARACTER SET", "COLLATE", "COMMENT", "AUTO_INCREMENT"; text
  without_effect,      // on rows and shape: FORCE, ALGORITHM, ORDER BY, index visibility, partitions rebuilt
  partitioning,        // PARTITION BY, REMOVE PARTITIONING, ADD PARTITION: rows and columns stay
  moves_rows,          // rows come or go without being logged: partitions dropped, truncated, exchanged; tablespaces
  versioning,          // MariaDB: system versioning or periods added or dropped
};

struct Action {
  ActionKind kind = ActionKind::without_effect;
  bool if_exists = false;  // or IF NOT EXISTS
  bool is_first = false;   // column: FIRST
  std::string after;       // column: AFTER
  bool is_on = false;
  std::string name, new_name, text;
  ColumnDefinition column;
  IndexDefinition index;
  MysqlTable table;
};

struct Statement {
  StatementKind kind = StatementKind::other;
  bool if_exists = false;  // or IF NOT EXISTS
  bool or_replace = false;
  bool temporary = false;
  std::vector<MysqlTable> tables;     // those it is about; rename: from
  std::vector<MysqlTable> new_names;  // rename: to
  std::string schema;                 // of databases; empty: the session's default
  std::optional<MysqlTable> like;     // CREATE TABLE ... LIKE
  bool has_select = false;            // CREATE TABLE ... SELECT: more columns than are listed
  bool begins_transaction = false;    // CREATE TABLE ... START TRANSACTION: its rows follow
  bool is_versioned = false;          // MariaDB: WITH SYSTEM VERSIONING
  std::vector<ColumnDefinition> columns;
  std::vector<IndexDefinition> indexes;
  std::vector<Action> actions;  // alter_table, create_index, drop_index; create_table: its options
  std::string detail;           // xa: which; other and unknown: the first words, for people
};

Statement parse_mysql(std::string_view sql, const MysqlDialect& dialect);

}  // namespace convert
