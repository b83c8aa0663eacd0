// SPDX-License-Identifier: Apache-2.0
//
// Which columns a stream can take in binary: built-in types by their fixed OIDs, enums and domains by what the
// catalogue says is below them. That never changes while a type exists, so it is asked once for each type. One thread.
//
// The catalogue may have forgotten a type that older log still speaks of; its columns then have BinaryForm::none.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "connectors/postgres/connection.h"
#include "connectors/postgres/decode_binary.h"

namespace postgres {

class BinaryTypes {
 public:
  using Forms = std::map<std::uint32_t, BinaryForm>;  // by type OID
  using Read = std::function<base::Result<Forms>(const std::vector<std::uint32_t>& oids)>;

  explicit BinaryTypes(Read read) : read_(std::move(read)) {}
  // One for each stored column.
  base::Result<std::vector<BinaryForm>> of(const model::TableSchema& table);
  // Whether every stored column of every table has a form.
  base::Result<bool> cover(const std::vector<model::TableSchemaPtr>& tables);

 private:
  Read read_;
  Forms known_;  // user types
};

// The forms of user types; those that have none are left out.
base::Result<BinaryTypes::Forms> read_binary_types(Connection& connection, const std::vector<std::uint32_t>& oids);

}  // namespace postgres
