// SPDX-License-Identifier: Apache-2.0
//
// The larger parts of binlog_event.cc: each reads the body of one kind of event. False: the bytes are not of that form.
// Pure; only the decoder calls them.
#pragma once

#include <string>
#include <string_view>

#include "connectors/mysql/binlog_event.h"
#include "connectors/mysql/byte_reader.h"

namespace mysql::binlog {

bool read_query(ByteReader& in, const Format& format, Query& out);
bool read_gtid(ByteReader& in, Gtid& out);
bool read_tagged_gtid(ByteReader& in, Gtid& out);
bool read_previous_gtids(ByteReader& in, PreviousGtids& out);
bool read_mariadb_gtid(ByteReader& in, MariaGtid& out);
bool read_gtid_list(ByteReader& in, MariaGtidList& out);

// What MariaDB packs with log_bin_compress: a byte of flags, the unpacked size, a zlib stream. Appends; refuses more
// than unpacked_size_max.
bool unpack_mariadb(std::string_view packed, std::string& out);

}  // namespace mysql::binlog
