// SPDX-License-Identifier: Apache-2.0
//
// The program. Signals are blocked before the first thread starts; everything else is in commands.cc.
#include <cstdio>

#include "main/commands.h"
#include "main/reports.h"
#include "main/signals.h"

int main(int argc, char** argv) {
  namespace program = main_program;
  const auto parsed = program::parse_command_line(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  program::block_signals();
  auto outcome = program::run_command(std::get<program::Command>(parsed));
  if (outcome.ok()) return *outcome;
  std::fputs(program::error_text(outcome.error()).c_str(), stderr);
  return program::exit_code_of(outcome.error());
}
