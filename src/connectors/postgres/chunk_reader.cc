// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/chunk_reader.h"

namespace postgres {
namespace {

using base::Result;

constexpr std::size_t raw_bytes_max = 256u << 10;
constexpr std::size_t batch_weight_max = 1u << 20;
constexpr std::size_t rows_between_weighings = 256;
constexpr std::uint32_t messages_between_watches = 1024;
constexpr base::Nanos watch_interval = std::chrono::seconds(1);

}  // namespace

Result<Connection> ReaderPool::take() {
  {
    base::Lock lock(mutex_);
    if (!idle_.empty()) {
      Connection connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  return Connection::open(settings_);
}

void ReaderPool::give_back(Connection connection) {
  if (connection.is_broken() || connection.in_transaction()) return;
  base::Lock lock(mutex_);
  idle_.push_back(std::move(connection));
}

Result<bool> ReaderPool::blocks_others(int backend_pid) {
  if (lock_yield_seconds_ == 0) return false;
  base::Lock lock(mutex_);
  if (!watcher_) watcher_ = TRY(Connection::open(settings_));
  Result<std::optional<std::string>> waiting = watcher_->query_value(
      "SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.wait_event_type = 'Lock'"
      " AND a.backend_type = 'client backend' AND pg_catalog.now() - a.query_start > pg_catalog.make_interval(secs => "
      "$1)"
      " AND $2 = ANY (pg_catalog.pg_blocking_pids(a.pid))",
      {std::to_string(lock_yield_seconds_), std::to_string(backend_pid)});
  if (!waiting.ok()) {
    watcher_.reset();
    return waiting.take_error();
  }
  return *waiting && **waiting != "0";
}

ChunkReader::~ChunkReader() {
  // Given up in the middle: the session is closed, and the server ends the COPY when it notices.
  if (connection_ && !connection_->is_broken()) connection_->cancel();
}

Result<void> ChunkReader::watch() {
  const base::Nanos now = pool_.clock().monotonic();
  if (now - watched_ < watch_interval) return {};
  watched_ = now;
  if (!TRY(pool_.blocks_others(connection_->backend_pid()))) return {};
  return base::failed(connect::errors::chunk_yielded, "{} kept others waiting for a lock", chunk_name_);
}

Result<std::optional<std::string_view>> ChunkReader::next_message(const std::stop_token& stop) {
  if (!connection_) return std::optional<std::string_view>();
  if (++unwatched_ >= messages_between_watches) {
    unwatched_ = 0;
    TRY(watch());
  }
  std::optional<std::string_view> message = TRY(connection_->copy_out_next(stop));
  if (message) return message;
  row_count_ = connection_->copied_rows();
  TRY(connection_->execute("COMMIT", stop));
  pool_.give_back(std::move(*connection_));
  connection_.reset();
  return message;
}

Result<bool> ChunkReader::next_raw(std::string& out, std::stop_token stop) {
  out.clear();
  while (out.size() < raw_bytes_max) {
    const std::optional<std::string_view> message = TRY(next_message(stop));
    if (!message) return !out.empty();
    if (out.empty() && message->size() < raw_bytes_max) out.reserve(raw_bytes_max + message->size());
    out.append(*message);
  }
  return true;
}

Result<bool> ChunkReader::next_rows(model::RowBatch& out, std::stop_token stop) {
  std::size_t weighed = 0;
  while (weighed < batch_weight_max) {
    const std::optional<std::string_view> message = TRY(next_message(stop));
    if (!message) break;
    TRY(rows_->add(*message, out));
    if (message->size() > batch_weight_max || out.rejected.size() >= rows_between_weighings) break;
    if (out.rows % rows_between_weighings == 0) weighed = out.weight();
  }
  return out.rows != 0 || !out.rejected.empty();
}

}  // namespace postgres
