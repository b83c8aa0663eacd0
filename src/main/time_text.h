// SPDX-License-Identifier: Apache-2.0
//
// Points in time as users and the API write them: 2026-11-21T05:38:16[.123456][Z] in UTC, or seconds since 1970.
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace main_program {

// nullopt for anything else. A blank may stand in place of the T.
std::optional<base::WallMicros> parse_time(std::string_view text);

// "3 s", "4 min 05 s", "2 h 07 min".
std::string duration_text(std::int64_t seconds);
// "812", "5.3 k", "1.20 M": for counts and rates on a narrow line.
std::string short_number(double number);
// "812 B", "5.3 kB", "1.2 GB".
std::string byte_text(std::uint64_t bytes);

}  // namespace main_program
