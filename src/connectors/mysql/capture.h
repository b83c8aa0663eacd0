// SPDX-License-Identifier: Apache-2.0
//
// Change capture of one task at a MySQL or MariaDB server. Nothing is made at the server: its binlog is there or not.
// What is kept, in the journal, is who the server is (its era, see log_place.h), the base name of its files and the
// open XA transactions.
//
// Fail-over: when another server answers, the GTID set of the position says where to go on there, in a new era.
// Without GTIDs the position means nothing there: connect.position_gone.
//
// Any thread may call, one at a time is served.
#pragma once

#include <map>
#include <optional>

#include "base/thread.h"
#include "connect/source.h"
#include "connectors/mysql/binlog_reader.h"
#include "connectors/mysql/connection.h"
#include "connectors/mysql/log_place.h"
#include "connectors/mysql/log_window.h"

namespace mysql {

class Capture final : public connect::Capture {
 public:
  Capture(ConnectionSettings settings, const connect::Options& options, const connect::Context& context);

  base::Result<connect::CaptureStatus> status() override;
  base::Result<std::pair<model::Position, std::unique_ptr<connect::Snapshot>>> begin(
      const connect::CapturePlan& plan, std::function<void(const std::string&)> waiting, std::stop_token stop) override;
  base::Result<model::Position> adopt(const connect::CapturePlan& plan, const model::Position& start) override;
  base::Result<void> update(const connect::CapturePlan& plan, std::function<void(const std::string&)> waiting,
                            std::stop_token stop) override;
  base::Result<std::unique_ptr<connect::Stream>> open_stream(const connect::CapturePlan& plan,
                                                             const model::Position& position,
                                                             model::CellForm form) override;
  base::Result<void> heartbeat() override { return {}; }  // the server's own heartbeats carry its position
  base::Result<void> drop() override;

  // A snapshot for a table that is added or loaded again while changes flow, or for a load alone.
  base::Result<std::unique_ptr<connect::Snapshot>> snapshot(bool capturing);
  // The end of the server's log, in the era of now.
  base::Result<model::Position> current();

 private:
  struct Known {
    std::uint64_t era = 0;
    std::string identity;
  };
  // What of the plan the snapshots that follow need.
  struct PlanNotes {
    std::vector<model::TableSchemaPtr> tables;
    std::vector<model::TableName> to_lock;          // without transactions
    std::map<model::TableName, std::string> rigid;  // those that log_window.h cannot patch, and why
  };
  base::Result<Connection*> session() REQUIRES(mutex_);
  base::Result<void> note_plan(const connect::CapturePlan& plan) REQUIRES(mutex_);
  // What every reading of the log of `server` needs.
  base::Result<ReaderSettings> reader_settings(Connection& connection, std::uint64_t era);
  // `low`, a GTID set, to `high`; see log_window.h.
  base::Result<LogWindow> window(const PlanNotes& notes, std::uint64_t era, const std::string& low,
                                 const LogPlace& high);
  base::Result<std::optional<Known>> known();
  base::Result<Known> note_server(const LogStatus& status, bool anew);
  base::Result<std::vector<OpenXa>> open_xa();
  base::Result<void> note_xa(const std::vector<OpenXa>& open);
  base::Result<std::unique_ptr<connect::Snapshot>> snapshot_of(const std::optional<PlanNotes>& notes, std::uint64_t era,
                                                               bool fenced, LogPlace& place,
                                                               std::function<void(const std::string&)> waiting,
                                                               std::stop_token stop);
  std::uint32_t server_id() const;

  const ConnectionSettings settings_;
  const connect::Options& options_;
  const connect::Context& context_;
  base::Mutex mutex_;
  std::optional<Connection> session_ GUARDED_BY(mutex_);
  PlanNotes notes_ GUARDED_BY(mutex_);
};

}  // namespace mysql
