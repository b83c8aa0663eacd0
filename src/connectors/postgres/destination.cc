// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/destination.h"

#include <algorithm>
#include <map>

#include "connectors/postgres/target_errors.h"
#include "relational/row_key.h"

namespace postgres {
namespace {

// name, type without modifier, declared type, identity, not null, number
constexpr const char* columns_sql =
    "SELECT a.attname, format_type(b.oid, -1), format_type(a.atttypid, a.atttypmod), a.attidentity, a.attnotnull, "
    "a.attnum FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace, "
    "LATERAL (WITH RECURSIVE d(oid, base, depth) AS (SELECT t.oid, t.typbasetype, 0 FROM pg_type t WHERE t.oid = "
    "a.atttypid UNION ALL SELECT t.oid, t.typbasetype, depth + 1 FROM d JOIN pg_type t ON t.oid = d.base AND d.base "
    "<> 0) SELECT oid FROM d ORDER BY depth DESC LIMIT 1) b "
    "WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

// unique, columns of each valid index without a predicate
constexpr const char* indexes_sql =
    "SELECT i.indisunique, array_to_string(i.indkey::int2[], ' ') FROM pg_index i JOIN pg_class c ON c.oid = "
    "i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND i.indisvalid "
    "AND i.indpred IS NULL";

bool equality_is_exact(const std::string& type) {
  static constexpr std::string_view exact[] = {"smallint", "integer",
                                               "bigint",   "boolean",
                                               "date",     "uuid",
                                               "oid",      "timestamp without time zone",
                                               "bytea",    "timestamp with time zone"};
  return std::find(std::begin(exact), std::end(exact), type) != std::end(exact);
}

}  // namespace

base::Result<std::shared_ptr<const Destination>> read_destination(Session& session,
                                                                  const model::TableSchemaPtr& schema) {
  auto made = std::make_shared<Destination>();
  made->schema = schema;
  made->table = quote_name(schema->name);
  const std::string doing = "table " + schema->name.text();
  const std::vector<Row> rows = TRY(session.query(columns_sql, {schema->name.schema, schema->name.table}, doing));
  if (rows.empty()) return base::failed(target_errors::missing_object, "{}: no such table on the target", doing);
  std::map<std::string, const Row*> by_name;
  for (const Row& row : rows) by_name[row[0].value_or("")] = &row;
  std::vector<std::string> numbers;
  for (const std::uint32_t index : model::stored_columns(*schema)) {
    const model::Column& column = schema->columns[index];
    const auto found = by_name.find(column.name);
    if (found == by_name.end()) {
      return base::failed(target_errors::missing_object, "{}: no column {} on the target", doing, column.name);
    }
    const Row& row = *found->second;
    DestinationColumn target;
    made->names.push_back(quote_name(column.name));
    target.cast = row[1].value_or("text");
    target.type = row[2].value_or("text");
    target.identity_always = row[3].value_or("") == "a";
    target.exact_equality = row[4].value_or("") == "t" && equality_is_exact(target.cast);
    target.canonical = column.type.type;
    made->columns.push_back(std::move(target));
    numbers.push_back(row[5].value_or(""));
  }
  made->key = relational::row_key(*schema);
  std::vector<std::string> key_numbers;
  for (const std::uint32_t place : made->key) key_numbers.push_back(numbers[place]);
  std::sort(key_numbers.begin(), key_numbers.end());
  for (const Row& row : TRY(session.query(indexes_sql, {schema->name.schema, schema->name.table}, doing))) {
    std::vector<std::string> indexed(1);
    for (const char c : row[1].value_or("")) {
      if (c == ' ') {
        indexed.emplace_back();
      } else {
        indexed.back() += c;
      }
    }
    const bool leads = std::find(key_numbers.begin(), key_numbers.end(), indexed[0]) != key_numbers.end();
    made->key_indexed = made->key_indexed || leads;
    std::sort(indexed.begin(), indexed.end());
    if (row[0].value_or("") == "t" && indexed != key_numbers) made->other_unique = true;
  }
  return std::shared_ptr<const Destination>(std::move(made));
}

}  // namespace postgres
