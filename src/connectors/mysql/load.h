// SPDX-License-Identifier: Apache-2.0
//
// Loads chunks of the full load. A chunk is one transaction: durable when finish() returns, nothing of it stays
// otherwise. Rows are gathered to portions; a portion is one LOAD DATA LOCAL INFILE out of memory (no file is written
// or read). What such a statement does not take it leaves out or bends, and only counts: so a portion of which the
// server does not say "all records, no warning" is undone and repeated as INSERTs, which refuse. Where the server takes
// no local files every portion is INSERTs. One thread a loader.
//
// The careful loader sends INSERTs under savepoints; a refused portion is halved until the refused rows stand alone.
// Those go to the exceptions table, in the chunk's transaction.
#pragma once

#include "connect/target.h"
#include "connectors/mysql/control_tables.h"

namespace mysql {

// Reads the table's columns as they are on the target.
// Nothing is committed for an `epoch` of the task that has ended.
base::Result<std::unique_ptr<connect::ChunkLoader>> open_loader(SessionPool& pool, const ControlTables& control,
                                                                std::int64_t epoch, const model::TableSchemaPtr& table,
                                                                const connect::LoadMode& mode);

}  // namespace mysql
