// SPDX-License-Identifier: Apache-2.0
//
// What a MySQL or MariaDB server's error numbers mean for a task, in one table (errors.cc). A number that is not in it
// stops the task: silence is worse than a page. Values; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace mysql {

constexpr unsigned int no_such_table_number = 1146;

namespace errors {
inline constexpr base::Code connection_lost{"mysql.connection_lost", base::Kind::transient,
                                            "The connection to the server broke; it is opened again."};
inline constexpr base::Code cannot_connect{"mysql.cannot_connect", base::Kind::transient,
                                           "Check ServerName, Port and that the server is up; it is tried again."};
inline constexpr base::Code canceled{"mysql.canceled", base::Kind::canceled, "The task was asked to stop."};
inline constexpr base::Code login{"mysql.login", base::Kind::input,
                                  "Check Username and Password, and that the account may log in from this host."};
inline constexpr base::Code tls{"mysql.tls", base::Kind::input,
                                "Check SslMode and MillraceSslRootCertificate against the server's certificate."};
inline constexpr base::Code privilege{"mysql.privilege", base::Kind::task,
                                      "Grant the named privilege to the endpoint's account; `millrace check` prints "
                                      "the statements."};
inline constexpr base::Code no_object{"mysql.no_object", base::Kind::table,
                                      "A table or column that the task uses is gone; correct the mapping or make it."};
inline constexpr base::Code conflict{"mysql.conflict", base::Kind::transient,
                                     "Two sessions waited for each other; the transaction is tried again."};
inline constexpr base::Code server_stopping{"mysql.server_stopping", base::Kind::transient,
                                            "The server is stopping or starting; it is tried again."};
inline constexpr base::Code too_many_connections{"mysql.too_many_connections", base::Kind::transient,
                                                 "The server has no free connection; it is tried again."};
inline constexpr base::Code packet_too_large{
    "mysql.packet_too_large", base::Kind::task,
    "A value is larger than the server's max_allowed_packet; raise it there (SET GLOBAL max_allowed_packet = "
    "1073741824) and start again."};
inline constexpr base::Code disk_full{"mysql.disk_full", base::Kind::transient,
                                      "The server's disk is full; it is tried again."};
inline constexpr base::Code read_only{"mysql.read_only", base::Kind::task,
                                      "The server takes no writes (read_only, a replica); name the writable one."};
inline constexpr base::Code data_refused{"mysql.data_refused", base::Kind::table,
                                         "The server does not accept a value or a row; see the error policies."};
inline constexpr base::Code server_error{"mysql.server_error", base::Kind::task,
                                         "The server refused a statement; its message says why."};
inline constexpr base::Code protocol_broken{"mysql.protocol_broken", base::Kind::task,
                                            "The server sent what the protocol does not allow; report it with the "
                                            "server's version."};
}  // namespace errors

// The code for a server's or the client library's error number.
const base::Code& code_for(unsigned int number);

// Whether the server refused the statement for its values or rows (not for a fault that passes): duplicate keys, values
// out of range, foreign keys, checks.
bool is_row_refusal(unsigned int number);

}  // namespace mysql
