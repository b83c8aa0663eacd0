// SPDX-License-Identifier: Apache-2.0
//
// The folder that holds everything durable of one task:
//   lock              held with flock while a process works here; dies with the process
//   identity          random, made once: with the task's name it names what we leave in the source
//   state.sqlite      task, tables, chunks, notes
//   relay/ spool/     changes on their way
//   logs/             millrace.log, rotated
// Owner: main; the lock is released by the destructor. How it fails: main.bad_data_dir, main.data_dir_in_use.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace main_program {

class DataDir {
 public:
  // Makes the folder when it is missing and takes the lock.
  static base::Result<DataDir> lock(const std::string& path, base::Random& random);
  // Looks only: makes nothing and takes no lock. Absent parts are empty.
  static base::Result<DataDir> look(const std::string& path);

  DataDir(DataDir&& other) noexcept;
  DataDir& operator=(DataDir&&) = delete;
  ~DataDir();

  const std::string& path() const { return path_; }          // absolute
  const std::string& identity() const { return identity_; }  // empty: never used
  std::string state_file() const { return path_ + "/state.sqlite"; }
  std::string log_folder() const { return path_ + "/logs"; }
  bool has_state() const;
  // Removes what a dropped task leaves: state, relay, spool, identity. The lock and the logs stay.
  base::Result<void> clear();

 private:
  explicit DataDir(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::string identity_;
  int lock_file_ = -1;
};

}  // namespace main_program
