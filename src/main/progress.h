// SPDX-License-Identifier: Apache-2.0
//
// What a running task shows. ProgressView turns status snapshots into text: a frame of bars for a terminal, lines for a
// log, or JSON. It keeps what it showed before, to tell rates and changes; one thread. ProgressPrinter prints a view to
// standard output twice a second from a thread of its own until asked to stop; a closed output is not an error.
#pragma once

#include <map>
#include <string>

#include "base/clock.h"
#include "engine/task.h"

namespace main_program {

enum class ProgressMode { automatic, plain, json, none };

struct Screen {
  int columns = 80;
  int rows = 24;
};

class ProgressView {
 public:
  // Bars of the tables that load (as many as fit), then the line of the stream.
  std::string frame(const engine::TaskStatus& status, base::WallMicros now, Screen screen);
  // Lines about what changed since the call before; a summary line every summary_interval. May be empty.
  std::string plain(const engine::TaskStatus& status, base::WallMicros now);
  // One JSON object, one line.
  std::string json(const engine::TaskStatus& status, base::WallMicros now) const;

 private:
  std::string stream_line(const engine::TaskStatus& status, base::WallMicros now);

  std::map<std::string, std::string> states_;  // table -> state shown
  std::string phase_, waiting_, consistent_;
  base::WallMicros summary_at_ = 0, rate_at_ = 0;
  std::uint64_t rate_changes_ = 0;
  double changes_a_second_ = 0;
};

class ProgressPrinter {
 public:
  ProgressPrinter(ProgressMode mode, base::Clock& clock);
  // Blocks until stop; prints a last time.
  base::Result<void> run(const engine::Task& task, const std::stop_token& stop);
  bool is_terminal() const { return terminal_; }

 private:
  void print(const engine::TaskStatus& status, bool last);

  const ProgressMode mode_;
  base::Clock& clock_;
  bool terminal_ = false;
  int lines_above_ = 0;
  base::WallMicros json_at_ = 0;
  ProgressView view_;
};

}  // namespace main_program
