// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/target_schema.h"

#include <algorithm>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/types.h"
#include "relational/landed_objects.h"
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
  if (std::any_of(key.begin(), key.end(), is_same)) return true;
  if (std::any_of(table.primary_key.begin(), table.primary_key.end(), is_same)) return true;
  // What refers to a key has that key's values, and needs its type.
  return std::any_of(table.foreign_keys.begin(), table.foreign_keys.end(), [&](const model::ForeignKey& foreign) {
    return std::find(foreign.columns.begin(), foreign.columns.end(), column.name) != foreign.columns.end();
  });
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
  return text.starts_with('\'') || text.starts_with("b'") || text.starts_with('-') || text.starts_with("X'") ||
         (!text.empty() && text[0] >= '0' && text[0] <= '9');
}

// Computed defaults stand in brackets on MySQL, as do those of large values, and need none on MariaDB.
std::string default_clause(const Dialect& dialect, const std::string& expression, bool in_brackets) {
  if (in_brackets && !expression.starts_with('(')) return " DEFAULT (" + expression + ")";
  std::string upper = expression.substr(0, 17);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  const bool is_plain = is_quoted_or_figure(expression) || expression.starts_with('(') || upper.starts_with("NULL") ||
                        upper.starts_with("CURRENT_TIMESTAMP") || upper == "TRUE" || upper == "FALSE";
  return is_plain || dialect.server.is_mariadb ? " DEFAULT " + expression : " DEFAULT (" + expression + ")";
}

// A column of our own family whose type a mapping rule has changed: what the source says of it may not fit.
bool is_bent(const TableSchema& table, const Column& column) {
  return table.family == family_name && !keeps_native(table, column);
}

// Of a type whose default is a computed one to the server, whatever it says.
bool is_large(const Dialect& dialect, const TableSchema& table, const Column& column) {
  const std::string type = landing_type(dialect, table, column);
  return type == "longtext" || type == "longblob";
}

std::string body_of(const Dialect& dialect, const TableSchema& table, const Column& column, bool counts) {
  std::string text = landing_type(dialect, table, column);
  const std::string collation = landing_collation(dialect, table, column);
  if (!collation.empty()) {
    text += fmt::format(" CHARACTER SET {} COLLATE {}", character_set_of(collation), collation);
  }
  if (keeps_native(table, column) && column.generated && keeps_column_names(table)) {
    return text + " GENERATED ALWAYS AS " + column.generation;
  }
  text += column.nullable || column.generated ? " NULL" : " NOT NULL";
  if (is_bent(table, column)) return text;
  if (column.identity != model::Identity::none) return counts ? text + " AUTO_INCREMENT" : text;
  if (column.default_expression.empty()) return text;
  const bool in_brackets = table.family != family_name && is_large(dialect, table, column);
  return text + default_clause(dialect, column.default_expression, in_brackets);
}

std::string comment_of(const std::string& comment) {
  return comment.empty() ? "" : " COMMENT " + quote_literal(comment);
}

// A column that counts by itself must lead a key at any time.
bool counts_from_start(const TableSchema& table, const Column& column) {
  return !table.primary_key.empty() && &table.columns[table.primary_key[0]] == &column;
}

std::string column_definition(const Dialect& dialect, const TableSchema& table, const Column& column) {
  return fmt::format("{} {}{}", quote_identifier(column.name),
                     body_of(dialect, table, column, counts_from_start(table, column)), comment_of(column.comment));
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

std::string create_statement(const Dialect& dialect, const TableSchema& mapped) {
  TableSchema table = relational::in_words_of(relational::Language::mysql, mapped).table;
  if (table.family != family_name) {
    for (Column& column : table.columns) column.default_expression.clear();  // after the load: one may be refused
  }
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

std::vector<ObjectClause> secondary_clauses(const Dialect& dialect, const TableSchema& mapped) {
  const TableSchema table = relational::in_words_of(relational::Language::mysql, mapped).table;
  std::vector<ObjectClause> clauses;
  if (!keeps_column_names(table)) return clauses;
  for (const model::SecondaryObject& index : table.indexes) clauses.push_back({index.name, index_clause(index)});
  for (const Column& column : table.columns) {
    const bool counts = column.identity != model::Identity::none && !is_bent(table, column);
    if (!counts || counts_from_start(table, column)) continue;
    clauses.push_back({"AUTO_INCREMENT of " + column.name,
                       fmt::format("MODIFY COLUMN {} {}{}", quote_identifier(column.name),
                                   body_of(dialect, table, column, true), comment_of(column.comment))});
  }
  for (const Column& column : table.columns) {
    if (table.family == family_name || column.default_expression.empty()) continue;
    const std::string& given = column.default_expression;
    const std::string name = "default of " + column.name;
    if (is_large(dialect, table, column)) {  // MySQL takes ALTER COLUMN for it, and does nothing
      clauses.push_back({name, "MODIFY COLUMN " + column_definition(dialect, table, column)});
      continue;
    }
    const bool is_said = is_quoted_or_figure(given) || given.starts_with('(');
    clauses.push_back({name, fmt::format("ALTER COLUMN {} SET DEFAULT {}", quote_identifier(column.name),
                                         is_said ? given : "(" + given + ")")});
  }
  for (const model::Sequence& sequence : table.sequences) {
    if (!sequence.last_value || is_bent(table, table.columns[sequence.column])) continue;
    clauses.push_back({"next value of " + table.columns[sequence.column].name,
                       fmt::format("AUTO_INCREMENT = {}", static_cast<std::uint64_t>(*sequence.last_value) + 1)});
  }
  for (const model::SecondaryObject& check : table.checks) {
    clauses.push_back(
        {check.name, fmt::format("ADD CONSTRAINT {} {}", quote_identifier(check.name), check.definition)});
  }
  return clauses;
}

// ---- from one shape to the other

namespace {

void add_column(const Dialect& dialect, const TableSchema& after, const Column& column, std::string& clauses,
                relational::SchemaChange& change) {
  const bool is_ours = after.family == family_name;
  Column landing = column;
  if (!is_ours) {
    const std::optional<relational::LandedDefault> said =
        relational::landed_default(relational::Language::mysql, after, column);
    const bool is_known = column.default_expression.empty() || (said && said->is_literal);
    if (!is_known) change.not_derivable = fmt::format("new column {} has a computed default", column.name);
    landing.default_expression = said ? said->sql : "";
  }
  const std::string& given = landing.default_expression;
  if (column.identity != model::Identity::none) {
    change.not_derivable = fmt::format("new identity column {}", column.name);
  } else if (is_ours && !given.empty() && !column.generated) {
    const bool is_known = keeps_native(after, column) && (is_quoted_or_figure(given) || given.starts_with("NULL"));
    if (!is_known) change.not_derivable = fmt::format("new column {} has a computed default", column.name);
  }
  const std::string text = column_definition(dialect, after, landing);
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
  const TableSchema said_before = relational::in_words_of(relational::Language::mysql, before).table;
  const TableSchema said_after = relational::in_words_of(relational::Language::mysql, after).table;
  std::string clauses;
  for (const Column& old : before.columns) {
    if (relational::by_ordinal(after, old.ordinal) != nullptr) continue;
    clauses += fmt::format("{}DROP COLUMN {}", clauses.empty() ? "" : ", ", quote_identifier(old.name));
  }
  for (std::size_t i = 0; i < after.columns.size(); ++i) {
    const Column& column = said_after.columns[i];
    if (const Column* old = relational::by_ordinal(said_before, column.ordinal)) {
      alter_column(dialect, said_before, *old, said_after, column, clauses);
    } else {
      add_column(dialect, after, after.columns[i], clauses, change);
    }
  }
  if (!clauses.empty()) change.statements.push_back(fmt::format("ALTER TABLE {} {}", quoted(after.name), clauses));
  return change;
}

}  // namespace mysql
