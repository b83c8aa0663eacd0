// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/network_text.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace mysql {
namespace {

template <std::size_t size>
bool load_padded(std::string_view bytes, std::array<unsigned char, size>& out) {
  if (bytes.size() > size) return false;
  out.fill(0);
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return true;
}

void append_dotted(const unsigned char* address, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{}.{}.{}.{}", address[0], address[1], address[2], address[3]);
}

}  // namespace

// Values with the version of a time or random UUID (1 to 5) and the standard's variant stand with their five parts in
// reverse order, so that those made one after the other are neighbours; all others as they are written. Tables made by
// earlier releases of the type reverse all of them, which cannot be told: what looks like a version 6 or 7 in reverse
// is refused.
bool append_uuid(std::string_view bytes, std::string& out) {
  static constexpr char digits[] = "0123456789abcdef";
  constexpr std::array<std::size_t, 16> reversed{12, 13, 14, 15, 10, 11, 8, 9, 6, 7, 0, 1, 2, 3, 4, 5};
  std::array<unsigned char, 16> stored{};
  if (!load_padded(bytes, stored)) return false;
  const bool has_variant = (stored[6] & 0x80) != 0;
  const bool is_reversed = has_variant && stored[8] > 0 && stored[8] < 0x60;
  if (has_variant && stored[8] >= 0x60 && stored[8] < 0x80) return false;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    const unsigned char byte = stored[is_reversed ? reversed[i] : i];
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return true;
}

bool append_inet4(std::string_view bytes, std::string& out) {
  std::array<unsigned char, 4> address{};
  if (!load_padded(bytes, address)) return false;
  append_dotted(address.data(), out);
  return true;
}

// The longest run of zero words, be it a single one, is "::"; addresses of IPv4 in IPv6 end in dots.
bool append_inet6(std::string_view bytes, std::string& out) {
  constexpr std::size_t words = 8;
  std::array<unsigned char, 16> address{};
  if (!load_padded(bytes, address)) return false;
  const auto word = [&](std::size_t i) { return static_cast<unsigned>(address[2 * i] << 8 | address[2 * i + 1]); };
  std::size_t gap = words, gap_size = 0;
  for (std::size_t i = 0; i < words; ++i) {
    std::size_t end = i;
    while (end < words && word(end) == 0) ++end;
    if (end - i > gap_size) {
      gap = i;
      gap_size = end - i;
    }
    i = end > i ? end - 1 : i;
  }
  const bool holds_inet4 = gap == 0 && (gap_size == 6 || (gap_size == 5 && word(5) == 0xffff));
  for (std::size_t i = 0; i < words; ++i) {
    if (i == gap) {
      out += i == 0 ? "::" : ":";
      i += gap_size - 1;
      continue;
    }
    if (holds_inet4 && i == 6) {
      append_dotted(address.data() + 12, out);
      return true;
    }
    fmt::format_to(std::back_inserter(out), "{:x}", word(i));
    if (i + 1 < words) out += ':';
  }
  return true;
}

}  // namespace mysql
