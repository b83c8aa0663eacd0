// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/catalog.h"

#include <algorithm>

#include "connectors/postgres/catalog_sql.h"
#include "connectors/postgres/cells.h"
#include "connectors/postgres/check.h"
#include "connectors/postgres/describe.h"
#include "connectors/postgres/options.h"
#include "connectors/postgres/slot.h"

namespace postgres {

using base::failed;
using base::Result;

namespace {
constexpr std::size_t window_max = 512;                         // tables described at once
constexpr base::Nanos ahead_age_max = std::chrono::seconds(5);  // older descriptions are not believed
}  // namespace

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
  listed_.clear();
  for (const Row& row : TRY(connection->query(std::string(sql::list_tables)))) {
    connect::TableListing table;
    table.name = {text_at(row, 0), text_at(row, 1)};
    if (table.name.schema == context_.control_schema && table.name.table.starts_with("awsdms_")) continue;
    table.kind = text_at(row, 2);
    table.rows_estimate = number_at(row, 3);
    table.bytes = static_cast<std::uint64_t>(number_at(row, 4));
    table.source_id = oid_at(row, 5);
    listed_.push_back(table.name);
    tables.push_back(std::move(table));
  }
  std::sort(listed_.begin(), listed_.end());
  ahead_.clear();
  window_ = 1;
  return tables;
}

// The table asked for and those after it in the list.
Result<void> Catalog::read_ahead(const model::TableName& table) {
  std::vector<model::TableName> names = {table};
  auto next = std::upper_bound(listed_.begin(), listed_.end(), table);
  for (; next != listed_.end() && names.size() < window_; ++next) names.push_back(*next);
  window_ = std::min(window_ * 2, window_max);
  ahead_.clear();
  ahead_since_ = context_.clock->monotonic();
  Connection* connection = TRY(session());
  for (model::TableSchemaPtr& schema : TRY(describe_tables(*connection, type_choices(options_), names))) {
    const model::TableName name = schema->name;
    ahead_[name] = std::move(schema);
  }
  return {};
}

Result<model::TableSchemaPtr> Catalog::describe(const model::TableName& table) {
  base::Lock lock(mutex_);
  if (context_.clock->monotonic() - ahead_since_ > ahead_age_max) {
    if (!ahead_.empty()) window_ = 1;
    ahead_.clear();
  }
  if (!ahead_.contains(table)) TRY(read_ahead(table));
  const auto found = ahead_.find(table);
  if (found == ahead_.end()) {
    return failed(connect::errors::table_missing, "table {}: not found at {}", table.text(), session_->name());
  }
  model::TableSchemaPtr schema = std::move(found->second);
  ahead_.erase(found);
  return schema;
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
