// SPDX-License-Identifier: Apache-2.0
//
// The wall clock of an IANA zone, from the machine's own zoneinfo files (man 5 tzfile), whose every byte is checked.
// Immutable; any thread. Fails with files.bad_time_zone when the zone is unknown or its file damaged.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace connectors::files {

class TimeZone {
 public:
  TimeZone() = default;  // UTC
  static base::Result<TimeZone> load(const std::string& name);
  static base::Result<TimeZone> parse(std::string_view file, const std::string& name);
  // Microseconds since 1970-01-01 00:00 of the zone's own wall clock.
  std::int64_t wall(base::WallMicros utc) const;

 private:
  struct Change {
    std::int64_t from;    // seconds UTC
    std::int64_t offset;  // seconds
  };
  std::int64_t first_offset_ = 0;
  std::vector<Change> changes_;  // ascending
};

}  // namespace connectors::files
