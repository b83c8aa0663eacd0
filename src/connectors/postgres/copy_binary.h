// SPDX-License-Identifier: Apache-2.0
//
// Rows of canonical cells in COPY's binary format, which spares the server the parsing of numbers and dates and bytes
// their digits. Only for columns whose type on the target takes exactly what its text form would: the receiving
// functions check ranges, lengths and characters as the input functions do. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/postgres/cell_text.h"

namespace postgres {

// How a column's cells are sent; of a target's built-in type by its OID.
enum class SendForm : std::uint8_t {
  boolean,
  int2,
  int4,
  int8,
  float4,
  float8,
  numeric,
  text,
  date,
  time,
  timestamp,
  bytea
};
// nullopt: cells of that type have no exact binary form for it.
std::optional<SendForm> send_form(std::uint32_t oid, model::Type type);

inline constexpr std::string_view copy_binary_head{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
inline constexpr std::string_view copy_binary_end{"\377\377", 2};

// As append_copy_rows(). False: a value is out of the column's range; `out` then ends in half a row.
base::Result<bool> append_binary_rows(std::string& out, const model::RowBatch& rows, const std::vector<SendForm>& forms,
                                      const CopyTextFull& full);

// "-12.50" as numeric's send function gives it, without the length in front. False: it is no decimal.
bool append_binary_numeric(std::string& out, std::string_view text);

}  // namespace postgres
