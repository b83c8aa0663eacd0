// SPDX-License-Identifier: Apache-2.0
//
// The engine's own error codes; connectors bring theirs.
#pragma once

#include "base/error.h"

namespace engine::errors {

using base::Code;
using base::Kind;

inline constexpr Code no_tables{
    "engine.no_tables", Kind::input,
    "No table of the source matches the selection rules. Check names and case with `millrace check`, "
    "or set ErrorBehavior.FailOnNoTablesCaptured to false."};
inline constexpr Code refused{"engine.refused", Kind::input,
                              "The plan has refusals; `millrace check` prints each with its remedy."};
inline constexpr Code state_exists{
    "engine.state_exists", Kind::input,
    "The data directory already holds this task's state. Use --start-type resume-processing to go "
    "on, or reload-target to start over."};
inline constexpr Code no_state{"engine.no_state", Kind::input,
                               "The data directory holds no state of this task; use --start-type start-replication."};
inline constexpr Code other_task{"engine.other_task", Kind::input,
                                 "The data directory belongs to another task; give each task its own --data-dir."};
inline constexpr Code rows_differ{
    "engine.rows_differ", Kind::table,
    "The target holds another number of rows than the source sent; the table is loaded again or "
    "suspended. Look for triggers or rules on the target table."};
inline constexpr Code load_unstable{
    "engine.load_unstable", Kind::table,
    "The table was rewritten during every attempt to load it; load it when no TRUNCATE or "
    "rewriting ALTER TABLE runs."};
inline constexpr Code shape_unclear{
    "engine.shape_unclear", Kind::table,
    "Columns were replaced, renamed or retyped and the source's log does not say enough to follow exactly. Load the "
    "table again with --reload-table; with the right to make event triggers, changes of tables can be followed."};
inline constexpr Code bound_table{
    "engine.bound_table", Kind::table,
    "Foreign keys act between this table and one that is in error, and the source's log does not tell what they do. "
    "Mend that table's cause, then load one of them again with --reload-table: the others come with it."};
inline constexpr Code tables_failed{
    "engine.tables_failed", Kind::task,
    "Some tables could not be loaded; `millrace status` names each with its reason. Mend it, then "
    "reload."};
inline constexpr Code cannot_stream{"engine.cannot_stream", Kind::input,
                                    "This source cannot deliver changes; use MigrationType full-load."};
inline constexpr Code cannot_validate{"engine.cannot_validate", Kind::input,
                                      "This pair of endpoints cannot be compared row by row."};
inline constexpr Code retries_exhausted{
    "engine.retries_exhausted", Kind::task,
    "The cause named below lasted longer than ErrorBehavior.RecoverableError... allows. Mend it and "
    "resume the task: nothing is lost."};
inline constexpr Code relay_needed{
    "engine.relay_needed", Kind::transient,
    "The target is slower than the source and the source's log has reached its cap: the relay takes "
    "the changes from now on. Nothing to do; watch the relay's size."};
inline constexpr Code relay_gap{
    "engine.relay_gap", Kind::task,
    "The relay does not reach back to what the target holds (was the target restored from a backup?). "
    "Start the task with --start-type reload-target."};
inline constexpr Code row_stopped{"engine.row_stopped", Kind::task,
                                  "A row of the full load has no place on the target and DataErrorPolicy is STOP_TASK. "
                                  "Mend the row or the target, or choose another policy."};
inline constexpr Code row_suspended{
    "engine.row_suspended", Kind::table,
    "A row of the full load has no place on the target and DataErrorPolicy is SUSPEND_TABLE. Mend the row or the "
    "target, or choose LOG_ERROR: the next start loads the table again."};
inline constexpr Code value_cut_stopped{
    "engine.value_cut_stopped", Kind::task,
    "A value is longer than a limit of the settings allows and DataTruncationErrorPolicy is STOP_TASK. Raise "
    "LobMaxSize "
    "or take the limit out of the settings; LOG_ERROR cuts and counts such values."};
inline constexpr Code value_cut_suspended{
    "engine.value_cut_suspended", Kind::table,
    "A value is longer than a limit of the settings allows and DataTruncationErrorPolicy is SUSPEND_TABLE. Raise "
    "LobMaxSize or choose LOG_ERROR, then start the task again."};
inline constexpr Code values_changed_since{
    "engine.values_changed_since", Kind::table,
    "Changes of the table were kept before settings that change its values (LobMaxSize, CharacterSetSettings, "
    "MillraceCompatibility) were given. Load the table again with --reload-table."};
inline constexpr Code truncate_stopped{
    "engine.truncate_stopped", Kind::task,
    "The source truncated a table and ApplyErrorFailOnTruncationDdl is true. Nothing of that transaction was applied: "
    "set it to false and resume, and the target is truncated as well."};
inline constexpr Code kept_full{
    "engine.kept_full", Kind::table,
    "The changes of suspended tables are kept up to MillraceRelayCapMB, and that was reached. Mend the cause and load "
    "the table again with --reload-table, or raise the cap."};
inline constexpr Code not_resumable{
    "engine.not_resumable", Kind::input,
    "Only a suspended table whose changes were kept can be resumed; load the table again with --reload-table."};
inline constexpr Code start_time{"engine.start_time", Kind::input,
                                 "This source cannot find a log position by time; give CdcStartPosition."};

}  // namespace engine::errors
