// SPDX-License-Identifier: Apache-2.0
//
// What the servers' character sets of one byte hold. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "connectors/mysql/character_set.h"

namespace mysql {

// The characters of bytes 0x80 to 0xff, those below being ASCII; 0: no character.
using HighBytes = std::array<std::uint16_t, 128>;
// nullptr: no such set, or not of one byte.
const HighBytes* single_byte_set(std::string_view character_set);

}  // namespace mysql
