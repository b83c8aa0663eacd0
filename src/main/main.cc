// SPDX-License-Identifier: Apache-2.0
//
// The program. Memory and signals are settled before the first thread starts (signals even before the libraries'
// constructors run, so that an early Ctrl-C is an orderly one); everything else is in commands.cc.
#include <malloc.h>

#include <cstdio>

#include "main/commands.h"
#include "main/reports.h"
#include "main/signals.h"

namespace {

// Batches are made by one thread and freed by another. With an arena for each thread, and a threshold that rises with
// every large block that is freed, the C library would keep several times what we hold.
void bound_memory() {
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
  mallopt(M_TRIM_THRESHOLD, 32 << 20);
}

void block_signals_early(int, char**, char**) { main_program::block_signals(); }
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_constructors)(int, char**,
                                                                                char**) = &block_signals_early;

}  // namespace

int main(int argc, char** argv) {
  namespace program = main_program;
  const auto parsed = program::parse_command_line(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  bound_memory();
  auto outcome = program::run_command(std::get<program::Command>(parsed));
  if (outcome.ok()) return *outcome;
  std::fputs(program::error_text(outcome.error()).c_str(), stderr);
  return program::exit_code_of(outcome.error());
}
