// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/catalog.h"

#include "connectors/mysql/check.h"
#include "connectors/mysql/describe.h"

namespace mysql {

using base::failed;
using base::Result;

Catalog::Catalog(ConnectionSettings settings, const connect::Options& options, const connect::Context& context,
                 Capture& capture)
    : settings_(std::move(settings)), options_(options), context_(context), capture_(capture) {}

Result<Connection*> Catalog::session() {
  if (!session_ || session_->is_broken()) session_.emplace(TRY(Connection::open(settings_)));
  return &*session_;
}

Result<std::string> Catalog::server_version() {
  base::Lock lock(mutex_);
  return TRY(session())->server().text;
}

Result<std::vector<connect::TableListing>> Catalog::list_tables() {
  base::Lock lock(mutex_);
  std::vector<connect::TableListing> tables = TRY(mysql::list_tables(*TRY(session()), context_.control_schema));
  std::vector<model::TableName> names;
  for (const connect::TableListing& table : tables) names.push_back(table.name);
  ahead_.listed(std::move(names));
  return tables;
}

Result<model::TableSchemaPtr> Catalog::describe(const model::TableName& table) {
  base::Lock lock(mutex_);
  Connection& connection = *TRY(session());
  model::TableSchemaPtr schema =
      TRY(ahead_.take(table, context_.clock->monotonic(),
                      [&](const std::vector<model::TableName>& names) { return describe_tables(connection, names); }));
  if (schema != nullptr) return schema;
  return failed(connect::errors::table_missing, "table {}: not found at {}", table.text(), connection.name());
}

Result<model::Position> Catalog::current_position() { return capture_.current(); }

Result<std::vector<connect::Finding>> Catalog::check(const connect::CapturePlan& plan, bool full_load, bool stream) {
  base::Lock lock(mutex_);
  return check_source(*TRY(session()), SourceCheck{settings_, plan, full_load, stream});
}

}  // namespace mysql
