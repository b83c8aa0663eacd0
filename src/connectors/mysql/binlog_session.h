// SPDX-License-Identifier: Apache-2.0
//
// One session that reads a server's binlog as a replica does: events and where each stands. One thread.
//
// Protocol (COM_BINLOG_DUMP with file and offset, COM_BINLOG_DUMP_GTID or MariaDB's @slave_connect_state with a GTID
// set): after the command the server sends each event in a packet, first an artificial ROTATE that names the file and
// the file's FORMAT_DESCRIPTION. When there is nothing to send it sends a HEARTBEAT each tenth of a second, so that a
// read never waits longer than that and a server that says nothing for read_timeout is gone. A session of a process
// that died is ended by the server when we register with the same id.
//
// How it fails: connect.position_gone when the log does not reach back to the place; connection_lost; what the decoder
// says.
#pragma once

#include <memory>
#include <optional>

#include "connectors/mysql/binlog_event.h"
#include "connectors/mysql/connection.h"
#include "connectors/mysql/gtid_set.h"
#include "connectors/mysql/log_place.h"

namespace mysql {

struct BinlogStart {
  ConnectionSettings settings;
  std::uint32_t server_id = 0;
  std::string replica_uuid;  // MySQL: the server ends the older session that has the same
  std::string base;          // of the files' names
  LogPlace place;
  bool by_gtids = false;  // the file and offset are another server's
};

class BinlogSession {
 public:
  static base::Result<BinlogSession> open(const BinlogStart& start, std::stop_token stop = {});

  // The next event; valid until the next call. place() is where the one behind it begins.
  base::Result<const binlog::Event*> next(const std::stop_token& stop);
  const LogPlace& place() const { return place_; }
  bool has_more() const { return connection_.has_input(); }
  const binlog::Decoder& decoder() const { return decoder_; }
  const Server& server() const { return connection_.server(); }

 private:
  explicit BinlogSession(Connection connection) : connection_(std::move(connection)) {}
  base::Result<void> prepare(const BinlogStart& start, const std::stop_token& stop);
  base::Result<void> request(const BinlogStart& start);
  base::Result<void> follow(const binlog::Event& event);
  base::Error explained(base::Error error) const;

  Connection connection_;
  binlog::Decoder decoder_;
  LogPlace place_;
};

}  // namespace mysql
