// SPDX-License-Identifier: Apache-2.0
//
// AUTO_INCREMENT columns at a clean stop: they go on behind what the source may have given out, rows or not. On a
// session of its own that waits for seconds only, so that neither a lock nor a silent server holds the stop up; what
// fails is logged, for the server itself counts on behind the rows that are there. Any thread.
#pragma once

#include <vector>

#include "base/log.h"
#include "connectors/mysql/connection.h"
#include "model/schema.h"

namespace mysql {

void set_counters(const ConnectionSettings& settings, const std::vector<model::TableSchemaPtr>& tables, base::Log& log);

}  // namespace mysql
