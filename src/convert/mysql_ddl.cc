// SPDX-License-Identifier: Apache-2.0
#include "convert/mysql_ddl.h"

#include <array>

#include "convert/mysql_alter.h"
#include "convert/mysql_column.h"
#include "convert/mysql_tokens.h"

namespace convert {
namespace {

constexpr std::array row_words{"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "MERGE", "CALL"};
// Statements that leave tables' shapes and rows alone.
constexpr std::array other_words{"GRANT",     "REVOKE", "SET",     "FLUSH",   "ANALYZE", "OPTIMIZE",   "REPAIR",
                                 "CHECK",     "CACHE",  "INSTALL", "USE",     "DO",      "LOCK",       "UNLOCK",
                                 "SHOW",      "RESET",  "PURGE",   "KILL",    "SELECT",  "CHECKSUM",   "HELP",
                                 "UNINSTALL", "SIGNAL", "CHANGE",  "PREPARE", "EXECUTE", "DEALLOCATE", "STOP",
                                 "RESTART",   "BACKUP", "CLONE",   "SHUTDOWN"};
// What CREATE, ALTER and DROP may be about besides tables, indexes and databases.
constexpr std::array other_objects{"VIEW",     "TRIGGER", "PROCEDURE",  "FUNCTION", "EVENT",    "USER",    "ROLE",
                                   "SERVER",   "LOGFILE", "TABLESPACE", "UNDO",     "SEQUENCE", "PACKAGE", "RESOURCE",
                                   "INSTANCE", "LIBRARY", "AGGREGATE",  "PREPARE",  "CATALOG",  "MASKING"};

class Parser {
 public:
  Parser(TokenReader& in, const MysqlDialect& dialect) : in_(in), dialect_(dialect) {}

  Statement parse() {
    for (int i = 0; i < 3 && in_.peek(static_cast<std::size_t>(i)).kind == TokenKind::word; ++i) {
      made_.detail += (i > 0 ? " " : "") + in_capitals(in_.peek(static_cast<std::size_t>(i)).source);
    }
    if (!read()) {
      made_.kind = StatementKind::unknown;
      made_.actions.clear();
      made_.columns.clear();
      made_.indexes.clear();
    }
    return std::move(made_);
  }

 private:
  // False: not understood.
  bool read() {
    skip_settings();
    if (in_.at_end()) return is(StatementKind::other);
    if (in_.take_word("CREATE")) return create();
    if (in_.take_word("ALTER")) return alter();
    if (in_.take_word("DROP")) return drop();
    if (in_.take_word("RENAME")) return rename();
    if (in_.take_word("TRUNCATE")) return truncate();
    if (transaction()) return true;
    for (const char* word : row_words) {
      if (in_.is_word(word)) return is(StatementKind::changes_rows);
    }
    for (const char* word : other_words) {
      if (in_.is_word(word)) return is(StatementKind::other);
    }
    return false;
  }
  bool is(StatementKind kind) {
    made_.kind = kind;
    return true;
  }

  // MariaDB: SET STATEMENT a=1, b='x' FOR <statement>
  void skip_settings() {
    const std::size_t start = in_.position();
    if (!in_.take_words("SET", "STATEMENT")) return;
    while (!in_.at_end()) {
      if (in_.take_word("FOR")) return;
      in_.skip_group();
    }
    in_.go_to(start);
  }

  bool transaction() {
    if (in_.take_word("BEGIN") || in_.take_words("START", "TRANSACTION")) return is(StatementKind::begin);
    if (in_.take_word("COMMIT")) return is(StatementKind::commit);
    if (in_.is_word("SAVEPOINT") || in_.is_word("RELEASE")) return is(StatementKind::savepoint);
    if (in_.take_word("ROLLBACK")) {
      in_.take_word("WORK");
      return is(in_.is_word("TO") ? StatementKind::savepoint : StatementKind::rollback);
    }
    if (!in_.take_word("XA")) return false;
    made_.detail = in_capitals(in_.peek().source);
    return is(StatementKind::xa);
  }

  bool is_other_object() const {
    for (const char* word : other_objects) {
      if (in_.is_word(word)) return true;
    }
    return in_.is_word("SPATIAL") && in_.is_word("REFERENCE", 1);
  }
  // Of views and routines: DEFINER=x@y, ALGORITHM=MERGE, SQL SECURITY INVOKER. True when it ends at such an object.
  bool take_until_other_object() {
    while (in_.is_word("DEFINER") || in_.is_word("ALGORITHM") || in_.is_word("SQL")) {
      if (in_.take_words("SQL", "SECURITY")) {
        in_.next();
        continue;
      }
      in_.next();
      in_.take_symbol('=');
      in_.next();
      if (in_.is_symbol('(')) in_.skip_group();  // CURRENT_USER()
      if (in_.take_symbol('@')) in_.next();
    }
    return is_other_object();
  }
  bool take_if_exists() {
    if (in_.take_words("IF", "EXISTS")) return made_.if_exists = true;
    if (!in_.take_words("IF", "NOT")) return false;
    return made_.if_exists = in_.take_word("EXISTS");
  }
  bool take_table() { return in_.take_table(made_.tables.emplace_back()); }
  // WAIT 10, NOWAIT
  void skip_wait() {
    if (in_.take_word("WAIT")) in_.next();
    in_.take_word("NOWAIT");
  }
  bool ends() {
    in_.take_symbol(';');
    return in_.at_end();
  }

  // ---- CREATE ----

  bool create() {
    made_.or_replace = in_.take_words("OR", "REPLACE");
    if (take_until_other_object()) return is(StatementKind::other);
    if (in_.take_word("DATABASE") || in_.take_word("SCHEMA")) return database(StatementKind::create_database);
    made_.temporary = in_.take_word("TEMPORARY");
    if (made_.temporary && in_.is_word("SEQUENCE")) return is(StatementKind::other);
    if (in_.take_word("EXTERNAL") || in_.take_word("TABLE")) return create_table();
    return create_index();
  }

  bool create_index() {
    in_.take_word("ONLINE");
    in_.take_word("OFFLINE");
    IndexKind kind = IndexKind::plain;
    if (in_.take_word("UNIQUE")) kind = IndexKind::unique;
    if (in_.take_word("FULLTEXT")) kind = IndexKind::fulltext;
    if (in_.take_word("SPATIAL")) kind = IndexKind::spatial;
    if (in_.take_word("VECTOR")) kind = IndexKind::vector;
    if (!in_.take_word("INDEX")) return false;
    is(StatementKind::create_index);
    Action action;
    action.kind = ActionKind::add_index;
    action.index.kind = kind;
    action.if_exists = take_if_exists();
    if (!in_.take_name(action.index.name)) return false;
    if (in_.take_word("USING") || in_.take_word("TYPE")) in_.next();
    if (!in_.take_word("ON") || !take_table()) return false;
    if (!read_index_parts(in_, action.index.parts)) return false;
    made_.actions.push_back(std::move(action));
    return true;  // the rest are options of the index
  }

  bool create_table() {
    in_.take_word("TABLE");
    is(StatementKind::create_table);
    take_if_exists();
    if (!take_table()) return false;
    if (in_.take_word("LIKE")) return like();
    if (in_.is_symbol('(') && in_.is_word("LIKE", 1)) {
      in_.next();
      in_.next();
      return like();
    }
    const bool is_query = in_.is_word("SELECT", 1) || in_.is_word("WITH", 1) || in_.is_symbol('(', 1);
    if (in_.is_symbol('(') && !is_query && !definitions()) return false;
    return table_options();
  }
  bool like() {
    if (!in_.take_table(made_.like.emplace())) return false;
    in_.take_symbol(')');
    return ends();
  }
  bool definitions() {
    in_.take_symbol('(');
    while (!in_.at_end()) {
      IndexDefinition index;
      if (in_.is_word("PERIOD") && in_.is_word("FOR", 1)) {
        in_.skip_to_comma();
      } else if (read_index(in_, index)) {
        made_.indexes.push_back(std::move(index));
      } else if (!read_column(in_, dialect_, made_.columns.emplace_back())) {
        return false;
      }
      if (!in_.take_symbol(',')) break;
    }
    return in_.take_symbol(')');
  }
  bool starts_query() const {
    return in_.is_word("SELECT") || in_.is_word("TABLE") || in_.is_word("VALUES") || in_.is_word("AS") ||
           in_.is_word("IGNORE") || in_.is_word("REPLACE") || in_.is_symbol('(') ||
           (in_.is_word("WITH") && !in_.is_word("SYSTEM", 1));
  }
  bool table_options() {
    while (!ends()) {
      if (in_.take_symbol(',')) continue;
      if (in_.take_words("START", "TRANSACTION")) {
        made_.begins_transaction = true;
      } else if (in_.take_words("PARTITION", "BY")) {
        while (!in_.at_end() && !in_.is_word("SELECT") && !in_.is_word("AS") && !in_.is_word("START")) in_.skip_group();
      } else if (in_.is_word("WITH") && in_.is_word("SYSTEM", 1)) {
        in_.next();
        in_.next();
        made_.is_versioned = in_.take_word("VERSIONING");
      } else if (starts_query()) {
        made_.has_select = true;
        return query();
      } else {
        Action option;
        if (!read_table_option(in_, option)) return false;
        made_.actions.push_back(std::move(option));
      }
    }
    return true;
  }
  // MySQL ends a table with a query by START TRANSACTION in its log.
  bool query() {
    while (!in_.at_end()) {
      if (in_.take_words("START", "TRANSACTION")) made_.begins_transaction = in_.at_end();
      in_.skip_group();
    }
    return true;
  }

  // ---- ALTER ----

  bool alter() {
    if (take_until_other_object()) return is(StatementKind::other);
    if (in_.take_word("DATABASE") || in_.take_word("SCHEMA")) return database(StatementKind::alter_database);
    in_.take_word("ONLINE");
    in_.take_word("OFFLINE");
    in_.take_word("IGNORE");
    if (!in_.take_word("TABLE")) return false;
    is(StatementKind::alter_table);
    take_if_exists();
    if (!take_table()) return false;
    skip_wait();
    std::vector<MysqlTable> others;
    bool good = true;
    while (good && !ends()) {
      good = read_action(in_, dialect_, made_.actions, others);
      if (good && !in_.take_symbol(',') && !ends()) good = read_more();
    }
    made_.tables.insert(made_.tables.end(), others.begin(), others.end());
    return good;
  }
  // PARTITION BY and REMOVE PARTITIONING stand behind the last action without a comma.
  bool read_more() const { return in_.is_word("PARTITION") || in_.is_word("REMOVE"); }

  bool database(StatementKind kind) {
    is(kind);
    take_if_exists();
    const bool is_option = in_.is_word("CHARACTER") || in_.is_word("DEFAULT") || in_.is_word("COLLATE") ||
                           in_.is_word("CHARSET") || in_.is_word("READ") || in_.is_word("ENCRYPTION");
    const bool has_name = kind != StatementKind::alter_database || !is_option;
    return !has_name || in_.take_name(made_.schema);
  }

  // ---- DROP, RENAME, TRUNCATE ----

  bool drop() {
    if (is_other_object()) return is(StatementKind::other);
    if (in_.take_word("DATABASE") || in_.take_word("SCHEMA")) return database(StatementKind::drop_database);
    made_.temporary = in_.take_word("TEMPORARY");
    if (made_.temporary && in_.is_word("SEQUENCE")) return is(StatementKind::other);
    in_.take_word("ONLINE");
    in_.take_word("OFFLINE");
    if (in_.take_word("INDEX")) return drop_index();
    if (!in_.take_word("TABLE") && !in_.take_word("TABLES")) return false;
    is(StatementKind::drop_table);
    take_if_exists();
    do {
      if (!take_table()) return false;
    } while (in_.take_symbol(','));
    skip_wait();
    if (!in_.take_word("RESTRICT")) in_.take_word("CASCADE");
    return ends();
  }
  bool drop_index() {
    is(StatementKind::drop_index);
    Action action;
    action.kind = ActionKind::drop_index;
    action.if_exists = take_if_exists();
    if (!in_.take_name(action.name) || !in_.take_word("ON") || !take_table()) return false;
    if (in_capitals(action.name) == "PRIMARY") action.kind = ActionKind::drop_primary_key;
    made_.actions.push_back(std::move(action));
    return true;
  }
  bool rename() {
    if (in_.is_word("USER")) return is(StatementKind::other);
    if (!in_.take_word("TABLE") && !in_.take_word("TABLES")) return false;
    is(StatementKind::rename_table);
    take_if_exists();
    do {
      if (!take_table()) return false;
      skip_wait();
      if (!in_.take_word("TO") || !in_.take_table(made_.new_names.emplace_back())) return false;
    } while (in_.take_symbol(','));
    return ends();
  }
  bool truncate() {
    in_.take_word("TABLE");
    is(StatementKind::truncate_table);
    if (!take_table()) return false;
    skip_wait();
    return ends();
  }

  TokenReader& in_;
  const MysqlDialect& dialect_;
  Statement made_;
};

}  // namespace

Statement parse_mysql(std::string_view sql, const MysqlDialect& dialect) {
  const std::vector<Token> tokens = mysql_tokens(sql, dialect);
  TokenReader in(tokens);
  return Parser(in, dialect).parse();
}

}  // namespace convert
