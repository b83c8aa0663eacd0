// SPDX-License-Identifier: Apache-2.0
#include "server/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/disk.h"
#include "base/json.h"
#include "server/assessments.h"
#include "server/endpoints.h"
#include "server/errors.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Lock;
using base::Result;

constexpr base::Nanos soon = std::chrono::milliseconds(50), later = std::chrono::milliseconds(500);
constexpr base::Nanos question_time_max = std::chrono::seconds(60), assessment_time_max = std::chrono::minutes(10);
constexpr base::Nanos worker_idle = std::chrono::seconds(30);
constexpr std::size_t questions_max = 8;
constexpr int crashes_max = 5;
constexpr double crash_window_seconds = 600;
constexpr int drops_max = 3;
constexpr base::Nanos drop_pause = std::chrono::seconds(3);
constexpr base::Nanos lease_pause = std::chrono::seconds(5);
constexpr base::Nanos ending_time_max = std::chrono::minutes(10);

// The server's own lock tells whether a task has a process: it is taken before the process is started and inherited by
// it, so that there is no moment in which it is alive and unknown. Which process it is stands in the lock file of its
// data directory. That lock is not tried: a process that begins just then would find its folder in use.
std::string life_lock(const std::string& folder) { return folder + "/process.lock"; }

bool is_held(const std::string& path) {
  const OpenFile file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (file.number() < 0 || ::flock(file.number(), LOCK_EX | LOCK_NB) == 0) return false;
  return errno == EWOULDBLOCK;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// nullopt: it has not said yet who it is.
std::optional<Process> holder_of(const std::string& folder) {
  const int pid = std::atoi(content_of(folder + "/lock").c_str());
  std::optional<Process> process = Process::of(pid);
  if (!process) return std::nullopt;
  // The number may be of an earlier run and now that of another process; one that lives still is the one that was read.
  const std::string arguments = content_of(fmt::format("/proc/{}/cmdline", pid));
  const bool ours = arguments.find('\0' + folder + '\0') != std::string::npos && !process->ended();
  return ours ? std::move(process) : std::nullopt;
}

// The last line a process printed: why it did not even begin.
std::string last_words(const std::string& path) {
  std::ifstream file(path);
  std::string line, last;
  while (std::getline(file, line)) {
    if (line.starts_with("error ")) last = line.substr(6);
  }
  return base::printable(last, 1000);
}

// A row that is asked about again is another question.
std::string question_of(const Resource& row) { return fmt::format("{}#{}", row.arn, row.inner.value("asked", 0)); }

bool is_assessment(const Resource& row) { return row.kind == assessment_kind || row.kind == type_assessment_kind; }

Result<json> endpoint_question(Ground& ground, const Resource& row) {
  const Resource endpoint = TRY(need(ground, endpoint_kind, row.shown.value("EndpointArn", ""), "EndpointArn"));
  json document = TRY(endpoint_document(ground, endpoint));
  return json{{"ask", row.kind == connection_kind ? "test" : "schemas"},
              {"side", side_of(endpoint)},
              {"endpoint", std::move(document)}};
}

// What a report or a stored row holds and nobody expects is an error of that task alone.
template <typename Work>
Result<void> guarded(const Work& work) {
  try {
    return work();
  } catch (const json::exception& thrown) {
    return base::failed(base::errors::bug, "{}", thrown.what());
  }
}

// Of a task that came to its end by itself.
std::string stop_reason(const Resource& task) {
  const json& members = task.inner["members"];
  if (members.value("MigrationType", "") == "full-load") return "Stop Reason FULL_LOAD_ONLY_FINISHED";
  const std::string stop = members.value("CdcStopPosition", "");
  if (stop.starts_with("server_time")) return "Stop Reason STOPPED_AT_SERVER_TIME";
  if (stop.starts_with("commit_time")) return "Stop Reason STOPPED_AT_COMMIT_TIME";
  const json settings = task.inner.value("settings", json::object());
  const json load = settings.value("FullLoadSettings", json::object());
  const auto is_on = [&](const char* name) { return load.contains(name) && load[name] == json(true); };
  const bool cached = is_on("StopTaskCachedChangesApplied") && !is_on("StopTaskCachedChangesNotApplied");
  return cached ? "Stop Reason STOPPED_AFTER_CACHED_EVENTS" : "Stop Reason STOPPED_AFTER_FULL_LOAD";
}

}  // namespace

void Supervisor::wake() {
  Lock lock(mutex_);
  awake_ = true;
  changed_.notify_all();
}

Result<void> Supervisor::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const Result<bool> busy = look();
    if (const Result<void> renewed = renew_lease(); !renewed.ok()) {
      ground_.log.error("supervisor", "{}", renewed.error().text());
      if (renewed.error().is(errors::store_taken)) return renewed;
    }
    if (!busy.ok()) ground_.log.error("supervisor", "{}", busy.error().text());
    if (!busy.ok() && busy.error().is(errors::store_taken)) return base::Result<bool>(busy).take_error();
    ground_.worker.rest(worker_idle);
    Lock lock(mutex_);
    if (!awake_) changed_.wait(mutex_, busy.ok() && *busy ? soon : later);
    awake_ = false;
  }
  return {};
}

Result<void> Supervisor::renew_lease() {
  const base::Nanos now = ground_.clock.monotonic();
  if (now < renewed_ + lease_pause) return {};
  TRY(ground_.store.renew());
  renewed_ = now;
  return {};
}

Result<bool> Supervisor::look() {
  bool busy = false;
  std::vector<Resource> active;
  for (const char* kind : {task_kind, config_kind}) {
    for (Resource& task : TRY(ground_.store.in_state(kind, {"starting", "running", "stopping", "deleting"}))) {
      active.push_back(std::move(task));
    }
  }
  for (const Resource& task : active) {
    if (runs_on(task)) continue;
    const Result<void> outcome = guarded([&] { return look_at_task(task); });
    busy = busy || (outcome.ok() &&
                    (task.state != "running" || task.inner.contains("reload") || task.inner.contains("exceeded")));
    if (!outcome.ok()) ground_.log.error("supervisor", "task {}: {}", task.id, outcome.error().text());
    if (!outcome.ok() && outcome.error().is(errors::store_taken)) return base::Result<void>(outcome).take_error();
  }
  if (const Result<void> bounded = budgets_.look(active, processes_); !bounded.ok()) {
    ground_.log.error("supervisor", "budgets: {}", bounded.error().text());
    if (bounded.error().is(errors::store_taken)) return Result<void>(bounded).take_error();
  }
  std::set<std::string> asked;
  for (const auto& [kind, state] : {std::pair{connection_kind, "testing"},
                                    {refresh_kind, "refreshing"},
                                    {assessment_kind, "running"},
                                    {type_assessment_kind, "running"}}) {
    for (const Resource& row : TRY(ground_.store.in_state(kind, {state}))) {
      busy = true;
      asked.insert(question_of(row));
      const Result<void> outcome = guarded([&] { return look_at_question(row); });
      if (!outcome.ok()) ground_.log.error("supervisor", "{}: {}", row.id, outcome.error().text());
    }
  }
  // Nobody wants to know any more.
  std::erase_if(questions_, [&](const auto& question) { return !asked.contains(question.first); });
  return busy;
}

bool Supervisor::runs_on(const Resource& task) {
  const bool to_end = task.inner.contains("reload") || task.inner.contains("exceeded");
  return task.state == "running" && !to_end && processes_.contains(task.arn) && life_of(task) == Life::alive;
}

Supervisor::Life Supervisor::life_of(const Resource& task) {
  if (const auto known = processes_.find(task.arn); known != processes_.end()) {
    return known->second.ended() ? Life::ended : Life::alive;
  }
  const std::string folder = ground_.task_folder(task);
  if (!is_held(life_lock(folder))) return Life::none;
  std::optional<Process> found = holder_of(folder);
  if (!found) return Life::unknown;
  ground_.log.info("supervisor", "task {} runs as process {}", task.id, found->pid());
  processes_.emplace(task.arn, std::move(*found));
  return Life::alive;
}

std::string Supervisor::collect(const Resource& task) {
  const auto known = processes_.find(task.arn);
  if (known == processes_.end()) return "nobody saw how";
  std::string how = known->second.collect();
  processes_.erase(known);
  return how;
}

// A process that hangs is killed in the end: nothing is lost by it.
void Supervisor::ask_to_end(const Resource& task) {
  const base::Nanos now = ground_.clock.monotonic();
  const auto [asked, first] = asked_to_end_.try_emplace(task.arn, now);
  if (first) processes_.at(task.arn).signal(SIGTERM);
  if (now - asked->second > ending_time_max) processes_.at(task.arn).signal(SIGKILL);
}

Result<void> Supervisor::launch(const Resource& task, std::vector<std::string> arguments) {
  base::PosixDisk disk;
  const std::string folder = ground_.task_folder(task);
  TRY(disk.make_folders(folder));
  const OpenFile lock(::open(life_lock(folder).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.number() < 0 || ::flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    return base::failed(errors::cannot_start, "{} cannot be locked", life_lock(folder));
  }
  arguments.insert(arguments.begin() + 1, {"/dev/fd/3", "--data-dir", folder});
  const json document = TRY(document_of(task));
  const ChildPlan plan{.program = ground_.program,
                       .arguments = std::move(arguments),
                       .input = document.dump(),
                       .output_file = folder + "/output",
                       .output = -1,
                       .inherited = lock.number()};
  Process process = TRY(start_child(plan));
  ground_.log.info("supervisor", "task {}: {} is process {}", task.id, plan.arguments.front(), process.pid());
  processes_.insert_or_assign(task.arn, std::move(process));
  asked_to_end_.erase(task.arn);
  return {};
}

// Within what its instance has.
Result<json> Supervisor::document_of(const Resource& task) {
  json document = TRY(task_document(ground_, task));
  const auto instance = TRY(ground_.store.find_arn(task.shown.value("ReplicationInstanceArn", "")));
  if (!instance || task.state == "deleting") return document;
  if (instance->state == storage_full) {
    return base::failed(errors::storage_exceeded, "the instance {} is {}", instance->id, storage_full);
  }
  bound_relay(document, budget_of(*instance), TRY(ground_.store.referring(task_kind, instance->arn)).size());
  return document;
}

Result<void> Supervisor::look_at_task(Resource seen) {
  Lock deciding(ground_.store.deciding);
  // What was seen may have changed before the lock was had.
  std::optional<Resource> task = TRY(ground_.store.find_arn(seen.arn));
  if (!task || task->state != seen.state) return {};
  if (task->state == "deleting") return delete_task(*task);
  return task->state == "stopping" ? end_task(*task) : go_on(*task);
}

// A task that shall run.
Result<void> Supervisor::go_on(Resource& task) {
  const Life life = life_of(task);
  if (life == Life::unknown) return {};
  if (life == Life::none || life == Life::ended) {
    const json report = read_report(ground_, task);
    // Not even begun: the server died before, or this is the first look.
    const bool may_begin = report.empty() && !task.inner.contains("exceeded");
    if (life == Life::none && may_begin) return start_process(task);
    return ended(task, report, collect(task));
  }
  if (task.inner.contains("reload") || task.inner.contains("exceeded")) ask_to_end(task);
  const std::string phase = task.state == "starting" ? read_report(ground_, task).value("phase", "") : "";
  if (phase.empty() || phase == "starting") return {};
  task.state = "running";
  return ground_.store.commit({.removed = {}, .put = {task}, .tags = {}, .events = {}});
}

// A task that shall stop.
Result<void> Supervisor::end_task(Resource& task) {
  const Life life = life_of(task);
  if (life == Life::unknown) return {};
  if (life == Life::alive) {
    ask_to_end(task);
    return {};
  }
  (void)collect(task);
  const json end = read_report(ground_, task).value("ended", json::object());
  if (end.value("outcome", "") == "failed") return ended(task, {{"ended", end}}, "");
  return settle(task, "stopped", "Stop Reason NORMAL", "");
}

Result<void> Supervisor::start_process(Resource& task) {
  const std::string start = task.inner.value("start", "");
  std::error_code ignored;
  std::filesystem::remove(report_path(ground_, task, 2), ignored);
  std::vector<std::string> arguments{"run", "--progress", "none", "--report", report_path(ground_, task)};
  // Without a type it starts or resumes, as its folder says: right for a first start that is taken again, too.
  if (start == "reload-target") arguments.insert(arguments.end(), {"--start-type", start});
  if (start == "resume-processing") {
    for (const std::string& table : task.inner.value("reloading", std::vector<std::string>())) {
      arguments.push_back("--reload-table=" + table);
    }
  }
  const Result<void> started = launch(task, std::move(arguments));
  if (started.ok()) return {};
  return settle(task, "failed", "Stop Reason FATAL_ERROR", started.error().text());
}

Result<void> Supervisor::ended(Resource& task, const json& report, const std::string& how) {
  const json end = report.value("ended", json::object());
  const std::string outcome = end.value("outcome", "");
  if (outcome == "finished") return settle(task, "stopped", stop_reason(task), "");
  if (outcome == "failed") {
    const bool transient = end.value("transient", false);
    return settle(task, "failed", transient ? "Stop Reason RECOVERABLE_ERROR" : "Stop Reason FATAL_ERROR",
                  fmt::format("{}: {}", end.value("code", ""), end.value("message", "")));
  }
  if (task.inner.contains("exceeded")) {
    return settle(task, "failed", "Stop Reason FATAL_ERROR", task.inner.value("exceeded", ""));
  }
  // However it ended: it was to end. Two servers that ask it to, one behind the other, end it at once.
  if (task.inner.contains("reload") && !report.empty()) return begin_again(task);
  return crashed(task, outcome.empty() ? how : "it was interrupted from outside");
}

// With the settings and mappings of now, and the tables that are to be loaded again.
Result<void> Supervisor::begin_again(Resource& task) {
  task.inner["reloading"] = task.inner["reload"];
  task.inner.erase("reload");
  task.inner["start"] = "resume-processing";
  task.inner["run"] = task.inner.value("run", 0) + 1;
  TRY(ground_.store.commit({.removed = {}, .put = {task}, .tags = {}, .events = {}}));
  return start_process(task);
}

// It did not say how it ended, or was ended by somebody else: it is to run, so it is started again, within limits.
Result<void> Supervisor::crashed(Resource& task, const std::string& how) {
  const std::string words = last_words(ground_.task_folder(task) + "/output");
  const double now = ground_.now_seconds();
  std::vector<double> crashes{now};
  for (const double time : task.inner.value("crashes", std::vector<double>())) {
    if (time > now - crash_window_seconds) crashes.push_back(time);
  }
  const bool began = !read_report(ground_, task).empty();
  const std::string what = fmt::format("the task's process ended: {}{}{}", how, words.empty() ? "" : ": ", words);
  ground_.log.warning("supervisor", "task {}: {}", task.id, what);
  // One that said why it could not even begin would say so again.
  if (crashes.size() > crashes_max || (!began && !words.empty())) {
    return settle(task, "failed", "Stop Reason FATAL_ERROR", what);
  }
  task.inner["crashes"] = crashes;
  task.inner["run"] = task.inner.value("run", 0) + 1;
  if (began) {
    task.inner["start"] = "start-replication";
    task.inner.erase("reloading");
  }
  Change change{.removed = {}, .put = {task}, .tags = {}, .events = {}};
  change.events.push_back(event_of(ground_, task_source_type, task.id, "failure", what + "; it is started again"));
  TRY(ground_.store.commit(change));
  return start_process(task);
}

Result<void> Supervisor::settle(Resource& task, const std::string& state, const std::string& reason,
                                const std::string& failure) {
  task.state = state;
  task.inner["StopReason"] = reason;
  if (!failure.empty()) task.inner["LastFailureMessage"] = failure;
  task.inner["StopDate"] = ground_.now_seconds();
  for (const char* member : {"reloading", "crashes", "exceeded"}) task.inner.erase(member);
  Change change{.removed = {}, .put = {task}, .tags = {}, .events = {}};
  change.events.push_back(
      event_of(ground_, task_source_type, task.id, failure.empty() ? "state change" : "failure",
               failure.empty() ? "Replication task stopped: " + reason : "Replication task failed: " + failure));
  asked_to_end_.erase(task.arn);
  ground_.log.info("supervisor", "task {} is {}: {} {}", task.id, state, reason, failure);
  return ground_.store.commit(change);
}

// Slot, publications, position and files go before the row does.
Result<void> Supervisor::delete_task(Resource& task) {
  const Life life = life_of(task);
  if (life == Life::alive || life == Life::unknown) return {};
  const std::string folder = ground_.task_folder(task);
  std::string left;
  if (life == Life::ended) {
    const std::string how = collect(task);
    if (how != "exit code 0") left = fmt::format("{}: {}", how, last_words(folder + "/output"));
  }
  std::error_code ignored;
  Drop& drop = drops_[task.arn];
  // The identity goes last: without it nothing is left, whoever saw how the process ended.
  const bool identity = std::filesystem::exists(folder + "/identity", ignored);
  if (!identity) left.clear();
  if (identity && drop.tries <= drops_max) {
    const base::Nanos now = ground_.clock.monotonic();
    if (now < drop.next) return {};
    drop.next = now + drop_pause * (1 << drop.tries);
    // The last time without the source, when it cannot be reached.
    std::vector<std::string> arguments{"drop"};
    if (drop.tries++ == drops_max) arguments.emplace_back("--force");
    const Result<void> started = launch(task, std::move(arguments));
    if (started.ok()) return {};
    left = started.error().text();
    drop.tries = drops_max + 1;
  }
  if (left.empty() && drop.tries > drops_max)
    left = "the source was not reached; its slot and publications may be left";
  drops_.erase(task.arn);
  Change change{.removed = {{task.kind, task.id}}, .put = {}, .tags = {}, .events = {}};
  change.events.push_back(event_of(
      ground_, task_source_type, task.id, left.empty() ? "deletion" : "failure",
      left.empty() ? "Replication task deleted" : "Replication task deleted, but not all that it had made: " + left));
  std::filesystem::remove_all(folder, ignored);
  return ground_.store.commit(change);
}

Result<void> Supervisor::look_at_question(Resource row) {
  const auto asked = questions_.find(question_of(row));
  if (asked == questions_.end()) return questions_.size() < questions_max ? ask_worker(row) : Result<void>();
  if (!asked->second.done()) return {};
  Result<WorkerAnswer> answer = asked->second.answer();
  questions_.erase(asked);
  Lock deciding(ground_.store.deciding);
  const std::optional<Resource> now = TRY(ground_.store.find(row.kind, row.id));
  if (!now || now->state != row.state || question_of(*now) != question_of(row)) return {};
  return note_answer(*now, std::move(answer));
}

Result<void> Supervisor::ask_worker(const Resource& row) {
  auto question = is_assessment(row) ? assessment_question(ground_, row) : endpoint_question(ground_, row);
  if (!question.ok()) {
    Lock deciding(ground_.store.deciding);
    return note_answer(row, question.take_error());
  }
  const base::Nanos at_most = is_assessment(row) ? assessment_time_max : question_time_max;
  questions_.emplace(question_of(row), TRY(Question::start(ground_.program, *question, at_most)));
  return {};
}

Result<void> Supervisor::note_answer(Resource row, Result<WorkerAnswer> answer) {
  if (is_assessment(row)) return note_assessment(ground_, std::move(row), std::move(answer));
  std::string failure;
  if (!answer.ok()) failure = answer.error().text();
  if (answer.ok() && answer->error) failure = answer->error->code + ": " + answer->error->message;
  row.state = failure.empty() ? "successful" : "failed";
  row.shown["Status"] = row.state;
  if (failure.empty()) {
    row.shown.erase("LastFailureMessage");
  } else {
    row.shown["LastFailureMessage"] = failure;
  }
  if (row.kind == refresh_kind) {
    row.shown["LastRefreshDate"] = ground_.now_seconds();
    if (failure.empty()) row.inner["schemas"] = answer->value.value("schemas", json::array());
  }
  return ground_.store.commit({.removed = {}, .put = {row}, .tags = {}, .events = {}});
}

}  // namespace server
