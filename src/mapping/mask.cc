// SPDX-License-Identifier: Apache-2.0
#include "mapping/mask.h"

#include <sqlite3.h>

#include <charconv>

#include "mapping/sha256.h"
#include "mapping/value.h"

namespace mapping {
namespace {

constexpr int tries_max = 64;

char random_digit(char lowest) {
  const unsigned count = static_cast<unsigned>('9' - lowest) + 1;
  unsigned char byte = 0;
  do {
    sqlite3_randomness(1, &byte);
  } while (byte >= 256 / count * count);
  return static_cast<char>(lowest + byte % count);
}

}  // namespace

std::string masked_text(ColumnSource::Mask mask, char character, std::string_view text) {
  if (mask == ColumnSource::Mask::hash) return sha256_hex(text);
  std::string out(text);
  if (mask == ColumnSource::Mask::none) return out;
  for (char& c : out) {
    if (is_digit(c)) c = mask == ColumnSource::Mask::digits ? character : random_digit('0');
  }
  return out;
}

std::string random_number(std::string_view text) {
  if (text.find_first_not_of("-.0123456789") != std::string_view::npos) return std::string(text);  // NaN, Infinity
  std::string out(text);
  const std::size_t first = out.starts_with('-') ? 1 : 0;
  for (std::size_t i = first; i < out.size(); ++i) {
    const bool leads = i == first && i + 1 < out.size() && is_digit(out[i + 1]);
    if (is_digit(out[i])) out[i] = random_digit(leads ? '1' : '0');
  }
  return out;
}

std::int64_t random_integer(std::int64_t value, std::int64_t low, std::int64_t high) {
  const std::string text = std::to_string(value);
  for (int i = 0; i < tries_max; ++i) {
    const std::string random = random_number(text);
    std::int64_t out = 0;
    const auto [end, code] = std::from_chars(random.data(), random.data() + random.size(), out);
    if (code == std::errc() && out >= low && out <= high) return out;
  }
  // Hardly any number of so many digits fits: one digit less always does.
  const bool negative = text.starts_with('-');
  std::int64_t out = 0;
  for (std::size_t i = negative ? 2 : 1; i < text.size(); ++i) out = out * 10 + (random_digit('0') - '0');
  return negative ? -out : out;
}

}  // namespace mapping
