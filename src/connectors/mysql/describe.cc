// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>

#include "connectors/mysql/cells.h"
#include "convert/definition.h"

namespace mysql {
namespace {

using base::Result;
using model::Column;
using model::TableName;
using model::TableSchema;

using Tables = std::map<TableName, std::shared_ptr<TableSchema>>;

constexpr std::string_view system_schemas = "'mysql', 'information_schema', 'performance_schema', 'sys'";

// "(TABLE_SCHEMA, TABLE_NAME) IN (('a','b'),...)" over these columns.
std::string names_in(std::string_view columns, const std::vector<TableName>& names) {
  std::string list;
  for (const TableName& name : names) {
    list += fmt::format("{}({},{})", list.empty() ? "" : ",", quote_literal(name.schema), quote_literal(name.table));
  }
  return fmt::format("({}) IN ({})", columns, list);
}

// The server has numbers for tables, but shows them to administrators only: the name stands for the table. FNV-1a.
std::uint64_t id_of(const TableName& name) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const std::string_view part :
       {std::string_view(name.schema), std::string_view("."), std::string_view(name.table)}) {
    for (const unsigned char c : part) hash = (hash ^ c) * 1099511628211ull;
  }
  return hash;
}

std::string kind_of(const std::string& table_type) {
  if (table_type == "BASE TABLE") return "table";
  if (table_type == "SYSTEM VERSIONED") return "system versioned";
  if (table_type == "SEQUENCE") return "sequence";
  return "view";
}

bool has_word(const std::string& text, std::string_view word) {
  const auto same = [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; };
  return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

// MySQL gives expressions as if they stood in a literal: \' and \\ for the characters themselves.
std::string expression_of(const Server& server, const std::string& given) {
  if (server.is_mariadb) return given;
  std::string text;
  for (std::size_t at = 0; at < given.size(); ++at) {
    const bool is_escaped =
        given[at] == '\\' && at + 1 < given.size() && (given[at + 1] == '\'' || given[at + 1] == '\\');
    if (is_escaped) ++at;
    text += given[at];
  }
  return text;
}

// Behind DEFAULT in CREATE TABLE. MariaDB gives the SQL, MySQL the value (bit values as SQL) or an expression.
std::string default_of(const Server& server, const Row& row, const std::string& extra) {
  if (null_at(row, 4)) return "";
  const std::string given = text_at(row, 4);
  std::string text = given;
  if (server.is_mariadb) {
    if (given == "NULL") return "";
  } else if (has_word(extra, "DEFAULT_GENERATED")) {
    text = has_word(given, "CURRENT_TIMESTAMP") ? given : "(" + expression_of(server, given) + ")";
  } else if (!given.starts_with("b'")) {
    text = quote_literal(given);
  }
  return text;
}

// "DEFAULT_GENERATED on update CURRENT_TIMESTAMP(3)" -> " ON UPDATE CURRENT_TIMESTAMP(3)".
std::string on_update_of(const std::string& extra) {
  std::string upper = extra;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  const std::size_t at = upper.find("ON UPDATE ");
  if (at == std::string::npos) return "";
  const std::size_t end = upper.find_first_of(" ,", at + 10);
  return " ON UPDATE " + extra.substr(at + 10, end == std::string::npos ? end : end - at - 10);
}

Column column_of(const Server& server, const Row& row) {
  Column column;
  column.name = text_at(row, 2);
  column.ordinal = static_cast<std::int32_t>(number_at(row, 3));
  column.nullable = text_at(row, 5) == "YES";
  column.collation = text_at(row, 7);
  const std::string extra = text_at(row, 8);
  column.comment = text_at(row, 9);
  column.generation = expression_of(server, text_at(row, 10));
  column.generated = has_word(extra, "GENERATED") && !column.generation.empty();
  if (column.generated)
    column.generation = fmt::format("({}) {}", column.generation, has_word(extra, "VIRTUAL") ? "VIRTUAL" : "STORED");
  if (has_word(extra, "AUTO_INCREMENT")) column.identity = model::Identity::by_default;
  if (!column.generated) column.default_expression = default_of(server, row, extra);
  const std::string on_update = on_update_of(extra);
  if (!on_update.empty()) {
    column.default_expression = (column.default_expression.empty() ? "NULL" : column.default_expression) + on_update;
  }
  describe_type(text_at(row, 6), column);
  return column;
}

Result<void> read_tables(Connection& connection, const std::vector<TableName>& names, bool full_images,
                         std::map<TableName, std::int64_t>& next_values, Tables& tables) {
  for (const Row& row : TRY(connection.query(
           fmt::format("SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_COMMENT, AUTO_INCREMENT, CREATE_OPTIONS "
                       "FROM information_schema.TABLES WHERE {}",
                       names_in("TABLE_SCHEMA, TABLE_NAME", names))))) {
    auto table = std::make_shared<TableSchema>();
    table->name = {text_at(row, 0), text_at(row, 1)};
    table->source_name = table->name;
    table->family = family_name;
    table->source_id = id_of(table->name);
    table->kind = kind_of(text_at(row, 2));
    if (table->kind != "view") table->comment = text_at(row, 3);
    table->old_image = full_images ? model::OldImage::full : model::OldImage::key;
    if (!null_at(row, 4)) next_values[table->name] = number_at(row, 4);
    tables[table->name] = std::move(table);
  }
  return {};
}

Result<void> read_columns(Connection& connection, const std::vector<TableName>& names, Tables& tables) {
  for (const Row& row : TRY(connection.query(fmt::format(
           "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, COLUMN_DEFAULT, IS_NULLABLE, COLUMN_TYPE, "
           "COLLATION_NAME, EXTRA, COLUMN_COMMENT, GENERATION_EXPRESSION FROM information_schema.COLUMNS WHERE {} "
           "ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
           names_in("TABLE_SCHEMA, TABLE_NAME", names))))) {
    const auto table = tables.find({text_at(row, 0), text_at(row, 1)});
    if (table != tables.end()) table->second->columns.push_back(column_of(connection.server(), row));
  }
  return {};
}

struct IndexPart {
  std::string column;  // empty: an expression
  std::string expression;
  std::string prefix;  // length; empty: all of it
  bool descending = false;
};

struct Index {
  TableName table;
  std::string name;
  std::string type;  // BTREE, HASH, FULLTEXT, SPATIAL
  bool unique = false;
  std::vector<IndexPart> parts;
};

std::string definition_of(const Index& index) {
  std::string parts;
  for (const IndexPart& part : index.parts) {
    if (!parts.empty()) parts += ",";
    parts += part.column.empty() ? "(" + part.expression + ")" : quote_identifier(part.column);
    if (!part.prefix.empty()) parts += "(" + part.prefix + ")";
    if (part.descending) parts += " DESC";
  }
  const bool is_ordinary = index.type == "BTREE" || index.type == "HASH";
  return is_ordinary ? fmt::format("USING {} ({})", index.type, parts) : fmt::format("{} ({})", index.type, parts);
}

void add_index(const Index& index, TableSchema& table) {
  std::vector<std::uint32_t> columns;
  bool is_plain = true;
  for (const IndexPart& part : index.parts) {
    const auto column = table.find_column(part.column);
    if (!column || !part.prefix.empty())
      is_plain = false;
    else
      columns.push_back(*column);
  }
  if (index.name == "PRIMARY") {
    table.primary_key_name = "PRIMARY";
    if (is_plain) table.primary_key = std::move(columns);
    if (is_plain) return;
  }
  const bool stores =
      std::none_of(columns.begin(), columns.end(), [&](std::uint32_t c) { return table.columns[c].generated; });
  if (index.unique && is_plain && stores) table.unique_keys.push_back(columns);
  table.indexes.push_back({index.name, index.unique, false, definition_of(index)});
}

Result<void> read_indexes(Connection& connection, const std::vector<TableName>& names, Tables& tables) {
  // Functional parts exist in MySQL from 8.0.13 on.
  const bool has_expression = !connection.server().is_mariadb && connection.server().version >= 80013;
  const Rows rows = TRY(connection.query(fmt::format(
      "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, COLLATION, INDEX_TYPE, {} "
      "FROM information_schema.STATISTICS WHERE {} ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
      has_expression ? "EXPRESSION" : "NULL", names_in("TABLE_SCHEMA, TABLE_NAME", names))));
  std::vector<Index> indexes;
  for (const Row& row : rows) {
    const TableName table{text_at(row, 0), text_at(row, 1)};
    if (indexes.empty() || indexes.back().table != table || indexes.back().name != text_at(row, 2)) {
      indexes.push_back({table, text_at(row, 2), text_at(row, 7), number_at(row, 3) == 0, {}});
    }
    indexes.back().parts.push_back({text_at(row, 4), expression_of(connection.server(), text_at(row, 8)),
                                    text_at(row, 5), text_at(row, 6) == "D"});
  }
  for (const Index& index : indexes) {
    const auto table = tables.find(index.table);
    if (table != tables.end()) add_index(index, *table->second);
  }
  return {};
}

Result<void> read_checks(Connection& connection, const std::vector<TableName>& names, Tables& tables) {
  const Server& server = connection.server();
  if (!server.is_mariadb && server.version < 80016) return {};
  const std::string of_table = server.is_mariadb ? " AND c.TABLE_NAME = t.TABLE_NAME" : "";
  const char* const is_on = server.is_mariadb ? "'YES'" : "t.ENFORCED";
  for (const Row& row : TRY(connection.query(
           fmt::format("SELECT t.TABLE_SCHEMA, t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE, {} "
                       "FROM information_schema.TABLE_CONSTRAINTS t JOIN information_schema.CHECK_CONSTRAINTS c "
                       "ON c.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = t.CONSTRAINT_NAME{} "
                       "WHERE t.CONSTRAINT_TYPE = 'CHECK' AND {} ORDER BY 1, 2, 3",
                       is_on, of_table, names_in("t.TABLE_SCHEMA, t.TABLE_NAME", names))))) {
    const auto table = tables.find({text_at(row, 0), text_at(row, 1)});
    if (table == tables.end()) continue;
    const char* const rest = text_at(row, 4) == "NO" ? " NOT ENFORCED" : "";
    table->second->checks.push_back(
        {text_at(row, 2), false, false, "CHECK (" + expression_of(server, text_at(row, 3)) + ")" + rest});
  }
  return {};
}

Result<void> read_foreign_keys(Connection& connection, const std::vector<TableName>& names, Tables& tables) {
  bool acting = false;
  for (const Row& row : TRY(connection.query(fmt::format(
           "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, "
           "k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.UPDATE_RULE, r.DELETE_RULE "
           "FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r "
           "ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME "
           "AND r.TABLE_NAME = k.TABLE_NAME WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND {} "
           "ORDER BY 1, 2, 3, k.ORDINAL_POSITION",
           names_in("k.TABLE_SCHEMA, k.TABLE_NAME", names))))) {
    const auto table = tables.find({text_at(row, 0), text_at(row, 1)});
    if (table == tables.end()) continue;
    std::vector<model::ForeignKey>& keys = table->second->foreign_keys;
    if (keys.empty() || keys.back().name != text_at(row, 2)) {
      keys.push_back({text_at(row, 2),
                      {},
                      {text_at(row, 4), text_at(row, 5)},
                      {},
                      fmt::format("ON DELETE {} ON UPDATE {}", text_at(row, 8), text_at(row, 7))});
    }
    keys.back().columns.push_back(text_at(row, 3));
    keys.back().referenced_columns.push_back(text_at(row, 6));
    acting = acting || convert::acts(keys.back().rules);
  }
  if (!acting || TRY(logs_key_actions(connection))) return {};
  for (auto& [name, table] : tables) {
    for (model::ForeignKey& key : table->foreign_keys) key.unlogged = convert::acts(key.rules);
  }
  return {};
}

// MINIMAL and NOBLOB images hold the key; of a table without one every column.
void set_old_key(TableSchema& table) {
  if (table.old_image == model::OldImage::key && table.primary_key.empty()) table.old_image = model::OldImage::full;
  if (table.old_image == model::OldImage::key) table.old_key = table.primary_key;
}

void add_sequence(std::int64_t next_value, TableSchema& table) {
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].identity == model::Identity::none) continue;
    model::Sequence sequence;
    sequence.name = {table.name.schema, table.name.table + "_" + table.columns[i].name + "_seq"};
    sequence.column = i;
    sequence.identity = true;
    sequence.owned = true;
    sequence.type = "bigint";
    sequence.maximum = INT64_MAX;
    if (next_value > 1) sequence.last_value = next_value - 1;
    table.sequences.push_back(std::move(sequence));
  }
}

}  // namespace

void describe_type(const std::string& column_type, Column& column) {
  column.type.native = column_type;
  const Result<NativeType> native = parse_type(column_type, column.collation);
  if (native.ok()) canonical_type(*native, column.type);
}

Result<bool> logs_key_actions(Connection& connection) {
  constexpr int first_version = 90600;
  if (connection.server().is_mariadb || connection.server().version < first_version) return false;
  const Rows rows = TRY(connection.query("SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'"));
  return rows.empty() || text_at(rows[0], 1) != "ON";
}

Result<std::vector<connect::TableListing>> list_tables(Connection& connection, const std::string& control_schema) {
  std::vector<connect::TableListing> tables;
  for (const Row& row : TRY(connection.query(fmt::format(
           "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_ROWS, DATA_LENGTH FROM information_schema.TABLES "
           "WHERE TABLE_SCHEMA NOT IN ({}) AND TABLE_TYPE <> 'SEQUENCE' AND TABLE_TYPE <> 'TEMPORARY'",
           system_schemas)))) {
    connect::TableListing table;
    table.name = {text_at(row, 0), text_at(row, 1)};
    const bool is_ours = table.name.table.starts_with("awsdms_") || table.name.table.starts_with("millrace_");
    if (table.name.schema == control_schema && is_ours) continue;
    table.source_id = id_of(table.name);
    table.kind = kind_of(text_at(row, 2));
    table.rows_estimate = null_at(row, 3) ? -1 : number_at(row, 3);
    table.bytes = null_at(row, 4) ? 0 : static_cast<std::uint64_t>(number_at(row, 4));
    tables.push_back(std::move(table));
  }
  std::sort(tables.begin(), tables.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return tables;
}

Result<std::vector<model::TableSchemaPtr>> describe_tables(Connection& connection,
                                                           const std::vector<TableName>& names) {
  std::vector<model::TableSchemaPtr> found;
  if (names.empty()) return found;
  // MySQL answers AUTO_INCREMENT and sizes from a cache of a day's age unless told otherwise.
  if (!connection.server().is_mariadb) TRY(connection.execute("SET SESSION information_schema_stats_expiry = 0"));
  const std::string image = TRY(connection.query_value("SELECT @@binlog_row_image")).value_or("FULL");
  Tables tables;
  std::map<TableName, std::int64_t> next_values;
  TRY(read_tables(connection, names, image == "FULL" || image == "FULL_NODUP", next_values, tables));
  TRY(read_columns(connection, names, tables));
  TRY(read_indexes(connection, names, tables));
  TRY(read_checks(connection, names, tables));
  TRY(read_foreign_keys(connection, names, tables));
  for (const TableName& name : names) {
    const auto table = tables.find(name);
    if (table == tables.end()) continue;
    set_old_key(*table->second);
    add_sequence(next_values[name], *table->second);
    found.push_back(std::move(table->second));
    tables.erase(table);
  }
  return found;
}

}  // namespace mysql
