// SPDX-License-Identifier: Apache-2.0
#include "engine/control_report.h"

#include <algorithm>

namespace engine {
namespace {

constexpr std::int64_t second_micros = 1'000'000;
constexpr std::int64_t minute_micros = 60 * second_micros;
constexpr std::uint64_t megabyte = 1u << 20;

const char* phase_text(ControlReport::Phase phase) {
  switch (phase) {
    case ControlReport::Phase::full_load: return "FULL LOAD";
    case ControlReport::Phase::streaming: return "CHANGE PROCESSING (CDC)";
    case ControlReport::Phase::not_running: return "NOT RUNNING";
  }
  return "";
}

std::uint64_t loaded(const TaskStatus& status, std::uint64_t TableStatus::*figure) {
  std::uint64_t sum = 0;
  for (const TableStatus& table : status.tables) sum += table.*figure;
  return sum;
}

}  // namespace

ControlReport::ControlReport(const Settings& settings, base::Clock& clock)
    : clock_(clock),
      wanted_(settings.boolean("ControlTablesSettings.StatusTableEnabled") ||
              settings.boolean("ControlTablesSettings.HistoryTableEnabled")),
      slot_minutes_(settings.integer("ControlTablesSettings.HistoryTimeslotInMinutes")) {}

std::map<std::string, std::string> ControlReport::facts(Phase phase, const TaskStatus& status) {
  const base::WallMicros now = clock_.wall();
  const std::uint64_t pending = status.changes_captured - std::min(status.changes_captured, status.changes_applied);
  std::map<std::string, std::string> facts{{"task_status", phase_text(phase)},
                                           {"pending_changes", std::to_string(pending)},
                                           {"disk_swap_size", std::to_string(status.relay_bytes / megabyte)},
                                           {"task_memory", std::to_string(status.queued_bytes / megabyte)},
                                           {"source_current_position", status.position},
                                           {"source_tail_position", status.durable_position}};
  if (status.source_latency_micros >= 0) {
    facts["source_current_timestamp"] = base::utc_text(now - status.source_latency_micros, 3);
  }
  if (status.target_latency_micros >= 0) {
    facts["source_timestamp_applied"] = base::utc_text(now - status.target_latency_micros, 3);
  }
  if (phase != Phase::not_running) add_slot(phase, status, now, facts);
  return facts;
}

// Slots end at multiples of their length since 1970, so that all tasks of a target share them.
void ControlReport::add_slot(Phase phase, const TaskStatus& status, base::WallMicros now,
                             std::map<std::string, std::string>& facts) {
  const bool is_load = phase == Phase::full_load;
  const std::uint64_t records = is_load ? loaded(status, &TableStatus::rows_loaded) : status.changes_applied;
  const std::uint64_t bytes = is_load ? loaded(status, &TableStatus::bytes_loaded) : status.bytes_captured;
  const std::int64_t length = slot_minutes_ * minute_micros;
  if (phase != phase_) {
    phase_ = phase;
    slot_end_ = now / length * length + length;
    records_before_ = bytes_before_ = 0;
  }
  if (now >= slot_end_) {  // what came since the last report is the new slot's
    slot_end_ = now / length * length + length;
    records_before_ = records_reported_;
    bytes_before_ = bytes_reported_;
  }
  records_reported_ = records;
  bytes_reported_ = bytes;
  const std::int64_t latency = is_load ? 0 : std::max<std::int64_t>(status.target_latency_micros, 0) / second_micros;
  facts["timeslot"] = base::utc_text(slot_end_, 0);
  facts["timeslot_duration"] = std::to_string(slot_minutes_);
  facts["timeslot_latency"] = std::to_string(latency);
  facts["timeslot_records"] = std::to_string(records - std::min(records, records_before_));
  facts["timeslot_volume"] = std::to_string((bytes - std::min(bytes, bytes_before_)) / megabyte);
}

}  // namespace engine
