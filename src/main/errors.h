// SPDX-License-Identifier: Apache-2.0
//
// What can be wrong before a task runs: the command line, the task file, the data directory.
#pragma once

#include "base/error.h"

namespace main_program::errors {

inline constexpr base::Code bad_usage{"main.bad_usage", base::Kind::input,
                                      "`millrace --help` and `millrace COMMAND --help` describe the command line."};
inline constexpr base::Code bad_task_file{
    "main.bad_task_file", base::Kind::input,
    "Correct the named member of the task file; docs/task-file.md describes all of them."};
inline constexpr base::Code unreadable_task_file{"main.unreadable_task_file", base::Kind::input,
                                                 "Check the path and the permissions of the task file."};
inline constexpr base::Code bad_rows{"main.bad_rows", base::Kind::input,
                                     "Give a file of JSON lines, or of CSV with the columns' names in its first line; "
                                     "`millrace mappings test --help` describes both."};
inline constexpr base::Code no_secrets{
    "main.no_secrets", base::Kind::input,
    "Say where secrets are: --secrets file:/folder, env:PREFIX or command:/program (or MILLRACE_SECRETS)."};
inline constexpr base::Code bad_secret{
    "main.bad_secret", base::Kind::input,
    "A secret is a JSON object as AWS DMS reads it: {\"username\": ..., \"password\": ..., \"host\": ..., \"port\": "
    "...}, where port may be absent, and dbname may name the database."};
inline constexpr base::Code unknown_engine{
    "main.unknown_engine", base::Kind::input,
    "EngineName must be one of the systems that `millrace help endpoint` lists."};
inline constexpr base::Code data_dir_in_use{
    "main.data_dir_in_use", base::Kind::input,
    "Another millrace process works in this data directory. Stop it, or use another --data-dir."};
inline constexpr base::Code bad_data_dir{
    "main.bad_data_dir", base::Kind::input,
    "Give a folder that exists or can be made, and that this user may write to, with --data-dir."};

}  // namespace main_program::errors
