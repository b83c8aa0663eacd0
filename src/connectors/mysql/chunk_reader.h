// SPDX-License-Identifier: Apache-2.0
//
// Rows of one chunk through the text protocol, unbuffered, into columns; and the pool of sessions that one snapshot
// has. A row with a value that no canonical cell can hold is left out and stands in the batch's `rejected`. One thread
// a reader; the pool outlives its readers and is safe to call from any thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/thread.h"
#include "connect/source.h"
#include "connectors/mysql/connection.h"
#include "connectors/mysql/log_window.h"
#include "connectors/mysql/value_text.h"

namespace mysql {

class SnapshotPool {
 public:
  explicit SnapshotPool(std::vector<Connection> sessions) : alive_(sessions.size()), idle_(std::move(sessions)) {}

  // Waits for a session. Fails with mysql.connection_lost when none is left.
  base::Result<Connection> take(const std::stop_token& stop);
  void give_back(Connection session);
  void lost();  // a session that was taken is gone

 private:
  base::Mutex mutex_;
  base::Condition changed_;
  std::size_t alive_ GUARDED_BY(mutex_);
  std::vector<Connection> idle_ GUARDED_BY(mutex_);
};

// What a column is read as: "`a`", or "`f`+0e0" so that all digits of a float come.
std::string select_expression(const model::Column& column);

class ChunkReader final : public connect::ChunkReader {
 public:
  // The rows are under way on that session, behind a savepoint. `logged` come before them; may be nullptr, and outlives
  // the reader.
  ChunkReader(SnapshotPool& pool, Connection session, const model::TableSchema& table,
              const std::vector<std::uint32_t>& columns, const ValueChoices& choices,
              const std::vector<LoggedRow>* logged);
  ~ChunkReader() override;

  base::Result<bool> next_rows(model::RowBatch& out, std::stop_token stop) override;
  base::Result<bool> next_raw(std::string& out, std::stop_token stop) override;
  std::uint64_t rows() const override { return row_count_; }

 private:
  struct Field {
    NativeType native;
    model::Type type;
    std::string name;
  };
  // The next of `logged`.
  RowView next_logged();
  // The session is given back when the read fails.
  base::Result<std::optional<RowView>> next_row(const std::stop_token& stop);
  // False: the row is left out.
  bool add_row(const RowView& row, model::RowBatch& out);
  bool add_value(const Field& field, std::string_view text, model::ColumnVector& column, std::string& why);
  base::Result<void> finish(const std::stop_token& stop);

  SnapshotPool& pool_;
  std::optional<Connection> session_;
  const model::TableName table_;
  const ValueChoices choices_;
  std::vector<Field> fields_;
  const std::vector<LoggedRow>* logged_;
  std::size_t logged_at_ = 0;
  std::vector<std::uint32_t> ranks_;         // of the columns to read, among the stored ones
  std::vector<const char*> logged_cells_;    // of the row that is looked at
  std::vector<unsigned long> logged_sizes_;  // the same
  std::uint64_t row_count_ = 0;
  std::string scratch_;
};

// The code for a failure of a read, with what is special about snapshots: mysql.server_error 1412 is a changed table.
base::Error read_failure(const Connection& session, base::Error error, const model::TableName& table);

}  // namespace mysql
