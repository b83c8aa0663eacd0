// SPDX-License-Identifier: Apache-2.0
//
// What `millrace task` does: a small client of the same API, for people at a terminal. The key is that of the AWS
// clients' environment; the server is --server, or AWS_ENDPOINT_URL_DATABASE_MIGRATION_SERVICE, or the usual address
// here. One thread. How it fails: server.not_reached, server.refused with what the server answered.
#pragma once

#include <string>

#include "base/result.h"

namespace server {

struct TaskCommand {
  enum class Verb { list, start, stop, tables, logs };
  Verb verb = Verb::list;
  std::string server;   // URL
  std::string ca_file;  // PEM; empty: AWS_CA_BUNDLE, or the system's
  std::string name;     // of the task
  std::string type;     // how to start; empty: as its state asks for
  bool wait = false;    // until it runs, or has stopped
  bool json = false;
};

// The exit code.
base::Result<int> run_task_command(const TaskCommand& command);

}  // namespace server
