// SPDX-License-Identifier: Apache-2.0
//
// QUERY: a fixed part, status variables (a code and a value of a form that only the code tells), the default schema, a
// zero byte and the statement.
#include "connectors/mysql/binlog_parts.h"

namespace mysql::binlog {
namespace {

enum Status : std::uint8_t {
  flags2 = 0,
  sql_mode = 1,
  catalog_with_zero = 2,
  auto_increment = 3,
  charset = 4,
  time_zone = 5,
  catalog = 6,
  time_names = 7,
  charset_database = 8,
  table_map_for_update = 9,
  master_data_written = 10,
  invoker = 11,
  updated_schemas = 12,
  microseconds = 13,
  explicit_timestamp_defaults = 16,
  ddl_xid = 17,
  utf8mb4_collation = 18,
  require_primary_key = 19,
  table_encryption = 20,
  mariadb_microseconds = 128,
  mariadb_xid = 129,
};
constexpr std::size_t too_many_schemas = 254;

// False at a code that is not known: as codes stand in order, what follows is not for us.
bool read_status(ByteReader& in, Query& out) {
  switch (in.u8()) {
    case flags2: out.flags2 = in.u32(); return true;
    case sql_mode: out.sql_mode = in.u64(); return true;
    case catalog_with_zero:
      in.bytes(in.u8());
      in.u8();
      return true;
    case auto_increment: in.u32(); return true;
    case charset:
      out.client_collation = in.u16();
      out.connection_collation = in.u16();
      out.server_collation = in.u16();
      return true;
    case time_zone: out.time_zone = in.bytes(in.u8()); return true;
    case catalog: in.bytes(in.u8()); return true;
    case time_names: in.u16(); return true;
    case charset_database: out.database_collation = in.u16(); return true;
    case table_map_for_update: in.u64(); return true;
    case master_data_written: in.u32(); return true;
    case invoker:
      in.bytes(in.u8());
      in.bytes(in.u8());
      return true;
    case updated_schemas: {
      const std::size_t count = in.u8();
      for (std::size_t i = 0; count != too_many_schemas && i < count && in.is_good(); ++i) {
        out.schemas.push_back(in.until_zero());
      }
      return true;
    }
    case microseconds:
    case mariadb_microseconds: in.u24(); return true;
    case explicit_timestamp_defaults: out.explicit_timestamp_defaults = in.u8() != 0; return true;
    case ddl_xid:
    case mariadb_xid: out.ddl_xid = in.u64(); return true;
    case utf8mb4_collation: in.u16(); return true;
    case require_primary_key:
    case table_encryption: in.u8(); return true;
    default: return false;
  }
}

}  // namespace

bool read_query(ByteReader& in, const Format& format, Query& out) {
  constexpr std::size_t fixed_size = 13;
  out.thread_id = in.u32();
  out.seconds = in.u32();
  const std::size_t schema_size = in.u8();
  out.error = in.u16();
  const std::size_t status_size = in.u16();
  const std::size_t told = format.fixed_sizes[static_cast<std::uint8_t>(EventType::query)];
  if (told > fixed_size) in.bytes(told - fixed_size);
  ByteReader status(in.bytes(status_size));
  while (!status.is_at_end() && read_status(status, out)) {
  }
  out.schema = in.bytes(schema_size);
  if (in.u8() != 0) return false;
  if (!in.is_good() || !status.is_good()) return false;
  out.sql = in.rest();
  return true;
}

}  // namespace mysql::binlog
