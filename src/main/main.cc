// SPDX-License-Identifier: Apache-2.0
//
// The program. Memory and signals are settled before the first thread starts (signals even before the libraries'
// constructors run, so that an early Ctrl-C is an orderly one); everything else is in commands.cc.
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

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

// The server is a program of its own beside this one: it loads none of the connectors' libraries.
int become_server(char** argv) {
  std::error_code code;
  const std::string path = std::filesystem::read_symlink("/proc/self/exe", code).parent_path() / "millrace-server";
  ::execv(path.c_str(), argv);
  std::fprintf(stderr, "error: %s: %s\n", path.c_str(), std::strerror(errno));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  namespace program = main_program;
  if (program::is_for_server(argc, argv)) return become_server(argv);
  const auto parsed = program::parse_command_line(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  bound_memory();
  auto outcome = program::run_command(std::get<program::Command>(parsed));
  if (outcome.ok()) return *outcome;
  std::fputs(program::error_text(outcome.error()).c_str(), stderr);
  return program::exit_code_of(outcome.error());
}
