// SPDX-License-Identifier: Apache-2.0
//
// The change stream of a MySQL or MariaDB server: a replica's session (binlog_session.h) and the reader of its events
// (binlog_reader.h). Owned and used by one thread, except confirm(), which may come from any. The server keeps its
// binlog by its own rules, so confirm() tells it nothing; it forgets ended XA transactions here.
//
// How it fails: connect.position_gone when the log is purged; connection errors; what the reader says.
#pragma once

#include <memory>

#include "base/clock.h"
#include "connect/source.h"
#include "connectors/mysql/binlog_reader.h"
#include "connectors/mysql/binlog_session.h"

namespace mysql {

base::Result<std::unique_ptr<connect::Stream>> open_stream(const BinlogStart& start, ReaderSettings reader,
                                                           std::stop_token stop);

}  // namespace mysql
