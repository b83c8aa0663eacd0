// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/user_types.h"

#include "connectors/postgres/array_text.h"
#include "connectors/postgres/catalog_sql.h"
#include "connectors/postgres/cells.h"

namespace postgres {
namespace {

using base::Result;
using model::NativeObject;

// Each round reads one level of nesting.
constexpr int nesting_max = 64;

std::uint32_t oid_of(const std::string& text) {
  return static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 10));
}

Result<std::vector<std::uint32_t>> oids_of(const std::string& array) {
  std::vector<std::uint32_t> oids;
  for (const std::string& item : TRY(parse_array(array))) oids.push_back(oid_of(item));
  return oids;
}

}  // namespace

// Everything already on the list, so that each thing comes once.
struct UserTypes::Walk {
  std::set<std::uint32_t> types, collations;
  std::set<std::pair<NativeObject::Kind, model::TableName>> named;
  std::vector<NativeObject> objects;

  void add(NativeObject::Kind kind, const model::TableName& name, std::string definition) {
    if (named.emplace(kind, name).second) objects.push_back({kind, name, std::move(definition)});
  }
  void add_schema(const std::string& schema) {
    if (schema == "pg_catalog") return;
    add(NativeObject::Kind::schema, {"", schema}, "CREATE SCHEMA IF NOT EXISTS " + quote_identifier(schema));
  }
};

Result<UserTypes> UserTypes::read(Connection& connection, const std::set<std::uint32_t>& types,
                                  const std::set<std::uint32_t>& collations) {
  UserTypes known;
  std::set<std::uint32_t> wanted;
  for (const std::uint32_t oid : types) {
    if (oid >= first_user_oid) wanted.insert(oid);
  }
  for (int round = 0; !wanted.empty() && round < nesting_max; ++round) {
    wanted = TRY(known.read_types(connection, wanted));
  }
  std::set<std::uint32_t> all = collations;
  for (const auto& [oid, type] : known.types_) all.insert(type.collations.begin(), type.collations.end());
  TRY(known.read_collations(connection, std::move(all)));
  return known;
}

// Returns the user types that were mentioned and are not known yet.
Result<std::set<std::uint32_t>> UserTypes::read_types(Connection& connection, const std::set<std::uint32_t>& oids) {
  const std::vector<std::uint32_t> list(oids.begin(), oids.end());
  const Rows rows = TRY(connection.query(std::string(sql::types), {array_literal(list)}));
  std::set<std::uint32_t> mentioned;
  for (const Row& row : rows) {
    Entry& type = types_[oid_at(row, 0)];
    type.kind = char_at(row, 1);
    type.name = {text_at(row, 2), text_at(row, 3)};
    type.extension = text_at(row, 4);
    type.extension_schema = text_at(row, 5);
    type.element = oid_at(row, 6);
    type.definition = text_at(row, 7);
    type.references = TRY(oids_of(text_at(row, 8)));
    type.collations = TRY(oids_of(text_at(row, 9)));
    type.modifier = static_cast<std::int32_t>(number_at(row, 10));
    if (type.element != 0) mentioned.insert(type.element);
    mentioned.insert(type.references.begin(), type.references.end());
  }
  std::erase_if(mentioned, [&](std::uint32_t oid) { return oid < first_user_oid || types_.contains(oid); });
  return mentioned;
}

Result<void> UserTypes::read_collations(Connection& connection, std::set<std::uint32_t> oids) {
  std::erase_if(oids, [](std::uint32_t oid) { return oid < first_user_oid; });
  if (oids.empty()) return {};
  const std::vector<std::uint32_t> list(oids.begin(), oids.end());
  const Rows rows = TRY(connection.query(std::string(sql::collations), {array_literal(list)}));
  for (const Row& row : rows) {
    collations_[oid_at(row, 0)] = {{text_at(row, 1), text_at(row, 2)}, text_at(row, 3)};
  }
  return {};
}

// Domains are seen through; a domain over a domain keeps the modifier of the one that has one.
void UserTypes::map(const TypeChoices& choices, model::ColumnType& type) const {
  std::uint32_t oid = type.native_id;
  std::int32_t modifier = type.native_modifier;
  auto found = types_.find(oid);
  for (int depth = 0; depth < nesting_max && found != types_.end() && found->second.kind == 'd'; ++depth) {
    if (found->second.references.empty()) break;
    if (found->second.modifier >= 0) modifier = found->second.modifier;
    oid = found->second.references[0];
    found = types_.find(oid);
  }
  canonical_type(oid, modifier, found == types_.end() ? 'b' : found->second.kind, choices, type);
}

void UserTypes::visit_collation(std::uint32_t collation, Walk& walk) const {
  const auto found = collations_.find(collation);
  if (found == collations_.end() || !walk.collations.insert(collation).second) return;
  walk.add_schema(found->second.name.schema);
  walk.add(NativeObject::Kind::collation, found->second.name, found->second.definition);
}

void UserTypes::visit(std::uint32_t oid, Walk& walk) const {
  const auto found = types_.find(oid);
  if (found == types_.end() || !walk.types.insert(oid).second) return;
  const Entry& type = found->second;
  if (!type.extension.empty()) {
    walk.add_schema(type.extension_schema);
    const std::string schema =
        type.extension_schema == "pg_catalog" ? "" : " SCHEMA " + quote_identifier(type.extension_schema);
    walk.add(NativeObject::Kind::extension, {"", type.extension},
             "CREATE EXTENSION IF NOT EXISTS " + quote_identifier(type.extension) + schema);
    return;
  }
  if (type.element != 0) return visit(type.element, walk);
  for (const std::uint32_t reference : type.references) visit(reference, walk);
  for (const std::uint32_t collation : type.collations) visit_collation(collation, walk);
  if (type.kind == 'm') return;  // comes with its range
  walk.add_schema(type.name.schema);
  NativeObject::Kind kind = NativeObject::Kind::base_type;
  if (!type.definition.empty()) {
    if (type.kind == 'e') kind = NativeObject::Kind::enumeration;
    if (type.kind == 'd') kind = NativeObject::Kind::domain;
    if (type.kind == 'c') kind = NativeObject::Kind::composite;
    if (type.kind == 'r') kind = NativeObject::Kind::range;
  }
  walk.add(kind, type.name, type.definition);
}

std::vector<NativeObject> UserTypes::requirements(const std::set<std::uint32_t>& types,
                                                  const std::set<std::uint32_t>& collations) const {
  Walk walk;
  for (const std::uint32_t collation : collations) visit_collation(collation, walk);
  for (const std::uint32_t type : types) visit(type, walk);
  return std::move(walk.objects);
}

}  // namespace postgres
