// SPDX-License-Identifier: Apache-2.0
//
// Where in the source's log we are. Positions of one source are totally ordered by (log, sequence): `log` is the
// commit's place in the source's log (PostgreSQL: the LSN of the commit record), `sequence` counts the changes inside
// one transaction from 1 (0: the transaction as a whole; commit = sequence_end). `token` is what a source needs besides
// to resume (MySQL: the GTID set); it takes no part in the order. Trivial value type.
//
// A Fence says which transactions a later snapshot of a table already holds, see docs/adr/006.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace model {

inline constexpr std::uint64_t sequence_end = std::numeric_limits<std::uint64_t>::max();

struct Position {
  std::uint64_t log = 0;
  std::uint64_t sequence = 0;
  std::string token;

  friend bool operator==(const Position& a, const Position& b) { return a.log == b.log && a.sequence == b.sequence; }
  friend std::strong_ordering operator<=>(const Position& a, const Position& b) {
    if (const auto order = a.log <=> b.log; order != 0) return order;
    return a.sequence <=> b.sequence;
  }
};

// One table's load snapshot relative to the stream. A change is skipped when its transaction committed at or before
// `high` and the snapshot sees it; beyond `high` every change is applied. An empty fence (high 0) skips nothing.
struct Fence {
  std::uint64_t high = 0;
  std::uint64_t xmin = 0;  // all transactions below are seen
  std::uint64_t xmax = 0;  // none at or above is seen
  std::vector<std::uint64_t> in_progress;

  // `xid` may be 32 bits wide: it is extended to the value nearest xmax.
  bool holds(std::uint64_t commit_log, std::uint64_t xid) const;
};

}  // namespace model
