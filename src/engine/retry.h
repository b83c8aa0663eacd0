// SPDX-License-Identifier: Apache-2.0
//
// When a task that failed and may recover is started again: ErrorBehavior.RecoverableError*. With a count the document
// is followed to the letter. Without one (-1, DMS's own regime) the first retries come quickly, later ones no rarer
// than a probe costs nothing, and the task gives up when DMS's doubled waits would have reached their maximum. Pure.
#pragma once

#include <optional>

#include "base/clock.h"
#include "engine/settings.h"

namespace engine {

class RetrySchedule {
 public:
  explicit RetrySchedule(const Settings& settings);

  // The wait before retry number `retry` (from 1 on), `failing_for` after the first failure; nullopt: give up.
  std::optional<base::Nanos> wait(int retry, base::Nanos failing_for) const;

 private:
  double counted_wait(int retry) const;
  double free_wait(int retry) const;

  std::int64_t count_;
  double interval_, longest_;  // seconds
  bool doubles_, ends_at_longest_;
};

}  // namespace engine
