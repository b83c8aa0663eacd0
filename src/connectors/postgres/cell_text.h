// SPDX-License-Identifier: Apache-2.0
//
// Canonical cells (model/schema.h) in PostgreSQL's own text form, and rows in COPY's text format. Pure; any thread.
// A text value with a zero byte cannot be stored by PostgreSQL: it is passed on and the server refuses it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/row_batch.h"

namespace postgres {

// Appends the text of one canonical cell as the server's input functions take it.
void append_cell_text(std::string& out, model::Type type, std::string_view cell);
void append_fixed_text(std::string& out, model::Type type, std::int64_t value);
void append_real_text(std::string& out, model::Type type, double value);

// Two lower-case digits for each byte, without the "\x" before them.
void append_hex_digits(std::string& out, std::string_view bytes);
constexpr bool is_bytes(model::Type type) { return type == model::Type::bytes || type == model::Type::blob; }

// One field of COPY text format, escaped; NULL is \N.
void append_copy_field(std::string& out, std::string_view text);
inline constexpr std::string_view copy_null = "\\N";

// All rows of the batch as COPY text. `full`, when given, empties `out` each time it holds a megabyte or more, be it in
// the middle of a large value; its error ends the call.
constexpr std::size_t full_bytes = 1u << 20;
constexpr std::size_t value_piece_bytes = 256u << 10;  // each byte is escaped by itself, so a value may be cut anywhere
using CopyTextFull = std::function<base::Result<void>(std::string& out)>;
base::Result<void> append_copy_rows(std::string& out, const model::RowBatch& rows, const CopyTextFull& full);

}  // namespace postgres
