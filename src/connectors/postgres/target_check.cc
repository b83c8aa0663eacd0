// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/target_check.h"

#include <set>

#include "connectors/postgres/prepare.h"
#include "connectors/postgres/target_errors.h"
#include "connectors/postgres/target_schema.h"
#include "relational/key_graph.h"
#include "relational/landed_objects.h"
#include "relational/row_key.h"

namespace postgres {
namespace {

using connect::Finding;
using model::TableSchema;
using Severity = connect::Finding::Severity;

constexpr std::size_t name_bytes_max = 63;  // NAMEDATALEN - 1 of every release that is not compiled by hand

std::string table_object(const TableSchema& table) { return "table " + table.name.text(); }

base::Result<void> check_rights(Session& session, const std::vector<model::TableSchemaPtr>& tables,
                                const CheckPlan& plan, std::vector<Finding>& findings) {
  std::set<std::string> schemas{plan.control_schema};
  for (const model::TableSchemaPtr& table : tables) schemas.insert(table->name.schema);
  for (const std::string& schema : schemas) {
    const std::vector<Row> rows = TRY(session.query(
        "SELECT has_database_privilege(current_database(), 'CREATE'), current_user, current_database(), (SELECT "
        "has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = "
        "$1)",
        {schema}, "rights"));
    const Row& row = rows.at(0);
    const std::string role = quote_name(row[1].value_or(""));
    if (!row[3] && row[0].value_or("") != "t") {
      findings.push_back({Severity::refusal, "schema " + schema, "does not exist and the role may not create it",
                          fmt::format("GRANT CREATE ON DATABASE {} TO {};", quote_name(row[2].value_or("")), role)});
    } else if (row[3] && *row[3] != "t") {
      findings.push_back({Severity::refusal, "schema " + schema, "the role may not create tables in it",
                          fmt::format("GRANT USAGE, CREATE ON SCHEMA {} TO {};", quote_name(schema), role)});
    }
  }
  return {};
}

// Sets, and puts back, the role setting: the only sure way to know on every version.
base::Result<bool> may_be_quiet(Session& session) {
  const Outcome allowed = session.attempt("SET session_replication_role = replica");
  if (session.broken()) return session.error_of(*allowed.refusal, "rights");
  return !allowed.refusal;
}

base::Result<void> check_quiet(Session& session, const std::vector<model::TableSchemaPtr>& tables,
                               std::vector<Finding>& findings) {
  const bool quiet = TRY(may_be_quiet(session));
  if (!quiet) {
    const std::vector<Row> role = TRY(session.query("SELECT current_user", {}, "rights"));
    findings.push_back({Severity::warning, "server setting session_replication_role",
                        "the role may not set it: foreign keys and triggers of the target act during load and apply",
                        session.server_version() >= 150000
                            ? fmt::format("GRANT SET ON PARAMETER session_replication_role TO {};",
                                          quote_name(role.at(0)[0].value_or("")))
                            : "use a superuser role, or the provider's replication role"});
  }
  for (const model::TableSchemaPtr& table : tables) {
    const std::vector<Row> rows = TRY(session.query(
        "SELECT t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON "
        "n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND NOT t.tgisinternal AND t.tgenabled <> 'D'",
        {table->name.schema, table->name.table}, table_object(*table)));
    for (const Row& row : rows) {
      const std::string mode = row[1].value_or("");
      if (quiet && mode == "O") continue;
      findings.push_back({Severity::warning, table_object(*table),
                          fmt::format("trigger {} fires for rows that the task writes", row[0].value_or("")),
                          fmt::format("ALTER TABLE {} DISABLE TRIGGER {};", quote_name(table->name),
                                      quote_name(row[0].value_or("")))});
    }
  }
  return {};
}

void check_definitions(const TableSchema& table, const CheckPlan& plan, std::vector<Finding>& findings) {
  const bool has_definitions = !table.indexes.empty() || !table.checks.empty() || !table.partitioning.empty();
  const bool is_ours = table.family == "postgresql";
  if (plan.secondary && is_ours && has_definitions && !relational::keeps_column_names(table)) {
    findings.push_back({Severity::warning, table_object(table),
                        "columns are renamed, so its secondary indexes, checks and partitioning are not carried over",
                        "create them on the target by hand"});
  }
  if (plan.stream && relational::row_key(table).empty()) {
    findings.push_back({Severity::note, table_object(table),
                        "has no key: updates and deletes look for one row equal in all columns, which reads the table",
                        ""});
  }
}

// MySQL's `=` holds for other values than PostgreSQL's, which compares bytes: all but these overlook blanks at the end,
// and those of CHAR are not kept.
bool compares_bytes(const TableSchema&, const model::Column& column) {
  const std::string& collation = column.collation;
  if (collation == "binary" || collation.ends_with("_0900_bin") || collation.ends_with("_nopad_bin")) return true;
  return collation.ends_with("_bin") && column.type.native.starts_with("char(");
}

// The server would cut longer names without a word, and two of them might become one.
void check_names(const TableSchema& table, std::vector<Finding>& findings) {
  const auto check = [&](const std::string& what, const std::string& name) {
    if (name.size() <= name_bytes_max) return;
    findings.push_back(
        {Severity::refusal, table_object(table),
         fmt::format("the name of {} has {} bytes; PostgreSQL holds {}", what, name.size(), name_bytes_max),
         "give it a shorter name in the table mappings"});
  };
  check("schema " + table.name.schema, table.name.schema);
  check("table " + table.name.table, table.name.table);
  for (const model::Column& column : table.columns) check("column " + column.name, column.name);
  check("the primary key " + table.primary_key_name, table.primary_key_name);
  if (!table.object_tags.empty()) {
    findings.push_back(
        {Severity::note, table_object(table), "object tags are for files; they have no effect here", ""});
  }
}

}  // namespace

base::Result<std::vector<Finding>> check_target(Session& session, const std::vector<model::TableSchemaPtr>& tables,
                                                const CheckPlan& plan) {
  std::vector<Finding> findings;
  TRY(check_rights(session, tables, plan, findings));
  TRY(check_quiet(session, tables, findings));
  std::set<model::TableName> names;
  for (const model::TableSchemaPtr& table : tables) {
    if (!names.insert(table->name).second) {
      findings.push_back({Severity::refusal, table_object(*table), "two tables of the source land here",
                          "rename one of them in the table mappings"});
    }
    check_definitions(*table, plan, findings);
    if (plan.secondary) {
      using relational::Language;
      relational::add_findings(*table, relational::in_words_of(Language::postgresql, *table).remarks, findings);
      relational::add_findings(
          *table, relational::foreign_keys_in_words_of(Language::postgresql, *table, tables).remarks, findings);
    }
    check_names(*table, findings);
    if (plan.preparation == connect::Preparation::drop_and_create) continue;
    const base::Result<std::optional<Prepared>> found = examine(session, *table);
    if (!found.ok()) {
      if (!found.error().is(target_errors::shape)) return base::Error(found.error());
      findings.push_back(
          {Severity::refusal, table_object(*table), found.error().message, std::string(found.error().code->advice)});
    }
  }
  if (plan.stream) relational::add_key_problems(tables, compares_bytes, findings);
  return findings;
}

}  // namespace postgres
