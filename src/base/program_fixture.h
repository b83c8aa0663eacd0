// SPDX-License-Identifier: Apache-2.0
//
// Tests only: other programs, as servers to test against. As root they run as an unprivileged user; they end with the
// test. One thread.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

namespace base_test {

inline constexpr unsigned unprivileged_id = 65534;

// Runs a program to its end or leaves it running (wait = false); returns the pid, or -1 when it failed. When the test
// dies it gets the signal `end_with`.
inline pid_t run_program(const std::vector<std::string>& words, const std::string& output, bool wait,
                         int end_with = SIGQUIT, bool is_unprivileged = true) {
  const pid_t pid = fork();
  if (pid == 0) {
    if (is_unprivileged && geteuid() == 0 && (setgid(unprivileged_id) != 0 || setuid(unprivileged_id) != 0)) _exit(126);
    prctl(PR_SET_PDEATHSIG, end_with);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    if (freopen(output.c_str(), "a", stdout) == nullptr || freopen(output.c_str(), "a", stderr) == nullptr) _exit(125);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  int status = 0;
  if (wait && (waitpid(pid, &status, 0) != pid || status != 0)) return -1;
  return pid;
}

// A port of loopback below those that the kernel gives to outgoing connections: no client of another test can take it
// before the server listens, or between two starts. By bare system calls: <sys/socket.h> declares a function `connect`,
// which our namespace of that name forbids.
inline int free_port() {
  struct InternetAddress {
    std::uint16_t family = 2;         // AF_INET
    std::uint16_t port = 0;           // network order
    std::uint32_t host = 0x0100007f;  // 127.0.0.1 in network order
    std::uint64_t rest = 0;
  } address;
  std::random_device chance;
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const int port = std::uniform_int_distribution(15000, 32000)(chance);
    address.port = static_cast<std::uint16_t>((port & 0xff) << 8 | port >> 8);
    const long handle = syscall(SYS_socket, 2, 1 /* SOCK_STREAM */, 0);
    const bool is_free = syscall(SYS_bind, handle, &address, sizeof(address)) == 0;
    close(static_cast<int>(handle));
    if (is_free) return port;
  }
  return 0;
}

}  // namespace base_test
