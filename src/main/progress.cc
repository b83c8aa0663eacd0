// SPDX-License-Identifier: Apache-2.0
#include "main/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "main/time_text.h"

namespace main_program {
namespace {

using engine::TableStatus;
using engine::TaskStatus;

constexpr base::WallMicros second = 1000000;
constexpr base::WallMicros summary_interval = 5 * second;
constexpr base::Nanos frame_interval = std::chrono::milliseconds(500);
constexpr int bar_width = 20;

bool is_loading(const TableStatus& table) { return table.load_started != 0 && table.load_ended == 0; }

double fraction_of(const TableStatus& table) {
  if (table.load_ended != 0) return 1;
  if (table.rows_estimate > 0) {
    return std::min(0.99, static_cast<double>(table.rows_loaded) / static_cast<double>(table.rows_estimate));
  }
  return table.chunks == 0 ? 0 : std::min(0.99, static_cast<double>(table.chunks_done) / table.chunks);
}

double seconds_of(const TableStatus& table, base::WallMicros now) {
  const base::WallMicros end = table.load_ended != 0 ? table.load_ended : now;
  return table.load_started == 0 ? 0 : std::max(0.001, static_cast<double>(end - table.load_started) / second);
}

// How many code points, good enough for the width of names.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string fitted(const std::string& text, std::size_t width) {
  const std::size_t have = width_of(text);
  if (have <= width) return text + std::string(width - have, ' ');
  std::string out;
  std::size_t taken = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80 && ++taken >= width) break;
    out += c;
  }
  return out + "~";
}

std::string cut(const std::string& line, int columns) {
  return columns > 1 && width_of(line) >= static_cast<std::size_t>(columns)
             ? fitted(line, static_cast<std::size_t>(columns) - 1)
             : line;
}

std::string bar_line(const TableStatus& table, base::WallMicros now, std::size_t name_width) {
  const double fraction = fraction_of(table);
  const int full = static_cast<int>(fraction * bar_width);
  std::string bar = std::string(static_cast<std::size_t>(full), '=');
  if (full < bar_width) bar += '>';
  bar.resize(bar_width, ' ');
  const double seconds = seconds_of(table, now);
  const double rate = seconds > 0 ? static_cast<double>(table.rows_loaded) / seconds : 0;
  std::string left = table.load_ended != 0 ? "in " + duration_text(static_cast<std::int64_t>(seconds)) : "";
  if (left.empty() && fraction > 0.01) {
    left = "left " + duration_text(static_cast<std::int64_t>(seconds * (1 - fraction) / fraction));
  }
  return fmt::format("{} [{}] {:>3.0f}% {:>9} rows {:>9}/s {:>9} {}",
                     fitted(base::printable(table.source_name.text()), name_width), bar, fraction * 100,
                     short_number(static_cast<double>(table.rows_loaded)), short_number(rate),
                     byte_text(table.bytes_loaded), left);
}

std::string latency_text(std::int64_t micros) {
  if (micros < 0) return "-";
  return micros < 10 * second ? fmt::format("{:.1f} ms", static_cast<double>(micros) / 1000)
                              : duration_text(micros / second);
}

bool streams(const TaskStatus& status) { return !status.position.empty() || status.changes_captured != 0; }

std::string totals_line(const TaskStatus& status, base::WallMicros now) {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::size_t done = 0;
  std::size_t failed = 0;
  double seconds = 0;
  for (const TableStatus& table : status.tables) {
    rows += table.rows_loaded;
    bytes += table.bytes_loaded;
    done += table.load_ended != 0 ? 1 : 0;
    failed += table.state == "Table error" ? 1 : 0;
    seconds = std::max(seconds, is_loading(table) ? seconds_of(table, now) : 0);
  }
  std::string line = fmt::format("{}: {} of {} tables loaded, {} rows, {}", status.phase, done, status.tables.size(),
                                 rows, byte_text(bytes));
  if (failed != 0) line += fmt::format(", {} suspended", failed);
  return line;
}

// The tables worth a line, at most `room`: loading ones, then suspended ones, then the finished.
std::vector<const TableStatus*> shown_tables(const TaskStatus& status, std::size_t room) {
  std::vector<const TableStatus*> shown;
  const auto rank = [](const TableStatus& table) {
    if (is_loading(table)) return 0;
    if (table.state == "Table error") return 1;
    return table.load_ended != 0 ? 2 : 3;
  };
  for (const TableStatus& table : status.tables) shown.push_back(&table);
  std::stable_sort(shown.begin(), shown.end(), [&](const auto* a, const auto* b) { return rank(*a) < rank(*b); });
  if (shown.size() > room) shown.resize(room);
  return shown;
}

}  // namespace

std::string ProgressView::stream_line(const TaskStatus& status, base::WallMicros now) {
  if (rate_at_ == 0 || now - rate_at_ >= second) {
    const double seconds = static_cast<double>(now - rate_at_) / second;
    const bool known = rate_at_ != 0 && status.changes_applied >= rate_changes_ && seconds > 0;
    changes_a_second_ = known ? static_cast<double>(status.changes_applied - rate_changes_) / seconds : 0;
    rate_at_ = now;
    rate_changes_ = status.changes_applied;
  }
  std::string line =
      fmt::format("stream: {} changes/s, {} applied, latency source {} target {}, at {}",
                  short_number(changes_a_second_), status.changes_applied, latency_text(status.source_latency_micros),
                  latency_text(status.target_latency_micros), status.position.empty() ? "-" : status.position);
  if (!status.relay_mode.empty() && status.relay_mode != "memory") {
    line += fmt::format(", kept in {} ({})", status.relay_mode, byte_text(status.relay_bytes));
  }
  return line;
}

std::string ProgressView::frame(const TaskStatus& status, base::WallMicros now, Screen screen) {
  constexpr int other_lines = 5;
  const auto room = static_cast<std::size_t>(std::max(1, screen.rows - other_lines));
  const auto shown = shown_tables(status, room);
  std::size_t name_width = 12;
  for (const TableStatus* table : shown) name_width = std::max(name_width, width_of(table->source_name.text()));
  name_width = std::min<std::size_t>(name_width, screen.columns > 100 ? 40 : 24);
  std::string out;
  const auto add = [&](const std::string& line) { out += cut(line, screen.columns) + "\n"; };
  for (const TableStatus* table : shown) {
    if (table->state == "Table error") {
      add(fitted(table->source_name.text(), name_width) + " suspended: " + base::printable(table->reason, 200));
    } else {
      add(bar_line(*table, now, name_width));
    }
  }
  if (shown.size() < status.tables.size())
    add(fmt::format("... and {} more tables", status.tables.size() - shown.size()));
  add(totals_line(status, now));
  if (streams(status)) add(stream_line(status, now));
  if (!status.waiting.empty()) add("waiting: " + base::printable(status.waiting, 200));
  return out;
}

std::string ProgressView::plain(const TaskStatus& status, base::WallMicros now) {
  std::string out;
  const std::string time = base::utc_text(now, 0) + "  ";
  const auto add = [&](const std::string& line) { out += time + line + "\n"; };
  if (status.phase != phase_) add(status.phase);
  phase_ = status.phase;
  for (const TableStatus& table : status.tables) {
    const std::string name = base::printable(table.source_name.text(), 200);
    std::string& shown = states_[table.source_name.text()];
    if (shown == table.state) continue;
    const bool first = shown.empty();
    shown = table.state;
    if (table.state == "Table completed" && table.load_ended != 0) {
      const double seconds = seconds_of(table, now);
      add(fmt::format("table {}: loaded, {} rows in {:.1f} s ({} rows/s)", name, table.rows_loaded, seconds,
                      short_number(static_cast<double>(table.rows_loaded) / std::max(seconds, 0.001))));
    } else if (!table.reason.empty()) {
      add(fmt::format("table {}: {}: {}", name, table.state, base::printable(table.reason, 500)));
    } else if (!first) {
      add(fmt::format("table {}: {}", name, table.state));
    }
  }
  if (status.waiting != waiting_ && !status.waiting.empty()) add("waiting: " + base::printable(status.waiting, 500));
  waiting_ = status.waiting;
  if (status.consistent_at != consistent_ && !status.consistent_at.empty()) {
    add("consistent at " + status.consistent_at);
  }
  consistent_ = status.consistent_at;
  if (summary_at_ == 0) summary_at_ = now;
  if (now - summary_at_ >= summary_interval) {
    summary_at_ = now;
    add(streams(status) ? stream_line(status, now) : totals_line(status, now));
  }
  return out;
}

std::string ProgressView::json(const TaskStatus& status, base::WallMicros now) const {
  nlohmann::ordered_json out;
  out["time"] = base::utc_text(now, 3);
  out["phase"] = status.phase;
  out["waiting"] = status.waiting;
  out["position"] = status.position;
  out["durable_position"] = status.durable_position;
  out["consistent_at"] = status.consistent_at;
  out["changes_captured"] = status.changes_captured;
  out["changes_applied"] = status.changes_applied;
  out["transactions_applied"] = status.transactions_applied;
  out["source_latency_us"] = status.source_latency_micros;
  out["target_latency_us"] = status.target_latency_micros;
  out["relay_mode"] = status.relay_mode;
  out["relay_bytes"] = status.relay_bytes;
  out["queued_bytes"] = status.queued_bytes;
  out["source_retained_bytes"] = status.source_retained_bytes;
  out["source_log_health"] = status.source_log_health;
  out["tables"] = nlohmann::ordered_json::array();
  for (const TableStatus& table : status.tables) {
    nlohmann::ordered_json row;
    row["schema"] = table.source_name.schema;
    row["table"] = table.source_name.table;
    row["state"] = table.state;
    row["reason"] = table.reason;
    row["rows_estimate"] = table.rows_estimate;
    row["rows_loaded"] = table.rows_loaded;
    row["bytes_loaded"] = table.bytes_loaded;
    row["chunks"] = table.chunks;
    row["chunks_done"] = table.chunks_done;
    row["inserts"] = table.applied_inserts;
    row["updates"] = table.applied_updates;
    row["deletes"] = table.applied_deletes;
    row["put_aside"] = table.put_aside;
    row["looked_up"] = table.looked_up;
    row["looked_up_gone"] = table.looked_up_gone;
    out["tables"].push_back(std::move(row));
  }
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

ProgressPrinter::ProgressPrinter(ProgressMode mode, base::Clock& clock) : mode_(mode), clock_(clock) {
  terminal_ = mode == ProgressMode::automatic && ::isatty(STDOUT_FILENO) == 1;
}

base::Result<void> ProgressPrinter::run(const engine::Task& task, const std::stop_token& stop) {
  if (mode_ == ProgressMode::none) return {};
  while (!stop.stop_requested()) {
    if (const auto status = task.status()) print(*status, false);
    clock_.pause(frame_interval, stop);
  }
  if (const auto status = task.status()) print(*status, true);
  return {};
}

void ProgressPrinter::print(const TaskStatus& status, bool last) {
  const base::WallMicros now = clock_.wall();
  std::string text;
  if (mode_ == ProgressMode::json) {
    if (!last && now - json_at_ < second) return;
    json_at_ = now;
    text = view_.json(status, now);
  } else if (terminal_) {
    Screen screen;
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) screen = {size.ws_col, size.ws_row};
    const std::string frame = view_.frame(status, now, screen);
    if (lines_above_ > 0) text = fmt::format("\x1b[{}A", lines_above_);
    for (const char c : frame) text += c == '\n' ? std::string("\x1b[K\n") : std::string(1, c);
    text += "\x1b[J";
    lines_above_ = static_cast<int>(std::count(frame.begin(), frame.end(), '\n'));
  } else {
    text = view_.plain(status, now);
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace main_program
