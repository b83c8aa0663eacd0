// SPDX-License-Identifier: Apache-2.0
//
// Places in a binlog and how they become positions.
//
//   Position.log   = era (8 bits) | file number (21 bits) | end of the transaction in its file (35 bits)
//   Position.token = the GTID set executed there ("uuid:1-77", MariaDB "0-1-77"); empty when the server has none
//
// The era counts the servers that the task has read from: behind a fail-over file numbers begin anew, and GTIDs say
// where to go on. A transaction beyond 32 GiB in its file has no position and is refused. Pure, but for reading a
// server's own place; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/mysql/connection.h"
#include "model/position.h"

namespace mysql {

struct LogPlace {
  std::uint32_t file = 0;    // "binlog.000017" -> 17
  std::uint64_t offset = 0;  // where the next event begins
  std::string gtids;         // executed up to there
  friend auto operator<=>(const LogPlace& a, const LogPlace& b) {
    return a.file != b.file ? a.file <=> b.file : a.offset <=> b.offset;
  }
  friend bool operator==(const LogPlace& a, const LogPlace& b) { return a.file == b.file && a.offset == b.offset; }
};

inline constexpr std::uint64_t offset_max = (1ull << 35) - 1;
inline constexpr std::uint32_t file_max = (1u << 21) - 1;

std::uint64_t packed(std::uint64_t era, std::uint32_t file, std::uint64_t offset);
model::Position position_at(std::uint64_t era, const LogPlace& place);  // everything before the place is behind it
std::uint64_t era_of(std::uint64_t log);
LogPlace place_of(const model::Position& position);

// "binlog.000017" -> "binlog" and 17; nullopt: no binlog's name.
struct LogName {
  std::string base;
  std::uint32_t number = 0;
};
std::optional<LogName> parse_log_name(std::string_view name);
std::string log_name(std::string_view base, std::uint32_t number);

// What a server says of its own log. MariaDB's place comes without GTIDs: they cost a look at the whole file.
struct LogStatus {
  std::string base;  // of the files' names
  LogPlace place;
  // Which server this is: another one has other file numbers. MySQL: its UUID.
  std::string identity;
};
// Fails with mysql.no_binlog.
base::Result<LogStatus> read_log_status(Connection& connection);
// MariaDB: what was executed up to a place; the server reads that file of its log up to there.
base::Result<std::string> gtids_at(Connection& connection, std::string_view base, const LogPlace& place);

namespace errors {
inline constexpr base::Code no_binlog{
    "mysql.no_binlog", base::Kind::task,
    "The server writes no binary log, so changes cannot be read: start it with log_bin and binlog_format=ROW."};
inline constexpr base::Code position_too_far{
    "mysql.position_too_far", base::Kind::task,
    "A binlog file is larger than 32 GiB or its number beyond 2097151; flush the logs and reload the tables."};
}  // namespace errors

}  // namespace mysql
