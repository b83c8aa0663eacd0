// SPDX-License-Identifier: Apache-2.0
//
// What a MySQL or MariaDB source lacks for a plan, with the exact remedy: server settings, privileges, tables whose
// changes cannot be followed. Reads the server only.
#pragma once

#include <vector>

#include "connect/source.h"
#include "connectors/mysql/connection.h"

namespace mysql {

struct SourceCheck {
  const ConnectionSettings& settings;
  const connect::CapturePlan& plan;
  bool full_load = false;
  bool stream = false;
};

// Whether the binlog has what foreign keys change by themselves.
bool logs_cascades(bool is_mariadb, int version);

base::Result<std::vector<connect::Finding>> check_source(Connection& connection, const SourceCheck& what);

}  // namespace mysql
