// SPDX-License-Identifier: Apache-2.0
//
// Errors of change capture at a PostgreSQL source, declared once. Position_gone and table_missing are connect's.
#pragma once

#include "base/error.h"

namespace postgres::capture_errors {

using base::Code;
using base::Kind;

inline constexpr Code missing_replica_identity{"pg.missing_replica_identity", Kind::task,
                                               "Run the ALTER TABLE statements of the message at the source "
                                               "(publishing such a table would make its own UPDATE and "
                                               "DELETE fail), or let the task take inserts only."};
inline constexpr Code slot_unusable{
    "pg.slot_unusable", Kind::task,
    "The slot named by SlotName must exist in this database, use pgoutput, and be inactive."};
inline constexpr Code publication_unusable{
    "pg.publication_unusable", Kind::task,
    "To start at a given position the publications must be older than it: run the statements of the message, then make "
    "the slot, and start from a position of that slot."};
inline constexpr Code lock_not_given{
    "pg.lock_not_given", Kind::transient,
    "Somebody holds a lock on a table for longer than we wait; the message names whom. The task tries again."};
inline constexpr Code release_not_supported{"pg.release_not_supported", Kind::input,
                                            "PostgreSQL 13 to 18 are supported as sources."};
inline constexpr Code standby{"pg.standby", Kind::task,
                              "Connect to the primary: publications cannot be made on a standby."};

}  // namespace postgres::capture_errors
