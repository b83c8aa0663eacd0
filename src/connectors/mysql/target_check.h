// SPDX-License-Identifier: Apache-2.0
//
// What `millrace check` says about a MySQL or MariaDB target, before anything is touched: shapes, rights, settings of
// the server, triggers that would fire, names and keys that would clash, definitions that cannot be carried over. Reads
// only.
#pragma once

#include "connect/target.h"
#include "connectors/mysql/target_schema.h"

namespace mysql {

struct CheckPlan {
  connect::Preparation preparation = connect::Preparation::drop_and_create;
  bool stream = false;
  bool secondary = true;
  std::string control_schema;
};

base::Result<std::vector<connect::Finding>> check_target(Session& session,
                                                         const std::vector<model::TableSchemaPtr>& tables,
                                                         const CheckPlan& plan);

}  // namespace mysql
