// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/destination.h"

#include <algorithm>

#include "connectors/mysql/describe.h"
#include "connectors/mysql/target_errors.h"
#include "relational/row_key.h"

namespace mysql {
namespace {

base::Result<model::TableSchemaPtr> describe_there(Session& session, const model::TableSchema& schema) {
  std::vector<model::TableSchemaPtr> found = TRY(describe_tables(session.connection(), {schema.name}));
  if (found.empty()) {
    return base::failed(target_errors::missing_object, "table {}: no such table on the target", schema.name.text());
  }
  return found.front();
}

base::Result<std::vector<TargetColumn>> columns_of(const model::TableSchema& there, const model::TableSchema& schema) {
  std::vector<TargetColumn> columns;
  for (const std::uint32_t index : model::stored_columns(schema)) {
    const model::Column& wanted = schema.columns[index];
    const auto found = there.find_column(wanted.name);
    if (!found) {
      return base::failed(target_errors::missing_object, "table {}: no column {} on the target", schema.name.text(),
                          wanted.name);
    }
    const model::Column& column = there.columns[*found];
    TargetColumn target;
    target.name = quote_identifier(wanted.name);
    target.type = TRY(parse_type(column.type.native, column.collation));
    target.collation = column.collation;
    target.canonical = wanted.type.type;
    target.updates_itself = column.default_expression.find("ON UPDATE") != std::string::npos;
    columns.push_back(std::move(target));
  }
  return columns;
}

// Names of the columns of a key, sorted.
std::vector<std::string> key_names(const model::TableSchema& table, const std::vector<std::uint32_t>& columns) {
  std::vector<std::string> names;
  for (const std::uint32_t column : columns) names.push_back(table.columns[column].name);
  std::sort(names.begin(), names.end());
  return names;
}

base::Result<bool> has_triggers(Session& session, const model::TableName& name) {
  const Rows rows = TRY(session.query(
      fmt::format("SELECT 1 FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {} AND EVENT_OBJECT_TABLE = "
                  "{} LIMIT 1",
                  quote_literal(name.schema), quote_literal(name.table)),
      "triggers of " + name.text()));
  return !rows.empty();
}

}  // namespace

bool keeps_apart(const model::TableSchema& schema, const model::Column& source, const TargetColumn& target) {
  return target.tells_bytes_apart() || (schema.family == family_name && source.collation == target.collation);
}

base::Result<std::vector<TargetColumn>> read_target_columns(Session& session, const model::TableSchema& schema) {
  return columns_of(*TRY(describe_there(session, schema)), schema);
}

base::Result<std::shared_ptr<const Destination>> read_destination(Session& session,
                                                                  const model::TableSchemaPtr& schema) {
  const model::TableSchemaPtr there = TRY(describe_there(session, *schema));
  auto made = std::make_shared<Destination>();
  made->schema = schema;
  made->table = quoted(schema->name);
  made->columns = TRY(columns_of(*there, *schema));
  for (const TargetColumn& column : made->columns) made->names.push_back(column.name);
  made->key = relational::row_key(*schema);
  const std::vector<std::uint32_t> stored = model::stored_columns(*schema);
  std::vector<std::uint32_t> key_columns;
  for (const std::uint32_t place : made->key) key_columns.push_back(stored[place]);
  const std::vector<std::string> key = key_names(*schema, key_columns);
  const bool is_primary = !key.empty() && key_names(*there, there->primary_key) == key;
  made->key_indexed = is_primary;
  made->other_unique = !is_primary && !there->primary_key.empty();
  for (const model::SecondaryObject& index : there->indexes) made->other_unique = made->other_unique || index.unique;
  for (const auto& unique : there->unique_keys)
    made->key_indexed = made->key_indexed || key_names(*there, unique) == key;
  made->exact_key = std::all_of(made->key.begin(), made->key.end(), [&](std::uint32_t place) {
    return keeps_apart(*schema, schema->columns[stored[place]], made->columns[place]);
  });
  made->upserts = is_primary && made->exact_key && !made->other_unique && !TRY(has_triggers(session, schema->name));
  return std::shared_ptr<const Destination>(std::move(made));
}

}  // namespace mysql
