// SPDX-License-Identifier: Apache-2.0
#include "server/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/json.h"
#include "server/errors.h"

namespace server {
namespace {

constexpr int input_number = 3, inherited_number = 4, first_free_number = 5;
constexpr std::size_t answer_bytes_max = 64u << 20;
constexpr base::Nanos ending_wait = std::chrono::seconds(5);

base::Error system_refused(std::string_view what) {
  return base::failed(errors::cannot_start, "{}: {}", what, std::strerror(errno));
}

OpenFile process_handle(int pid) { return OpenFile(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

std::string content_of(int file) {
  std::string text;
  char part[65536];
  while (text.size() < answer_bytes_max) {
    const ssize_t bytes = ::pread(file, part, sizeof part, static_cast<off_t>(text.size()));
    if (bytes <= 0) break;
    text.append(part, static_cast<std::size_t>(bytes));
  }
  return text;
}

base::Result<WorkerAnswer> read_answer(std::string_view text, const std::string& end) {
  auto parsed = base::parse_json(text, "the worker's answer");
  if (!parsed.ok() || !parsed->is_object()) {
    return base::failed(errors::worker_failed, "the worker ended with {} and said: {}", end,
                        base::printable(text, 500));
  }
  WorkerAnswer answer{.value = std::move(parsed).take(), .error = std::nullopt};
  if (const auto found = answer.value.find("error"); found != answer.value.end()) {
    answer.error = WorkerError{found->value("code", ""), found->value("message", ""), found->value("input", false)};
  }
  return answer;
}

// A copy of an open file, under a number that no child wants for something else.
base::Result<OpenFile> moved_aside(int file) {
  OpenFile copy(::fcntl(file, F_DUPFD_CLOEXEC, first_free_number));
  if (copy.number() < 0) return system_refused("a file for a child");
  return copy;
}

struct Actions {
  posix_spawn_file_actions_t value;
  Actions() { posix_spawn_file_actions_init(&value); }
  ~Actions() { posix_spawn_file_actions_destroy(&value); }
};

struct Attributes {
  posix_spawnattr_t value;
  // Signals as a program expects them, whatever this one blocks and ignores.
  Attributes() {
    posix_spawnattr_init(&value);
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_setsigmask(&value, &none);
    posix_spawnattr_setsigdefault(&value, &usual);
    posix_spawnattr_setflags(&value, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Attributes() { posix_spawnattr_destroy(&value); }
};

}  // namespace

OpenFile& OpenFile::operator=(OpenFile&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

OpenFile::~OpenFile() {
  if (number_ >= 0) ::close(number_);
}

std::optional<Process> Process::of(int pid) {
  OpenFile handle = process_handle(pid);
  if (pid <= 0 || handle.number() < 0) return std::nullopt;
  return Process(pid, std::move(handle));
}

bool Process::wait(base::Nanos at_most) const {
  if (handle_.number() < 0) return true;
  pollfd asked{handle_.number(), POLLIN, 0};
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(at_most).count();
  return ::poll(&asked, 1, static_cast<int>(milliseconds)) > 0;
}

bool Process::ended() const { return wait(base::Nanos(0)); }

void Process::signal(int number) const {
  if (handle_.number() >= 0) ::syscall(SYS_pidfd_send_signal, handle_.number(), number, nullptr, 0);
}

std::string Process::collect() const {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return "an end that nobody saw";
  if (WIFEXITED(status)) return fmt::format("exit code {}", WEXITSTATUS(status));
  return fmt::format("signal {}", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

base::Result<OpenFile> memory_file(std::string_view content) {
  OpenFile file(::memfd_create("millrace", MFD_CLOEXEC));
  if (file.number() < 0) return system_refused("memory for a child's input");
  while (!content.empty()) {
    const ssize_t written = ::write(file.number(), content.data(), content.size());
    if (written <= 0) return system_refused("memory for a child's input");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  ::lseek(file.number(), 0, SEEK_SET);
  return file;
}

base::Result<Process> start_child(const ChildPlan& plan) {
  OpenFile input;
  if (plan.input_file < 0) input = TRY(memory_file(plan.input));
  const int input_file = plan.input_file < 0 ? input.number() : plan.input_file;
  OpenFile output;
  int output_number = plan.output;
  if (output_number < 0) {
    const std::string path = plan.output_file.empty() ? "/dev/null" : plan.output_file;
    output = OpenFile(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    output_number = output.number();
    if (output_number < 0) return system_refused(path);
  }
  OpenFile silence;
  if (!plan.errors) {
    silence = OpenFile(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (silence.number() < 0) return system_refused("/dev/null");
  }
  Actions actions;
  std::vector<std::pair<int, int>> places{{output_number, STDOUT_FILENO},
                                          {plan.errors ? output_number : silence.number(), STDERR_FILENO},
                                          {input_file, STDIN_FILENO},
                                          {input_file, input_number}};
  if (plan.inherited >= 0) places.emplace_back(plan.inherited, inherited_number);
  std::vector<OpenFile> copies;
  for (const auto& [file, place] : places) {
    copies.push_back(TRY(moved_aside(file)));
    posix_spawn_file_actions_adddup2(&actions.value, copies.back().number(), place);
  }
  posix_spawn_file_actions_addclosefrom_np(&actions.value, plan.inherited >= 0 ? first_free_number : inherited_number);
  Attributes attributes;
  std::vector<char*> arguments{const_cast<char*>(plan.program.c_str())};
  for (const std::string& argument : plan.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  errno = ::posix_spawn(&pid, plan.program.c_str(), &actions.value, &attributes.value, arguments.data(), environ);
  if (errno != 0) return system_refused(plan.program);
  OpenFile handle = process_handle(pid);
  if (handle.number() >= 0) return Process(pid, std::move(handle));
  // Without a handle it would run unwatched.
  const base::Error error = system_refused("a handle of the child");
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return error;
}

base::Result<Question> Question::start(const std::string& program, const nlohmann::json& question,
                                       base::Nanos at_most) {
  OpenFile output = TRY(memory_file(""));
  Process process = TRY(start_child({.program = program,
                                     .arguments = {"worker"},
                                     .input = question.dump(),
                                     .output_file = "",
                                     .output = output.number()}));
  return Question(std::move(process), std::move(output), base::SystemClock().monotonic() + at_most);
}

Question::~Question() {
  if (collected_ || output_.number() < 0) return;
  process_.signal(SIGKILL);
  (void)process_.wait(ending_wait);
  (void)process_.collect();
}

bool Question::done() const { return process_.ended() || base::SystemClock().monotonic() >= deadline_; }

base::Result<WorkerAnswer> Question::answer() {
  if (!process_.ended()) return base::failed(errors::worker_failed, "there was no answer in time");
  collected_ = true;
  const std::string end = process_.collect();
  std::string text = content_of(output_.number());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  // A library may have said something before.
  return read_answer(std::string_view(text).substr(text.rfind('\n') + 1), end);
}

base::Result<void> StandingWorker::start() {
  int to[2], from[2];
  if (::pipe2(to, O_CLOEXEC) != 0) return system_refused("a pipe");
  const OpenFile input(to[0]);
  to_ = OpenFile(to[1]);
  if (::pipe2(from, O_CLOEXEC) != 0) return system_refused("a pipe");
  from_ = OpenFile(from[0]);
  const OpenFile output(from[1]);
  process_ = TRY(start_child({.program = program_,
                              .arguments = {"worker"},
                              .input = "",
                              .input_file = input.number(),
                              .output_file = "",
                              .output = output.number(),
                              .errors = false}));
  return {};
}

void StandingWorker::end() {
  to_ = OpenFile();
  from_ = OpenFile();
  if (!process_) return;
  process_->signal(SIGKILL);
  (void)process_->wait(ending_wait);
  (void)process_->collect();
  process_.reset();
}

void StandingWorker::rest(base::Nanos idle) {
  base::Lock lock(mutex_);
  if (process_ && clock_.monotonic() - used_ > idle) end();
}

base::Result<std::string> StandingWorker::exchange(const std::string& line, base::Nanos deadline) {
  const auto late = [&](int file, short events) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock_.monotonic()).count();
    pollfd asked{file, events, 0};
    return left <= 0 || ::poll(&asked, 1, static_cast<int>(left)) <= 0;
  };
  const auto gone = [] { return base::failed(errors::worker_failed, "the worker ended or was late"); };
  std::string_view rest = line;
  while (!rest.empty()) {
    // Not more than a pipe takes at once, so that a write never waits longer than the poll said.
    if (late(to_.number(), POLLOUT)) return gone();
    const ssize_t bytes = ::write(to_.number(), rest.data(), std::min(rest.size(), std::size_t(PIPE_BUF)));
    if (bytes <= 0) return gone();
    rest.remove_prefix(static_cast<std::size_t>(bytes));
  }
  std::string answer;
  char part[65536];
  while (answer.empty() || answer.back() != '\n') {
    if (answer.size() > answer_bytes_max || late(from_.number(), POLLIN)) return gone();
    const ssize_t bytes = ::read(from_.number(), part, sizeof part);
    if (bytes <= 0) return gone();
    answer.append(part, static_cast<std::size_t>(bytes));
  }
  answer.pop_back();
  return answer.substr(answer.rfind('\n') + 1);
}

base::Result<WorkerAnswer> StandingWorker::ask(const nlohmann::json& question, base::Nanos at_most) {
  const std::string line = question.dump() + "\n";
  base::Lock lock(mutex_);
  const base::Nanos deadline = clock_.monotonic() + at_most;
  // Bytes that nobody asked for would be taken for this question's answer.
  pollfd unasked{from_.number(), POLLIN, 0};
  if (!process_ || process_->ended() || ::poll(&unasked, 1, 0) != 0) {
    end();
    TRY(start());
  }
  auto text = exchange(line, deadline);
  if (!text.ok()) {
    end();
    TRY(start());
    text = exchange(line, deadline);
  }
  used_ = clock_.monotonic();
  base::Result<WorkerAnswer> answer = text.ok() ? read_answer(*text, "no answer") : text.take_error();
  if (!answer.ok()) end();
  return answer;
}

}  // namespace server
