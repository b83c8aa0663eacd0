// SPDX-License-Identifier: Apache-2.0
#include "main/log_file.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>

#include "main/errors.h"

namespace main_program {
namespace {

constexpr std::size_t file_bytes_max = 20u << 20;
constexpr std::size_t old_files_max = 5;
constexpr std::size_t secret_bytes_min = 3;

spdlog::level::level_enum level_of(base::Level level) {
  switch (level) {
    case base::Level::debug: return spdlog::level::debug;
    case base::Level::info: return spdlog::level::info;
    case base::Level::warning: return spdlog::level::warn;
    case base::Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

struct LogFile::Sink {
  std::shared_ptr<spdlog::logger> logger;
};

LogFile::LogFile(std::unique_ptr<Sink> sink, std::vector<std::string> secrets, LogLevels levels)
    : sink_(std::move(sink)), secrets_(std::move(secrets)), levels_(std::move(levels)) {}

LogFile::~LogFile() = default;

base::Result<std::unique_ptr<LogFile>> LogFile::open(const std::string& folder, std::vector<std::string> secrets,
                                                     LogLevels levels) {
  const std::string path = folder + "/millrace.log";
  try {
    auto file = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path, file_bytes_max, old_files_max);
    auto sink = std::make_unique<Sink>();
    sink->logger = std::make_shared<spdlog::logger>("millrace", std::move(file));
    sink->logger->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%d %H:%M:%S.%e %L %v", spdlog::pattern_time_type::utc));
    sink->logger->set_level(spdlog::level::debug);
    sink->logger->flush_on(spdlog::level::debug);
    sink->logger->set_error_handler([](const std::string&) {});
    return std::unique_ptr<LogFile>(new LogFile(std::move(sink), std::move(secrets), std::move(levels)));
  } catch (const spdlog::spdlog_ex& thrown) {
    return base::failed(errors::bad_data_dir, "{}: {}", path, thrown.what());
  }
}

void LogFile::write(base::Level level, std::string_view component, std::string_view text) {
  const auto least = levels_.find(component);
  if (level < (least == levels_.end() ? base::Level::info : least->second)) return;
  sink_->logger->log(level_of(level), "{}: {}", component, cleaned(text, secrets_));
}

std::string cleaned(std::string_view text, const std::vector<std::string>& secrets) {
  std::string out(text);
  for (const std::string& secret : secrets) {
    if (secret.size() < secret_bytes_min) continue;
    for (std::size_t at = out.find(secret); at != std::string::npos; at = out.find(secret, at + 3)) {
      out.replace(at, secret.size(), "***");
    }
  }
  std::string escaped;
  for (const char c : out) {
    if (static_cast<unsigned char>(c) >= 0x20) {
      escaped += c;
    } else {
      escaped += c == '\n' ? std::string("\\n") : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return escaped;
}

}  // namespace main_program
