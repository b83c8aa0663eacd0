// SPDX-License-Identifier: Apache-2.0
//
// MySQL's and MariaDB's column types, and what they are for targets of another family (TYPES.md has the table). A
// column's native type is COLUMN_TYPE as information_schema writes it ("int(10) unsigned", "enum('a','b')"); with its
// collation (Column::collation) it tells all that is needed to decode its values. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/schema.h"

namespace mysql {

inline constexpr std::string_view family_name = "mysql";  // MariaDB's, too

enum class Kind : std::uint8_t {
  tiny,     // 1 byte; all integers with is_unsigned
  small,    // 2
  medium,   // 3
  integer,  // 4
  big,      // 8
  real4,
  real8,
  decimal,
  bit,
  year,
  date,
  time,
  datetime,
  timestamp,
  character,  // char and varchar: length in characters
  text,       // tinytext to longtext
  binary,     // binary and varbinary: length in bytes
  blob,       // tinyblob to longblob
  enumeration,
  set,
  json,  // MySQL's own type; MariaDB's json is a longtext
  geometry,
  vector,
  uuid,   // MariaDB: 16 bytes
  inet4,  // MariaDB: 4 bytes
  inet6,  // MariaDB: 16 bytes
};

struct NativeType {
  Kind kind = Kind::text;
  bool is_unsigned = false;
  bool zerofill = false;
  bool is_fixed = false;             // char and binary rather than varchar and varbinary
  std::uint64_t length = 0;          // characters, bytes or (bit) bits; text and blob: the most bytes of that type
  std::uint16_t precision = 0;       // decimal; float and double: 0, or of the old form double(12,2)
  std::int16_t scale = 0;            // as precision
  std::uint8_t fraction = 0;         // digits of time, datetime and timestamp
  std::string character_set;         // of text-like kinds: "utf8mb4", "latin1", "binary"
  std::vector<std::string> members;  // enum and set, UTF-8
};

// `column_type` as information_schema writes it. Fails with mysql.unknown_type.
base::Result<NativeType> parse_type(std::string_view column_type, std::string_view collation);

// "utf8mb4" of "utf8mb4_0900_ai_ci"; "binary" of "binary"; empty of empty.
std::string_view character_set_of(std::string_view collation);

// Fills type, length, precision and scale of `type` from `native`; leaves ColumnType::native alone.
void canonical_type(const NativeType& native, model::ColumnType& type);

// The type of a column that comes from another family, as CREATE TABLE says it: "decimal(12,2)", "datetime(6)".
// `is_key`: part of a key or an index, where text without a length cannot stand.
std::string target_type(const model::ColumnType& type, bool is_key);

namespace errors {
inline constexpr base::Code unknown_type{
    "mysql.unknown_type", base::Kind::table,
    "A column has a type that this version does not know; leave the column out by a rule."};
}

}  // namespace mysql
