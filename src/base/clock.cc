// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <ctime>
#include <random>

namespace base {

WallMicros SystemClock::wall() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Nanos SystemClock::monotonic() const { return std::chrono::steady_clock::now().time_since_epoch(); }

bool SystemClock::pause(Nanos length, const std::stop_token& stop) {
  const Nanos until = monotonic() + length;
  Lock lock(mutex_);
  while (!stop.stop_requested()) {
    const Nanos left = until - monotonic();
    if (left <= Nanos{0}) return true;
    never_.wait(mutex_, std::min<Nanos>(left, std::chrono::milliseconds(50)));
  }
  return false;
}

std::uint64_t SystemRandom::next() {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return engine();
}

std::string utc_text(WallMicros time, int fraction_digits) {
  std::int64_t seconds = time / 1'000'000;
  std::int64_t micros = time % 1'000'000;
  if (micros < 0) {
    micros += 1'000'000;
    seconds -= 1;
  }
  const std::time_t when = seconds;
  std::tm parts{};
  gmtime_r(&when, &parts);
  std::string text = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                                 parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  if (fraction_digits > 0) text += "." + fmt::format("{:06}", micros).substr(0, std::size_t(fraction_digits));
  return text;
}

}  // namespace base
