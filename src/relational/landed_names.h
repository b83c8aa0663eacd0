// SPDX-License-Identifier: Apache-2.0
//
// Names of objects that come from another family: quoted our way, told apart where the server tells them apart, and
// short enough for it. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "convert/definition.h"
#include "model/schema.h"

namespace relational {

enum class Object : std::uint8_t { index, constraint };

// Whether objects of that kind share one space of names in their schema; else each table has its own.
bool is_named_by_schema(convert::Language language, Object kind);

// With the table's name before it unless it begins so, or `table` is empty; a name that is too long ends in a hash.
std::string object_name(convert::Language language, std::string_view table, const std::string& name);

std::string quoted(convert::Language language, const std::string& name);
std::size_t characters_of(std::string_view utf8);

// The column that is called so at the source.
std::optional<std::uint32_t> find_landed(const model::TableSchema& table, const std::string& source_name);

}  // namespace relational
