// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/target_schema.h"

#include <algorithm>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/types.h"
#include "relational/row_key.h"

namespace mysql {
namespace {

using model::Column;
using model::TableSchema;
using relational::keeps_column_names;

std::string name_list(const TableSchema& table, const std::vector<std::uint32_t>& columns) {
  std::string list;
  for (const std::uint32_t column : columns) {
    list += (list.empty() ? "" : ", ") + quote_identifier(table.columns[column].name);
  }
  return list;
}

// Indexes into the columns, of the key rows are found by.
std::vector<std::uint32_t> key_columns(const TableSchema& table) {
  const std::vector<std::uint32_t> stored = model::stored_columns(table);
  std::vector<std::uint32_t> columns;
  for (const std::uint32_t place : relational::row_key(table)) columns.push_back(stored[place]);
  return columns;
}

bool is_key_column(const TableSchema& table, const Column& column) {
  const std::vector<std::uint32_t> key = key_columns(table);
  const auto is_same = [&](std::uint32_t index) { return &table.columns[index] == &column; };
  return std::any_of(key.begin(), key.end(), is_same) ||
         std::any_of(table.primary_key.begin(), table.primary_key.end(), is_same);
}

bool holds_text(const std::string& type) {
  const base::Result<NativeType> native = parse_type(type, "");
  if (!native.ok()) return false;
  const Kind kind = native->kind;
  return kind == Kind::character || kind == Kind::text || kind == Kind::enumeration || kind == Kind::set;
}

std::string exact_collation(const Dialect& dialect) {
  for (const char* name : {"utf8mb4_0900_bin", "utf8mb4_nopad_bin"}) {
    if (dialect.collations.contains(name)) return name;
  }
  return "utf8mb4_bin";
}

// The nearest that this server has: the same character set, and as much or as little told apart.
std::string similar_collation(const Dialect& dialect, const std::string& collation) {
  const std::string set(character_set_of(collation));
  const bool tells_case = collation.ends_with("_bin") || collation.ends_with("_cs");
  std::vector<std::string> candidates;
  if (tells_case) candidates = {set + "_0900_as_cs", set + "_0900_bin", set + "_nopad_bin", set + "_bin"};
  if (!tells_case) {
    candidates = {set + "_0900_ai_ci", set + "_unicode_520_nopad_ci", set + "_unicode_520_ci", set + "_general_ci"};
  }
  for (const std::string& candidate : candidates) {
    if (dialect.collations.contains(candidate)) return candidate;
  }
  return tells_case || set == "utf8mb4" ? exact_collation(dialect) : "";
}

bool is_quoted_or_figure(std::string_view text) {
  return text.starts_with('\'') || text.starts_with("b'") || text.starts_with('-') ||
         (!text.empty() && text[0] >= '0' && text[0] <= '9');
}

// Computed defaults stand in brackets on MySQL, and need none on MariaDB.
std::string default_clause(const Dialect& dialect, const std::string& expression) {
  std::string upper = expression.substr(0, 17);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  const bool is_plain = is_quoted_or_figure(expression) || expression.starts_with('(') || upper.starts_with("NULL") ||
                        upper.starts_with("CURRENT_TIMESTAMP") || upper == "TRUE" || upper == "FALSE";
  return is_plain || dialect.server.is_mariadb ? " DEFAULT " + expression : " DEFAULT (" + expression + ")";
}

std::string body_of(const Dialect& dialect, const TableSchema& table, const Column& column, bool counts) {
  std::string text = landing_type(dialect, table, column);
  const std::string collation = landing_collation(dialect, table, column);
  if (!collation.empty()) {
    text += fmt::format(" CHARACTER SET {} COLLATE {}", character_set_of(collation), collation);
  }
  const bool is_native = keeps_native(table, column);
  if (is_native && column.generated && keeps_column_names(table)) {
    return text + " GENERATED ALWAYS AS " + column.generation;
  }
  text += column.nullable ? " NULL" : " NOT NULL";
  if (is_native && column.identity != model::Identity::none) return counts ? text + " AUTO_INCREMENT" : text;
  if (is_native && !column.default_expression.empty()) text += default_clause(dialect, column.default_expression);
  return text;
}

std::string comment_of(const std::string& comment) {
  return comment.empty() ? "" : " COMMENT " + quote_literal(comment);
}

// A column that counts by itself must lead a key at any time.
bool counts_from_start(const TableSchema& table, const Column& column) {
  return !table.primary_key.empty() && &table.columns[table.primary_key[0]] == &column;
}

std::string index_clause(const model::SecondaryObject& index) {
  const std::string name = quote_identifier(index.name);
  if (index.name == "PRIMARY") return "ADD PRIMARY KEY " + index.definition;
  for (const std::string kind : {"FULLTEXT", "SPATIAL"}) {
    if (index.definition.starts_with(kind + " ")) {
      return fmt::format("ADD {} INDEX {}{}", kind, name, index.definition.substr(kind.size()));
    }
  }
  return fmt::format("ADD {}INDEX {} {}", index.unique ? "UNIQUE " : "", name, index.definition);
}

}  // namespace

base::Result<Dialect> read_dialect(Session& session) {
  Dialect dialect;
  dialect.server = session.server();
  // The same name may stand for several character sets; then this column has the whole one.
  const bool has_full_names = dialect.server.is_mariadb && dialect.server.version >= 101001;
  for (const Row& row :
       TRY(session.query(fmt::format("SELECT {} FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY",
                                     has_full_names ? "FULL_COLLATION_NAME" : "COLLATION_NAME"),
                         "collations"))) {
    dialect.collations.insert(text_at(row, 0));
  }
  return dialect;
}

bool keeps_native(const TableSchema& table, const Column& column) {
  return table.family == family_name && !column.type.native.empty();
}

std::string landing_type(const Dialect& dialect, const TableSchema& table, const Column& column) {
  if (!keeps_native(table, column)) return target_type(column.type, is_key_column(table, column));
  const std::string& native = column.type.native;
  if (dialect.server.is_mariadb) return native == "geomcollection" ? "geometrycollection" : native;
  if (native == "uuid") return "char(36)";
  if (native == "inet4") return "varchar(15)";
  return native == "inet6" ? "varchar(45)" : native;
}

std::string landing_collation(const Dialect& dialect, const TableSchema& table, const Column& column) {
  if (!holds_text(landing_type(dialect, table, column))) return "";
  if (!keeps_native(table, column) || column.collation.empty()) return exact_collation(dialect);
  if (dialect.collations.contains(column.collation) || column.collation == "binary") return column.collation;
  return similar_collation(dialect, column.collation);
}

std::string column_definition(const Dialect& dialect, const TableSchema& table, const Column& column) {
  return fmt::format("{} {}{}", quote_identifier(column.name),
                     body_of(dialect, table, column, counts_from_start(table, column)), comment_of(column.comment));
}

std::string create_statement(const Dialect& dialect, const TableSchema& table) {
  std::string text = fmt::format("CREATE TABLE {} (", quoted(table.name));
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (i != 0) text += ", ";
    text += column_definition(dialect, table, table.columns[i]);
  }
  const std::vector<std::uint32_t> key = key_columns(table);
  if (!table.primary_key.empty()) {
    text += fmt::format(", PRIMARY KEY ({})", name_list(table, table.primary_key));
  } else if (!key.empty() && table.family != family_name) {
    text += fmt::format(", UNIQUE KEY millrace_key ({})", name_list(table, key));
  }
  const std::string collation = exact_collation(dialect);
  text += fmt::format(") ENGINE=InnoDB DEFAULT CHARACTER SET {} COLLATE {}", character_set_of(collation), collation);
  text += comment_of(table.comment);
  const bool is_partitioned = !table.partitioning.empty() && table.family == family_name && keeps_column_names(table);
  return is_partitioned ? text + " " + table.partitioning : text;
}

std::vector<ObjectClause> secondary_clauses(const Dialect& dialect, const TableSchema& table) {
  std::vector<ObjectClause> clauses;
  if (table.family != family_name || !keeps_column_names(table)) return clauses;
  for (const model::SecondaryObject& index : table.indexes) clauses.push_back({index.name, index_clause(index)});
  for (const Column& column : table.columns) {
    const bool counts = column.identity != model::Identity::none && keeps_native(table, column);
    if (!counts || counts_from_start(table, column)) continue;
    clauses.push_back({"AUTO_INCREMENT of " + column.name,
                       fmt::format("MODIFY COLUMN {} {}{}", quote_identifier(column.name),
                                   body_of(dialect, table, column, true), comment_of(column.comment))});
  }
  for (const model::SecondaryObject& check : table.checks) {
    clauses.push_back(
        {check.name, fmt::format("ADD CONSTRAINT {} {}", quote_identifier(check.name), check.definition)});
  }
  return clauses;
}

// ---- from one shape to the other

// PostgreSQL's literals: 'it''s'::text, 5, '5'::bigint, true. No backslash means anything in them.
std::string literal_default(std::string_view expression) {
  if (expression == "true") return "1";
  if (expression == "false") return "0";
  const std::size_t cast = expression.rfind("::");
  if (expression.starts_with('\'')) {
    const std::size_t end = expression.rfind('\'');
    const std::string_view rest = expression.substr(end + 1);
    if (end == 0 || !(rest.empty() || (rest.starts_with("::") && cast == end + 1))) return "";
    std::string inner;
    for (std::size_t at = 1; at < end; ++at) {
      if (expression[at] == '\'' && expression[++at] != '\'') return "";
      inner += expression[at];
    }
    for (const std::string_view moving : {"now", "today", "tomorrow", "yesterday"}) {
      if (inner.find(moving) != std::string::npos) return "";
    }
    return quote_literal(inner);
  }
  const std::string_view figure = cast == std::string_view::npos ? expression : expression.substr(0, cast);
  const bool is_figure = !figure.empty() && figure.find_first_not_of("-.0123456789") == std::string_view::npos;
  return is_figure ? std::string(figure) : "";
}

namespace {

void add_column(const Dialect& dialect, const TableSchema& after, const Column& column, std::string& clauses,
                relational::SchemaChange& change) {
  std::string text = column_definition(dialect, after, column);
  const std::string& given = column.default_expression;
  if (column.identity != model::Identity::none) {
    change.not_derivable = fmt::format("new identity column {}", column.name);
  } else if (!given.empty() && !column.generated) {
    const bool is_native = keeps_native(after, column);
    const std::string literal = is_native ? "" : literal_default(given);
    if (is_native ? !is_quoted_or_figure(given) && !given.starts_with("NULL") : literal.empty()) {
      change.not_derivable = fmt::format("new column {} has a computed default", column.name);
    } else if (!is_native) {
      text += " DEFAULT " + literal;
    }
  }
  clauses += (clauses.empty() ? "ADD COLUMN " : ", ADD COLUMN ") + text;
}

void alter_column(const Dialect& dialect, const TableSchema& before, const Column& old, const TableSchema& after,
                  const Column& column, std::string& clauses) {
  const bool counts = counts_from_start(after, column);
  const bool is_same = body_of(dialect, before, old, counts) == body_of(dialect, after, column, counts);
  const std::string separator = clauses.empty() ? "" : ", ";
  const std::string from = quote_identifier(old.name), to = quote_identifier(column.name);
  if (old.name == column.name) {
    if (!is_same) clauses += separator + "MODIFY COLUMN " + column_definition(dialect, after, column);
    return;
  }
  const int knows_rename = dialect.server.is_mariadb ? 100502 : 80003;
  if (is_same && dialect.server.version >= knows_rename) {
    clauses += fmt::format("{}RENAME COLUMN {} TO {}", separator, from, to);
  } else {
    clauses += fmt::format("{}CHANGE COLUMN {} {}", separator, from, column_definition(dialect, after, column));
  }
}

}  // namespace

relational::SchemaChange schema_change(const Dialect& dialect, TableSchema before, TableSchema after) {
  relational::SchemaChange change;
  if (!relational::number_columns(before, after)) {
    change.not_derivable = relational::unclear_columns;
    return change;
  }
  std::string clauses;
  for (const Column& old : before.columns) {
    if (relational::by_ordinal(after, old.ordinal) != nullptr) continue;
    clauses += fmt::format("{}DROP COLUMN {}", clauses.empty() ? "" : ", ", quote_identifier(old.name));
  }
  for (const Column& column : after.columns) {
    if (const Column* old = relational::by_ordinal(before, column.ordinal)) {
      alter_column(dialect, before, *old, after, column, clauses);
    } else {
      add_column(dialect, after, column, clauses, change);
    }
  }
  if (!clauses.empty()) change.statements.push_back(fmt::format("ALTER TABLE {} {}", quoted(after.name), clauses));
  return change;
}

}  // namespace mysql
