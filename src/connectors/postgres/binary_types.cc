// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/binary_types.h"

#include <algorithm>

#include "connectors/postgres/array_text.h"
#include "connectors/postgres/cells.h"

namespace postgres {
namespace {

using base::Result;

// Each type with the one below all of its domains. Enums are sent as their labels.
constexpr std::string_view types_sql =
    "WITH RECURSIVE below(root, oid, typtype, typbasetype) AS ("
    " SELECT t.oid, t.oid, t.typtype, t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = ANY($1::oid[])"
    " UNION ALL SELECT b.root, t.oid, t.typtype, t.typbasetype FROM below b"
    "  JOIN pg_catalog.pg_type t ON b.typtype = 'd' AND t.oid = b.typbasetype) "
    "SELECT root, oid, typtype FROM below WHERE typtype <> 'd'";

}  // namespace

Result<BinaryTypes::Forms> read_binary_types(Connection& connection, const std::vector<std::uint32_t>& oids) {
  BinaryTypes::Forms forms;
  for (const Row& row : TRY(connection.query(std::string(types_sql), {array_literal(oids)}))) {
    const BinaryForm form = char_at(row, 2) == 'e' ? BinaryForm::text : binary_form(oid_at(row, 1));
    if (form != BinaryForm::none) forms[oid_at(row, 0)] = form;
  }
  return forms;
}

Result<std::vector<BinaryForm>> BinaryTypes::of(const model::TableSchema& table) {
  const std::vector<std::uint32_t> stored = model::stored_columns(table);
  std::vector<std::uint32_t> unknown;
  for (const std::uint32_t column : stored) {
    const std::uint32_t oid = table.columns[column].type.native_id;
    if (oid >= first_user_oid && !known_.contains(oid)) unknown.push_back(oid);
  }
  if (!unknown.empty()) {
    for (const std::uint32_t oid : unknown) known_[oid] = BinaryForm::none;
    for (const auto& [oid, form] : TRY(read_(unknown))) known_[oid] = form;
  }
  std::vector<BinaryForm> forms;
  for (const std::uint32_t column : stored) {
    const std::uint32_t oid = table.columns[column].type.native_id;
    forms.push_back(oid >= first_user_oid ? known_[oid] : binary_form(oid));
  }
  return forms;
}

Result<bool> BinaryTypes::cover(const std::vector<model::TableSchemaPtr>& tables) {
  for (const model::TableSchemaPtr& table : tables) {
    const std::vector<BinaryForm> forms = TRY(of(*table));
    if (std::find(forms.begin(), forms.end(), BinaryForm::none) != forms.end()) return false;
  }
  return true;
}

}  // namespace postgres
