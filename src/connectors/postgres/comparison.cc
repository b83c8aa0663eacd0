// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/comparison.h"

#include <algorithm>

#include "connectors/postgres/cells.h"
#include "connectors/postgres/types.h"

namespace postgres {
namespace {

using model::Comparison;
using model::NativeObject;

std::string unquoted(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c != '"') out += c;
  }
  return out;
}

// How format_type writes it, with or without quotes.
bool is_own_type(const model::TableSchema& table, const model::Column& column, NativeObject::Kind kind) {
  const std::string native = unquoted(column.type.native);
  return std::any_of(table.requirements.begin(), table.requirements.end(), [&](const NativeObject& object) {
    return object.kind == kind && unquoted(object.name.schema + "." + object.name.table) == native;
  });
}

bool has_own_collation(const model::TableSchema& table, const std::string& collation) {
  const std::string name = unquoted(collation);
  return std::any_of(table.requirements.begin(), table.requirements.end(), [&](const NativeObject& object) {
    return object.kind == NativeObject::Kind::collation &&
           unquoted(object.name.schema + "." + object.name.table) == name;
  });
}

bool is_byte_order(std::string_view collation) {
  return collation == "C" || collation == "POSIX" || collation == "ucs_basic" || collation == "C.UTF-8" ||
         collation == "C.utf8";
}

Comparison text_comparison(const DatabaseText& database, const model::TableSchema& table, const model::Column& column,
                           bool is_padded) {
  if (has_own_collation(table, column.collation)) return Comparison::none;
  const bool ordered = database.is_utf8 &&
                       (column.collation.empty() ? database.orders_bytes : is_byte_order(unquoted(column.collation)));
  if (is_padded) return ordered ? Comparison::padded_ordered : Comparison::padded_equal;
  return ordered ? Comparison::text_ordered : Comparison::text_equal;
}

// A user's type: what it stands on shows in the family-free type, where no other type has that.
Comparison user_comparison(const model::TableSchema& table, const model::Column& column) {
  if (is_own_type(table, column, NativeObject::Kind::enumeration)) return Comparison::text_equal;
  if (!is_own_type(table, column, NativeObject::Kind::domain)) return Comparison::none;
  switch (column.type.type) {
    case model::Type::int2:
    case model::Type::int4:
    case model::Type::int8:
    case model::Type::real4:
    case model::Type::real8:
    case model::Type::date:
    case model::Type::time: return Comparison::natural;
    default: return Comparison::none;
  }
}

}  // namespace

base::Result<DatabaseText> read_database_text(Connection& connection) {
  const Rows rows =
      TRY(connection.query("SELECT pg_encoding_to_char(d.encoding), d.datcollate, to_jsonb(d) ->> 'datlocprovider',"
                           " coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') FROM pg_database d"
                           " WHERE d.datname = current_database()"));
  DatabaseText text;
  if (rows.empty()) return text;
  text.is_utf8 = text_at(rows[0], 0) == "UTF8";
  const std::string provider = null_at(rows[0], 2) ? "c" : text_at(rows[0], 2);
  if (provider == "c") text.orders_bytes = is_byte_order(text_at(rows[0], 1));
  if (provider == "b") text.orders_bytes = is_byte_order(text_at(rows[0], 3));
  return text;
}

Comparison comparison_of(const DatabaseText& database, const model::TableSchema& table, const model::Column& column) {
  const model::ColumnType& type = column.type;
  if (type.native_id >= first_user_oid) return user_comparison(table, column);
  switch (type.native_id) {
    case type_oid::boolean: return Comparison::boolean;
    case type_oid::int2:
    case type_oid::int4:
    case type_oid::int8:
    case type_oid::oid:
    case type_oid::float4:
    case type_oid::float8:
    case type_oid::date:
    case type_oid::time:
    case type_oid::timestamp: return Comparison::natural;
    // As text (an endpoint's choice for unbounded ones) it has no order that we know.
    case type_oid::numeric: return type.type == model::Type::numeric ? Comparison::natural : Comparison::none;
    case type_oid::timestamptz: return Comparison::natural_utc;
    case type_oid::uuid: return Comparison::uuid;
    case type_oid::text:
    case type_oid::varchar: return text_comparison(database, table, column, false);
    case type_oid::bpchar: return text_comparison(database, table, column, true);
    default: return Comparison::none;
  }
}

}  // namespace postgres
