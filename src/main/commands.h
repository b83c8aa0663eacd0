// SPDX-License-Identifier: Apache-2.0
//
// One function a command: it wires the rooms together, runs, prints to standard output, and returns the process's exit
// code or the error that main prints. Called once, from the main thread, after block_signals().
#pragma once

#include "main/command_line.h"

namespace main_program {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_bad_input = 2;

int exit_code_of(const base::Error& error);

base::Result<int> run_command(const Command& command);

}  // namespace main_program
