// SPDX-License-Identifier: Apache-2.0
//
// Definitions of a hostile catalogue; the first byte chooses the language. A check that is understood is
// said in the other language in brackets of its own.
#include <cstdint>

#include "convert/definition.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  using convert::Language;
  const Language language = (data[0] & 1) != 0 ? Language::mysql : Language::postgresql;
  const Language other = language == Language::mysql ? Language::postgresql : Language::mysql;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  convert::read_default(language, text);
  convert::read_index(language, text);
  convert::read_rules(text);
  const auto condition = convert::read_check(language, text);
  if (!condition) return 0;
  const std::string said = convert::write_condition(other, *condition, [](const std::string&) { return "c"; });
  if (!said.starts_with('(') || !said.ends_with(')')) __builtin_trap();
  return 0;
}
