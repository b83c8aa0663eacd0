// SPDX-License-Identifier: Apache-2.0
//
// What happened in a run, in order: every event goes into one checksum, by which two runs of a seed are compared, and,
// when the trace is kept, becomes a line that a person can read: simulated time, thread, event. One thread.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scheduler.h"

namespace sim {

class Trace {
 public:
  Trace(const SimScheduler& scheduler, bool keeps_lines) : scheduler_(scheduler), keeps_lines_(keeps_lines) {}

  template <typename... Args>
  void note(fmt::format_string<const Args&...> format, const Args&... args) {
    const fmt::string_view text = format;
    add(std::string_view(text.data(), text.size()));
    (add(args), ...);
    add(static_cast<std::uint64_t>(scheduler_.now().count()));
    if (keeps_lines_) detail(format, args...);
  }
  // Only for a reader: it is not part of the checksum, and should be made only when lines are kept.
  template <typename... Args>
  void detail(fmt::format_string<const Args&...> format, const Args&... args) {
    lines_.push_back(fmt::format("{:>12.6f} {:<12} {}", static_cast<double>(scheduler_.now().count()) / 1e9,
                                 scheduler_.name(), fmt::format(format, args...)));
  }
  bool keeps_lines() const { return keeps_lines_; }
  std::uint64_t checksum() const { return checksum_; }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  void add(std::string_view text) { checksum_ = hash_text(text, checksum_); }
  void add(std::integral auto number) { checksum_ = mix(checksum_ ^ static_cast<std::uint64_t>(number)) + 1; }

  const SimScheduler& scheduler_;
  const bool keeps_lines_;
  std::uint64_t checksum_ = 1;
  std::vector<std::string> lines_;
};

}  // namespace sim
