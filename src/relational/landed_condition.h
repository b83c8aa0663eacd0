// SPDX-License-Identifier: Apache-2.0
//
// Checks of another family's table, said in our words only where both servers must come to the same answer for every
// row: numbers and dates in any comparison, texts by equality where the source compares them by their characters
// alone. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "convert/definition.h"
#include "model/schema.h"

namespace relational {

// "(`a` > 0)"; no value: not known to mean the same.
std::optional<std::string> condition_in_words_of(convert::Language ours, convert::Language theirs,
                                                 const model::TableSchema& table, const std::string& definition);

// The type without its figures, in small letters: "character varying", "timestamp".
std::string native_of(const model::Column& column);
// A moment in UTC: PostgreSQL's timestamp with time zone, MySQL's TIMESTAMP.
bool holds_utc(const model::Column& column);
// Whether the source tells texts apart by their characters: no collation that finds others equal.
bool tells_all_apart(convert::Language theirs, const model::Column& column);
bool is_bounded_number(const model::ColumnType& type);
bool is_date_text(std::string_view text);    // 2024-02-29
bool is_moment_text(std::string_view text);  // 2024-02-29 23:59:59.5

}  // namespace relational
