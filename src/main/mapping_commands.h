// SPDX-License-Identifier: Apache-2.0
//
// The commands `millrace mappings explain` and `mappings test`: what the table mappings of a task make of the source's
// tables, and of rows in a file. Both touch nothing. Called once, from the main thread, as run_command() is; they
// return the exit code or the error that main prints.
#pragma once

#include "main/command_line.h"

namespace main_program {

base::Result<int> explain_mappings(const Command& command);
base::Result<int> test_mappings(const Command& command);

}  // namespace main_program
