// SPDX-License-Identifier: Apache-2.0
//
// The facts beside a local object, an AWS profile and a credential answer from hostile bytes.
#include "wire/object_facts.h"

#include "wire/credentials.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)wire::read_profile(text, "default", size % 2 == 0);
  (void)wire::parse_credentials_json(text, "x");
  (void)wire::parse_iso_time(text);
  const auto facts = wire::parse_facts(text, "x");
  if (!facts.ok()) return 0;
  const auto again = wire::parse_facts(wire::print_facts(facts.value()), "x");
  if (!again.ok() || again.value().metadata != facts.value().metadata) __builtin_trap();
  return 0;
}
