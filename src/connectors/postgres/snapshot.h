// SPDX-License-Identifier: Apache-2.0
//
// One consistent view of a PostgreSQL database for the full load: an exported snapshot, kept alive by one session that
// does nothing else, and imported by every reader's own transaction.
//
// Chunks are ranges of table blocks (ctid), so that any table splits, with or without a key; a partitioned table is the
// chunks of its leaves. Servers before 14 cannot scan a ctid range: one chunk a leaf. The last range is open-ended.
// A chunk takes ACCESS SHARE on its table in one short transaction, and gives it up (connect.chunk_yielded) when
// somebody waits behind it for longer than the endpoint allows. TRUNCATE and rewrites change the table's file, which
// an old snapshot would silently read as empty: the file is compared under the lock (connect.table_changed).
//
// Any thread may call; each reader is used by one thread and holds a session of the snapshot's pool.
#pragma once

#include <memory>

#include "connect/source.h"
#include "connectors/postgres/connection.h"

namespace postgres {

// A snapshot of its own. `capturing`: with a fence against the change stream.
base::Result<std::unique_ptr<connect::Snapshot>> take_snapshot(const ConnectionSettings& settings,
                                                               const connect::Options& options,
                                                               const connect::Context& context, bool capturing);

// The snapshot that a replication session exported when it made its slot; the stream begins exactly there.
base::Result<std::unique_ptr<connect::Snapshot>> adopt_snapshot(const ConnectionSettings& settings,
                                                                const connect::Options& options,
                                                                const connect::Context& context, Connection keeper,
                                                                const std::string& snapshot);

}  // namespace postgres
