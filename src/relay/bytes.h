// SPDX-License-Identifier: Apache-2.0
//
// Little-endian numbers and length-prefixed text, written to a string and read back with every length checked.
// Trivial value types; a Cursor borrows the bytes it reads.
#pragma once

#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace relay {

static_assert(std::endian::native == std::endian::little, "the formats on disk are little endian");

template <typename T>
void put(std::string& out, T value) {
  static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

inline void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

// After the first read past the end everything reads as zero and ok() is false: check once, before using the values.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T get() {
    static_assert(std::is_integral_v<T>);
    T value = 0;
    const std::string_view taken = take(sizeof value);
    if (taken.size() == sizeof value) std::memcpy(&value, taken.data(), sizeof value);
    return value;
  }
  bool get_flag() {
    const auto value = get<std::uint8_t>();
    if (value > 1) ok_ = false;
    return value == 1;
  }
  std::string get_text() { return std::string(take(get<std::uint32_t>())); }
  std::string_view take(std::uint64_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  // A count of things that take at least `least` bytes each: refused when they cannot be there.
  std::uint64_t get_count(std::uint64_t least) {
    const auto count = get<std::uint64_t>();
    if (count > rest_.size() / least) {
      ok_ = false;
      return 0;
    }
    return count;
  }
  void refuse() { ok_ = false; }
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace relay
