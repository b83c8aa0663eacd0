// SPDX-License-Identifier: Apache-2.0
//
// Reads one chunk by COPY ... TO STDOUT inside a transaction that imported the snapshot. One thread. What the load's
// readers share (sessions, the watch for blocked sessions) is a ReaderPool, which outlives them.
#pragma once

#include <optional>
#include <vector>

#include "base/thread.h"
#include "connect/source.h"
#include "connectors/postgres/connection.h"
#include "connectors/postgres/copy_text.h"

namespace postgres {

class ReaderPool {
 public:
  ReaderPool(ConnectionSettings settings, base::Clock& clock, std::int64_t lock_yield_seconds)
      : settings_(std::move(settings)), clock_(clock), lock_yield_seconds_(lock_yield_seconds) {}

  base::Result<Connection> take();
  void give_back(Connection connection);
  // Whether somebody has waited too long for a lock that this session holds.
  base::Result<bool> blocks_others(int backend_pid);
  base::Clock& clock() { return clock_; }

 private:
  const ConnectionSettings settings_;
  base::Clock& clock_;
  const std::int64_t lock_yield_seconds_;
  base::Mutex mutex_;
  std::vector<Connection> idle_ GUARDED_BY(mutex_);
  std::optional<Connection> watcher_ GUARDED_BY(mutex_);
};

class ChunkReader final : public connect::ChunkReader {
 public:
  // The COPY is under way on that session; `rows` decodes its text, nullptr for raw forms.
  ChunkReader(ReaderPool& pool, Connection connection, std::string chunk_name, std::unique_ptr<CopyTextRows> rows)
      : pool_(pool), connection_(std::move(connection)), chunk_name_(std::move(chunk_name)), rows_(std::move(rows)) {
    watched_ = pool_.clock().monotonic();
  }
  ~ChunkReader() override;

  base::Result<bool> next_rows(model::RowBatch& out, std::stop_token stop) override;
  base::Result<bool> next_raw(std::string& out, std::stop_token stop) override;
  std::uint64_t rows() const override { return row_count_; }

 private:
  // The next CopyData message; nullopt at the end, when the transaction is closed.
  base::Result<std::optional<std::string_view>> next_message(const std::stop_token& stop);
  base::Result<void> watch();

  ReaderPool& pool_;
  std::optional<Connection> connection_;
  const std::string chunk_name_;
  std::unique_ptr<CopyTextRows> rows_;
  std::uint64_t row_count_ = 0;
  std::uint32_t unwatched_ = 0;
  base::Nanos watched_{0};
};

}  // namespace postgres
