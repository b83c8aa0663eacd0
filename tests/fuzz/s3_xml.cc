// SPDX-License-Identifier: Apache-2.0
//
// The XML answers of S3 from hostile bytes; what was read survives being escaped and read again.
#include "wire/xml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = wire::parse_xml(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!read.ok()) return 0;
  const auto again = wire::parse_xml("<a>" + wire::xml_escaped(read.value().text) + "</a>");
  if (!again.ok() || again.value().text != read.value().text) __builtin_trap();
  return 0;
}
