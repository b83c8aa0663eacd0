// SPDX-License-Identifier: Apache-2.0
//
// User-defined types behind the columns of some tables: what each stands on (a domain's base, an array's element), and
// the statements that make them elsewhere, in the order in which they must run. Read once for many tables, level by
// level, then a plain value.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "connectors/postgres/connection.h"
#include "connectors/postgres/types.h"
#include "model/schema.h"

namespace postgres {

class UserTypes {
 public:
  static base::Result<UserTypes> read(Connection& connection, const std::set<std::uint32_t>& types,
                                      const std::set<std::uint32_t>& collations);

  // Fills the family-free part of `type` from its native part.
  void map(const TypeChoices& choices, model::ColumnType& type) const;

  // What those types and collations need, dependencies first, each once.
  std::vector<model::NativeObject> requirements(const std::set<std::uint32_t>& types,
                                                const std::set<std::uint32_t>& collations) const;

 private:
  struct Entry {
    char kind = 'b';  // pg_type.typtype: base, composite, domain, enum, range, multirange
    model::TableName name;
    std::string extension, extension_schema;
    std::uint32_t element = 0;  // of an array
    std::string definition;
    std::vector<std::uint32_t> references;
    std::vector<std::uint32_t> collations;
    std::int32_t modifier = -1;
  };
  struct Collation {
    model::TableName name;
    std::string definition;
  };
  struct Walk;

  base::Result<std::set<std::uint32_t>> read_types(Connection& connection, const std::set<std::uint32_t>& oids);
  base::Result<void> read_collations(Connection& connection, std::set<std::uint32_t> oids);
  void visit(std::uint32_t type, Walk& walk) const;
  void visit_collation(std::uint32_t collation, Walk& walk) const;

  std::map<std::uint32_t, Entry> types_;
  std::map<std::uint32_t, Collation> collations_;
};

}  // namespace postgres
