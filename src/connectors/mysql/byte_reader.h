// SPDX-License-Identifier: Apache-2.0
//
// Reads the little endian bytes of binary log events from the front; once a read has failed all later ones give zeros
// and is_good() is false. A view: the bytes must outlive it. One thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace mysql {

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u24() { return static_cast<std::uint32_t>(number(3)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u48() { return number(6); }
  std::uint64_t u56() { return number(7); }
  std::uint64_t u64() { return number(8); }
  std::uint64_t number(std::size_t size) {
    if (left() < size) {
      fail();
      return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value |= std::uint64_t{static_cast<unsigned char>(at_[i])} << (8 * i);
    at_ += size;
    return value;
  }
  std::uint64_t big_endian(std::size_t size) {
    if (left() < size) {
      fail();
      return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(at_[i]);
    at_ += size;
    return value;
  }
  // The protocol's length-encoded integer: up to 250 in one byte, else 252, 253 or 254 and 2, 3 or 8 bytes.
  std::uint64_t packed() {
    const std::uint8_t first = u8();
    if (first < 251) return first;
    if (first == 252) return u16();
    if (first == 253) return u24();
    if (first == 254) return u64();
    fail();  // 251 is NULL, 255 an error: not in events
    return 0;
  }
  std::string_view bytes(std::uint64_t size) {
    if (left() < size) return fail();
    const std::string_view taken(at_, static_cast<std::size_t>(size));
    at_ += size;
    return taken;
  }
  std::string_view packed_bytes() { return bytes(packed()); }
  std::string_view until_zero() {
    const void* zero = left() == 0 ? nullptr : std::memchr(at_, 0, left());
    if (zero == nullptr) return fail();
    const std::string_view text(at_, static_cast<std::size_t>(static_cast<const char*>(zero) - at_));
    at_ += text.size() + 1;
    return text;
  }
  std::string_view rest() { return bytes(left()); }

  bool is_good() const { return good_; }
  bool is_at_end() const { return at_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  std::string_view fail() {
    good_ = false;
    at_ = end_;
    return {};
  }

 private:
  const char* at_;
  const char* end_;
  bool good_ = true;
};

// Bit `index` of a bitmap whose first bit is the lowest of its first byte.
inline bool bit_at(std::string_view bits, std::size_t index) {
  return (static_cast<unsigned char>(bits[index / 8]) >> (index % 8) & 1) != 0;
}

}  // namespace mysql
