// SPDX-License-Identifier: Apache-2.0
//
// Processes that the server starts. A child is given its input as a file that exists in memory only (secrets never
// touch the disk), leads a session of its own (a signal to the server's terminal does not reach it) and inherits
// nothing else. It is not tied to us: when the server dies it goes on.
//
// A Process names a process without the danger that the number was given to another one meanwhile. Owner: one thread.
// How it fails: server.cannot_start; server.worker_failed from ask().
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace server {

class OpenFile {
 public:
  OpenFile() = default;
  explicit OpenFile(int number) : number_(number) {}
  OpenFile(OpenFile&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  OpenFile& operator=(OpenFile&& other) noexcept;
  ~OpenFile();
  int number() const { return number_; }

 private:
  int number_ = -1;
};

class Process {
 public:
  Process(int pid, OpenFile handle) : pid_(pid), handle_(std::move(handle)) {}
  // A process that somebody started; nullopt: there is none of that number.
  static std::optional<Process> of(int pid);

  int pid() const { return pid_; }
  bool ended() const;
  void signal(int number) const;
  // Of our own child that has ended: what it left behind, as text ("exit code 1", "signal 9"); collects it.
  std::string collect() const;
  // Waits until it has ended, at most that long.
  bool wait(base::Nanos at_most) const;

 private:
  int pid_;
  OpenFile handle_;
};

// A file in memory, at its beginning.
base::Result<OpenFile> memory_file(std::string_view content);

struct ChildPlan {
  std::string program;
  std::vector<std::string> arguments;  // without the program
  std::string input;                   // what it finds in /dev/fd/3 and on standard input
  int input_file = -1;                 // in its place: an open file
  std::string output_file;             // standard output and error; empty: `output` or nowhere
  int output = -1;
  bool errors = true;  // standard error goes where output goes; false: nowhere
  int inherited = -1;  // a file that it keeps open as number 4
};
base::Result<Process> start_child(const ChildPlan& plan);

// `program worker`: one question, one answer. The answer may be an error of the worker's own.
struct WorkerError {
  std::string code;
  std::string message;
  bool input = false;  // the question was bad
};
struct WorkerAnswer {
  nlohmann::json value;
  std::optional<WorkerError> error;
};

// A question on its way. Destroying it ends the worker.
class Question {
 public:
  static base::Result<Question> start(const std::string& program, const nlohmann::json& question, base::Nanos at_most);
  Question(Question&&) = default;
  Question& operator=(Question&&) = default;
  ~Question();

  bool done() const;  // answered, or out of time
  bool wait(base::Nanos at_most) const { return process_.wait(at_most); }
  base::Result<WorkerAnswer> answer();  // once, when done

 private:
  Question(Process process, OpenFile output, base::Nanos deadline)
      : process_(std::move(process)), output_(std::move(output)), deadline_(deadline) {}

  Process process_;
  OpenFile output_;
  base::Nanos deadline_{};
  bool collected_ = false;
};

// A worker that stays for a while, for questions that take no time: starting one takes longer than answering. Any
// thread; one question at a time. A worker that dies or is late is ended, and another one asked once more.
class StandingWorker {
 public:
  explicit StandingWorker(std::string program) : program_(std::move(program)) {}
  base::Result<WorkerAnswer> ask(const nlohmann::json& question, base::Nanos at_most);
  // Ends it when nobody asked for that long; to be called now and then.
  void rest(base::Nanos idle);

 private:
  base::Result<void> start() REQUIRES(mutex_);
  base::Result<std::string> exchange(const std::string& line, base::Nanos deadline) REQUIRES(mutex_);
  void end() REQUIRES(mutex_);

  const std::string program_;
  base::SystemClock clock_;
  base::Mutex mutex_;
  std::optional<Process> process_ GUARDED_BY(mutex_);
  OpenFile to_ GUARDED_BY(mutex_), from_ GUARDED_BY(mutex_);
  base::Nanos used_ GUARDED_BY(mutex_){};
};

}  // namespace server
