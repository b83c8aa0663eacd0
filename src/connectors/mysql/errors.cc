// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/errors.h"

#include <errmsg.h>
#include <mysqld_error.h>

#include <algorithm>
#include <array>

namespace mysql {
namespace {

struct NumberRow {
  unsigned int number;
  const base::Code* code;
};

// Numbers that one of the two servers alone knows stand as figures.
constexpr std::array numbers{
    NumberRow{CR_CONNECTION_ERROR, &errors::cannot_connect},
    NumberRow{CR_CONN_HOST_ERROR, &errors::cannot_connect},
    NumberRow{CR_IPSOCK_ERROR, &errors::cannot_connect},
    NumberRow{CR_UNKNOWN_HOST, &errors::cannot_connect},
    NumberRow{CR_SERVER_GONE_ERROR, &errors::connection_lost},
    NumberRow{CR_SERVER_HANDSHAKE_ERR, &errors::cannot_connect},
    NumberRow{CR_SERVER_LOST, &errors::connection_lost},
    NumberRow{CR_SERVER_LOST_EXTENDED, &errors::connection_lost},
    NumberRow{CR_MALFORMED_PACKET, &errors::protocol_broken},
    NumberRow{CR_NET_PACKET_TOO_LARGE, &errors::packet_too_large},
    NumberRow{CR_SSL_CONNECTION_ERROR, &errors::tls},
    NumberRow{CR_AUTH_PLUGIN_CANNOT_LOAD, &errors::login},
    NumberRow{CR_AUTH_PLUGIN_ERR, &errors::login},
    NumberRow{ER_ACCESS_DENIED_ERROR, &errors::login},
    NumberRow{1698, &errors::login},  // access denied without a password
    NumberRow{ER_DBACCESS_DENIED_ERROR, &errors::privilege},
    NumberRow{ER_TABLEACCESS_DENIED_ERROR, &errors::privilege},
    NumberRow{ER_COLUMNACCESS_DENIED_ERROR, &errors::privilege},
    NumberRow{ER_SPECIFIC_ACCESS_DENIED_ERROR, &errors::privilege},
    NumberRow{ER_BAD_DB_ERROR, &errors::no_object},
    NumberRow{ER_NO_SUCH_TABLE, &errors::no_object},
    NumberRow{ER_BAD_FIELD_ERROR, &errors::no_object},
    NumberRow{ER_BAD_TABLE_ERROR, &errors::no_object},
    NumberRow{ER_LOCK_WAIT_TIMEOUT, &errors::conflict},
    NumberRow{ER_LOCK_DEADLOCK, &errors::conflict},
    NumberRow{3572, &errors::conflict},  // a row is locked (NOWAIT)
    NumberRow{1020, &errors::conflict},  // a row has changed since it was read
    NumberRow{ER_QUERY_INTERRUPTED, &errors::conflict},
    NumberRow{ER_SERVER_SHUTDOWN, &errors::server_stopping},
    NumberRow{ER_NORMAL_SHUTDOWN, &errors::server_stopping},
    NumberRow{ER_CON_COUNT_ERROR, &errors::too_many_connections},
    NumberRow{ER_USER_LIMIT_REACHED, &errors::too_many_connections},
    NumberRow{1203, &errors::too_many_connections},
    NumberRow{1927, &errors::connection_lost},  // the connection was killed
    NumberRow{3169, &errors::connection_lost},  // the session was killed
    NumberRow{4031, &errors::connection_lost},  // closed by the server for its idleness
    NumberRow{ER_NET_PACKET_TOO_LARGE, &errors::packet_too_large},
    NumberRow{ER_RECORD_FILE_FULL, &errors::disk_full},
    NumberRow{ER_DISK_FULL, &errors::disk_full},
    NumberRow{ER_OPTION_PREVENTS_STATEMENT, &errors::read_only},
    NumberRow{ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, &errors::read_only},
    NumberRow{1836, &errors::read_only},
};

// A value or a row that has no place in the table.
constexpr std::array row_refusals = {
    ER_DUP_ENTRY,
    ER_DUP_ENTRY_WITH_KEY_NAME,
    ER_BAD_NULL_ERROR,
    ER_WARN_DATA_OUT_OF_RANGE,
    WARN_DATA_TRUNCATED,
    ER_TRUNCATED_WRONG_VALUE,
    ER_TRUNCATED_WRONG_VALUE_FOR_FIELD,
    ER_DATA_TOO_LONG,
    ER_NO_DEFAULT_FOR_FIELD,
    ER_NO_REFERENCED_ROW,
    ER_NO_REFERENCED_ROW_2,
    ER_ROW_IS_REFERENCED,
    ER_ROW_IS_REFERENCED_2,
    1416,  // not a geometry
    1364,  // no default value
    1406,  // too long
    1690,  // out of range in an expression
    3140,  // not a JSON text (MySQL)
    3156,  // JSON value out of range
    3819,  // a check (MySQL)
    4025,  // a check (MariaDB)
    3643,  // another SRID
    1300,  // not a text of that character set
    1366,  // nor one of the column's
    1526,  // no partition for the value
    1748,
    1367,  // not a value of that type
    1525,  // nor one to compare with
    1644,  // a trigger's own
    3037,  // not a geometry (MySQL)
};

}  // namespace

bool is_row_refusal(unsigned int number) {
  return std::any_of(row_refusals.begin(), row_refusals.end(),
                     [&](int refusal) { return static_cast<unsigned int>(refusal) == number; });
}

const base::Code& code_for(unsigned int number) {
  const auto found =
      std::find_if(numbers.begin(), numbers.end(), [&](const NumberRow& row) { return row.number == number; });
  if (found != numbers.end()) return *found->code;
  return is_row_refusal(number) ? errors::data_refused : errors::server_error;
}

}  // namespace mysql
