// SPDX-License-Identifier: Apache-2.0
#include "wire/secret_source.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>

#include "base/clock.h"
#include "base/disk.h"
#include "base/json.h"
#include "wire/errors.h"

namespace wire {
namespace {

using base::failed;
using base::printable;
using base::Result;

constexpr std::size_t secret_bytes_max = 64u << 10, id_bytes_max = 2048;
constexpr base::Nanos program_time_max = std::chrono::seconds(30);
constexpr std::size_t drawn_characters = 6;  // behind the name, in an ARN

bool is_plain(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/shop-Ab12Cd" -> "prod/shop-Ab12Cd"; empty: it is none.
std::string_view name_in_arn(std::string_view arn) {
  constexpr std::array<std::string_view, 7> parts{"arn", "", "secretsmanager", "", "", "secret", ""};
  for (const std::string_view part : std::span(parts).first(6)) {
    const std::size_t colon = arn.find(':');
    if (colon == std::string_view::npos || (!part.empty() && arn.substr(0, colon) != part)) return "";
    arn.remove_prefix(colon + 1);
  }
  return arn;
}

// Nothing that could be read as another path.
bool is_name(std::string_view name) {
  if (name.empty()) return false;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return std::all_of(name.begin(), name.end(), [](char c) {
    return is_plain(c) || std::string_view("/_+=.@-!").find(c) != std::string_view::npos;
  });
}

std::string variable_name(const std::string& prefix, std::string_view name) {
  std::string out = prefix;
  for (const char c : name) out += is_plain(c) ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : '_';
  return out;
}

// nullopt: there is no such file.
Result<std::optional<std::string>> text_of_file(const std::string& path) {
  base::PosixDisk disk;
  if (!TRY(disk.exists(path))) return std::optional<std::string>();
  const auto file = TRY(disk.open(path, base::OpenMode::read));
  std::string text;
  TRY(file->read_at(0, secret_bytes_max + 1, text));
  return std::optional<std::string>(std::move(text));
}

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0) ends[0] = ends[1] = -1;
  }
  ~Pipe() {
    for (const int end : ends) {
      if (end >= 0) ::close(end);
    }
  }
  void close_writing() {
    ::close(ends[1]);
    ends[1] = -1;
  }
};

// A program in a session of its own. Destroyed before it was waited for, it is killed with what it started.
class Program {
 public:
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  // 0, or the error's number.
  int start(const std::string& path, const std::string& argument, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    sigset_t none, usual;
    sigemptyset(&none);
    sigfillset(&usual);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    char* arguments[] = {const_cast<char*>(path.c_str()), const_cast<char*>(argument.c_str()), nullptr};
    const int outcome = ::posix_spawn(&pid_, path.c_str(), &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (outcome != 0) pid_ = 0;
    return outcome;
  }

  // How it ended; empty: well. Behind the end of its output, so it is about to.
  std::string wait(int at_most_ms) {
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    pollfd asked{handle, POLLIN, 0};
    const bool ended = handle >= 0 && ::poll(&asked, 1, at_most_ms) > 0;
    if (handle >= 0) ::close(handle);
    if (!ended) return "did not end in time";
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    if (WIFSIGNALED(status)) return fmt::format("was ended by signal {}", WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? "" : fmt::format("ended with exit code {}", WEXITSTATUS(status));
  }

 private:
  pid_t pid_ = 0;
};

Result<std::string> output_of(const std::string& program, std::string_view id) {
  const auto refused = [&](std::string_view why) { return failed(errors::no_secret, "{} {}", program, why); };
  const base::SystemClock clock;
  const base::Nanos deadline = clock.monotonic() + program_time_max;
  const auto left_ms = [&] {
    return static_cast<int>(
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock.monotonic()).count());
  };
  Pipe pipe;
  Program process;
  if (pipe.ends[0] < 0) return refused("cannot be given a pipe");
  if (const int error = process.start(program, std::string(id), pipe.ends[1]); error != 0) {
    return refused(fmt::format("cannot be started: {}", std::strerror(error)));
  }
  pipe.close_writing();
  std::string text;
  char part[4096];
  while (true) {
    pollfd asked{pipe.ends[0], POLLIN, 0};
    if (::poll(&asked, 1, std::max(left_ms(), 0)) <= 0) return refused("said nothing in time");
    const ssize_t bytes = ::read(pipe.ends[0], part, sizeof part);
    if (bytes <= 0) break;
    text.append(part, static_cast<std::size_t>(bytes));
    if (text.size() > secret_bytes_max) return refused("printed more than a secret may hold");
  }
  const std::string end = process.wait(std::max(left_ms(), 0));
  if (!end.empty()) return refused(end);
  return text;
}

}  // namespace

Result<std::vector<std::string>> names_of_secret(std::string_view id) {
  const bool is_arn = id.starts_with("arn:");
  const std::string name(is_arn ? name_in_arn(id) : id);
  if (id.size() > id_bytes_max || !is_name(name)) {
    return failed(errors::no_secret, "\"{}\" is neither the name nor the ARN of a secret", printable(id));
  }
  std::vector<std::string> names{name};
  const std::size_t hyphen = name.rfind('-');
  const bool drawn = is_arn && hyphen != std::string::npos && hyphen > 0 &&
                     name.size() - hyphen - 1 == drawn_characters &&
                     std::all_of(name.end() - drawn_characters, name.end(), is_plain);
  if (drawn) names.push_back(name.substr(0, hyphen));
  return names;
}

Result<SecretSource> SecretSource::parse(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view word = text.substr(0, colon);
  std::string place(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  const bool is_path = place.starts_with('/');
  if (word == "file" && is_path) return SecretSource(Kind::file, std::move(place));
  if (word == "command" && is_path) return SecretSource(Kind::command, std::move(place));
  const bool is_prefix = std::all_of(place.begin(), place.end(), [](char c) { return is_plain(c) || c == '_'; });
  if (word == "env" && !place.empty() && is_prefix) return SecretSource(Kind::variable, std::move(place));
  return failed(errors::bad_secret_source, "\"{}\"", printable(text));
}

Result<std::string> SecretSource::read(std::string_view id, const Environment& environment) const {
  const std::vector<std::string> names = TRY(names_of_secret(id));
  if (kind_ == Kind::command) return output_of(place_, id);
  for (const std::string& name : names) {
    if (kind_ == Kind::variable) {
      std::string text = environment(variable_name(place_, name));
      if (!text.empty()) return text;
      continue;
    }
    auto text = text_of_file(place_ + "/" + name);
    if (!text.ok()) return failed(errors::no_secret, "{}", name).because(text.take_error());
    if (*text && (*text)->size() > secret_bytes_max) return failed(errors::no_secret, "{} is too large", name);
    if (*text) return **text;
  }
  return failed(errors::no_secret, "there is no {}",
                kind_ == Kind::variable ? "variable " + variable_name(place_, names.back())
                                        : "file " + place_ + "/" + names.back());
}

}  // namespace wire
