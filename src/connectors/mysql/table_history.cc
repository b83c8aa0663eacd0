// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/table_history.h"

#include <algorithm>
#include <cctype>

#include "connectors/mysql/alter_shape.h"
#include "convert/definition.h"

namespace mysql {

using base::Result;
using model::Op;
using model::TableName;
using model::TableSchemaPtr;

bool matches(const binlog::TableShape& shape, const KnownTable& table) {
  const std::vector<model::Column>& columns = table.schema->columns;
  if (shape.columns.size() != columns.size()) return false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (shape.has_names && shape.columns[i].name != columns[i].name) return false;
    if (!binlog::fits(shape.columns[i], table.natives[i])) return false;
  }
  return true;
}

namespace {

std::string folded(std::string_view name) {
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

// The log has statements as clients sent them; of a text that its character set cannot be the bytes stay.
std::string in_utf8(const binlog::Query& query) {
  auto converter = TextConverter::open(character_set_of_collation(query.client_collation));
  std::string text;
  return converter.ok() && converter->append(query.sql, text) ? text : std::string(query.sql);
}

}  // namespace

TableHistory::TableHistory(const std::vector<TableSchemaPtr>& tables, Describe describe, bool folds_names,
                           const convert::MysqlDialect& server, bool logs_keys)
    : describe_(std::move(describe)), folds_names_(folds_names), server_(server), logs_keys_(logs_keys) {
  for (const TableSchemaPtr& table : tables) {
    KnownTable& known = tables_[table->name];
    known.schema = table;
    for (const model::Column& column : table->columns)
      known.last_ordinal = std::max(known.last_ordinal, column.ordinal);
  }
}

KnownTable* TableHistory::known(const TableName& name) {
  const auto found = tables_.find(name);
  return found == tables_.end() ? nullptr : &found->second;
}

KnownTable* TableHistory::find(std::string_view schema, std::string_view table) {
  return known({std::string(schema), std::string(table)});
}

TableName TableHistory::name_of(const convert::MysqlTable& ref, std::string_view schema) const {
  TableName name{ref.schema.empty() ? std::string(schema) : ref.schema, ref.table};
  return folds_names_ ? TableName{folded(name.schema), folded(name.table)} : name;
}

Result<void> TableHistory::replace(KnownTable& table, TableSchemaPtr schema) {
  std::vector<NativeType> natives;
  for (const model::Column& column : schema->columns) {
    natives.push_back(TRY(parse_type(column.type.native, column.collation)));
  }
  table.natives = std::move(natives);
  table.schema = std::move(schema);
  table.version = ++versions_;
  return {};
}

// What its rows are is not known from here on.
void TableHistory::put_aside(KnownTable& table, Outcomes& outcomes) {
  if (table.is_unclear) return;
  table.is_unclear = true;
  table.version = ++versions_;
  outcomes.push_back({Op::unclear, table.schema});
}

bool TableHistory::adds_unlogged_changes(const convert::Action& action) const {
  constexpr int takes_references = 90000;  // MySQL passed over REFERENCES behind a column before
  if (logs_keys_) return false;
  const bool has_key = action.kind == convert::ActionKind::add_index &&
                       action.index.kind == convert::IndexKind::foreign_key && convert::acts(action.index.rules);
  const bool takes_column = server_.is_mariadb || server_.version >= takes_references;
  return has_key || (takes_column && convert::acts(action.column.reference_rules));
}

bool TableHistory::touches_unlogged_key(const KnownTable& table, const convert::Action& action) const {
  using Does = convert::ActionKind;
  const auto is_named = [&](const std::string& name) { return folded(name) == folded(action.name); };
  std::vector<std::string> bound;
  for (const model::ForeignKey& key : table.schema->foreign_keys) {
    if (!key.unlogged) continue;
    const bool drops = action.kind == Does::drop_foreign_key || action.kind == Does::drop_constraint;
    if (drops && is_named(key.name)) return true;
    bound.insert(bound.end(), key.columns.begin(), key.columns.end());
  }
  for (const auto& [name, other] : tables_) {
    for (const model::ForeignKey& key : other.schema->foreign_keys) {
      if (!key.unlogged || key.referenced != table.schema->name) continue;
      bound.insert(bound.end(), key.referenced_columns.begin(), key.referenced_columns.end());
    }
  }
  if (bound.empty()) return false;
  if (action.kind == Does::convert_characters) return true;
  const bool changes =
      action.kind == Does::drop_column || action.kind == Does::rename_column || action.kind == Does::change_column;
  return changes && std::any_of(bound.begin(), bound.end(), is_named);
}

void TableHistory::drop(KnownTable& table, Outcomes& outcomes) {
  if (table.is_gone) return;
  table.is_gone = true;
  if (!table.is_unclear) outcomes.push_back({Op::drop_table, table.schema});
}

// A table of that name has come again, or another one in its place: its rows were never seen.
void TableHistory::on_create(const convert::Statement& ddl, const TableName& name, Outcomes& outcomes) {
  KnownTable* const table = ddl.temporary ? nullptr : known(name);
  if (table == nullptr || !(table->is_gone || ddl.or_replace)) return;
  table->is_gone = false;
  put_aside(*table, outcomes);
}

// All at once: two tables may change places, and a copy made beside a table may take its.
void TableHistory::on_renames(const std::vector<std::pair<TableName, TableName>>& renames, Outcomes& outcomes) {
  std::map<TableName, TableName> holds;  // what stands under a name now, by the name it had; empty: nothing
  const auto standing = [&](const TableName& name) {
    const auto moved = holds.find(name);
    return moved == holds.end() ? name : moved->second;
  };
  for (const auto& [from, to] : renames) {
    holds[to] = standing(from);
    holds[from] = {};
  }
  for (const auto& [name, origin] : holds) {
    KnownTable* const table = known(name);
    if (table != nullptr && origin != name) put_aside(*table, outcomes);
  }
}

Result<void> TableHistory::on_alter(const convert::Statement& ddl, std::string_view schema, Outcomes& outcomes) {
  const TableName name = name_of(ddl.tables.at(0), schema);
  KnownTable* const table = known(name);
  for (const convert::Action& action : ddl.actions) {
    if (action.kind == convert::ActionKind::rename_table) {
      on_renames({{name, name_of(action.table, schema)}}, outcomes);
    }
  }
  // Partitions exchanged with another table, or made one: its rows change as well.
  for (std::size_t i = 1; i < ddl.tables.size(); ++i) {
    if (KnownTable* const other = known(name_of(ddl.tables[i], schema)); other != nullptr) put_aside(*other, outcomes);
  }
  if (table == nullptr || table->is_unclear || table->is_gone) return {};
  const bool is_followed = std::none_of(ddl.actions.begin(), ddl.actions.end(), [&](const convert::Action& action) {
    return adds_unlogged_changes(action) || touches_unlogged_key(*table, action);
  });
  if (!is_followed) {
    put_aside(*table, outcomes);
    return {};
  }
  const TableSchemaPtr now = TRY(describe_(name));
  std::optional<model::TableSchema> after = altered(*table->schema, ddl.actions, now.get(), table->last_ordinal);
  if (!after) {
    put_aside(*table, outcomes);
    return {};
  }
  // The catalogue may know of later ones.
  const auto is_unlogged = [](const model::ForeignKey& key) { return key.unlogged; };
  if (std::any_of(after->foreign_keys.begin(), after->foreign_keys.end(), is_unlogged) ||
      std::any_of(table->schema->foreign_keys.begin(), table->schema->foreign_keys.end(), is_unlogged)) {
    after->foreign_keys = table->schema->foreign_keys;
  }
  if (*after == *table->schema) return {};
  TRY(replace(*table, std::make_shared<const model::TableSchema>(std::move(*after))));
  outcomes.push_back({Op::schema, table->schema});
  return {};
}

Result<std::vector<TableHistory::Outcome>> TableHistory::on_statement(const binlog::Query& query) {
  using Does = convert::StatementKind;
  convert::MysqlDialect dialect = server_;
  dialect.ansi_quotes = query.ansi_quotes();
  dialect.no_backslash_escapes = query.no_backslash_escapes();
  const convert::Statement ddl = convert::parse_mysql(in_utf8(query), dialect);
  Outcomes outcomes;
  std::vector<KnownTable*> ours;
  for (const convert::MysqlTable& ref : ddl.tables) {
    if (KnownTable* const table = known(name_of(ref, query.schema)); table != nullptr) ours.push_back(table);
  }
  switch (ddl.kind) {
    case Does::create_table: on_create(ddl, name_of(ddl.tables.at(0), query.schema), outcomes); break;
    case Does::alter_table:
    case Does::create_index:
    case Does::drop_index: TRY(on_alter(ddl, query.schema, outcomes)); break;
    case Does::rename_table: {
      std::vector<std::pair<TableName, TableName>> renames;
      for (std::size_t i = 0; i < ddl.tables.size(); ++i) {
        renames.emplace_back(name_of(ddl.tables[i], query.schema), name_of(ddl.new_names.at(i), query.schema));
      }
      on_renames(renames, outcomes);
      break;
    }
    case Does::drop_table:
      for (KnownTable* const table : ours) {
        if (!ddl.temporary) drop(*table, outcomes);
      }
      break;
    case Does::drop_database:
      for (auto& [name, table] : tables_) {
        if (name.schema == name_of({ddl.schema, ""}, "").schema) drop(table, outcomes);
      }
      break;
    case Does::truncate_table:
      for (KnownTable* const table : ours) {
        if (!table->is_unclear) outcomes.push_back({Op::truncate, table->schema});
      }
      break;
    case Does::unknown:
      for (KnownTable* const table : ours) put_aside(*table, outcomes);
      break;
    default: break;  // touches no table
  }
  return outcomes;
}

Result<std::vector<TableHistory::Outcome>> TableHistory::on_shape(const binlog::TableShape& shape, KnownTable& table) {
  std::vector<Outcome> outcomes;
  if (table.version == 0) TRY(replace(table, table.schema));
  if (table.is_unclear || matches(shape, table)) return outcomes;
  const TableSchemaPtr before = table.schema;
  const TableSchemaPtr now = TRY(describe_(before->name));
  KnownTable candidate;
  if (now != nullptr) TRY(replace(candidate, now));
  // Without the statement that did it nobody knows what became of the rows that were there.
  table.is_unclear = true;
  if (now != nullptr && matches(shape, candidate)) TRY(replace(table, now));
  outcomes.push_back({Op::unclear, before});
  return outcomes;
}

}  // namespace mysql
