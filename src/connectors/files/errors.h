// SPDX-License-Identifier: Apache-2.0
//
// The errors of the file target (engine name s3). docs/errors.md is made from these rows.
#pragma once

#include "base/error.h"

namespace connectors::files::errors {

using base::Code;
using base::Kind;

inline constexpr Code bad_settings{"files.bad_settings", Kind::input,
                                   "These settings of the S3 endpoint exclude each other; change one of those named."};
inline constexpr Code state_lost{
    "files.state_lost", Kind::task,
    "The target holds files that this task wrote from another data directory. Start the task with that directory, or, "
    "if it is lost for good, remove the task's files (or choose another BucketFolder) and start again."};
inline constexpr Code folder_taken{
    "files.folder_taken", Kind::task,
    "The table's folder holds files of another task, and TargetTablePrepMode would remove them. Use another "
    "BucketFolder, rename the table in the mapping, or remove the files; DO_NOTHING writes beside them."};
inline constexpr Code newer_state{
    "files.newer_state", Kind::task,
    "The target holds files that this task wrote after the state in the data directory was saved. Use the newest data "
    "directory, or start the task with --start-type reload-target."};
inline constexpr Code replay_mismatch{
    "files.replay_mismatch", Kind::task,
    "After a restart the source sent other changes than before for a file that was already recorded. Were mapping or "
    "endpoint settings changed while the task was stopped? Put them back, or start with --start-type reload-target."};
inline constexpr Code journal_malformed{"files.journal_malformed", Kind::task,
                                        "The task's state store holds a note that this version cannot read; use the "
                                        "version that wrote it, or start with --start-type reload-target."};
inline constexpr Code missing_value{
    "files.missing_value", Kind::table,
    "The source's log does not repeat large values that an UPDATE left alone. Run ALTER TABLE ... REPLICA IDENTITY "
    "FULL for the table and reload it, or set MillraceMissingValues to marker or lookup."};
inline constexpr Code column_replaced{
    "files.column_replaced", Kind::table,
    "A column was dropped at the source and another of its name added: files written before hold the old one's values "
    "under that name. Load the table again with --reload-table."};
inline constexpr Code stop_on_value{"files.value_refused", Kind::task,
                                    "A value cannot be said in the file format and DataErrorPolicy is STOP_TASK; use "
                                    "csv, change the column's type in the mapping, or choose another policy."};
inline constexpr Code bad_time_zone{"files.bad_time_zone", Kind::input,
                                    "Use an Area/Location name of the IANA database that is installed on this machine "
                                    "(package tzdata), for example Europe/Paris."};
inline constexpr Code bad_file{"files.bad_file", Kind::table,
                               "A file of the table is not as this task would have written it; was it changed, or "
                               "written with other endpoint settings?"};

}  // namespace connectors::files::errors
