// SPDX-License-Identifier: Apache-2.0
//
// Errors that only the PostgreSQL target has, declared once; those of any server are in errors.h.
#pragma once

#include "base/error.h"

namespace postgres::target_errors {

using base::Kind;

inline constexpr base::Code missing_object{"pg.target_missing", Kind::table,
                                           "A table, column or type is missing on the target. The table's changes are "
                                           "kept: put it back and start the task again, or load the table anew with "
                                           "--reload-table."};
inline constexpr base::Code shape{"pg.target_shape", Kind::input,
                                  "The table on the target has another shape than the source's. Alter or drop it, or "
                                  "use TargetTablePrepMode DROP_AND_CREATE."};
inline constexpr base::Code dependents{"pg.target_dependents", Kind::input,
                                       "Other objects depend on the target table, and nothing is ever dropped with "
                                       "CASCADE. Drop them, or use TRUNCATE_BEFORE_LOAD or DO_NOTHING."};
inline constexpr base::Code requirement{"pg.target_requirement", Kind::input,
                                        "Create the named type, extension or schema on the target, then start again."};
inline constexpr base::Code partial_rows{
    "pg.target_partial_rows", Kind::table,
    "An unfinished load left rows in a table that held others before (DO_NOTHING), "
    "so they cannot be told apart. Clean the table, then reload it."};
inline constexpr base::Code task_taken{
    "pg.task_taken", Kind::task,
    "Another data directory runs a task of this identifier on this target. Give this task another "
    "ReplicationTaskIdentifier, or run it with that directory; if that one is lost for good, start with --start-type "
    "reload-target."};
inline constexpr base::Code table_taken{
    "pg.table_taken", Kind::task,
    "Another task writes to this table, and TargetTablePrepMode would drop or empty it. Rename the table in the "
    "mapping, use DO_NOTHING to write into it together, or end the other task with `millrace drop` (if its data "
    "directory is lost: DELETE its rows from millrace_tables in the control schema)."};
inline constexpr base::Code superseded{
    "pg.superseded", Kind::task,
    "Another process has taken over this task on the target; this one writes no more. "
    "Stop the one of the two that should not run."};
inline constexpr base::Code not_started{"pg.no_position", Kind::task,
                                        "The task's row in millrace_position is gone; start with --start-type "
                                        "reload-target."};
inline constexpr base::Code apply_stopped{
    "pg.apply_stopped", Kind::task,
    "A change could not be applied and the error policy is STOP_TASK; correct the "
    "target row or the policy, then resume."};
inline constexpr base::Code apply_suspended{
    "pg.apply_suspended", Kind::table,
    "A change could not be applied to the table, or its policy is SUSPEND_TABLE. Its changes are kept: correct the "
    "target and start the task again, or load the table anew with --reload-table."};

inline constexpr base::Code key_refused{"pg.target_key_refused", Kind::table,
                                        "The target refused what a foreign key of the source did by itself. Mend the "
                                        "cause that the message tells (a check, "
                                        "a trigger), then load the tables that the key binds together again."};

}  // namespace postgres::target_errors
