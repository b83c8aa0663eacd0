// SPDX-License-Identifier: Apache-2.0
//
// The command line as a value. parse_command_line prints help or a usage error itself and then returns the exit code
// instead of a command.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "main/progress.h"

namespace main_program {

inline constexpr std::string_view version_text = "millrace 0.1.0";

struct Command {
  enum class Kind { run, check, status, validate, drop, help, settings, mappings_explain, mappings_test, worker };
  Kind kind = Kind::help;
  std::string task_file;
  std::string data_dir = "millrace-data";
  std::string secrets;     // where secrets are; empty: nowhere
  std::string start_type;  // empty: start-replication or resume-processing, as the data directory says
  std::string until;
  std::string report;                      // file that says how the run goes and ended
  std::vector<std::string> reload_tables;  // "schema.table", source names
  std::vector<std::string> resume_tables;
  ProgressMode progress = ProgressMode::automatic;
  bool json = false;
  bool force = false;
  std::string table;      // mappings: "schema.table"
  std::string rows_file;  // mappings test
  std::string columns;    // mappings test: the table's shape, without a database
  std::string topic;      // help, settings explain
  enum class SettingsVerb { print_default, explain, show } settings = SettingsVerb::explain;
};

// Whether the words are for the server's program: `millrace serve`, `millrace user`, `millrace task`, `millrace status
// --server`.
bool is_for_server(int argc, const char* const* argv);

std::variant<Command, int> parse_command_line(int argc, const char* const* argv);

}  // namespace main_program
