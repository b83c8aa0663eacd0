// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/publication.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "connectors/postgres/array_text.h"
#include "connectors/postgres/capture_errors.h"
#include "connectors/postgres/cells.h"
#include "connectors/postgres/describe.h"

namespace postgres {
namespace {

using base::failed;
using base::Result;
using Tables = std::vector<model::TableSchemaPtr>;

constexpr int named_tables_max = 20;     // in one message
constexpr int lock_attempts_max = 1800;  // each waits lock_timeout, then a second
constexpr base::Nanos pause_between = std::chrono::seconds(1);

constexpr std::string_view with_all =
    "WITH (publish = 'insert, update, delete, truncate', "
    "publish_via_partition_root = true)";
constexpr std::string_view with_inserts = "WITH (publish = 'insert, truncate', publish_via_partition_root = true)";

std::string members(const Tables& tables) {
  std::string text;
  for (const model::TableSchemaPtr& table : tables)
    text += (text.empty() ? "ONLY " : ", ONLY ") + quoted(table->source_name);
  return text;
}

std::string creation(const std::string& name, const Tables& tables, std::string_view with) {
  return fmt::format("CREATE PUBLICATION {}{}{} {}", quote_identifier(name), tables.empty() ? "" : " FOR TABLE ",
                     members(tables), with);
}

struct Existing {
  bool exists = false;
  std::map<std::uint32_t, model::TableName> tables;
  std::set<std::uint32_t> filtered;  // by an earlier version: rows that our own filter must see do not come
};

Result<Existing> read_publication(Connection& connection, const std::string& name) {
  Existing existing;
  const Rows rows = TRY(
      connection.query("SELECT c.oid, n.nspname, c.relname, to_jsonb(r) ->> 'prqual' FROM pg_publication p LEFT JOIN "
                       "pg_publication_rel r ON r.prpubid = p.oid "
                       "LEFT JOIN pg_class c ON c.oid = r.prrelid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace "
                       "WHERE p.pubname = $1",
                       {name}));
  for (const Row& row : rows) {
    existing.exists = true;
    if (!null_at(row, 0)) existing.tables[oid_at(row, 0)] = {text_at(row, 1), text_at(row, 2)};
    if (!null_at(row, 3)) existing.filtered.insert(oid_at(row, 0));
  }
  return existing;
}

struct Alteration {
  std::vector<std::string> statements;
  std::vector<std::uint32_t> added;
};

// A table with a filter is taken out and put in again.
void alter(Alteration& alteration, const std::string& name, const Existing& existing, const Tables& wanted,
           std::string_view with) {
  std::set<std::uint32_t> wanted_oids;
  Tables added;
  std::string removed;
  const auto remove = [&](const model::TableName& table) {
    removed += (removed.empty() ? "ONLY " : ", ONLY ") + quoted(table);
  };
  for (const model::TableSchemaPtr& table : wanted) {
    const auto oid = static_cast<std::uint32_t>(table->source_id);
    wanted_oids.insert(oid);
    const auto present = existing.tables.find(oid);
    if (present != existing.tables.end() && !existing.filtered.contains(oid)) continue;
    if (present != existing.tables.end()) {
      remove(present->second);
    } else {
      alteration.added.push_back(oid);
    }
    added.push_back(table);
  }
  if (!existing.exists) {
    alteration.statements.push_back(creation(name, wanted, with));
    return;
  }
  for (const auto& [oid, table] : existing.tables) {
    if (!wanted_oids.contains(oid)) remove(table);
  }
  const std::string start = "ALTER PUBLICATION " + quote_identifier(name);
  if (!removed.empty()) alteration.statements.push_back(start + " DROP TABLE " + removed);
  if (!added.empty()) alteration.statements.push_back(start + " ADD TABLE " + members(added));
}

// Under our locks nobody can change an identity any more: what was planned must still hold.
Result<void> verify_identities(Connection& connection, const PublicationPlan& plan) {
  std::vector<model::TableName> names;
  for (const model::TableSchemaPtr& table : plan.all) names.push_back(table->source_name);
  for (const model::TableSchemaPtr& table : TRY(describe_tables(connection, TypeChoices{}, names))) {
    if (table->old_image != model::OldImage::none) continue;
    return failed(capture_errors::missing_replica_identity, "table {} has lost its replica identity: {}",
                  table->source_name.text(), replica_identity_remedy(*table));
  }
  return {};
}

Result<std::vector<std::uint32_t>> align_once(Connection& connection, const PublicationNames& names,
                                              const PublicationPlan& plan) {
  Alteration alteration;
  alter(alteration, names.all, TRY(read_publication(connection, names.all)), plan.all, with_all);
  alter(alteration, names.inserts, TRY(read_publication(connection, names.inserts)), plan.inserts, with_inserts);
  for (const std::string& statement : alteration.statements) TRY(connection.execute(statement));
  TRY(verify_identities(connection, plan));
  return alteration.added;
}

// Who holds locks on the tables of the plan that ours must wait for.
Result<std::string> lock_holders(Connection& connection, const PublicationPlan& plan) {
  std::vector<std::uint32_t> oids;
  for (const auto* list : {&plan.all, &plan.inserts}) {
    for (const model::TableSchemaPtr& table : *list) oids.push_back(static_cast<std::uint32_t>(table->source_id));
  }
  const Rows rows = TRY(connection.query(
      "SELECT string_agg(DISTINCT format('pid %s since %s s: %s', l.pid,"
      " extract(epoch FROM now() - a.xact_start)::int, left(a.query, 100)), '; ') FROM pg_locks l "
      "LEFT JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'relation' AND l.relation = ANY($1::oid[]) "
      "AND l.granted AND l.pid <> pg_backend_pid() AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', "
      "'RowExclusiveLock')",
      {array_literal(oids)}));
  return rows.empty() ? std::string() : text_at(rows[0], 0);
}

}  // namespace

Result<PublicationPlan> plan_publications(const connect::CapturePlan& plan) {
  PublicationPlan result;
  std::string remedies;
  std::string first;
  int unusable = 0;
  for (const model::TableSchemaPtr& table : plan.tables) {
    if (table->kind != "table" && table->kind != "partitioned") continue;
    if (table->old_image != model::OldImage::none) {
      result.all.push_back(table);
    } else if (plan.insert_only_without_identity) {
      result.inserts.push_back(table);
    } else {
      if (unusable == 0) first = table->source_name.text();
      if (unusable++ < named_tables_max) remedies += " " + replica_identity_remedy(*table);
    }
  }
  if (unusable > 0) {
    return failed(capture_errors::missing_replica_identity,
                  "{} table(s), first {}, have no usable replica identity:{}{}", unusable, first, remedies,
                  unusable > named_tables_max ? " ..." : "");
  }
  return result;
}

std::vector<std::string> publication_statements(const PublicationNames& names, const PublicationPlan& plan) {
  return {creation(names.all, plan.all, with_all), creation(names.inserts, plan.inserts, with_inserts)};
}

Result<std::vector<std::uint32_t>> align_publications(Connection& connection, const PublicationNames& names,
                                                      const PublicationPlan& plan, const Patience& patience) {
  for (int attempt = 0; attempt < lock_attempts_max; ++attempt) {
    TRY(connection.execute("BEGIN"));
    TRY(connection.execute("SET LOCAL lock_timeout = '1s'"));
    Result<std::vector<std::uint32_t>> aligned = align_once(connection, names, plan);
    if (aligned.ok()) {
      TRY(connection.execute("COMMIT"));
      return aligned;
    }
    const bool lock_timeout = connection.last_sqlstate() == "55P03";
    if (connection.is_broken()) return aligned.take_error();
    TRY(connection.execute("ROLLBACK"));
    if (!lock_timeout) return aligned.take_error();
    if (patience.waiting) {
      patience.waiting("a lock to publish the tables, held by " + TRY(lock_holders(connection, plan)));
    }
    if (!patience.clock->pause(pause_between, patience.stop)) {
      return failed(base::errors::canceled, "stopped while waiting for a lock to publish the tables");
    }
  }
  return failed(capture_errors::lock_not_given, "publications {}: {} attempts to lock the tables", names.all,
                lock_attempts_max);
}

Result<bool> publications_match(Connection& connection, const PublicationNames& names, const PublicationPlan& plan) {
  const auto same = [](const Existing& existing, const Tables& wanted) {
    return existing.exists && existing.filtered.empty() && existing.tables.size() == wanted.size() &&
           std::all_of(wanted.begin(), wanted.end(), [&](const model::TableSchemaPtr& table) {
             return existing.tables.contains(static_cast<std::uint32_t>(table->source_id));
           });
  };
  return same(TRY(read_publication(connection, names.all)), plan.all) &&
         same(TRY(read_publication(connection, names.inserts)), plan.inserts);
}

Result<void> wait_for_writers(Connection& connection, const std::vector<std::uint32_t>& tables,
                              const Patience& patience) {
  if (tables.empty()) return {};
  const Rows holders = TRY(connection.query(
      "SELECT DISTINCT l.virtualtransaction FROM pg_locks l WHERE l.locktype = 'relation' AND l.granted "
      "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
      "AND l.pid IS DISTINCT FROM pg_backend_pid() "
      "AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') "
      "AND l.relation IN (SELECT t.relid FROM unnest($1::oid[]) r(root) CROSS JOIN LATERAL (SELECT r.root AS relid "
      "UNION SELECT p.relid FROM pg_partition_tree(r.root) p) t)",
      {array_literal(tables)}));
  std::vector<std::string> transactions;
  for (const Row& row : holders) transactions.push_back(text_at(row, 0));
  while (!transactions.empty()) {
    const Rows rows = TRY(connection.query(
        "SELECT l.virtualtransaction, coalesce('pid ' || max(l.pid), 'a prepared transaction'),"
        " coalesce(extract(epoch FROM now() - max(a.xact_start))::int, 0), coalesce(left(max(a.query), 100), '') "
        "FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
        "WHERE l.virtualtransaction = ANY($1::text[]) GROUP BY 1",
        {array_literal(transactions)}));
    transactions.clear();
    std::string whom;
    for (const Row& row : rows) {
      transactions.push_back(text_at(row, 0));
      whom += fmt::format("{}{} since {} s: {}", whom.empty() ? "" : "; ", text_at(row, 1), text_at(row, 2),
                          text_at(row, 3));
    }
    if (transactions.empty()) break;
    if (patience.waiting) patience.waiting("transactions that wrote to the added tables: " + whom);
    if (!patience.clock->pause(pause_between, patience.stop)) {
      return failed(base::errors::canceled, "stopped while waiting for transactions on the added tables");
    }
  }
  return {};
}

Result<void> drop_publications(Connection& connection, const PublicationNames& names) {
  TRY(connection.execute(
      fmt::format("DROP PUBLICATION IF EXISTS {}, {}", quote_identifier(names.all), quote_identifier(names.inserts))));
  return {};
}

}  // namespace postgres
