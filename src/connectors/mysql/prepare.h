// SPDX-License-Identifier: Apache-2.0
//
// What happens to the tables of the target before and after the load. Each step can be repeated after a crash: what is
// there already is left alone. DDL commits by itself here, so each statement stands alone. One thread a session; the
// caller lets only one prepare_table run at a time.
#pragma once

#include "connect/target.h"
#include "connectors/mysql/target_schema.h"

namespace mysql {

base::Result<void> make_schemas(Session& session, const std::vector<model::TableSchemaPtr>& tables);

struct Prepared {
  bool emptied = false;  // created, recreated or truncated by us: an unfinished load may be removed by truncating
};
// `all`: the task's tables, whose foreign keys to this one may go (they come back after the load).
base::Result<Prepared> prepare_table(Session& session, const Dialect& dialect, const model::TableSchema& table,
                                     connect::Preparation preparation, const std::vector<model::TableSchemaPtr>& all);

// Existing table against the schema: nullptr when there is none; error mysql.target_shape when it does not fit.
base::Result<model::TableSchemaPtr> examine(Session& session, const model::TableSchema& table);

base::Result<void> empty_table(Session& session, const model::TableSchema& table);

// Secondary objects and statistics. `skipped` gets one line for each object that was refused.
base::Result<void> finish_table(Session& session, const Dialect& dialect, const model::TableSchema& table,
                                bool secondary, std::vector<std::string>& skipped);
base::Result<void> finish_foreign_keys(Session& session, const std::vector<model::TableSchemaPtr>& tables,
                                       std::vector<std::string>& skipped);

}  // namespace mysql
