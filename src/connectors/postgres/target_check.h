// SPDX-License-Identifier: Apache-2.0
//
// What `millrace check` says about a PostgreSQL target, before anything is touched: shapes, rights, triggers that would
// fire, definitions that cannot be carried over. Reads only.
#pragma once

#include "connect/target.h"
#include "connectors/postgres/session.h"

namespace postgres {

struct CheckPlan {
  connect::Preparation preparation = connect::Preparation::drop_and_create;
  bool stream = false;
  bool secondary = true;
  std::string control_schema;
};

base::Result<std::vector<connect::Finding>> check_target(Session& session,
                                                         const std::vector<model::TableSchemaPtr>& tables,
                                                         const CheckPlan& plan);

}  // namespace postgres
