// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/catalog.h"

#include "connectors/postgres/catalog_sql.h"
#include "connectors/postgres/cells.h"
#include "connectors/postgres/check.h"
#include "connectors/postgres/describe.h"
#include "connectors/postgres/options.h"
#include "connectors/postgres/slot.h"

namespace postgres {

using base::failed;
using base::Result;

Catalog::Catalog(ConnectionSettings settings, const connect::Options& options, const connect::Context& context)
    : settings_(std::move(settings)), options_(options), context_(context) {}

Result<Connection*> Catalog::session() {
  if (!session_ || session_->is_broken()) session_.emplace(TRY(Connection::open(settings_)));
  return &*session_;
}

Result<std::string> Catalog::server_version() {
  base::Lock lock(mutex_);
  Connection* connection = TRY(session());
  return TRY(connection->query_value("SELECT version()")).value_or("");
}

Result<std::vector<connect::TableListing>> Catalog::list_tables() {
  base::Lock lock(mutex_);
  Connection* connection = TRY(session());
  std::vector<connect::TableListing> tables;
  std::vector<model::TableName> names;
  for (const Row& row : TRY(connection->query(std::string(sql::list_tables)))) {
    connect::TableListing table;
    table.name = {text_at(row, 0), text_at(row, 1)};
    if (table.name.schema == context_.control_schema && table.name.table.starts_with("awsdms_")) continue;
    table.kind = text_at(row, 2);
    table.rows_estimate = number_at(row, 3);
    table.bytes = static_cast<std::uint64_t>(number_at(row, 4));
    table.source_id = oid_at(row, 5);
    names.push_back(table.name);
    tables.push_back(std::move(table));
  }
  ahead_.listed(std::move(names));
  return tables;
}

Result<model::TableSchemaPtr> Catalog::describe(const model::TableName& table) {
  base::Lock lock(mutex_);
  Connection& connection = *TRY(session());
  model::TableSchemaPtr schema =
      TRY(ahead_.take(table, context_.clock->monotonic(), [&](const std::vector<model::TableName>& names) {
        return describe_tables(connection, type_choices(options_), names);
      }));
  if (schema != nullptr) return schema;
  return failed(connect::errors::table_missing, "table {}: not found at {}", table.text(), connection.name());
}

Result<model::Position> Catalog::current_position() {
  base::Lock lock(mutex_);
  Connection* connection = TRY(session());
  const std::optional<std::string> text = TRY(connection->query_value(
      "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END"));
  const std::optional<std::uint64_t> lsn = lsn_of(text.value_or(""));
  if (!lsn) return failed(errors::protocol_broken, "{}: the log's position is not known", connection->name());
  return position_before(*lsn);
}

Result<std::vector<connect::Finding>> Catalog::check(const connect::CapturePlan& plan, bool full_load, bool stream) {
  base::Lock lock(mutex_);
  return check_source(*TRY(session()), SourceCheck{settings_, options_, context_, plan, full_load, stream});
}

}  // namespace postgres
