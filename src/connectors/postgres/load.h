// SPDX-License-Identifier: Apache-2.0
//
// Loads chunks of the full load by COPY FROM STDIN: the source's own COPY bytes undecoded, or rows as COPY's
// binary form where each column of the target has an exact one (copy_binary.h), else as its text. A
// chunk is one transaction, which commits only while its process owns the task: durable when finish() returns, nothing
// of it stays otherwise. Sessions are kept for the next chunk. SessionPool: any thread; a loader: one thread.
//
// The careful loader takes text only and sends the rows in portions, each under a savepoint; a refused portion is
// halved until the refused rows stand alone. Those go to the exceptions table, in the chunk's transaction.
#pragma once

#include "base/thread.h"
#include "connect/target.h"
#include "connectors/postgres/control_tables.h"
#include "connectors/postgres/session.h"

namespace postgres {

class SessionPool {
 public:
  explicit SessionPool(SessionSettings settings) : settings_(std::move(settings)) {}
  // Foreign keys and triggers are quiet in it where the right is there.
  base::Result<std::unique_ptr<Session>> take();
  void give_back(std::unique_ptr<Session> session);
  const SessionSettings& settings() const { return settings_; }

 private:
  const SessionSettings settings_;
  base::Mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_ GUARDED_BY(mutex_);
};

// `epoch`: of the process that loads.
base::Result<std::unique_ptr<connect::ChunkLoader>> open_loader(SessionPool& pool, const ControlTables& control,
                                                                std::int64_t epoch, const model::TableSchemaPtr& table,
                                                                const connect::LoadMode& mode);
base::Result<std::unique_ptr<connect::ChunkLoader>> open_careful_loader(SessionPool& pool, const ControlTables& control,
                                                                        std::int64_t epoch,
                                                                        const model::TableSchemaPtr& table,
                                                                        const connect::LoadMode& mode);

}  // namespace postgres
