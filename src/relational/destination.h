// SPDX-License-Identifier: Apache-2.0
//
// A target table as it really is, seen through the mapped schema of its changes. Each target adds what its statements
// need. Read once from the target's catalogue for each version of the schema; immutable afterwards; any thread.
#pragma once

#include <string>
#include <vector>

#include "model/schema.h"

namespace relational {

struct Destination {
  Destination() = default;
  virtual ~Destination() = default;
  Destination(const Destination&) = delete;
  Destination& operator=(const Destination&) = delete;

  model::TableSchemaPtr schema;
  std::string table;               // quoted, qualified
  std::vector<std::string> names;  // quoted, one for each stored column
  std::vector<std::uint32_t> key;  // places among them; empty: rows are matched whole
  bool key_indexed = false;
  bool other_unique = false;  // unique indexes beside the key: the order of updates matters
};

}  // namespace relational
