// SPDX-License-Identifier: Apache-2.0
//
// Hostile zoneinfo files: parsed or refused, and whatever was parsed gives a wall clock.
#include "connectors/files/time_zone.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto zone = connectors::files::TimeZone::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (zone.ok()) (void)zone->wall(1'700'000'000'000'000);
  return 0;
}
