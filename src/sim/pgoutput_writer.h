// SPDX-License-Identifier: Apache-2.0
//
// Writes the log's entries as the messages of pgoutput, so that the real reader of them (connectors/postgres) is part
// of every run: a table is described before its first row and again when its shape was changed, once for each streamed
// transaction; DDL is a logical message where event triggers report it, and nothing at all where none do.
//
// One stream has one writer. One simulated thread.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "sim/source_server.h"

namespace sim {

class PgoutputWriter {
 public:
  using Send = std::function<base::Result<void>(std::string_view message)>;
  PgoutputWriter(bool told, Send send) : told_(told), send_(std::move(send)) {}

  base::Result<void> begin(const LogEntry& entry);
  base::Result<void> commit(const LogEntry& entry);
  // Between these two stand the changes of a piece.
  base::Result<void> start_piece(const LogEntry& entry);
  base::Result<void> stop_piece();
  base::Result<void> commit_streamed(const LogEntry& entry);
  base::Result<void> abort(const LogEntry& entry);
  // `is_sent`: its table is published.
  base::Result<void> change(const LogEntry& entry, const LoggedChange& change, bool is_sent);

 private:
  using Described = std::map<std::uint64_t, model::TableSchemaPtr>;  // by table number
  base::Result<void> describe(const LogEntry& entry, const LoggedChange& change);
  base::Result<void> row(const LogEntry& entry, const LoggedChange& change);

  const bool told_;
  const Send send_;
  Described described_;
  std::map<std::uint64_t, Described> streamed_;  // by transaction
};

inline constexpr std::size_t repeated_bytes_max = 100;  // larger values are not repeated by updates that keep them

}  // namespace sim
