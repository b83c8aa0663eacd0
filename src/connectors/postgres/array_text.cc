// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/array_text.h"

#include "connectors/postgres/errors.h"

namespace postgres {

std::string array_literal(const std::vector<std::string>& items) {
  std::string out = "{";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ',';
    out += '"';
    for (const char c : item) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "}";
}

std::string array_literal(const std::vector<std::uint32_t>& oids) {
  std::string out = "{";
  for (const std::uint32_t oid : oids) {
    if (out.size() > 1) out += ',';
    out += std::to_string(oid);
  }
  return out + "}";
}

base::Result<std::vector<std::string>> parse_array(std::string_view text) {
  const auto malformed = [] { return base::failed(errors::protocol_broken, "malformed array in a catalogue answer"); };
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return malformed();
  text = text.substr(1, text.size() - 2);
  std::vector<std::string> items;
  std::size_t at = 0;
  while (at < text.size()) {
    std::string item;
    const bool quoted = text[at] == '"';
    if (quoted) ++at;
    while (at < text.size() && text[at] != (quoted ? '"' : ',')) {
      if (text[at] == '\\' && ++at == text.size()) return malformed();
      item += text[at++];
    }
    if (quoted && at++ == text.size()) return malformed();
    if (!quoted && item == "NULL") item.clear();
    items.push_back(std::move(item));
    if (at < text.size() && text[at] != ',') return malformed();
    if (at < text.size() && ++at == text.size()) return malformed();
  }
  return items;
}

}  // namespace postgres
