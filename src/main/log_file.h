// SPDX-License-Identifier: Apache-2.0
//
// base::Log over files that rotate: logs/millrace.log, then .1 to .5, 20 MB each. One line an entry; control characters
// are escaped, and the secrets it was given never reach the file. Thread-safe. Lines are flushed as they are written;
// a full disk loses log lines, never the task.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "main/log_levels.h"

namespace main_program {

class LogFile final : public base::Log {
 public:
  // `folder` exists. Lines below a component's level are not written. Fails with main.bad_data_dir.
  static base::Result<std::unique_ptr<LogFile>> open(const std::string& folder, std::vector<std::string> secrets,
                                                     LogLevels levels);
  ~LogFile() override;
  void write(base::Level level, std::string_view component, std::string_view text) override;

 private:
  struct Sink;
  LogFile(std::unique_ptr<Sink> sink, std::vector<std::string> secrets, LogLevels levels);

  std::unique_ptr<Sink> sink_;
  const std::vector<std::string> secrets_;
  const LogLevels levels_;
};

// The text with each secret of three bytes or more replaced by "***" and control characters escaped.
std::string cleaned(std::string_view text, const std::vector<std::string>& secrets);

}  // namespace main_program
