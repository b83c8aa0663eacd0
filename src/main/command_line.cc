// SPDX-License-Identifier: Apache-2.0
#include "main/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>

namespace main_program {
namespace {

constexpr const char* top_footer = R"(Examples:
  millrace check crm-to-lake.json          what would happen, what is missing, what would be lost
  millrace run crm-to-lake.json            load, then follow the changes until Ctrl-C
  millrace run crm-to-lake.json --until caught-up
  millrace status                          table statistics of ./millrace-data
  millrace validate crm-to-lake.json       compare source and target row by row
  millrace drop crm-to-lake.json           remove what the task left in source, target and data directory

Exit codes: 0 done, 1 the task failed, 2 the input is bad (nothing was touched), 130 interrupted (resumable).
`millrace help endpoint`, `millrace settings explain` and `millrace help errors` explain members, settings and codes.)";

constexpr const char* run_footer =
    R"(Without --start-type the task starts when the data directory holds no state of it, and resumes otherwise.
  start-replication   load (or start the stream) anew; refused when there is state
  resume-processing   go on from where the task stopped
  reload-target       forget the state and load again

--until ends the run by itself, with exit code 0, and leaves it resumable:
  caught-up           everything committed at the source before the call is durable on the target
  position:4AF/B0D0   everything up to that position of the source's log is
  time:2026-11-21T05:38:16   the clock (UTC) has reached it

A suspended table is tried again at each start: what was kept of its changes is replayed, then it joins the stream.

Examples:
  millrace run task.json --data-dir /var/lib/millrace/crm
  millrace run task.json --until caught-up --progress json
  millrace run task.json --start-type reload-target
  millrace run task.json --resume-table sales.orders

Ctrl-C stops at a commit boundary within ten seconds (exit code 130); a second one ends at once and loses nothing.)";

constexpr const char* check_footer =
    R"(Connects to both ends, reads catalogues and settings, touches nothing. Exit code 2 when the task would be refused.

Example:
  millrace check task.json)";

constexpr const char* status_footer =
    R"(Reads the state in the data directory; the task may be running. --json prints the shape of DescribeTableStatistics.

Example:
  millrace status --data-dir /var/lib/millrace/crm --json)";

constexpr const char* validate_footer =
    R"(Compares every row of every selected table; rows that change meanwhile are looked at again. For files, the state
that the files describe is compared. Exit code 1 when there are differences.

Example:
  millrace validate task.json)";

constexpr const char* drop_footer =
    R"(Removes the replication slot, publications and event trigger from the source, the position and control rows from the
target, and the local state. Loaded tables and files stay. --force goes on when the source cannot be reached; what is
left there must then be removed by hand: a slot without a reader fills the source's disk.

Example:
  millrace drop task.json --data-dir /var/lib/millrace/crm)";

constexpr const char* mappings_footer =
    R"(What the table mappings of a task do, before it runs. docs/mappings.md lists every rule, action, operator, function
and variable.

Examples:
  millrace mappings explain crm-to-lake.json
  millrace mappings explain crm-to-lake.json --table sales.orders
  millrace mappings test crm-to-lake.json --table sales.orders --rows some-orders.csv)";

constexpr const char* explain_footer =
    R"(Connects to the source only and touches nothing. For every table of the source:
  - whether it is selected, and by which rule; if not, why not
  - the schema and table it becomes, and the rules that name them
  - each column: what it becomes, its type on the way, how its values come about (copied, converted, masked, computed)
    and by which rules; and the columns that are left out
  - the statements that the full load sends to the source, with the filter as the source gets it (the load adds its own
    ranges of blocks to them)
  - what is refused, and what cannot be carried over
At the end: the rules that match nothing or have no effect.

Exit code 2 when a table would be refused. --json prints {"tables": [...], "notes": [...]}.

Examples:
  millrace mappings explain task.json
  millrace mappings explain task.json --table sales.orders
  millrace mappings explain task.json --json | jq '.tables[] | select(.selected | not) | .["table-name"]')";

constexpr const char* test_footer =
    R"(Maps each row of the file as the full load would and prints a line of JSON for it:
  {"row":1,"result":{"id":"1","name":"ANN"}}    what the target gets
  {"row":2,"filtered":"rule 3"}                 a filter leaves it out
  {"row":3,"error":"column n (rule 4), ..."}    DataErrorPolicy says what becomes of it
and a summary on standard error. Exit code 1 when rows failed.

The file holds lines of JSON, one object a row ({"id": 1, "name": null}), or, when its name ends in .csv, CSV with the
columns' names in the first line, where an empty field without quotes is NULL. Columns that a row does not name are NULL.
The columns and their types are asked of the source; with --columns no database is needed.

Examples:
  millrace mappings test task.json --table sales.orders --rows orders.jsonl
  millrace mappings test task.json --table sales.orders --rows orders.csv --columns 'id:int4, name:string, made:datetime')";

void add_data_dir(CLI::App* command, Command& out) {
  command->add_option("--data-dir", out.data_dir, "folder of everything durable of this task")->capture_default_str();
}

void add_task_file(CLI::App* command, Command& out) {
  command->add_option("TASK", out.task_file, "task file: {\"source\": ..., \"target\": ..., \"task\": ...}")
      ->required();
}

void add_secrets(CLI::App* command, Command& out) {
  command
      ->add_option(
          "--secrets", out.secrets,
          "where the secrets are that SecretsManagerSecretId names: file:FOLDER, env:PREFIX or command:PROGRAM")
      ->envname("MILLRACE_SECRETS");
}

void add_run(CLI::App& app, Command& out) {
  static const std::map<std::string, ProgressMode> modes{{"auto", ProgressMode::automatic},
                                                         {"plain", ProgressMode::plain},
                                                         {"json", ProgressMode::json},
                                                         {"none", ProgressMode::none}};
  CLI::App* run = app.add_subcommand("run", "Run one task in the foreground");
  add_task_file(run, out);
  add_secrets(run, out);
  add_data_dir(run, out);
  run->add_option("--start-type", out.start_type, "start-replication, resume-processing or reload-target")
      ->check(CLI::IsMember({"start-replication", "resume-processing", "reload-target"}));
  run->add_option("--until", out.until, "caught-up, position:P or time:T: stop by itself, resumable");
  run->add_option("--reload-table", out.reload_tables,
                  "schema.table (repeatable): load that table of a resumed task again; brings back a suspended one");
  run->add_option("--resume-table", out.resume_tables,
                  "schema.table (repeatable): insist that this suspended table is one whose changes were kept");
  run->add_option("--progress", out.progress, "auto (bars on a terminal, else plain), plain, json, none")
      ->transform(CLI::CheckedTransformer(modes).description(""));
  run->add_option("--report", out.report, "file that is replaced each second with the state of the run, as JSON");
  run->footer(run_footer);
  run->callback([&out] { out.kind = Command::Kind::run; });
}

constexpr const char* settings_footer =
    R"(Every key of ReplicationTaskSettings: whether it is obeyed, of no effect here or refused, with default and range.

Examples:
  millrace settings default
  millrace settings explain LobMaxSize
  millrace settings explain ErrorBehavior
  millrace settings show crm-to-lake.json)";

void add_settings(CLI::App& app, Command& out) {
  CLI::App* settings = app.add_subcommand("settings", "Explain the task settings");
  settings->require_subcommand(1);
  settings->footer(settings_footer);
  settings->callback([&out] { out.kind = Command::Kind::settings; });
  using Verb = Command::SettingsVerb;
  CLI::App* defaults = settings->add_subcommand("default", "Print the complete default document");
  defaults->callback([&out] { out.settings = Verb::print_default; });
  CLI::App* explain = settings->add_subcommand("explain", "Explain a key, a section, or everything");
  explain->add_option("KEY", out.topic, "TargetMetadata.LobMaxSize, LobMaxSize, or TargetMetadata");
  explain->add_flag("--json", out.json, "machine-readable");
  explain->callback([&out] { out.settings = Verb::explain; });
  CLI::App* show = settings->add_subcommand("show", "Print the complete document that a task file runs with");
  add_task_file(show, out);
  show->callback([&out] { out.settings = Verb::show; });
}

void add_mappings(CLI::App& app, Command& out) {
  CLI::App* mappings = app.add_subcommand("mappings", "Explain or try the table mappings of a task");
  mappings->require_subcommand(1);
  mappings->footer(mappings_footer);

  CLI::App* explain =
      mappings->add_subcommand("explain", "What becomes of every table of the source, and by which rules");
  add_task_file(explain, out);
  add_secrets(explain, out);
  add_data_dir(explain, out);
  explain->add_option("--table", out.table, "schema.table: that table of the source alone");
  explain->add_flag("--json", out.json, "machine-readable");
  explain->footer(explain_footer);
  explain->callback([&out] { out.kind = Command::Kind::mappings_explain; });

  CLI::App* test = mappings->add_subcommand("test", "Put rows of a file through the mapping and print what comes out");
  add_task_file(test, out);
  add_secrets(test, out);
  add_data_dir(test, out);
  test->add_option("--table", out.table, "schema.table of the source that the rows are of")->required();
  test->add_option("--rows", out.rows_file, "file of JSON lines, or of CSV (its name then ends in .csv)")->required();
  test->add_option("--columns", out.columns, "name:type, ...: the table's columns in DMS's types, without a database");
  test->footer(test_footer);
  test->callback([&out] { out.kind = Command::Kind::mappings_test; });
}

void add_others(CLI::App& app, Command& out) {
  CLI::App* check = app.add_subcommand("check", "Print the plan and what is missing; touches nothing");
  add_task_file(check, out);
  add_secrets(check, out);
  add_data_dir(check, out);
  check->add_flag("--json", out.json, "machine-readable");
  check->footer(check_footer);
  check->callback([&out] { out.kind = Command::Kind::check; });

  CLI::App* status = app.add_subcommand("status", "Print the table statistics, or watch the tasks of a server");
  add_data_dir(status, out);
  // Named here for the help: with it the command is another program's, see is_for_server.
  status->add_option("--server", "URL of a server whose tasks are watched; `millrace status --server URL --help`");
  status->add_flag("--json", out.json, "the shape of DescribeTableStatistics");
  status->footer(status_footer);
  status->callback([&out] { out.kind = Command::Kind::status; });

  CLI::App* validate = app.add_subcommand("validate", "Compare source and target row by row");
  add_task_file(validate, out);
  add_secrets(validate, out);
  add_data_dir(validate, out);
  validate->add_flag("--json", out.json, "machine-readable");
  validate->footer(validate_footer);
  validate->callback([&out] { out.kind = Command::Kind::validate; });

  CLI::App* drop = app.add_subcommand("drop", "Remove what the task left behind; data stays");
  add_task_file(drop, out);
  add_secrets(drop, out);
  add_data_dir(drop, out);
  drop->add_flag("--force", out.force, "go on when the source cannot be reached");
  drop->footer(drop_footer);
  drop->callback([&out] { out.kind = Command::Kind::drop; });

  CLI::App* worker = app.add_subcommand("worker", "Answer a question of the server")->group("");
  worker->callback([&out] { out.kind = Command::Kind::worker; });
  // Named here for the list of commands: they are another program's, see is_for_server.
  app.add_subcommand("serve", "Run the server that AWS clients talk to");
  app.add_subcommand("user", "Make and remove access keys of the server");
  app.add_subcommand("task", "List, start and stop the tasks of a server");

  CLI::App* help = app.add_subcommand("help", "Explain endpoint members, task settings or error codes");
  help->add_option("TOPIC", out.topic, "endpoint, settings, errors, or one error code");
  help->callback([&out] { out.kind = Command::Kind::help; });
}

}  // namespace

bool is_for_server(int argc, const char* const* argv) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  const bool of_server = std::any_of(argv + std::min(argc, 2), argv + argc, [](const char* argument) {
    return std::string_view(argument) == "--server" || std::string_view(argument).starts_with("--server=");
  });
  return word == "serve" || word == "user" || word == "task" || (word == "status" && of_server);
}

std::variant<Command, int> parse_command_line(int argc, const char* const* argv) {
  constexpr int exit_bad_input = 2;
  Command command;
  CLI::App app("Millrace copies a database and keeps the copy in step, exactly.", "millrace");
  app.set_version_flag("--version", std::string(version_text));
  app.require_subcommand(0, 1);
  app.footer(top_footer);
  add_run(app, command);
  add_others(app, command);
  add_settings(app, command);
  add_mappings(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& thrown) {
    return app.exit(thrown, std::cout, std::cerr) == 0 ? 0 : exit_bad_input;
  }
  if (app.get_subcommands().empty() || (command.kind == Command::Kind::help && command.topic.empty())) {
    std::cout << app.help();
    return app.get_subcommands().empty() ? exit_bad_input : 0;
  }
  return command;
}

}  // namespace main_program
