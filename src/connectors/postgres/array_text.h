// SPDX-License-Identifier: Apache-2.0
//
// One-dimensional arrays of text as PostgreSQL writes and reads them: {a,"b \"c\"",NULL}. Used for parameters and
// answers of catalogue statements. Pure functions; malformed text from a server gives pg.protocol_broken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace postgres {

std::string array_literal(const std::vector<std::string>& items);
std::string array_literal(const std::vector<std::uint32_t>& oids);

// NULL items become empty strings; the catalogue's arrays that are read with it have none.
base::Result<std::vector<std::string>> parse_array(std::string_view text);

}  // namespace postgres
