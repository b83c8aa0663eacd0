// SPDX-License-Identifier: Apache-2.0
#include "main/commands.h"

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "engine/errors.h"
#include "main/errors.h"
#include "main/help_pages.h"
#include "main/mapping_commands.h"
#include "main/reports.h"
#include "main/run_report.h"
#include "main/session.h"
#include "main/settings_pages.h"
#include "main/signals.h"
#include "main/time_text.h"
#include "main/worker.h"

namespace main_program {
namespace {

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

base::Result<engine::Until> parse_until(const std::string& text) {
  using Kind = engine::Until::Kind;
  engine::Until until;
  if (text.empty()) return until;
  if (text == "caught-up") {
    until.kind = Kind::caught_up;
  } else if (text.starts_with("position:") && text.size() > 9) {
    until.kind = Kind::position;
    until.position = text.substr(9);
  } else if (text.starts_with("time:")) {
    const auto time = parse_time(std::string_view(text).substr(5));
    if (!time) return base::failed(errors::bad_usage, "--until: the time is not like 2026-11-21T05:38:16");
    until.kind = Kind::time;
    until.time = *time;
  } else {
    return base::failed(errors::bad_usage, "--until must be caught-up, position:P or time:T");
  }
  return until;
}

base::Result<engine::StartType> start_type_of(const Command& command, engine::StateStore& store) {
  if (command.start_type == "resume-processing") return engine::StartType::resume_processing;
  if (command.start_type == "reload-target") return engine::StartType::reload_target;
  const engine::State state = TRY(store.load());
  if (command.start_type == "start-replication" || !state.task) return engine::StartType::start_replication;
  return engine::StartType::resume_processing;
}

// Runs `work` on this thread while two others watch for signals and, if there is one, print progress.
template <typename Work>
auto with_signals(const Work& work, const std::function<base::Result<void>(std::stop_token)>& progress) {
  std::stop_source stop;
  base::TaskGroup group;
  group.spawn("signals", [&](std::stop_token done) { return watch_signals([&] { stop.request_stop(); }, done); });
  if (progress) group.spawn("progress", progress);
  auto outcome = work(stop.get_token());
  group.request_stop();
  const base::Result<void> ended = group.join();
  // A failed display is no reason to fail the work.
  if (!ended.ok()) std::fprintf(stderr, "%s\n", ended.error().text().c_str());
  return outcome;
}

base::Result<std::vector<model::TableName>> table_names(const char* flag, const std::vector<std::string>& given,
                                                        engine::StartType start) {
  if (!given.empty() && start != engine::StartType::resume_processing) {
    return base::failed(errors::bad_usage, "{} needs a task that was started before", flag);
  }
  std::vector<model::TableName> tables;
  for (const std::string& name : given) {
    const std::size_t dot = name.find('.');
    if (dot == std::string::npos) return base::failed(errors::bad_usage, "{} {}: write schema.table", flag, name);
    tables.push_back({name.substr(0, dot), name.substr(dot + 1)});
  }
  return tables;
}

// Tables that the user names to be loaded again, or to be resumed.
base::Result<void> bring_back(const Command& command, engine::StartType start, engine::Task& task) {
  const auto resumed = TRY(table_names("--resume-table", command.resume_tables, start));
  const auto reloaded = TRY(table_names("--reload-table", command.reload_tables, start));
  if (!resumed.empty()) TRY(task.resume_tables(resumed));
  return reloaded.empty() ? base::Result<void>() : task.reload_tables(reloaded);
}

base::Result<int> run_task(const Command& command) {
  const engine::Until until = TRY(parse_until(command.until));
  auto session = TRY(Session::locked(command.task_file, command.data_dir));
  const engine::StartType start = TRY(start_type_of(command, session->store()));
  TaskDocument& document = session->document();
  base::Log& log = session->log();
  log.info("main", "{}: task {} ({}), {} to {}", version_text, document.definition.identifier,
           document.definition.task_id, document.source.text, document.target.text);
  for (const std::string& remark : document.remarks) log.info("main", "task settings: {}", remark);
  engine::Task task(document.definition, session->environment());
  TRY(bring_back(command, start, task));
  ProgressPrinter printer(command.progress, session->clock());
  RunReport report(command.report, session->clock(), session->disk(), log);
  auto outcome = with_signals([&](const std::stop_token& stop) { return task.run(start, until, stop); },
                              [&](const std::stop_token& stop) -> base::Result<void> {
                                base::TaskGroup reporting(stop);
                                reporting.spawn("report", [&](std::stop_token end) { return report.run(task, end); });
                                TRY(printer.run(task, stop));
                                return reporting.join();
                              });
  report.end(task, outcome);
  if (!outcome.ok()) {
    log.error("main", "the task ended: {}", outcome.error().text());
    return outcome.take_error();
  }
  const bool interrupted = *outcome == engine::Outcome::interrupted;
  log.info("main", "the task {}", interrupted ? "was interrupted" : "finished");
  if (interrupted && command.progress != ProgressMode::json) {
    print("stopped at a commit boundary; run the same command again to go on\n");
  }
  return interrupted ? exit_interrupted : exit_done;
}

base::Result<int> check_task(const Command& command) {
  auto session = TRY(Session::looking(command.task_file, command.data_dir));
  engine::Task task(session->document().definition, session->environment());
  const engine::Plan plan = TRY(with_signals([&](const std::stop_token& stop) { return task.plan(stop); }, nullptr));
  const auto& remarks = session->document().remarks;
  print(command.json ? plan_json(plan, remarks) : plan_text(plan, remarks));
  return plan.refused() ? exit_bad_input : exit_done;
}

base::Result<int> validate_task(const Command& command) {
  auto session = TRY(Session::looking(command.task_file, command.data_dir));
  engine::Task task(session->document().definition, session->environment());
  const auto show = [&](const engine::Difference& difference) {
    if (!command.json) print(difference_text(difference));
  };
  const engine::ValidationReport report =
      TRY(with_signals([&](const std::stop_token& stop) { return task.validate(show, stop); }, nullptr));
  print(command.json ? validation_json(report) : validation_text(report));
  return report.equal() ? exit_done : exit_failed;
}

base::Result<int> drop_task(const Command& command) {
  // A data directory that was never used is not made only to be dropped; its identity would name the wrong slot.
  const DataDir before = TRY(DataDir::look(command.data_dir));
  if (before.identity().empty()) {
    return base::failed(engine::errors::no_state, "{} was never used by a task", before.path());
  }
  auto session = TRY(Session::locked(command.task_file, command.data_dir));
  engine::Task task(session->document().definition, session->environment());
  TRY(with_signals([&](const std::stop_token&) { return task.drop(command.force); }, nullptr));
  session->close_store();
  TRY(session->data_dir().clear());
  print("dropped: source, target position and local state\n");
  return exit_done;
}

base::Result<int> show_status(const Command& command) {
  const DataDir folder = TRY(DataDir::look(command.data_dir));
  auto store = TRY(engine::SqliteStore::open(folder.state_file(), engine::SqliteStore::Open::existing));
  const engine::State state = TRY(store->load());
  print(command.json ? status_json(state) : status_text(state));
  return exit_done;
}

base::Result<int> show_help(const Command& command) {
  const auto page = help_page(command.topic);
  if (!page) {
    return base::failed(errors::bad_usage, "there is no help on that topic: use endpoint, settings, errors or a code");
  }
  print(*page);
  return exit_done;
}

base::Result<int> show_settings(const Command& command) {
  switch (command.settings) {
    case Command::SettingsVerb::print_default: print(engine::Settings().document()); break;
    case Command::SettingsVerb::explain:
      print(TRY(command.json ? settings_json(command.topic) : settings_text(command.topic)));
      break;
    case Command::SettingsVerb::show:
      print(TRY(read_task_document(command.task_file, {})).definition.settings.document());
      break;
  }
  return exit_done;
}

base::Result<int> answer_server() {
  std::string question;
  while (std::getline(std::cin, question)) print(TRY(answer_of(question)));
  return exit_done;
}

}  // namespace

int exit_code_of(const base::Error& error) {
  switch (error.kind()) {
    case base::Kind::input: return exit_bad_input;
    case base::Kind::canceled: return exit_interrupted;
    default: return exit_failed;
  }
}

base::Result<int> run_command(const Command& command) {
  // No thread is there yet.
  if (!command.secrets.empty()) ::setenv("MILLRACE_SECRETS", command.secrets.c_str(), 1);
  switch (command.kind) {
    case Command::Kind::run: return run_task(command);
    case Command::Kind::check: return check_task(command);
    case Command::Kind::validate: return validate_task(command);
    case Command::Kind::drop: return drop_task(command);
    case Command::Kind::status: return show_status(command);
    case Command::Kind::help: return show_help(command);
    case Command::Kind::settings: return show_settings(command);
    case Command::Kind::mappings_explain: return explain_mappings(command);
    case Command::Kind::mappings_test: return test_mappings(command);
    case Command::Kind::worker: return answer_server();
  }
  return base::failed(base::errors::bug, "unknown command");
}

}  // namespace main_program
