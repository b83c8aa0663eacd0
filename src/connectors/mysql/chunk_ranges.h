// SPDX-License-Identifier: Apache-2.0
//
// Cuts a table into ranges of its primary key that together hold every row once, whatever is written meanwhile. A
// single integer is divided evenly between its least and greatest value. Any other key that is compared as it is
// written in SQL is sampled: values are guessed between two that are there, the next one behind each guess is looked up
// in the index, and the server's own estimates say which ranges to divide further and which to join. A column whose
// values repeat is followed by the next one of the key.
//
//   key (tenant, day)   tenant 1 .. 900: guesses 300, 600; there are 7 and 900: ranges < 7, 7 .. 899, >= 900
//                       tenant 7 alone is too large: its days are guessed, e.g. tenant = 7 AND day >= '2024-06-01'
//
// Guesses decide about sizes only. Bounds are values that the server gave, ascending as the server itself compares
// them, and every bound ends one range where it begins the next.
//
// One thread. How it fails: as reads of a snapshot do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connect/source.h"
#include "connectors/mysql/connection.h"

namespace mysql {

// `priority`: words behind SELECT, "HIGH_PRIORITY " or "".
base::Result<std::vector<connect::Chunk>> cut_into_ranges(Connection& session, const model::TableSchema& table,
                                                          std::uint64_t chunk_bytes, std::string_view priority);

// Up to `count` texts between two values of that column, ascending where its comparison allows it. Pure.
std::vector<std::string> guesses_between(const model::Column& column, const std::string& low, const std::string& high,
                                         std::size_t count);

}  // namespace mysql
