// SPDX-License-Identifier: Apache-2.0
//
// What a MySQL or MariaDB source lacks for a plan, with the exact remedy: server settings, privileges, tables whose
// changes cannot be followed. Reads the server only.
#pragma once

#include <map>
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

// What the server's global variables say, by their names. Pure.
using Variables = std::map<std::string, std::string>;
std::vector<connect::Finding> check_variables(const Variables& variables, bool stream);

// Tables of engines of which a snapshot holds nothing, with the engine.
base::Result<std::map<model::TableName, std::string>> engines_without_transactions(Connection& connection);

base::Result<std::vector<connect::Finding>> check_source(Connection& connection, const SourceCheck& what);

}  // namespace mysql
