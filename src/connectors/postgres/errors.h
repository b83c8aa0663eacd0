// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong with a PostgreSQL server, and the one table that turns its SQLSTATEs into our codes (errors.cc).
// A message carries the SQLSTATE, the server's primary message and the object's name; never DETAIL, HINT or CONTEXT,
// because those may quote row values. Pure; any thread.
#pragma once

#include <libpq-fe.h>

#include <string_view>

#include "base/error.h"

namespace postgres {

// The row of the table for that SQLSTATE; an empty or unknown one is server_error (kind task).
const base::Code& code_of_sqlstate(std::string_view sqlstate);

// "<doing>: ERROR 42501 permission denied for table orders (table public.orders)". `doing` names what we tried.
base::Error server_error(const PGresult* result, std::string_view doing);

// A failure of which the server has told nothing in a result: broken sockets, refused connections, TLS. `connecting`
// says whether the session was ever there. libpq's own text is used, with its SQLSTATE when it carries one.
base::Error link_error(std::string_view libpq_message, bool connecting, std::string_view doing);

namespace errors {
using base::Code;
using base::Kind;
inline constexpr Code unreachable{"pg.unreachable", Kind::transient,
                                  "The server did not accept a connection. Check ServerName, Port, the network and "
                                  "listen_addresses; the task tries again by itself."};
inline constexpr Code connection_lost{"pg.connection_lost", Kind::transient,
                                      "The connection broke; the task connects again from its last checkpoint."};
inline constexpr Code server_stopping{"pg.server_stopping", Kind::transient,
                                      "The server is starting, stopping or ended our session; the task tries again."};
inline constexpr Code too_many_connections{"pg.too_many_connections", Kind::transient,
                                           "Raise max_connections (or the role's limit) or lower MaxFullLoadSubTasks."};
inline constexpr Code conflict{"pg.conflict", Kind::transient,
                               "A lock or another transaction was in the way; the work is tried again."};
inline constexpr Code query_canceled{
    "pg.query_canceled", Kind::transient,
    "A statement was cancelled by a time-out or by an administrator; it is tried again."};
inline constexpr Code authentication_failed{"pg.authentication_failed", Kind::task,
                                            "Check Username, Password and the server's pg_hba.conf."};
inline constexpr Code tls_failed{"pg.tls_failed", Kind::task,
                                 "Check SslMode, the root certificate and the server's own certificate."};
inline constexpr Code database_missing{"pg.database_missing", Kind::task, "Check DatabaseName."};
inline constexpr Code privilege_missing{"pg.privilege_missing", Kind::task,
                                        "Grant the right; `millrace check` prints the exact statement."};
inline constexpr Code column_missing{"pg.column_missing", Kind::table,
                                     "A column does not exist (any more); reload the table or change the mapping."};
inline constexpr Code object_missing{
    "pg.object_missing", Kind::task,
    "Something the task relies on is gone from the server; `millrace check` says how to "
    "make it again."};
inline constexpr Code object_exists{"pg.object_exists", Kind::task,
                                    "An object of that name is already there; remove it or choose another name."};
inline constexpr Code disk_full{"pg.disk_full", Kind::task,
                                "Free space on the server's disk, then resume the task: nothing was lost."};
inline constexpr Code resources_exhausted{"pg.resources_exhausted", Kind::task,
                                          "The server is at one of its configured limits (memory, replication slots); "
                                          "raise it, then resume the task."};
inline constexpr Code read_only{"pg.read_only", Kind::task,
                                "The server takes no writes; is it a standby, or default_transaction_read_only set?"};
inline constexpr Code value_refused{"pg.value_refused", Kind::table,
                                    "The server does not accept a value for that column's type."};
inline constexpr Code constraint_violated{"pg.constraint_violated", Kind::table,
                                          "A row contradicts a constraint of the target table."};
inline constexpr Code server_corrupt{
    "pg.server_corrupt", Kind::task,
    "The server reports damaged or unreadable files; look at the server's own log first."};
inline constexpr Code server_not_able{"pg.server_not_able", Kind::task,
                                      "This server (release or configuration) does not support what is needed."};
inline constexpr Code server_error{"pg.server_error", Kind::task,
                                   "The server refused a statement; its SQLSTATE and message say why."};
inline constexpr Code protocol_broken{
    "pg.protocol_broken", Kind::task,
    "The server sent bytes that its protocol does not allow; is something between that "
    "changes them? Please report it."};
inline constexpr Code value_not_understood{
    "pg.value_not_understood", Kind::table,
    "The type that the column has on its way to files holds no such value (a DATETIME "
    "ends in the year 294247). Change the value or exclude the row with a filter, then reload the table."};
}  // namespace errors

}  // namespace postgres
