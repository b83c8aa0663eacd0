// SPDX-License-Identifier: Apache-2.0
//
// No handlers: the signals are blocked everywhere and one thread takes them with sigtimedwait, so nothing runs at a
// place where it could find a lock held.
#include "main/signals.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "base/thread.h"

namespace main_program {
namespace {

constexpr long wait_step_ns = 100'000'000;
constexpr int grace_steps_max = 100;  // ten seconds

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  return set;
}

[[noreturn]] void end_now(const char* why) {
  std::fprintf(stderr, "\n%s: ended at once; nothing is lost, resume the task to go on\n", why);
  ::_exit(exit_interrupted);
}

}  // namespace

void block_signals() {
  const sigset_t set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is an error of the write
}

base::Result<void> watch_signals(const std::function<void()>& on_first, const std::stop_token& done) {
  const sigset_t set = ending_signals();
  const timespec step{0, wait_step_ns};
  bool asked = false;
  int steps = 0;
  base::TaskGroup asking;  // it tells servers to cancel, and one of them may not answer
  while (!done.stop_requested() || asking.running() > 0) {
    const int number = ::sigtimedwait(&set, nullptr, &step);
    if (number > 0 && asked) end_now("second signal");
    if (number > 0) {
      asked = true;
      asking.spawn("stop", [&on_first](const std::stop_token&) -> base::Result<void> {
        on_first();
        return {};
      });
    } else if (asked && ++steps >= grace_steps_max) {
      end_now("not stopped within ten seconds");
    }
  }
  return asking.join();
}

}  // namespace main_program
