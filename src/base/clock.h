// SPDX-License-Identifier: Apache-2.0
//
// Time and chance, as interfaces, so that a simulator owns them. SystemClock and SystemRandom are the production ones;
// both may be called from any thread. Wall time is microseconds since 1970-01-01 UTC; it may jump. Monotonic time
// never goes back and has no meaning beyond differences.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "base/thread.h"

namespace base {

using WallMicros = std::int64_t;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallMicros wall() const = 0;
  virtual Nanos monotonic() const = 0;
  // Returns early (false) when stop is requested.
  virtual bool pause(Nanos length, const std::stop_token& stop) = 0;
};

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
};

class SystemClock final : public Clock {
 public:
  WallMicros wall() const override;
  Nanos monotonic() const override;
  bool pause(Nanos length, const std::stop_token& stop) override;

 private:
  Mutex mutex_;
  Condition never_;
};

class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;
};

// "2026-11-21 05:38:16.123456" in UTC, with that many fraction digits (0 to 6; 0 leaves the point out).
std::string utc_text(WallMicros time, int fraction_digits);

}  // namespace base
