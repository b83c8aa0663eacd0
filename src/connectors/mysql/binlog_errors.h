// SPDX-License-Identifier: Apache-2.0
//
// What can be wrong with a binary log and its rows. Malformed bytes of an event are mysql.protocol_broken (errors.h).
#pragma once

#include "base/error.h"

namespace mysql::errors {
inline constexpr base::Code bad_checksum{
    "mysql.bad_checksum", base::Kind::task,
    "An event of the binary log does not match its checksum: check the server's disk (mysqlbinlog --verify-binlog-"
    "checksum) and the network, then resume the task."};
inline constexpr base::Code unknown_event{
    "mysql.unknown_event", base::Kind::task,
    "The binary log has an event that this version does not know; upgrade Millrace, or turn off on the server what "
    "writes it."};
inline constexpr base::Code incident{
    "mysql.incident", base::Kind::task,
    "The server reports that changes are missing in its binary log; load the tables again."};
inline constexpr base::Code shape_mismatch{
    "mysql.shape_mismatch", base::Kind::table,
    "The columns in the binary log are not those that the table was known to have; load the table again."};
inline constexpr base::Code unknown_character_set{
    "mysql.unknown_character_set", base::Kind::table,
    "A column has a character set that this version cannot convert; leave the column out by a rule."};
}  // namespace mysql::errors
