// SPDX-License-Identifier: Apache-2.0
//
// Starts tests/support/fault_proxy.py for a test, gives it commands, stops it. One thread.
#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.h"
#include "base/program_fixture.h"

namespace wire {

using base_test::free_port;

inline sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline int shell(const std::string& command) { return std::system(command.c_str()); }

inline std::string temporary_folder() {
  char name[] = "/tmp/millrace-wire-XXXXXX";
  const char* made = ::mkdtemp(name);
  ENSURE(made != nullptr);
  return made;
}

class FaultProxy {
 public:
  explicit FaultProxy(int to_port) : folder_(temporary_folder()) {
    shell(
        fmt::format("python3 {}/tests/support/fault_proxy.py --listen {} --to 127.0.0.1:{} --control {} --http "
                    ">{}/log 2>&1 & echo $! >{}/pid",
                    MILLRACE_TOP, port_, to_port, control_port_, folder_, folder_));
    const base::SystemClock clock;
    const base::Nanos deadline = clock.monotonic() + std::chrono::seconds(20);
    while (!running_ && clock.monotonic() < deadline) running_ = !ask({{"do", "stats"}}).is_null();
  }
  ~FaultProxy() {
    shell(fmt::format("kill $(cat {}/pid) 2>/dev/null", folder_));
    std::filesystem::remove_all(folder_);
  }
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  bool running() const { return running_; }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }

  // The answer to one command of the proxy's protocol; null when it does not answer.
  nlohmann::json ask(const nlohmann::json& command) const {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = loopback(control_port_);
    std::string answer;
    if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      const std::string line = command.dump() + "\n";
      char bytes[65536];
      ssize_t got = ::write(descriptor, line.data(), line.size());
      while (got > 0 && answer.find('\n') == std::string::npos) {
        got = ::read(descriptor, bytes, sizeof bytes);
        if (got > 0) answer.append(bytes, static_cast<std::size_t>(got));
      }
    }
    ::close(descriptor);
    return answer.empty() ? nlohmann::json() : nlohmann::json::parse(answer);
  }
  bool rule(nlohmann::json fields) const {
    fields["do"] = "rule";
    return ask(fields).contains("ok");
  }

 private:
  const std::string folder_;
  const int port_ = free_port();
  const int control_port_ = free_port();
  bool running_ = false;
};

}  // namespace wire
