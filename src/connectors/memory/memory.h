// SPDX-License-Identifier: Apache-2.0
//
// The memory connector: source and target over a memory::Database, for tests, the simulator, and as the smallest
// example of the promises in connect/. It is not in the list of connectors, as nobody could name its databases.
//
// The database is shared with the test that drives it. Threads and order of calls are those of connect/. Calls that a
// test can make fail (Database::fail) are named "source.open", "snapshot", "chunk.next", "capture.begin",
// "stream.open", "stream.next", "stream.confirm", "target.open", "target.check", "target.prepare", "loader.write",
// "loader.finish", "target.apply" (at its begin) and "target.publish" (after all is prepared); a stream that failed
// once stays broken.
#pragma once

#include <memory>

#include "connect/target.h"
#include "connectors/memory/database.h"

namespace memory {

base::Result<std::unique_ptr<connect::Source>> open_source(std::shared_ptr<Database> database,
                                                           const connect::Context& context);
base::Result<std::unique_ptr<connect::Target>> open_target(std::shared_ptr<Database> database,
                                                           const connect::Context& context);

// Reads a table's rows in order, for both sides.
std::unique_ptr<connect::Comparable> make_comparable(std::shared_ptr<Database> database);
std::unique_ptr<connect::Capture> make_capture(std::shared_ptr<Database> database);
std::unique_ptr<connect::Snapshot> make_snapshot(std::shared_ptr<Database> database, Database::View view);

}  // namespace memory
