// SPDX-License-Identifier: Apache-2.0
//
// From the server's own text of a value (our sessions' text protocol, and what the binlog's decoder writes) to the
// canonical cell. The one home of that step: snapshot and stream both pass here, so the same value is the same cell.
// Native text is: numbers as the server prints them (float with the digits that read back), bit raw big endian bytes,
// dates and times with the column's digits, timestamps in UTC, text in UTF-8, binary and geometry raw, json as the
// server prints it. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "connectors/mysql/types.h"
#include "model/change.h"
#include "model/row_batch.h"

namespace mysql {

struct ValueChoices {
  bool zero_date_as_null = false;  // else a misfit
};

// What became of a value.
enum class Converted { value, null, misfit };

// Appends the canonical cell to `out` (8 bytes for fixed and real types, else the bytes). A misfit appends why.
Converted canonical_cell(const NativeType& native, model::Type type, std::string_view text, const ValueChoices& choices,
                         std::string& out);

}  // namespace mysql
