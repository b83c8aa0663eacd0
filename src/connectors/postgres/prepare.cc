// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/prepare.h"

#include <algorithm>
#include <map>
#include <set>

#include "connectors/postgres/target_errors.h"
#include "connectors/postgres/target_schema.h"
#include "relational/landed_objects.h"
#include "relational/row_key.h"

namespace postgres {
namespace {

using model::TableSchema;
using model::TableSchemaPtr;

base::Result<bool> exists(Session& session, const std::string& sql, const Parameters& parameters) {
  return !TRY(session.query(sql, parameters, "target catalogue")).empty();
}

base::Result<bool> requirement_exists(Session& session, const model::NativeObject& object) {
  using Kind = model::NativeObject::Kind;
  switch (object.kind) {
    case Kind::schema: return exists(session, "SELECT 1 FROM pg_namespace WHERE nspname = $1", {object.name.table});
    case Kind::extension: return exists(session, "SELECT 1 FROM pg_extension WHERE extname = $1", {object.name.table});
    case Kind::collation:
      return exists(session,
                    "SELECT 1 FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE n.nspname = $1 "
                    "AND c.collname = $2",
                    {object.name.schema, object.name.table});
    default:
      return exists(session,
                    "SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = $1 AND "
                    "t.typname = $2",
                    {object.name.schema, object.name.table});
  }
}

std::string requirement_name(const model::NativeObject& object) {
  return object.name.schema.empty() ? object.name.table : object.name.text();
}

base::Result<void> make_schema(Session& session, const std::string& name) {
  if (TRY(exists(session, "SELECT 1 FROM pg_namespace WHERE nspname = $1", {name}))) return {};
  return session.run("CREATE SCHEMA IF NOT EXISTS " + quote_name(name), "schema " + name);
}

// Everything or nothing.
base::Result<void> in_transaction(Session& session, const std::string& doing,
                                  const std::function<base::Result<void>()>& body) {
  TRY(session.run("BEGIN", doing));
  base::Result<void> done = body();
  if (!done.ok()) {
    if (!session.broken()) session.attempt("ROLLBACK");
    return done;
  }
  return session.run("COMMIT", doing);
}

// Our own foreign keys of an earlier load would refuse the drop; they come back after the load.
base::Result<void> release_foreign_keys(Session& session, const TableSchema& table,
                                        const std::vector<TableSchemaPtr>& all) {
  std::set<model::TableName> ours;
  for (const TableSchemaPtr& other : all) ours.insert(other->name);
  const std::vector<Row> rows = TRY(session.query(
      "SELECT n.nspname, c.relname, k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN "
      "pg_namespace n ON n.oid = c.relnamespace JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace rn ON rn.oid "
      "= "
      "r.relnamespace WHERE k.contype = 'f' AND k.conparentid = 0 AND rn.nspname = $1 AND r.relname = $2 AND "
      "k.conrelid <> k.confrelid",
      {table.name.schema, table.name.table}, "foreign keys to " + table.name.text()));
  for (const Row& row : rows) {
    const model::TableName owner{row[0].value_or(""), row[1].value_or("")};
    if (!ours.contains(owner)) continue;
    TRY(session.run(
        fmt::format("ALTER TABLE {} DROP CONSTRAINT {}", quote_name(owner), quote_name(row[2].value_or(""))),
        "foreign key of " + owner.text()));
  }
  return {};
}

base::Result<void> create_table(Session& session, const TableSchema& table) {
  for (const std::string& statement : create_statements(table, {})) {
    TRY(session.run(statement, "creating table " + table.name.text()));
  }
  return {};
}

std::string key_of_existing(const TableSchema& table, const std::vector<std::uint32_t>& columns) {
  std::vector<std::string> names;
  for (const std::uint32_t column : columns) names.push_back(table.columns[column].name);
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += name + '\n';
  return text;
}

// The keys rows are found by must have their index before changes are applied.
base::Result<void> make_keys(Session& session, const TableSchema& table) {
  const std::string doing = "primary key of " + table.name.text();
  const std::vector<Row> rows = TRY(session.query(
      "SELECT i.indisprimary, string_agg(a.attname, chr(10) ORDER BY a.attname COLLATE \"C\") || chr(10) FROM pg_index "
      "i "
      "JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON "
      "a.attrelid = c.oid AND a.attnum = ANY (i.indkey) WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique AND "
      "i.indpred IS NULL GROUP BY i.indexrelid, i.indisprimary",
      {table.name.schema, table.name.table}, doing));
  const auto is_there = [&](const std::vector<std::uint32_t>& columns, bool primary) {
    return std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
      return (!primary || row[0].value_or("") == "t") && row[1].value_or("") == key_of_existing(table, columns);
    });
  };
  const bool has_primary =
      std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row[0].value_or("") == "t"; });
  if (!table.primary_key.empty() && !has_primary) {
    const Outcome made = session.attempt(primary_key_statement(table));
    if (made.refusal && made.refusal->state == "42P07") {  // the name is taken by another table's index
      TableSchema unnamed = table;
      unnamed.primary_key_name.clear();
      session.attempt("ROLLBACK TO SAVEPOINT millrace_key");
      TRY(session.run(primary_key_statement(unnamed), doing));
    } else if (made.refusal) {
      return session.error_of(*made.refusal, doing);
    }
  }
  const std::string identity = identity_index_statement(table);
  if (!identity.empty() && !is_there(table.old_key, false)) TRY(session.run(identity, doing));
  return {};
}

base::Result<bool> object_exists(Session& session, const TableSchema& table, const std::string& name) {
  return exists(session,
                "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND "
                "c.relname = $2 AND ($3 IN (SELECT conname FROM pg_constraint k WHERE k.conrelid = c.oid) OR $3 IN "
                "(SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid))",
                {table.name.schema, table.name.table, name});
}

// An index may be called the same.
base::Result<bool> foreign_key_exists(Session& session, const TableSchema& table, const std::string& name) {
  return exists(session,
                "SELECT 1 FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = "
                "c.relnamespace WHERE k.contype = 'f' AND n.nspname = $1 AND c.relname = $2 AND k.conname = $3",
                {table.name.schema, table.name.table, name});
}

// Under a savepoint; a refusal is noted, not passed on, unless it is transient.
base::Result<bool> attempt_object(Session& session, const std::vector<std::string>& statements, const std::string& what,
                                  std::vector<std::string>& skipped) {
  TRY(session.run("SAVEPOINT millrace_object", "savepoint"));
  for (const std::string& statement : statements) {
    const Outcome outcome = session.attempt(statement);
    if (!outcome.refusal) continue;
    base::Error error = session.error_of(*outcome.refusal, what);
    if (error.kind() == base::Kind::transient) return error;
    TRY(session.run("ROLLBACK TO SAVEPOINT millrace_object", "savepoint"));
    skipped.push_back(fmt::format("{}: SQLSTATE {}", what, outcome.refusal->state));
    return false;
  }
  TRY(session.run("RELEASE SAVEPOINT millrace_object", "savepoint"));
  return true;
}

std::string name_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + quote_name(name);
  return list;
}

}  // namespace

base::Result<void> make_requirements(Session& session, const std::vector<TableSchemaPtr>& tables) {
  std::set<std::string> schemas;
  for (const TableSchemaPtr& table : tables) schemas.insert(table->name.schema);
  for (const std::string& schema : schemas) TRY(make_schema(session, schema));
  std::set<std::pair<model::NativeObject::Kind, model::TableName>> seen;
  for (const TableSchemaPtr& table : tables) {
    if (table->family != "postgresql") continue;
    for (const model::NativeObject& object : table->requirements) {
      if (!seen.emplace(object.kind, object.name).second) continue;
      if (TRY(requirement_exists(session, object))) continue;
      const std::string name = requirement_name(object);
      if (object.definition.empty()) {
        return base::failed(target_errors::requirement, "{} is needed by table {} and cannot be made from here", name,
                            table->name.text());
      }
      const Outcome made = session.attempt(object.definition);
      if (made.refusal) {
        return base::failed(target_errors::requirement, "{} is needed by table {}", name, table->name.text())
            .because(session.error_of(*made.refusal, name));
      }
    }
  }
  return {};
}

base::Result<std::optional<Prepared>> examine(Session& session, const TableSchema& table) {
  const std::string doing = "table " + table.name.text();
  const std::vector<Row> rows = TRY(session.query(
      "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated, a.attnotnull AND NOT a.atthasdef AND "
      "a.attidentity = '', c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN "
      "pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE n.nspname = $1 AND c.relname "
      "= "
      "$2",
      {table.name.schema, table.name.table}, doing));
  if (rows.empty()) return std::optional<Prepared>();
  const std::string kind = rows[0][4].value_or("");
  if (kind != "r" && kind != "p") {
    return base::failed(target_errors::shape, "{}: something else of that name exists (relkind {})", doing, kind);
  }
  Prepared prepared;
  std::map<std::string, const Row*> by_name;
  for (const Row& row : rows) {
    if (row[0]) by_name[*row[0]] = &row;
  }
  for (const model::Column& column : table.columns) {
    const auto found = by_name.find(column.name);
    if (found == by_name.end()) {
      return base::failed(target_errors::shape, "{}: column {} is missing on the target", doing, column.name);
    }
    const Row& row = *found->second;
    const bool generated = !row[2].value_or("").empty();
    if (!column.generated && generated) {
      return base::failed(target_errors::shape, "{}: column {} is generated on the target", doing, column.name);
    }
    if (!column.generated && row[1].value_or("") != target_type(table, column)) prepared.same_types = false;
    by_name.erase(found);
  }
  for (const auto& [name, row] : by_name) {
    if ((*row)[3].value_or("") == "t") {
      return base::failed(target_errors::shape,
                          "{}: column {} of the target is NOT NULL, has no default, and no column "
                          "of the source feeds it",
                          doing, name);
    }
  }
  return std::optional<Prepared>(prepared);
}

base::Result<void> empty_table(Session& session, const TableSchema& table, const Owned& owned) {
  const std::string name = quote_name(table.name);
  const std::string doing = "emptying " + table.name.text();
  return in_transaction(session, doing, [&]() -> base::Result<void> {
    TRY(owned(session));
    TRY(session.run("SAVEPOINT millrace_truncate", doing));
    const Outcome outcome = session.attempt("TRUNCATE " + name);
    if (!outcome.refusal) return {};
    if (outcome.refusal->state != "0A000") return session.error_of(*outcome.refusal, "truncating " + table.name.text());
    // Another table refers to this one. With foreign keys quiet, rows can still be removed one by one.
    TRY(session.run("ROLLBACK TO SAVEPOINT millrace_truncate", doing));
    if (session.attempt("SET LOCAL session_replication_role = replica").refusal) {
      return base::failed(target_errors::dependents, "table {}: a foreign key of another table refers to it",
                          table.name.text());
    }
    return session.run("DELETE FROM " + name, doing);
  });
}

base::Result<Prepared> prepare_table(Session& session, const TableSchema& table, connect::Preparation preparation,
                                     const std::vector<TableSchemaPtr>& all, const Owned& owned) {
  TRY(make_schema(session, table.name.schema));
  const std::string doing = "preparing table " + table.name.text();
  if (preparation == connect::Preparation::drop_and_create) {
    TRY(in_transaction(session, doing, [&]() -> base::Result<void> {
      TRY(owned(session));
      TRY(release_foreign_keys(session, table, all));
      const Outcome dropped = session.attempt("DROP TABLE IF EXISTS " + quote_name(table.name));
      if (dropped.refusal) {
        base::Error error = session.error_of(*dropped.refusal, "dropping table " + table.name.text());
        if (dropped.refusal->state != "42809") return error;
        return base::failed(target_errors::shape, "table {}: something else of that name exists", table.name.text());
      }
      return create_table(session, table);
    }));
    return Prepared{true, true};
  }
  std::optional<Prepared> found = TRY(examine(session, table));
  if (!found) {
    TRY(in_transaction(session, doing, [&] { return create_table(session, table); }));
    return Prepared{true, true};
  }
  if (preparation == connect::Preparation::truncate) {
    TRY(empty_table(session, table, owned));
    found->emptied = true;
  }
  return *found;
}

base::Result<void> finish_table(Session& session, const TableSchema& mapped, bool secondary,
                                std::vector<std::string>& skipped) {
  const relational::LandedTable landed = relational::in_words_of(relational::Language::postgresql, mapped);
  const TableSchema& table = landed.table;
  if (secondary) relational::add_skipped(table, landed.remarks, skipped);
  const std::string doing = "finishing table " + table.name.text();
  TRY(session.run("SET maintenance_work_mem = '256MB'", doing));
  TRY(in_transaction(session, doing, [&]() -> base::Result<void> {
    TRY(session.run("SAVEPOINT millrace_key", doing));
    TRY(make_keys(session, table));
    if (!secondary) return {};
    for (const ObjectStatement& object : secondary_statements(table)) {
      if (!object.name.empty() && TRY(object_exists(session, table, object.name))) continue;
      TRY(attempt_object(session, object.statements, fmt::format("table {}: {}", table.name.text(), object.name),
                         skipped));
    }
    for (const std::string& statement : comment_statements(table)) {
      TRY(attempt_object(session, {statement}, fmt::format("table {}: comment", table.name.text()), skipped));
    }
    return {};
  }));
  return session.run("ANALYZE " + quote_name(table.name), "analyzing " + table.name.text());
}

base::Result<void> finish_foreign_keys(Session& session, const std::vector<TableSchemaPtr>& tables,
                                       std::vector<std::string>& skipped) {
  for (const TableSchemaPtr& table : tables) {
    const relational::LandedKeys landed =
        relational::foreign_keys_in_words_of(relational::Language::postgresql, *table, tables);
    relational::add_skipped(*table, landed.remarks, skipped);
    for (const model::ForeignKey& foreign : landed.keys) {
      const std::string what = fmt::format("table {}: foreign key {}", table->name.text(), foreign.name);
      if (TRY(foreign_key_exists(session, *table, foreign.name))) continue;
      const auto parent = std::find_if(tables.begin(), tables.end(),
                                       [&](const TableSchemaPtr& other) { return other->name == foreign.referenced; });
      const bool is_whole = parent != tables.end() && relational::has_columns(*table, foreign.columns) &&
                            relational::has_columns(**parent, foreign.referenced_columns);
      if (!is_whole) {
        skipped.push_back(what + ": the table or a column it refers to is not part of the task");
        continue;
      }
      const std::string text =
          fmt::format("ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) {}",
                      quote_name(table->name), quote_name(foreign.name), name_list(foreign.columns),
                      quote_name((*parent)->name), name_list(foreign.referenced_columns), foreign.rules);
      const bool partitioned = !table->partitioning.empty();
      bool made = false;
      TRY(in_transaction(session, what, [&]() -> base::Result<void> {
        made = TRY(attempt_object(session, {partitioned ? text : text + " NOT VALID"}, what, skipped));
        return {};
      }));
      if (!made || partitioned) continue;
      const Outcome valid = session.attempt(
          fmt::format("ALTER TABLE {} VALIDATE CONSTRAINT {}", quote_name(table->name), quote_name(foreign.name)));
      if (valid.refusal)
        skipped.push_back(fmt::format("{}: made but NOT VALID, SQLSTATE {}", what, valid.refusal->state));
    }
  }
  return {};
}

}  // namespace postgres
