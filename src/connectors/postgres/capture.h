// SPDX-License-Identifier: Apache-2.0
//
// Change capture of one task at a PostgreSQL source: event trigger, publications, slot, in this order, and their
// removal in the reverse one. Why the order: pgoutput looks a publication up in the catalogue as it was when a change
// was written, so a publication must be older than the first change the slot decodes.
//
// What is left behind when the process dies half-way is found by name by the next begin() (which makes the slot anew,
// because only a slot's creation exports a snapshot) or drop(). A slot named by the user (SlotName) is never made or
// dropped here; its snapshot is one of its own with a fence.
//
// The server's identity (system identifier and timeline) is noted in the journal at begin and compared whenever a
// stream is opened: after a failover or a restore the same position means something else (connect.position_gone).
//
// Any thread may call, one at a time is served; status() and heartbeat() are cheap.
#pragma once

#include <optional>

#include "connect/source.h"
#include "connectors/postgres/capture_names.h"
#include "connectors/postgres/connection.h"
#include "connectors/postgres/slot.h"

namespace postgres {

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
  base::Result<void> heartbeat() override;
  base::Result<void> drop() override;

 private:
  base::Result<Connection*> session() REQUIRES(mutex_);
  base::Result<std::unique_ptr<connect::Stream>> open_from(const connect::CapturePlan& plan,
                                                           const model::Position& position, model::CellForm form,
                                                           bool as_text);
  base::Result<bool> wants_text(Connection& connection, const model::Position& position);
  base::Result<void> make_ddl_trigger(Connection& connection);
  base::Result<void> note_server(Connection& connection);
  base::Result<void> verify_server(Connection& connection);
  base::Result<SlotState> usable_slot(Connection& connection);

  const ConnectionSettings settings_;
  const connect::Options options_;
  const connect::Context& context_;
  const CaptureNames names_;
  base::Mutex mutex_;
  std::optional<Connection> session_ GUARDED_BY(mutex_);
  std::optional<base::Nanos> last_heartbeat_ GUARDED_BY(mutex_);
};

}  // namespace postgres
