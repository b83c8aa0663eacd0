// SPDX-License-Identifier: Apache-2.0
//
// Canonical cell values as the text of DMS csv files, and such texts back as model/cell_text.h has them, so that a file
// can be compared with its source. Values that the DMS forms cannot say (infinity, BC, NaN) are written as
// PostgreSQL writes them. Free functions that append to a string; no state, any thread; they cannot fail, except
// to_cell_text, which returns false for text that is not of that type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/civil.h"
#include "model/schema.h"

namespace formats {

using base::civil_day;
using base::CivilDay;
std::int64_t days_since_1970(const CivilDay& day);

void append_integer(std::string& out, std::int64_t value);
void append_unsigned(std::string& out, std::uint64_t value);
void append_real8(std::string& out, double value);                             // %+.16e
void append_real4(std::string& out, double value);                             // %+.8e
void append_date(std::string& out, std::int64_t days);                         // YYYY-MM-DD
void append_time(std::string& out, std::int64_t micros, int fraction_digits);  // HH:MM:SS[.ffffff]
void append_datetime(std::string& out, std::int64_t micros, int fraction_digits);
// Exactly `scale` decimals; precision 0 (unbounded) and special values stay as the source wrote them.
void append_numeric(std::string& out, std::string_view text, unsigned precision, int scale);
void append_hex(std::string& out, std::string_view bytes);  // upper case

// Rewrites such a text in place into model::cell_text of the same value. False: `text` is not a value of that type.
bool to_cell_text(model::Type type, std::string& text);

}  // namespace formats
