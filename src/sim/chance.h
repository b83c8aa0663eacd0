// SPDX-License-Identifier: Apache-2.0
//
// Chance of one run: a small generator that a seed determines completely, on every machine alike. Each part of a run
// has a stream of its own (`fork`), so that one more draw here moves nothing there. One thread at a time.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"

namespace sim {

std::uint64_t mix(std::uint64_t value);
std::uint64_t hash_text(std::string_view text, std::uint64_t start = 0xcbf29ce484222325ULL);

class Chance final : public base::Random {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() override { return mix(state_ += 0x9e3779b97f4a7c15ULL); }
  // 0..count-1; count is at least 1.
  std::uint64_t below(std::uint64_t count) { return next() % count; }
  // low..high, both included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1)));
  }
  // True in that many of a million.
  bool in_million(std::uint64_t share) { return below(1'000'000) < share; }
  bool percent(std::uint64_t share) { return below(100) < share; }
  // Mostly small, seldom up to `high`.
  std::int64_t skewed(std::int64_t high) { return between(0, between(0, high)); }
  Chance fork(std::string_view purpose) { return Chance(mix(next() ^ hash_text(purpose))); }

 private:
  std::uint64_t state_;
};

}  // namespace sim
