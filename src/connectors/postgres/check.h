// SPDX-License-Identifier: Apache-2.0
//
// Everything that would stop or weaken a task at its PostgreSQL source, found before anything is touched, each with the
// SQL that mends it. Only reads. The calling thread's session is used; a failing statement is an error of the check
// itself, what is found are the findings.
#pragma once

#include <vector>

#include "connect/source.h"
#include "connectors/postgres/connection.h"

namespace postgres {

struct SourceCheck {
  const ConnectionSettings& settings;
  const connect::Options& options;
  const connect::Context& context;
  const connect::CapturePlan& plan;
  bool full_load = false;
  bool stream = false;
};

base::Result<std::vector<connect::Finding>> check_source(Connection& connection, const SourceCheck& what);

}  // namespace postgres
