// SPDX-License-Identifier: Apache-2.0
//
// Data masking: what a value looks like behind a mask. Pure but for the digits of random_digits, which are SQLite's.
#pragma once

#include <string>
#include <string_view>

#include "mapping/mapping.h"

namespace mapping {

// Text under any mask.
std::string masked_text(ColumnSource::Mask mask, char character, std::string_view text);
// Decimal text with each digit random, as long as before: the first digit of several is never 0.
std::string random_number(std::string_view text);
// The same for a whole number that must stay within low and high, which hold the value.
std::int64_t random_integer(std::int64_t value, std::int64_t low, std::int64_t high);

}  // namespace mapping
