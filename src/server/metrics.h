// SPDX-License-Identifier: Apache-2.0
//
// What a monitor reads, in Prometheus's text form: calls and their latency, tasks by state, and for each running task
// what its report says. The help of a metric names the CloudWatch metric and unit that it stands for. Thread-safe.
#pragma once

#include <array>
#include <map>
#include <string>

#include "server/ground.h"

namespace server {

class Metrics {
 public:
  void count(base::Nanos latency, std::string_view outcome);
  base::Result<std::string> text(Ground& ground);

 private:
  static constexpr std::array<double, 10> bounds{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5};  // seconds

  base::Mutex mutex_;
  std::array<std::uint64_t, bounds.size() + 1> slots_ GUARDED_BY(mutex_){};
  double seconds_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::uint64_t, std::less<>> outcomes_ GUARDED_BY(mutex_);
};

}  // namespace server
