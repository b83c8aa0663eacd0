// SPDX-License-Identifier: Apache-2.0
//
// Everything a command needs around one engine::Task: the parsed task file, the data directory, the log, the state
// store and the factories that open both ends. Built in one of two ways: `locked` for commands that change something
// (run, drop), `looking` for those that touch nothing (check, validate), which read the state if there is any.
// Owner: the command's function; it outlives the Task. One thread builds it; the parts say for themselves who may use
// them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/disk.h"
#include "main/data_dir.h"
#include "main/log_file.h"
#include "main/task_document.h"

namespace main_program {

class Session {
 public:
  static base::Result<std::unique_ptr<Session>> locked(const std::string& task_file, const std::string& data_dir);
  static base::Result<std::unique_ptr<Session>> looking(const std::string& task_file, const std::string& data_dir);
  static base::Result<std::unique_ptr<Session>> looking(TaskDocument document, const std::string& data_dir);

  TaskDocument& document() { return document_; }
  base::SystemClock& clock() { return clock_; }
  base::Disk& disk() { return disk_; }
  base::Log& log() { return *log_; }
  engine::StateStore& store() { return *store_; }
  DataDir& data_dir() { return *data_dir_; }
  engine::Environment environment();
  // Closes the state file, so that the data directory can be cleared.
  void close_store() { store_.reset(); }

 private:
  Session() = default;

  base::SystemClock clock_;
  base::SystemRandom random_;
  base::PosixDisk disk_;
  TaskDocument document_;
  std::unique_ptr<DataDir> data_dir_;
  std::unique_ptr<base::Log> log_;
  std::unique_ptr<engine::StateStore> store_;
};

// Of this process; nullopt: it has none of that name.
std::optional<std::string> environment_variable(const std::string& name);

// The task file alone, checked; touches nothing else, but for secrets where there is a reader.
base::Result<TaskDocument> read_task_document(const std::string& path, const SecretReader& secret_of);

}  // namespace main_program
