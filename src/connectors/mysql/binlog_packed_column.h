// SPDX-License-Identifier: Apache-2.0
//
// A value of a MariaDB column that is COMPRESSED: a byte of flags, the size before (big endian, as few bytes as hold
// it), a deflate stream with or without zlib's wrapping; or a zero byte and the plain value. Empty stays empty.
#pragma once

#include <string>
#include <string_view>

namespace mysql::binlog {

// Appends the value; false: the bytes are not of that form (`out` may then have grown).
bool unpack_column(std::string_view bytes, std::string& out);

}  // namespace mysql::binlog
