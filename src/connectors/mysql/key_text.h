// SPDX-License-Identifier: Apache-2.0
//
// Values of key columns as literals that the server compares as it compares the column. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "connectors/mysql/types.h"

namespace mysql {

// Whole numbers, decimals, dates, moments, texts and bytes of limited length; not floats, members and documents.
bool has_literal(Kind kind);

// `text`: native text of a value of that column, whose kind has a literal.
std::string key_literal(const model::Column& column, std::string_view text);

}  // namespace mysql
