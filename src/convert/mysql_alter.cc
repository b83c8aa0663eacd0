// SPDX-License-Identifier: Apache-2.0
#include "convert/mysql_alter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "convert/mysql_column.h"

namespace convert {
namespace {

bool take_if_exists(TokenReader& in) {
  if (in.take_words("IF", "EXISTS")) return true;
  if (!in.is_word("IF") || !in.is_word("NOT", 1)) return false;
  in.next();
  in.next();
  return in.take_word("EXISTS");
}

void read_place(TokenReader& in, Action& action) {
  action.is_first = in.take_word("FIRST");
  if (in.take_word("AFTER")) in.take_name(action.after);
}

void skip_all(TokenReader& in) {
  while (!in.at_end()) in.next();
}

class ActionReader {
 public:
  ActionReader(TokenReader& in, const MysqlDialect& dialect, std::vector<Action>& out, std::vector<MysqlTable>& others)
      : in_(in), dialect_(dialect), out_(out), others_(others) {}

  bool read() {
    if (in_.take_word("ADD")) return add();
    if (in_.take_word("DROP")) return drop();
    if (in_.take_word("CHANGE")) return change(true);
    if (in_.take_word("MODIFY")) return change(false);
    if (in_.take_word("ALTER")) return alter();
    if (in_.take_word("RENAME")) return rename();
    if (in_.take_word("CONVERT")) return convert();
    return read_rest();
  }

 private:
  Action& made(ActionKind kind) {
    out_.emplace_back().kind = kind;
    return out_.back();
  }
  // Of the rest of the statement: names of partitions have commas between them.
  bool all_is(ActionKind kind) {
    skip_all(in_);
    made(kind);
    return true;
  }

  bool add() {
    if (in_.is_word("PARTITION") && !starts_column(1)) return all_is(ActionKind::partitioning);
    if (in_.take_words("SYSTEM", "VERSIONING")) {
      made(ActionKind::versioning);
      return true;
    }
    if (in_.is_word("PERIOD") && (in_.is_word("FOR", 1) || in_.is_word("IF", 1))) {
      made(ActionKind::versioning);
      in_.skip_to_comma();
      return true;
    }
    Action index;
    index.kind = ActionKind::add_index;
    if (read_index(in_, index.index)) {
      out_.push_back(std::move(index));
      return true;
    }
    in_.take_word("COLUMN");
    const bool if_exists = take_if_exists(in_);
    if (in_.take_symbol('(')) return add_columns(if_exists);
    return add_column(if_exists);
  }
  // PARTITION and SYSTEM are names as well: a column of that name has a type behind it that is none of these.
  bool starts_column(std::size_t ahead) const {
    return !in_.is_symbol('(', ahead) && !in_.is_word("IF", ahead) && !in_.is_word("PARTITIONS", ahead) &&
           !in_.is_word("NO_WRITE_TO_BINLOG", ahead) && !in_.is_word("LOCAL", ahead);
  }
  bool add_column(bool if_exists) {
    Action& action = made(ActionKind::add_column);
    action.if_exists = if_exists;
    if (!read_column(in_, dialect_, action.column)) return false;
    read_place(in_, action);
    return true;
  }
  bool add_columns(bool if_exists) {
    while (!in_.at_end()) {
      Action index;
      index.kind = ActionKind::add_index;
      if (read_index(in_, index.index)) {
        out_.push_back(std::move(index));
      } else if (!add_column(if_exists)) {
        return false;
      }
      if (!in_.take_symbol(',')) break;
    }
    return in_.take_symbol(')');
  }

  bool drop_named(ActionKind kind) {
    Action& action = made(kind);
    action.if_exists = take_if_exists(in_);
    return in_.take_name(action.name);
  }
  bool drop() {
    if (in_.take_words("PRIMARY", "KEY")) {
      made(ActionKind::drop_primary_key);
      return true;
    }
    if (in_.take_words("FOREIGN", "KEY")) return drop_named(ActionKind::drop_foreign_key);
    if (in_.take_word("INDEX") || in_.take_word("KEY")) return drop_named(ActionKind::drop_index);
    if (in_.take_word("CONSTRAINT")) return drop_named(ActionKind::drop_constraint);
    if (in_.take_word("CHECK")) return drop_named(ActionKind::drop_check);
    if (in_.take_words("SYSTEM", "VERSIONING") || in_.is_word("PERIOD")) {
      made(ActionKind::versioning);
      in_.skip_to_comma();
      return true;
    }
    const bool is_column_named_so = in_.peek(1).kind == TokenKind::end || in_.is_symbol(',', 1);
    if (in_.is_word("PARTITION") && !is_column_named_so) return all_is(ActionKind::moves_rows);
    in_.take_word("COLUMN");
    if (!drop_named(ActionKind::drop_column)) return false;
    if (!in_.take_word("RESTRICT")) in_.take_word("CASCADE");
    return true;
  }

  bool change(bool has_old_name) {
    in_.take_word("COLUMN");
    Action& action = made(ActionKind::change_column);
    action.if_exists = take_if_exists(in_);
    if (has_old_name && !in_.take_name(action.name)) return false;
    if (!read_column(in_, dialect_, action.column)) return false;
    if (!has_old_name) action.name = action.column.name;
    read_place(in_, action);
    return true;
  }

  bool alter() {
    const bool is_index = in_.is_word("INDEX") || in_.is_word("KEY");
    if (is_index || in_.is_word("CHECK") || in_.is_word("CONSTRAINT")) {
      made(ActionKind::without_effect);
      in_.skip_to_comma();
      return true;
    }
    in_.take_word("COLUMN");
    Action& action = made(ActionKind::set_default);
    action.if_exists = take_if_exists(in_);
    if (!in_.take_name(action.name)) return false;
    if (in_.take_words("DROP", "DEFAULT")) {
      action.kind = ActionKind::drop_default;
      return true;
    }
    if (!in_.take_word("SET")) return false;
    if (in_.take_word("DEFAULT")) return read_value(in_, action.text);
    action.kind = ActionKind::set_visibility;
    action.is_on = in_.take_word("VISIBLE");
    return action.is_on || in_.take_word("INVISIBLE");
  }

  bool rename_part(ActionKind kind) {
    Action& action = made(kind);
    action.if_exists = take_if_exists(in_);
    return in_.take_name(action.name) && in_.take_word("TO") && in_.take_name(action.new_name);
  }
  bool rename() {
    if (in_.take_word("COLUMN")) return rename_part(ActionKind::rename_column);
    if (in_.take_word("INDEX") || in_.take_word("KEY")) return rename_part(ActionKind::rename_index);
    if (!in_.take_word("TO") && !in_.take_word("AS")) in_.take_symbol('=');
    return in_.take_table(made(ActionKind::rename_table).table);
  }

  bool convert() {
    if (in_.is_word("PARTITION") || in_.is_word("TABLE")) {  // to and from a table of its own
      while (!in_.at_end()) {
        if (in_.take_word("TABLE")) in_.take_table(others_.emplace_back());
        if (!in_.at_end()) in_.next();
      }
      return all_is(ActionKind::moves_rows);
    }
    if (!in_.take_word("TO")) return false;
    if (!in_.take_word("CHARSET") && !in_.take_words("CHARACTER", "SET") && !in_.take_words("CHAR", "SET")) {
      return false;
    }
    in_.take_symbol('=');
    Action& action = made(ActionKind::convert_characters);
    const auto read_name = [this](std::string& name) {
      if (in_.take_word("DEFAULT")) return true;
      if (in_.peek().kind != TokenKind::text) return in_.take_name(name);
      name = in_.next().value;
      return true;
    };
    if (!read_name(action.text)) return false;
    if (in_.take_word("COLLATE")) {
      in_.take_symbol('=');
      if (!read_name(action.new_name)) return false;
    }
    action.text = in_small_letters(action.text);
    action.new_name = in_small_letters(action.new_name);
    return true;
  }

  // Behind the partitions' names stands what matters only for EXCHANGE: the other table.
  bool exchange() {
    while (!in_.at_end()) {
      if (in_.take_words("WITH", "TABLE")) {
        in_.take_table(others_.emplace_back());
      } else {
        in_.next();
      }
    }
    return all_is(ActionKind::moves_rows);
  }

  bool read_rest() {
    if (in_.take_words("EXCHANGE", "PARTITION")) return exchange();
    if (in_.is_word("DISCARD") || in_.is_word("IMPORT")) return all_is(ActionKind::moves_rows);
    if (in_.is_word("TRUNCATE")) return all_is(ActionKind::moves_rows);
    if (in_.is_word("PARTITION") || in_.is_word("REMOVE") || in_.is_word("REORGANIZE") || in_.is_word("COALESCE")) {
      return all_is(ActionKind::partitioning);
    }
    static constexpr std::array on_partitions{"ANALYZE", "CHECK", "OPTIMIZE", "REBUILD", "REPAIR"};
    for (const char* word : on_partitions) {
      if (in_.is_word(word)) return all_is(ActionKind::without_effect);
    }
    static constexpr std::array without_effect{
        "FORCE", "ALGORITHM", "LOCK",   "ENABLE", "DISABLE", "ORDER", "SECONDARY_LOAD", "SECONDARY_UNLOAD",
        "WAIT",  "NOWAIT",    "ONLINE", "WITH",   "WITHOUT"};
    if (in_.take_words("ORDER", "BY")) return all_is(ActionKind::without_effect);
    for (const char* word : without_effect) {
      if (!in_.is_word(word)) continue;
      made(ActionKind::without_effect);
      in_.skip_to_comma();
      return true;
    }
    Action option;
    if (!read_table_option(in_, option)) return false;
    out_.push_back(std::move(option));
    // Options need no comma between them.
    while (!in_.at_end() && !in_.is_symbol(',')) {
      if (in_.is_word("PARTITION") || in_.is_word("REMOVE")) return read_rest();
      Action next;
      if (!read_table_option(in_, next)) return false;
      out_.push_back(std::move(next));
    }
    return true;
  }

  TokenReader& in_;
  const MysqlDialect& dialect_;
  std::vector<Action>& out_;
  std::vector<MysqlTable>& others_;
};

}  // namespace

namespace {

// Those that may stand without a sign between name and value. Engines of MariaDB have others, which need it.
constexpr std::array option_names{"CHARACTER SET",
                                  "COLLATE",
                                  "ENGINE",
                                  "TYPE",
                                  "AUTO_INCREMENT",
                                  "AVG_ROW_LENGTH",
                                  "CHECKSUM",
                                  "TABLE_CHECKSUM",
                                  "COMMENT",
                                  "COMPRESSION",
                                  "CONNECTION",
                                  "DATA DIRECTORY",
                                  "INDEX DIRECTORY",
                                  "DELAY_KEY_WRITE",
                                  "ENCRYPTION",
                                  "ENGINE_ATTRIBUTE",
                                  "SECONDARY_ENGINE",
                                  "SECONDARY_ENGINE_ATTRIBUTE",
                                  "INSERT_METHOD",
                                  "KEY_BLOCK_SIZE",
                                  "MAX_ROWS",
                                  "MIN_ROWS",
                                  "PACK_KEYS",
                                  "PASSWORD",
                                  "ROW_FORMAT",
                                  "STATS_AUTO_RECALC",
                                  "STATS_PERSISTENT",
                                  "STATS_SAMPLE_PAGES",
                                  "TABLESPACE",
                                  "STORAGE",
                                  "UNION",
                                  "TRANSACTIONAL",
                                  "PAGE_CHECKSUM",
                                  "AUTOEXTEND_SIZE"};

bool is_option_name(std::string_view name) {
  return std::find(option_names.begin(), option_names.end(), name) != option_names.end();
}

}  // namespace

bool read_table_option(TokenReader& in, Action& out) {
  out.kind = ActionKind::option;
  in.take_word("DEFAULT");
  if (in.peek().kind != TokenKind::word) return false;
  if (in.take_word("CHARSET") || in.take_words("CHARACTER", "SET") || in.take_words("CHAR", "SET")) {
    out.name = "CHARACTER SET";
  } else {
    out.name = in_capitals(in.next().source);
    if ((out.name == "DATA" || out.name == "INDEX") && in.take_word("DIRECTORY")) out.name += " DIRECTORY";
  }
  if (!in.take_symbol('=') && !is_option_name(out.name)) return false;
  const Token& value = in.peek();
  if (value.kind == TokenKind::end) return false;
  if (in.is_symbol('(')) {  // UNION=(a,b)
    in.skip_group();
    return true;
  }
  out.text = value.kind == TokenKind::text || value.kind == TokenKind::name ? value.value : std::string(value.source);
  if (value.kind == TokenKind::symbol) return false;
  if (out.name == "CHARACTER SET" || out.name == "COLLATE") out.text = in_small_letters(out.text);
  in.next();
  return true;
}

bool read_action(TokenReader& in, const MysqlDialect& dialect, std::vector<Action>& out,
                 std::vector<MysqlTable>& others) {
  return ActionReader(in, dialect, out, others).read();
}

}  // namespace convert
