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

constexpr int named_tables_max = 20;     // in one message
constexpr int lock_attempts_max = 1800;  // each waits lock_timeout, then a second
constexpr base::Nanos pause_between = std::chrono::seconds(1);

constexpr std::string_view with_all =
    "WITH (publish = 'insert, update, delete, truncate', "
    "publish_via_partition_root = true)";
constexpr std::string_view with_inserts = "WITH (publish = 'insert, truncate', publish_via_partition_root = true)";

std::string member(const PublishedTable& published) {
  std::string text = "ONLY " + quoted(published.table->source_name);
  if (!published.filter.empty()) text += " WHERE (" + published.filter + ")";
  return text;
}

std::string members(const std::vector<PublishedTable>& tables) {
  std::string text;
  for (const PublishedTable& table : tables) text += (text.empty() ? "" : ", ") + member(table);
  return text;
}

std::string creation(const std::string& name, const std::vector<PublishedTable>& tables, std::string_view with) {
  return fmt::format("CREATE PUBLICATION {}{}{} {}", quote_identifier(name), tables.empty() ? "" : " FOR TABLE ",
                     members(tables), with);
}

struct Existing {
  bool exists = false;
  std::map<std::uint32_t, model::TableName> tables;
};

Result<Existing> read_publication(Connection& connection, const std::string& name) {
  Existing existing;
  const Rows rows = TRY(connection.query(
      "SELECT c.oid, n.nspname, c.relname FROM pg_publication p LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid "
      "LEFT JOIN pg_class c ON c.oid = r.prrelid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE p.pubname = $1",
      {name}));
  for (const Row& row : rows) {
    existing.exists = true;
    if (!null_at(row, 0)) existing.tables[oid_at(row, 0)] = {text_at(row, 1), text_at(row, 2)};
  }
  return existing;
}

struct Alteration {
  std::vector<std::string> statements;
  std::vector<std::uint32_t> added;
};

// A filter cannot be compared with the one stored, so a filtered table is taken out and put in again.
void alter(Alteration& alteration, const std::string& name, const Existing& existing,
           const std::vector<PublishedTable>& wanted, std::string_view with) {
  std::set<std::uint32_t> wanted_oids;
  std::vector<PublishedTable> added;
  std::string removed;
  const auto remove = [&](const model::TableName& table) {
    removed += (removed.empty() ? "ONLY " : ", ONLY ") + quoted(table);
  };
  for (const PublishedTable& table : wanted) {
    const auto oid = static_cast<std::uint32_t>(table.table->source_id);
    wanted_oids.insert(oid);
    const auto present = existing.tables.find(oid);
    if (present != existing.tables.end() && table.filter.empty()) continue;
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

// The server records which columns a filter uses; it would refuse the source's UPDATE if one is not in the identity.
Result<void> verify_filters(Connection& connection, const std::string& publication, const PublicationPlan& plan) {
  const Rows rows = TRY(connection.query(
      "SELECT DISTINCT r.prrelid, a.attname FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid "
      "JOIN pg_depend d ON d.classid = 'pg_publication_rel'::regclass AND d.objid = r.oid "
      "AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.prrelid AND d.refobjsubid > 0 "
      "JOIN pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = d.refobjsubid WHERE p.pubname = $1",
      {publication}));
  for (const Row& row : rows) {
    for (const PublishedTable& published : plan.all) {
      const model::TableSchema& table = *published.table;
      if (table.source_id != oid_at(row, 0) || table.old_image == model::OldImage::full) continue;
      const std::optional<std::uint32_t> column = table.find_column(text_at(row, 1));
      if (column && std::find(table.old_key.begin(), table.old_key.end(), *column) != table.old_key.end()) continue;
      return failed(capture_errors::filter_not_published,
                    "table {}: the filter uses column {}, which is not in the "
                    "replica identity",
                    table.source_name.text(), text_at(row, 1));
    }
  }
  return {};
}

// Under our locks nobody can change an identity any more: what was planned must still hold.
Result<void> verify_identities(Connection& connection, const PublicationPlan& plan) {
  std::vector<model::TableName> names;
  for (const PublishedTable& published : plan.all) names.push_back(published.table->source_name);
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
  TRY(verify_filters(connection, names.all, plan));
  return alteration.added;
}

// Who holds locks on the tables of the plan that ours must wait for.
Result<std::string> lock_holders(Connection& connection, const PublicationPlan& plan) {
  std::vector<std::uint32_t> oids;
  for (const auto* list : {&plan.all, &plan.inserts}) {
    for (const PublishedTable& table : *list) oids.push_back(static_cast<std::uint32_t>(table.table->source_id));
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

Result<PublicationPlan> plan_publications(const connect::CapturePlan& plan, int server_version) {
  PublicationPlan result;
  std::string remedies;
  std::string first;
  int unusable = 0;
  for (const model::TableSchemaPtr& table : plan.tables) {
    if (table->kind != "table" && table->kind != "partitioned") continue;
    const auto filter = plan.filters.find(table->source_name);
    const std::string sql = filter == plan.filters.end() ? "" : filter->second;
    if (!sql.empty() && server_version < 150000) {
      return failed(capture_errors::filter_not_published, "table {}: row filters while streaming need PostgreSQL 15",
                    table->source_name.text());
    }
    if (table->old_image != model::OldImage::none) {
      result.all.push_back({table, sql});
    } else if (plan.insert_only_without_identity) {
      result.inserts.push_back({table, sql});
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

std::vector<std::string> filter_columns(const std::string& filter) {
  std::vector<std::string> columns;
  for (std::size_t at = 0; at < filter.size(); ++at) {
    if (filter[at] == '\'') {
      const bool escapes = at > 0 && (filter[at - 1] == 'E' || filter[at - 1] == 'e');
      for (++at; at < filter.size() && filter[at] != '\''; ++at) {
        if (escapes && filter[at] == '\\') ++at;
      }
    } else if (filter[at] == '"') {
      std::string name;
      for (++at; at < filter.size(); ++at) {
        if (filter[at] == '"') {
          if (at + 1 >= filter.size() || filter[at + 1] != '"') break;
          ++at;
        }
        name += filter[at];
      }
      columns.push_back(std::move(name));
    }
  }
  return columns;
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
  const auto same = [](const Existing& existing, const std::vector<PublishedTable>& wanted) {
    return existing.exists && existing.tables.size() == wanted.size() &&
           std::all_of(wanted.begin(), wanted.end(), [&](const PublishedTable& table) {
             return existing.tables.contains(static_cast<std::uint32_t>(table.table->source_id));
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
