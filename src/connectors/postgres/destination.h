// SPDX-License-Identifier: Apache-2.0
//
// A target table as it really is, seen through the mapped schema of its changes: the names and types statements need.
// Read once from the target's catalogue for each version of the schema; immutable afterwards; any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/postgres/session.h"
#include "model/change.h"

namespace postgres {

struct DestinationColumn {
  std::string name;              // quoted
  std::string cast;              // the type without modifier, domains resolved: text is cast to it, never cut silently
  std::string type;              // as declared: "character varying(20)"
  bool identity_always = false;  // cannot be SET
  bool exact_equality = false;   // NOT NULL and `=` is as exact as the text
  model::Type canonical = model::Type::string;
};

struct Destination {
  model::TableSchemaPtr schema;
  std::string table;                       // quoted, qualified
  std::vector<DestinationColumn> columns;  // one for each stored column
  std::vector<std::uint32_t> key;          // places among them; empty: rows are matched whole
  bool key_indexed = false;
  bool other_unique = false;  // unique indexes beside the key: the order of updates matters
};

// Fails with pg.target_missing when the table or a column is not there.
base::Result<std::shared_ptr<const Destination>> read_destination(Session& session,
                                                                  const model::TableSchemaPtr& schema);

}  // namespace postgres
