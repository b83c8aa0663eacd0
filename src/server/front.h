// SPDX-License-Identifier: Apache-2.0
//
// From a request's bytes to the answer's: who asks (signature, role, rate), what (operation, shape), then the
// operation, then the audit. It knows nothing of sockets. Any thread; operations that change something run one at a
// time.
//
// How it fails: never; every failure is an answer that the API's clients understand.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/signature.h"
#include "base/thread.h"
#include "server/audit.h"
#include "server/ground.h"
#include "server/metrics.h"

namespace server {

struct HttpReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// The rows of all operations that this server offers.
std::span<const OperationRow> offered_operations();
const OperationRow* find_offered(std::string_view name);

class Front {
 public:
  // Calls a key may make at once, and each second.
  struct Limits {
    double burst = 400;
    double each_second = 200;
  };
  static base::Result<std::unique_ptr<Front>> open(Ground& ground, Limits limits);

  // `local`: it came over the loopback interface.
  HttpReply answer(const api::SignedRequest& request, bool local);

 private:
  Front(Ground& ground, Limits limits, std::unique_ptr<Audit> audit)
      : ground_(ground), limits_(limits), audit_(std::move(audit)) {}

  HttpReply page_of(const api::SignedRequest& request, bool local);

  struct Caller {
    User user;
    std::string region;
  };
  base::Result<json> reply(const api::SignedRequest& request, const std::string& id);
  base::Result<Caller> identify(const api::SignedRequest& request);
  base::Result<void> pace(const std::string& access_key);
  base::Result<json> carry_out(const OperationRow& row, const Request& request, const Caller& caller,
                               const std::string& id);

  struct Bucket {
    double tokens;
    base::Nanos filled;
  };
  Ground& ground_;
  const Limits limits_;
  Metrics metrics_;
  base::Mutex mutex_;
  std::map<std::string, Bucket> buckets_ GUARDED_BY(mutex_);
  const std::unique_ptr<Audit> audit_;
};

}  // namespace server
