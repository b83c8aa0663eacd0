// SPDX-License-Identifier: Apache-2.0
//
// Where decisions are reported. Whoever decides logs, once; whoever returns an Error does not log it. Thread-safe.
// main/ implements it over rotating files; tests use NullLog.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace base {

enum class Level { debug, info, warning, error };

class Log {
 public:
  virtual ~Log() = default;
  virtual void write(Level level, std::string_view component, std::string_view text) = 0;

  template <typename... Args>
  void info(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
    write(Level::info, component, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void warning(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
    write(Level::warning, component, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void error(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
    write(Level::error, component, fmt::format(format, std::forward<Args>(args)...));
  }
};

class NullLog final : public Log {
 public:
  void write(Level, std::string_view, std::string_view) override {}
};

}  // namespace base
