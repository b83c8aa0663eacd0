// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/prepare.h"

#include <algorithm>
#include <set>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/describe.h"
#include "connectors/mysql/target_errors.h"
#include "relational/landed_objects.h"
#include "relational/row_key.h"

namespace mysql {
namespace {

using model::TableSchema;
using model::TableSchemaPtr;

constexpr unsigned int foreign_key_refers[] = {1217, 1451, 3730};  // DROP TABLE of a table that others refer to

base::Result<TableSchemaPtr> describe_one(Session& session, const model::TableName& name) {
  std::vector<TableSchemaPtr> found = TRY(describe_tables(session.connection(), {name}));
  return found.empty() ? TableSchemaPtr() : found.front();
}

// The server says no for a reason of its own.
base::Error refused(const base::Code& code, const TableSchema& table, Refusal refusal) {
  return base::failed(code, "table {}", table.name.text()).because(std::move(refusal.error));
}

// Our own foreign keys of an earlier load would refuse the drop; they come back after the load.
base::Result<void> release_foreign_keys(Session& session, const TableSchema& table,
                                        const std::vector<TableSchemaPtr>& all) {
  std::set<model::TableName> ours;
  for (const TableSchemaPtr& other : all) ours.insert(other->name);
  const Rows rows = TRY(
      session.query(fmt::format("SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME FROM "
                                "information_schema.REFERENTIAL_CONSTRAINTS WHERE UNIQUE_CONSTRAINT_SCHEMA = {} AND "
                                "REFERENCED_TABLE_NAME = {}",
                                quote_literal(table.name.schema), quote_literal(table.name.table)),
                    "foreign keys to " + table.name.text()));
  for (const Row& row : rows) {
    const model::TableName owner{text_at(row, 0), text_at(row, 1)};
    if (owner == table.name || !ours.contains(owner)) continue;
    TRY(session.run(fmt::format("ALTER TABLE {} DROP FOREIGN KEY {}", quoted(owner), quote_identifier(text_at(row, 2))),
                    "foreign key of " + owner.text()));
  }
  return {};
}

// With foreign keys on: a table that others refer to stays.
base::Result<void> drop_table(Session& session, const TableSchema& table, const std::vector<TableSchemaPtr>& all) {
  TRY(release_foreign_keys(session, table, all));
  const std::string doing = "dropping table " + table.name.text();
  TRY(session.run("SET SESSION foreign_key_checks = 1", doing));
  Outcome dropped = TRY(session.attempt("DROP TABLE IF EXISTS " + quoted(table.name)));
  TRY(session.run("SET SESSION foreign_key_checks = 0", doing));
  if (!dropped.refusal) return {};
  const unsigned int number = dropped.refusal->number;
  const bool refers =
      std::find(std::begin(foreign_key_refers), std::end(foreign_key_refers), number) != std::end(foreign_key_refers);
  if (refers) return refused(target_errors::dependents, table, std::move(*dropped.refusal));
  return std::move(dropped.refusal->error);
}

base::Result<void> create_table(Session& session, const Dialect& dialect, const TableSchema& table) {
  Outcome made = TRY(session.attempt(create_statement(dialect, table)));
  if (!made.refusal) return {};
  const bool is_definition =
      made.refusal->error.is(errors::server_error) || made.refusal->error.is(errors::data_refused);
  if (!is_definition) return std::move(made.refusal->error);
  return refused(target_errors::definition, table, std::move(*made.refusal));
}

bool has_object(const TableSchema& there, const std::string& name) {
  const auto is_named = [&](const auto& object) { return object.name == name; };
  return std::any_of(there.indexes.begin(), there.indexes.end(), is_named) ||
         std::any_of(there.checks.begin(), there.checks.end(), is_named) ||
         std::any_of(there.foreign_keys.begin(), there.foreign_keys.end(), is_named);
}

// All at once, so that the table is read once; one by one when that is refused, to tell which.
base::Result<void> add_objects(Session& session, const TableSchema& table, const std::vector<ObjectClause>& clauses,
                               std::vector<std::string>& skipped) {
  if (clauses.empty()) return {};
  const std::string head = fmt::format("ALTER TABLE {} ", quoted(table.name));
  std::string all;
  for (const ObjectClause& object : clauses) all += (all.empty() ? "" : ", ") + object.clause;
  if (!TRY(session.attempt(head + all)).refusal) return {};
  for (const ObjectClause& object : clauses) {
    const Outcome made = TRY(session.attempt(head + object.clause));
    if (!made.refusal) continue;
    skipped.push_back(fmt::format("table {}: {}: error {}", table.name.text(), object.name, made.refusal->number));
  }
  return {};
}

std::string column_list(const std::vector<std::string>& names, std::string_view prefix = "") {
  std::string list;
  for (const std::string& name : names) {
    list += fmt::format("{}{}{}", list.empty() ? "" : ", ", prefix, quote_identifier(name));
  }
  return list;
}

// Whether rows are there that the key does not allow. The server itself would look at them by copying the table.
base::Result<bool> has_orphans(Session& session, const TableSchema& table, const std::vector<std::string>& columns,
                               const TableSchema& parent, const std::vector<std::string>& referenced) {
  std::string joined, present;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    joined += fmt::format("{}p.{} = c.{}", i == 0 ? "" : " AND ", quote_identifier(referenced[i]),
                          quote_identifier(columns[i]));
    present += fmt::format(" AND c.{} IS NOT NULL", quote_identifier(columns[i]));
  }
  const Rows rows = TRY(session.query(
      fmt::format("SELECT 1 FROM {} c LEFT JOIN {} p ON {} WHERE p.{} IS NULL{} LIMIT 1", quoted(table.name),
                  quoted(parent.name), joined, quote_identifier(referenced[0]), present),
      "foreign keys of " + table.name.text()));
  return !rows.empty();
}

base::Result<void> add_foreign_key(Session& session, const TableSchema& table, const model::ForeignKey& foreign,
                                   const std::vector<TableSchemaPtr>& tables, std::vector<std::string>& skipped) {
  const std::string what = fmt::format("table {}: foreign key {}", table.name.text(), foreign.name);
  const auto parent = std::find_if(tables.begin(), tables.end(),
                                   [&](const TableSchemaPtr& other) { return other->name == foreign.referenced; });
  const std::vector<std::string>& columns = foreign.columns;
  const std::vector<std::string>& referenced = foreign.referenced_columns;
  const bool is_whole = parent != tables.end() && relational::has_columns(table, columns) &&
                        relational::has_columns(**parent, referenced) && columns.size() == referenced.size();
  if (!is_whole) {
    skipped.push_back(what + ": the table or a column it refers to is not part of the task");
    return {};
  }
  const Outcome made =
      TRY(session.attempt(fmt::format("ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) {}",
                                      quoted(table.name), quote_identifier(foreign.name), column_list(columns),
                                      quoted((*parent)->name), column_list(referenced), foreign.rules)));
  if (made.refusal) {
    skipped.push_back(fmt::format("{}: error {}", what, made.refusal->number));
  } else if (TRY(has_orphans(session, table, columns, **parent, referenced))) {
    skipped.push_back(what + ": made, but rows are there whose parent is not");
  }
  return {};
}

}  // namespace

base::Result<void> make_schemas(Session& session, const std::vector<TableSchemaPtr>& tables) {
  std::set<std::string> schemas;
  for (const TableSchemaPtr& table : tables) schemas.insert(table->name.schema);
  for (const std::string& schema : schemas) {
    const std::string doing = "schema " + schema;
    const Rows there = TRY(session.query(
        fmt::format("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}", quote_literal(schema)), doing));
    if (!there.empty()) continue;
    TRY(session.run(
        fmt::format("CREATE SCHEMA IF NOT EXISTS {} DEFAULT CHARACTER SET utf8mb4", quote_identifier(schema)), doing));
  }
  return {};
}

base::Result<TableSchemaPtr> examine(Session& session, const TableSchema& table) {
  const std::string doing = "table " + table.name.text();
  const TableSchemaPtr there = TRY(describe_one(session, table.name));
  if (there == nullptr) return there;
  if (there->kind != "table") {
    return base::failed(target_errors::shape, "{}: something else of that name exists ({})", doing, there->kind);
  }
  std::set<std::string> fed;
  for (const model::Column& column : table.columns) {
    const auto found = there->find_column(column.name);
    if (!found) return base::failed(target_errors::shape, "{}: column {} is missing on the target", doing, column.name);
    if (!column.generated && there->columns[*found].generated) {
      return base::failed(target_errors::shape, "{}: column {} is generated on the target", doing, column.name);
    }
    fed.insert(column.name);
  }
  for (const model::Column& column : there->columns) {
    const bool is_free = column.nullable || column.generated || !column.default_expression.empty() ||
                         column.identity != model::Identity::none || fed.contains(column.name);
    if (is_free) continue;
    return base::failed(target_errors::shape,
                        "{}: column {} of the target is NOT NULL, has no default, and no column of the source feeds it",
                        doing, column.name);
  }
  return there;
}

base::Result<void> empty_table(Session& session, const TableSchema& table) {
  return session.run("TRUNCATE TABLE " + quoted(table.name), "truncating " + table.name.text());
}

base::Result<Prepared> prepare_table(Session& session, const Dialect& dialect, const TableSchema& table,
                                     connect::Preparation preparation, const std::vector<TableSchemaPtr>& all) {
  if (preparation == connect::Preparation::drop_and_create) {
    const TableSchemaPtr there = TRY(describe_one(session, table.name));
    if (there != nullptr && there->kind != "table") {
      return base::failed(target_errors::shape, "table {}: something else of that name exists", table.name.text());
    }
    TRY(drop_table(session, table, all));
    TRY(create_table(session, dialect, table));
    return Prepared{true};
  }
  if (TRY(examine(session, table)) == nullptr) {
    TRY(create_table(session, dialect, table));
    return Prepared{true};
  }
  if (preparation != connect::Preparation::truncate) return Prepared{false};
  TRY(empty_table(session, table));
  return Prepared{true};
}

base::Result<void> finish_table(Session& session, const Dialect& dialect, const TableSchema& table, bool secondary,
                                std::vector<std::string>& skipped) {
  const TableSchemaPtr there = TRY(describe_one(session, table.name));
  if (there == nullptr) return base::failed(target_errors::missing_object, "table {}", table.name.text());
  if (secondary) {
    relational::add_skipped(table, relational::in_words_of(relational::Language::mysql, table).remarks, skipped);
  }
  std::vector<ObjectClause> clauses;
  // Of an index that is the row's key more than one may ask; without it each change would read the table.
  for (ObjectClause& object : secondary_clauses(dialect, table)) {
    const bool is_key = object.clause.starts_with("ADD UNIQUE") || object.clause.starts_with("ADD PRIMARY");
    const bool is_counter = object.clause.starts_with("MODIFY") || object.clause.starts_with("AUTO_INCREMENT");
    if (!secondary && !is_key) continue;
    if (!is_counter && has_object(*there, object.name)) continue;
    clauses.push_back(std::move(object));
  }
  TRY(add_objects(session, table, clauses, skipped));
  TRY(session.query("ANALYZE TABLE " + quoted(table.name), "analyzing " + table.name.text()));
  return {};
}

base::Result<void> finish_foreign_keys(Session& session, const std::vector<TableSchemaPtr>& tables,
                                       std::vector<std::string>& skipped) {
  for (const TableSchemaPtr& table : tables) {
    if (table->foreign_keys.empty()) continue;
    const relational::LandedKeys landed =
        relational::foreign_keys_in_words_of(relational::Language::mysql, *table, tables);
    relational::add_skipped(*table, landed.remarks, skipped);
    const TableSchemaPtr there = TRY(describe_one(session, table->name));
    if (there == nullptr) continue;
    for (const model::ForeignKey& foreign : landed.keys) {
      // Its index may be called the same.
      const bool is_there = std::any_of(there->foreign_keys.begin(), there->foreign_keys.end(),
                                        [&](const model::ForeignKey& made) { return made.name == foreign.name; });
      if (is_there) continue;
      TRY(add_foreign_key(session, *table, foreign, tables, skipped));
    }
  }
  return {};
}

}  // namespace mysql
