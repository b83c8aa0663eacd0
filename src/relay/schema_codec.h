// SPDX-License-Identifier: Apache-2.0
//
// A table schema as bytes and back, all members, for relay and spool. Pure. Reading checks every length, enumerator
// and column index: nullopt when malformed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/schema.h"

namespace relay {

void append_schema(const model::TableSchema& schema, std::string& out);
std::optional<model::TableSchema> read_schema(std::string_view bytes);

}  // namespace relay
