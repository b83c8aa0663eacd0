// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 (FIPS 180-4) for hash_sha256 and the hash mask. Pure; any thread. Not for secrets that need constant time.
#pragma once

#include <string>
#include <string_view>

namespace mapping {

// 64 upper-case hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace mapping
