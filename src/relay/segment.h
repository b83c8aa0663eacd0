// SPDX-License-Identifier: Apache-2.0
//
// A relay segment's name and file header, which says where in the stream the segment begins. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/position.h"

namespace relay {

inline constexpr std::size_t segment_header_size = 48;
inline constexpr std::uint32_t segment_version = 1;

// "00000000000000a7.relay": sixteen hexadecimal digits, so that names sort as numbers.
std::string segment_name(std::uint64_t number);
std::optional<std::uint64_t> segment_number(std::string_view name);

struct SegmentStart {
  model::Position position;  // everything in the segment is after it
  bool is_whole = true;      // the segment begins between two transactions
};
std::string segment_header(std::uint64_t number, const SegmentStart& start);
// relay.newer, or relay.damaged when the bytes are not this segment's header.
base::Result<SegmentStart> read_segment_header(std::uint64_t number, std::string_view bytes);

}  // namespace relay
