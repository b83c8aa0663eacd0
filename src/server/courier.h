// SPDX-License-Identifier: Apache-2.0
//
// Brings events to those who subscribed: posts each to the server's webhook, in order, in the form in which SNS posts
// to its HTTP subscribers. What was taken is noted behind it, so after a crash an event may come twice, never not at
// all (as long as events are kept, 14 days). A webhook that does not answer is tried again with growing pauses.
//
// Owner: the server's main function; one thread.
#pragma once

#include <map>
#include <stop_token>

#include "server/ground.h"
#include "wire/http.h"

namespace server {

class Courier {
 public:
  explicit Courier(Ground& ground) : ground_(ground), client_(wire::HttpSettings{}) {}
  base::Result<void> run(const std::stop_token& stop);

 private:
  base::Result<bool> deliver(Resource subscription, const std::stop_token& stop);
  base::Result<void> post(const Resource& subscription, const Event& event, const std::stop_token& stop);

  Ground& ground_;
  wire::HttpClient client_;
  base::Nanos pause_ = std::chrono::seconds(1);
};

}  // namespace server
