// SPDX-License-Identifier: Apache-2.0
//
// How objects are called. Pure functions, any thread.
//
// A schema's or table's name becomes one part of the key: '/' is written %2F, '%' as %25, and the names "." and ".."
// as %2E and %2E%2E, so that different tables never share a folder. Everything else is kept (a local folder moreover
// writes a leading dot as %2E).
//
// A change file is called by a moment in milliseconds since 1970 of the zone's own wall clock, counted up where the
// clock would go back or stand still: the names of one table only grow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/files/options.h"
#include "model/schema.h"

namespace connectors::files {

std::string key_part(std::string_view name);
// "schema/table/", below the bucket folder when that is given.
std::string table_folder(const std::string& bucket_folder, const model::TableName& name);

std::string load_name(std::uint64_t counter);                         // "LOAD0000000A"
std::optional<std::uint64_t> parse_load_name(std::string_view file);  // of "LOAD0000000A.csv"

std::string cdc_name(std::int64_t wall_millis);                     // "20190118-184518184"
std::optional<std::int64_t> parse_cdc_name(std::string_view file);  // of "20190118-184518184.csv"
std::string transaction_name(std::int64_t wall_millis);             // "CDC_TXN-20201117153046033"
std::optional<std::int64_t> parse_transaction_name(std::string_view file);

// "2023/05/01/" for a moment of the zone's wall clock.
std::string date_folder(const Settings& settings, std::int64_t wall_micros);

std::string_view file_of_key(std::string_view key);  // behind the last '/'

}  // namespace connectors::files
