// SPDX-License-Identifier: Apache-2.0
#include "engine/retry.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr int quick_retries = 5;
constexpr double quick_seconds = 0.25;
constexpr double probe_seconds_max = 15;
constexpr double pause_seconds_min = 0.1;  // an interval of 0 is no busy loop
constexpr int doublings_max = 30;

double doubled(double seconds, int times) { return std::ldexp(seconds, std::min(times, doublings_max)); }

base::Nanos nanos(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::max(seconds, pause_seconds_min) * 1000));
}

}  // namespace

RetrySchedule::RetrySchedule(const Settings& settings)
    : count_(settings.integer("ErrorBehavior.RecoverableErrorCount")),
      interval_(static_cast<double>(settings.integer("ErrorBehavior.RecoverableErrorInterval"))),
      longest_(static_cast<double>(settings.integer("ErrorBehavior.RecoverableErrorThrottlingMax"))),
      doubles_(settings.boolean("ErrorBehavior.RecoverableErrorThrottling")),
      ends_at_longest_(settings.boolean("ErrorBehavior.RecoverableErrorStopRetryAfterThrottlingMax")) {}

std::optional<base::Nanos> RetrySchedule::wait(int retry, base::Nanos failing_for) const {
  if (count_ >= 0) {
    if (retry > count_) return std::nullopt;
    const double seconds = counted_wait(retry);
    if (!doubles_ || seconds < longest_) return nanos(seconds);
    if (ends_at_longest_ && retry > 1) return std::nullopt;
    return nanos(longest_);
  }
  const auto longest = std::chrono::duration_cast<base::Nanos>(std::chrono::duration<double>(2 * longest_));
  if (ends_at_longest_ && failing_for > longest) return std::nullopt;
  return nanos(free_wait(retry));
}

double RetrySchedule::counted_wait(int retry) const { return doubles_ ? doubled(interval_, retry - 1) : interval_; }

double RetrySchedule::free_wait(int retry) const {
  if (retry <= quick_retries) return doubled(quick_seconds, retry - 1);
  const double seconds = doubles_ ? doubled(interval_, retry - quick_retries - 1) : interval_;
  return std::min(seconds, probe_seconds_max);
}

}  // namespace engine
