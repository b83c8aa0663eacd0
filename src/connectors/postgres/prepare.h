// SPDX-License-Identifier: Apache-2.0
//
// What happens to the tables of the target before and after the load. Each function is one transaction (or one
// statement) on the given session and can be repeated after a crash: what is there already is left alone. Nothing is
// ever dropped or truncated with CASCADE. One thread a session; the caller lets only one prepare_table run at a time.
#pragma once

#include <functional>

#include "connect/target.h"
#include "connectors/postgres/session.h"

namespace postgres {

// Schemas, extensions and types that the tables need. Fails with pg.target_requirement naming the object.
base::Result<void> make_requirements(Session& session, const std::vector<model::TableSchemaPtr>& tables);

struct Prepared {
  bool emptied = false;    // created, recreated or truncated by us: an unfinished load may be removed by truncating
  bool same_types = true;  // every stored column has exactly the source's type: binary COPY may pass
};
// Called in the transaction that takes rows away: fails when a newer process owns the task.
using Owned = std::function<base::Result<void>(Session&)>;

// `all`: the task's tables, whose foreign keys to this one may go (they come back after the load).
base::Result<Prepared> prepare_table(Session& session, const model::TableSchema& table,
                                     connect::Preparation preparation, const std::vector<model::TableSchemaPtr>& all,
                                     const Owned& owned);

// Existing table against the schema: nullopt when there is none; error pg.target_shape when it does not fit.
base::Result<std::optional<Prepared>> examine(Session& session, const model::TableSchema& table);

base::Result<void> empty_table(Session& session, const model::TableSchema& table, const Owned& owned);

// Primary key, secondary objects, comments, statistics. `skipped` gets one line for each object that was refused.
base::Result<void> finish_table(Session& session, const model::TableSchema& table, bool secondary,
                                std::vector<std::string>& skipped);
base::Result<void> finish_foreign_keys(Session& session, const std::vector<model::TableSchemaPtr>& tables,
                                       std::vector<std::string>& skipped);

}  // namespace postgres
