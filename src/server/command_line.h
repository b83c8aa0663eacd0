// SPDX-License-Identifier: Apache-2.0
//
// The command line of the server's program as a value: `millrace serve`, `millrace user ...`, `millrace task ...`,
// `millrace status --server ...`. Prints help or a usage error itself and then returns the exit code instead.
#pragma once

#include <string>
#include <variant>

#include "server/client.h"
#include "server/http.h"
#include "server/status.h"
#include "server/users.h"

namespace server {

struct Command {
  enum class Kind { serve, add_user, list_users, remove_user, task, status };
  Kind kind = Kind::serve;
  std::string data_dir = "millrace-server";
  std::string listen = "127.0.0.1:8086";
  bool plain_http = false;
  std::string certificate;
  std::string key;
  std::string key_from;  // empty: as Seal::of_data_dir()
  std::string store = "sqlite";
  std::string webhook;
  std::string sns_endpoint;
  std::string secrets;
  ResultStore results{};
  Front::Limits limits{};
  UserPlan user;
  bool json = false;
  TaskCommand task;
  StatusCommand status;
};

std::variant<Command, int> parse_command_line(int argc, const char* const* argv);

}  // namespace server
