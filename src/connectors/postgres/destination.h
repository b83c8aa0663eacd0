// SPDX-License-Identifier: Apache-2.0
//
// What statements for a PostgreSQL table need beside relational::Destination: the types of its columns.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/postgres/session.h"
#include "relational/destination.h"

namespace postgres {

struct DestinationColumn {
  std::string cast;              // the type without modifier, domains resolved: text is cast to it, never cut silently
  std::string type;              // as declared: "character varying(20)"
  bool identity_always = false;  // cannot be SET
  bool exact_equality = false;   // NOT NULL and `=` is as exact as the text
  model::Type canonical = model::Type::string;
};

struct Destination final : relational::Destination {
  std::vector<DestinationColumn> columns;  // one for each stored column
};
inline const Destination& own(const relational::Destination& to) { return static_cast<const Destination&>(to); }

// Fails with pg.target_missing when the table or a column is not there.
base::Result<std::shared_ptr<const Destination>> read_destination(Session& session,
                                                                  const model::TableSchemaPtr& schema);

}  // namespace postgres
