// SPDX-License-Identifier: Apache-2.0
//
// What `millrace task` does: a small client of the same API, for people at a terminal. One thread. How it fails: as
// api_client.h.
#pragma once

#include <string>

#include "server/api_client.h"

namespace server {

struct TaskCommand {
  enum class Verb { list, start, stop, tables, logs };
  Verb verb = Verb::list;
  ServerPlace server;
  std::string name;   // of the task
  std::string type;   // how to start; empty: as its state asks for
  bool wait = false;  // until it runs, or has stopped
  bool json = false;
};

// The exit code.
base::Result<int> run_task_command(const TaskCommand& command);

}  // namespace server
