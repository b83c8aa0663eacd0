// SPDX-License-Identifier: Apache-2.0
//
// The servers' character sets to UTF-8. Exact: a text with bytes that its character set does not have is refused, never
// bent or cut. Unicode sets and those of one byte (latin1 is the servers' cp1252, its five holes filled by control
// characters) are done here, all others by iconv(3). A converter is used by one thread at a time; the functions are
// pure.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "connectors/mysql/binlog_errors.h"

namespace mysql {

// "utf8mb4" of 255; empty when there is no such collation. Of both servers: MariaDB's ids above 500 included.
std::string_view character_set_of_collation(std::uint32_t id);

class TextConverter {
 public:
  TextConverter();  // passes bytes on unchanged ("binary")
  ~TextConverter();
  TextConverter(TextConverter&&) noexcept;
  TextConverter& operator=(TextConverter&&) noexcept;

  // Of the server's name, "latin1"; "" and "binary": bytes pass. Fails with unknown_character_set.
  static base::Result<TextConverter> open(std::string_view character_set);
  // Appends the text in UTF-8; false: it is not of that set, `out` is as it was.
  bool append(std::string_view bytes, std::string& out);

 private:
  enum class Way : std::uint8_t { bytes, utf8, utf8mb3, ascii, single, ucs2, utf16, utf16le, utf32, system };
  struct System;  // iconv's

  Way way_ = Way::bytes;
  const std::array<std::uint16_t, 128>* single_ = nullptr;
  std::unique_ptr<System> system_;
};

}  // namespace mysql
