// SPDX-License-Identifier: Apache-2.0
//
// Errors that only the MySQL and MariaDB target has, declared once; those of any server are in errors.h.
#pragma once

#include "base/error.h"

namespace mysql::target_errors {

using base::Kind;

inline constexpr base::Code missing_object{"mysql.target_missing", Kind::table,
                                           "A table or column is missing on the target. The table's changes are kept: "
                                           "put it back and start the task again, or load the table anew with "
                                           "--reload-table."};
inline constexpr base::Code shape{"mysql.target_shape", Kind::input,
                                  "The table on the target has another shape than the source's. Alter or drop it, or "
                                  "use TargetTablePrepMode DROP_AND_CREATE."};
inline constexpr base::Code dependents{"mysql.target_dependents", Kind::input,
                                       "Foreign keys of tables outside of the task refer to the table, and nothing "
                                       "they need is ever dropped. Drop those keys, or use TRUNCATE_BEFORE_LOAD or "
                                       "DO_NOTHING."};
inline constexpr base::Code definition{"mysql.target_definition", Kind::input,
                                       "The server does not make the table as it is mapped; its message says why. "
                                       "Change the column's type by a rule, or create the table by hand and use "
                                       "TRUNCATE_BEFORE_LOAD."};
inline constexpr base::Code session_settings{
    "mysql.session_settings", Kind::input,
    "The AfterConnectScript must leave sql_mode and the character set alone: values would be bent to fit, or read as "
    "something else."};
inline constexpr base::Code partial_rows{
    "mysql.target_partial_rows", Kind::table,
    "An unfinished load left rows in a table that held others before (DO_NOTHING), so they cannot be told apart. "
    "Clean the table, then reload it."};
inline constexpr base::Code task_taken{
    "mysql.task_taken", Kind::task,
    "Another data directory runs a task of this identifier on this target. Give this task another "
    "ReplicationTaskIdentifier, or run it with that directory; if that one is lost for good, start with --start-type "
    "reload-target."};
inline constexpr base::Code table_taken{
    "mysql.table_taken", Kind::task,
    "Another task writes to this table, and TargetTablePrepMode would drop or empty it. Rename the table in the "
    "mapping, use DO_NOTHING to write into it together, or end the other task with `millrace drop` (if its data "
    "directory is lost: DELETE its rows from millrace_tables in the control schema)."};
inline constexpr base::Code superseded{"mysql.superseded", Kind::task,
                                       "Another process has taken over this task on the target; this one writes no "
                                       "more. Stop the one of the two that should not run."};
inline constexpr base::Code not_started{"mysql.no_position", Kind::task,
                                        "The task's row in millrace_position is gone; start with --start-type "
                                        "reload-target."};
inline constexpr base::Code apply_stopped{"mysql.apply_stopped", Kind::task,
                                          "A change could not be applied and the error policy is STOP_TASK; correct "
                                          "the target row or the policy, then resume."};
inline constexpr base::Code apply_suspended{
    "mysql.apply_suspended", Kind::table,
    "A change could not be applied to the table, or its policy is SUSPEND_TABLE. Its changes are kept: correct the "
    "target and start the task again, or load the table anew with --reload-table."};

inline constexpr base::Code key_refused{"mysql.target_key_refused", Kind::table,
                                        "The target refused what a foreign key of the source did by itself. Mend the "
                                        "cause that the message tells (a check, "
                                        "a trigger), then load the tables that the key binds together again."};
inline constexpr base::Code key_collation{
    "mysql.target_key_collation", Kind::table,
    "A foreign key acts at the source, and the target's table compares the key's column by another collation. Make the "
    "column with the source's collation, then load the tables that the key binds together again."};

}  // namespace mysql::target_errors
