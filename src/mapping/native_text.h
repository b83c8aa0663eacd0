// SPDX-License-Identifier: Apache-2.0
//
// Names inside native SQL text that we did not write: definitions of indexes, checks, generated columns. Pure.
#pragma once

#include <string>
#include <string_view>

namespace mapping {

// In double quotes, as SQL writes it.
std::string quoted_name(std::string_view name);
// Does native SQL text mention that column? Names always stand in it literally (or with doubled quotes), so a text that
// does not hold the name as a word does not use the column; the converse may be wrong, which only leaves more out.
bool mentions(const std::string& sql, const std::string& column);

}  // namespace mapping
