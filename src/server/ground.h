// SPDX-License-Identifier: Apache-2.0
//
// What every operation stands on, and a request as it reaches one: signed, checked against its shape, allowed for its
// caller. Owner: the server's main function; everything outlives the operations. The parts say for themselves which
// threads may use them.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "api/model.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/child.h"
#include "server/seal.h"
#include "server/store.h"

namespace server {

// Where the buckets are that results of assessments go to.
struct ResultStore {
  std::string s3_endpoint{};  // of S3 or what speaks its API; empty: buckets are folders of the data directory
  std::string s3_region{};    // empty: that of the client
  std::string s3_ca{};        // PEM file; empty: the system's
};

struct Ground {
  Store& store;
  const Seal& seal;
  base::Clock& clock;
  base::Random& random;
  base::Log& log;
  std::string data_dir;             // absolute
  std::string program;              // the path of `millrace`
  std::string account;              // twelve digits
  std::string unique_account;       // twelve characters
  std::string webhook;              // where events are posted, or
  std::string sns_endpoint;         // through whose API they are published; both empty: nowhere
  ResultStore results{};            // of assessments
  std::function<void()> on_change;  // the supervisor has something to do
  StandingWorker& worker;

  std::string task_folder(const Resource& task) const;
  double now_seconds() const { return static_cast<double>(clock.wall() / 1000) / 1000.0; }
  // What the worker says to a question that takes no time. An error of the worker comes back as one of ours: bad input
  // stays bad input.
  base::Result<json> checked(const json& question) const;
};

// The file is there whole or not at all; two may write it at once.
base::Result<void> write_file(const std::string& path, std::string_view text);

struct Request {
  const api::Operation* operation;
  json input;
  std::string region;
  std::string user;

  std::string text(const char* member) const { return input.value(member, std::string()); }
  bool has(const char* member) const { return input.contains(member); }
  bool flag(const char* member, bool otherwise) const { return input.value(member, otherwise); }
};

using Handler = base::Result<json> (*)(Ground& ground, const Request& request);

enum class Effect {
  reads,
  runs,     // tasks, tests: what an operator may
  changes,  // what only an administrator may
};

struct OperationRow {
  std::string_view name;
  Handler handler;
  Effect effect;
  std::string_view remark = "";  // what is other than at the service; docs/api.md shows it
};

}  // namespace server
