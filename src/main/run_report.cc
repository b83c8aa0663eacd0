// SPDX-License-Identifier: Apache-2.0
#include "main/run_report.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/ledger.h"
#include "main/reports.h"

namespace main_program {
namespace {

using engine::TableStatus;
using engine::TaskStatus;
using nlohmann::json;

constexpr double micros_a_second = 1e6;
constexpr base::WallMicros micros_in_milli = 1000;
constexpr base::Nanos report_interval = std::chrono::seconds(1);

engine::TableRecord record_of(const TableStatus& table) {
  engine::TableRecord out;
  out.source_name = table.source_name;
  out.state = table.state;
  out.load_rows = table.rows_loaded;
  out.load_errors = table.load_errors;
  out.load_started = table.load_started;
  out.load_ended = table.load_ended;
  out.last_update = table.updated;
  out.read = {table.inserts, table.updates, table.deletes, table.ddls};
  out.applied = {table.applied_inserts, table.applied_updates, table.applied_deletes, table.applied_ddls};
  out.values_cut = table.values_cut;
  return out;
}

// How much of the load is done, by rows where the source estimates them and by chunks where it does not.
int load_percent(const TaskStatus& status) {
  double done = 0, all = 0;
  for (const TableStatus& table : status.tables) {
    const double weight = std::max<double>(1.0, static_cast<double>(table.rows_estimate));
    all += weight;
    if (table.load_ended != 0 || table.state == engine::table_state::completed) {
      done += weight;
    } else if (table.rows_estimate > 0) {
      done += std::min(weight, static_cast<double>(table.rows_loaded));
    } else if (table.chunks > 0) {
      done += weight * table.chunks_done / table.chunks;
    }
  }
  return all == 0 ? 0 : static_cast<int>(100.0 * done / all);
}

json latencies_of(const engine::Latencies& latencies) {
  return {{"bounds", latencies.bounds}, {"counts", latencies.counts}, {"sum", latencies.sum}};
}

std::uint64_t bytes_loaded(const TaskStatus& status) {
  std::uint64_t bytes = 0;
  for (const TableStatus& table : status.tables) bytes += table.bytes_loaded;
  return bytes;
}

json stats_of(const TaskStatus& status, base::WallMicros started, base::WallMicros now) {
  int loaded = 0, loading = 0, queued = 0, errored = 0;
  base::WallMicros load_started = 0, load_ended = 0;
  for (const TableStatus& table : status.tables) {
    loaded += table.state == engine::table_state::completed ? 1 : 0;
    loading += table.state == engine::table_state::loading ? 1 : 0;
    queued += table.state == engine::table_state::before_load ? 1 : 0;
    errored += table.state == engine::table_state::error ? 1 : 0;
    if (table.load_started != 0 && (load_started == 0 || table.load_started < load_started)) {
      load_started = table.load_started;
    }
    load_ended = std::max(load_ended, table.load_ended);
  }
  json out{{"FullLoadProgressPercent", load_percent(status)},
           {"ElapsedTimeMillis", (now - started) / micros_in_milli},
           {"TablesLoaded", loaded},
           {"TablesLoading", loading},
           {"TablesQueued", queued},
           {"TablesErrored", errored}};
  if (load_started != 0) out["FullLoadStartDate"] = static_cast<double>(load_started) / micros_a_second;
  if (load_ended != 0 && loading + queued == 0) {
    out["FullLoadFinishDate"] = static_cast<double>(load_ended) / micros_a_second;
  }
  return out;
}

json end_of(const base::Result<engine::Outcome>& outcome) {
  if (outcome.ok()) return {{"outcome", *outcome == engine::Outcome::finished ? "finished" : "interrupted"}};
  std::string message = outcome.error().message;
  for (auto cause = outcome.error().cause; cause != nullptr; cause = cause->cause) message += "; " + cause->message;
  return {{"outcome", "failed"},
          {"code", outcome.error().code->name},
          {"message", message},
          {"transient", outcome.error().kind() == base::Kind::transient}};
}

}  // namespace

std::string run_report_text(const TaskStatus& status, base::WallMicros started, base::WallMicros now,
                            const base::Result<engine::Outcome>* ended) {
  json out{{"pid", ::getpid()},
           {"phase", status.phase},
           {"waiting", status.waiting},
           {"position", status.durable_position},
           {"consistent_at", status.consistent_at},
           {"changes_captured", status.changes_captured},
           {"changes_applied", status.changes_applied},
           {"source_latency_us", status.source_latency_micros},
           {"target_latency_us", status.target_latency_micros},
           {"source_latencies", latencies_of(status.source_latencies)},
           {"target_latencies", latencies_of(status.target_latencies)},
           {"transactions_applied", status.transactions_applied},
           {"bytes_captured", status.bytes_captured},
           {"bytes_loaded", bytes_loaded(status)},
           {"queued_bytes", status.queued_bytes},
           {"relay_bytes", status.relay_bytes},
           {"source_retained_bytes", status.source_retained_bytes},
           {"stats", stats_of(status, started, now)},
           {"tables", json::array()}};
  for (const TableStatus& table : status.tables) {
    out["tables"].push_back(json::parse(statistics_json(record_of(table)), nullptr, false));
  }
  if (ended != nullptr) out["ended"] = end_of(*ended);
  return out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

RunReport::RunReport(std::string path, base::Clock& clock, base::Disk& disk, base::Log& log)
    : path_(std::move(path)), clock_(clock), disk_(disk), log_(log), started_(clock.wall()) {}

base::Result<void> RunReport::run(const engine::Task& task, const std::stop_token& stop) {
  while (!path_.empty() && !stop.stop_requested()) {
    if (const auto status = task.status()) write(run_report_text(*status, started_, clock_.wall(), nullptr), false);
    clock_.pause(report_interval, stop);
  }
  return {};
}

void RunReport::end(const engine::Task& task, const base::Result<engine::Outcome>& outcome) {
  if (path_.empty()) return;
  const auto status = task.status();
  write(run_report_text(status ? *status : TaskStatus{}, started_, clock_.wall(), &outcome), true);
}

void RunReport::write(const std::string& text, bool durable) {
  const auto replace = [&]() -> base::Result<void> {
    const std::string fresh = path_ + ".new";
    if (TRY(disk_.exists(fresh))) TRY(disk_.remove(fresh));
    auto file = TRY(disk_.open(fresh, base::OpenMode::create_new));
    TRY(file->append(text));
    if (durable) TRY(file->sync());
    TRY(disk_.rename(fresh, path_));
    return durable ? disk_.sync_folder(path_.substr(0, path_.rfind('/') + 1)) : base::Result<void>();
  };
  const base::Result<void> outcome = replace();
  if (!outcome.ok() && !told_) log_.warning("main", "the report: {}", outcome.error().text());
  told_ = !outcome.ok();
}

}  // namespace main_program
