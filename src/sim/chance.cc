// SPDX-License-Identifier: Apache-2.0
#include "sim/chance.h"

namespace sim {

std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

std::uint64_t hash_text(std::string_view text, std::uint64_t start) {
  std::uint64_t hash = start;
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    __builtin_memcpy(&word, text.data(), sizeof word);
    hash = mix(hash ^ word) + 0x9e3779b97f4a7c15ULL;
    text.remove_prefix(8);
  }
  std::uint64_t word = text.size() + 1;
  for (const char c : text) word = (word << 8) | static_cast<unsigned char>(c);
  return mix(hash ^ word);
}

}  // namespace sim
