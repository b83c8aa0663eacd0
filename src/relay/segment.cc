// SPDX-License-Identifier: Apache-2.0
//
//   magic "MRRELAY\n", version u32, flags u32 (1: begins between transactions), number u64, start.log u64,
//   start.sequence u64, checksum of the above u64
#include "relay/segment.h"

#include <charconv>

#include "relay/bytes.h"
#include "relay/codec.h"
#include "relay/errors.h"

namespace relay {

static constexpr std::string_view segment_magic = "MRRELAY\n";
static constexpr std::string_view segment_suffix = ".relay";
static constexpr std::size_t segment_digits = 16;

std::string segment_name(std::uint64_t number) { return fmt::format("{:016x}{}", number, segment_suffix); }

std::optional<std::uint64_t> segment_number(std::string_view name) {
  if (name.size() != segment_digits + segment_suffix.size() || !name.ends_with(segment_suffix)) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + segment_digits, number, 16);
  if (code != std::errc() || end != name.data() + segment_digits) return std::nullopt;
  return number;
}

std::string segment_header(std::uint64_t number, const SegmentStart& start) {
  std::string bytes(segment_magic);
  put(bytes, segment_version);
  put(bytes, std::uint32_t{start.is_whole ? 1U : 0U});
  put(bytes, number);
  put(bytes, start.position.log);
  put(bytes, start.position.sequence);
  put(bytes, checksum_of(bytes));
  return bytes;
}

base::Result<SegmentStart> read_segment_header(std::uint64_t number, std::string_view bytes) {
  Cursor cursor(bytes);
  const std::string_view magic = cursor.take(segment_magic.size());
  const auto version = cursor.get<std::uint32_t>();
  if (cursor.ok() && magic == segment_magic && version > segment_version) {
    return base::failed(errors::newer, "segment {} has version {}, this program knows {}", segment_name(number),
                        version, segment_version);
  }
  const auto flags = cursor.get<std::uint32_t>();
  const auto stated = cursor.get<std::uint64_t>();
  SegmentStart start;
  start.is_whole = (flags & 1) != 0;
  start.position.log = cursor.get<std::uint64_t>();
  start.position.sequence = cursor.get<std::uint64_t>();
  const auto checksum = cursor.get<std::uint64_t>();
  if (!cursor.ok() || magic != segment_magic || stated != number ||
      checksum != checksum_of(bytes.substr(0, segment_header_size - sizeof checksum))) {
    return base::failed(errors::damaged, "segment {} at offset 0: not the header of this segment",
                        segment_name(number));
  }
  return start;
}

}  // namespace relay
