// SPDX-License-Identifier: Apache-2.0
//
// The monitor thread of Streaming: it has a connection of its own to the source, so that a slow catalogue never holds
// up capture. Its failures are transient at most; a source that cannot be looked at is the capture thread's to report.
#include <algorithm>

#include "engine/streaming.h"

namespace engine {
namespace {

using base::Result;

constexpr base::Nanos look_interval = std::chrono::seconds(1);
constexpr int heartbeat_every = 10;   // looks
constexpr int table_list_every = 10;  // looks
constexpr int save_every = 5;         // looks

}  // namespace

Result<void> Streaming::monitor(std::function<Result<std::unique_ptr<connect::Source>>()> open_monitor,
                                std::stop_token stop) {
  std::unique_ptr<connect::Source> source;
  for (int look = 0; !stop.stop_requested(); ++look) {
    if (!source) {
      Result<std::unique_ptr<connect::Source>> opened = open_monitor();
      if (opened.ok()) source = std::move(*opened);
    }
    if (source) {
      Result<void> looked = look_at_source(*source);
      if (looked.ok() && look % heartbeat_every == heartbeat_every - 1) looked = source->capture()->heartbeat();
      if (looked.ok() && look % table_list_every == table_list_every - 1) {
        Result<bool> changed = tables_changed(*source);
        if (changed.ok() && *changed) {
          tables_changed_ = true;
          finished_.request_stop();
        } else if (!changed.ok()) {
          looked = changed.take_error();
        }
      }
      if (!looked.ok()) {
        environment_.log->warning("monitor", "{}", looked.error().text());
        source.reset();
      }
    }
    if (look % save_every == save_every - 1) TRY(save_statistics());
    environment_.clock->pause(look_interval, stop);
  }
  return {};
}

Result<void> Streaming::look_at_source(connect::Source& source) {
  const connect::CaptureStatus capture = TRY(source.capture()->status());
  queue_->set_source_log_bytes(capture.retained_bytes);
  std::string before;
  statistics_.task([&](TaskStatus& status) {
    before = status.source_log_health;
    status.source_retained_bytes = capture.retained_bytes;
    status.source_log_health = capture.health;
    status.relay_mode = queue_->mode();
    status.relay_bytes = queue_->relay_bytes();
    status.queued_bytes = queue_->memory_bytes();
  });
  if (capture.health != before && (capture.health == "unreserved" || capture.health == "lost")) {
    environment_.log->error(
        "monitor",
        "the source's log for this task is {}: it will be removed soon; raise max_slot_wal_keep_size "
        "or make the target faster",
        capture.health);
  }
  return {};
}

// True when a table appeared that the mapping selects.
Result<bool> Streaming::tables_changed(connect::Source& source) {
  for (const connect::TableListing& listing : TRY(source.catalog().list_tables())) {
    if (listing.kind != "table" && listing.kind != "partitioned") continue;
    if (!definition_.mapping.selects(listing.name, false)) continue;
    const bool known = std::any_of(tables_.begin(), tables_.end(), [&](const PlannedTable& table) {
      return table.source->name == listing.name &&
             (listing.source_id == 0 || table.source->source_id == listing.source_id);
    });
    if (!known) {
      environment_.log->info("monitor", "new table {}: it is added to the task", listing.name.text());
      return true;
    }
  }
  return false;
}

Result<void> Streaming::save_statistics() {
  const TaskStatus status = statistics_.copy();
  std::map<model::TableName, const TableStatus*> rows;
  for (const TableStatus& row : status.tables) rows[row.source_name] = &row;
  return ledger_.update_all([&](TableRecord& record) {
    const auto found = rows.find(record.source_name);
    if (found == rows.end()) return;
    const TableStatus& row = *found->second;
    record.read = ChangeCounts{row.inserts, row.updates, row.deletes, row.ddls};
    record.applied = ChangeCounts{row.applied_inserts, row.applied_updates, row.applied_deletes, row.applied_ddls};
    record.put_aside = row.put_aside;
    record.values_cut = row.values_cut;
    record.last_update = row.updated;
  });
}

}  // namespace engine
