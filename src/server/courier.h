// SPDX-License-Identifier: Apache-2.0
//
// Brings events to those who subscribed, in order: posts each to the server's webhook, in the form in which SNS posts
// to its HTTP subscribers, or publishes it to the subscription's topic through SNS or what speaks its API ("Publish" of
// its API reference, version 2010-03-31). What was taken is noted behind it, so after a crash an event may come twice,
// never not at all (as long as events are kept, 14 days). What does not answer is tried again with growing pauses.
//
// Owner: the server's main function; one thread.
#pragma once

#include <map>
#include <stop_token>

#include "server/ground.h"
#include "wire/credentials.h"
#include "wire/http.h"

namespace server {

class Courier {
 public:
  explicit Courier(Ground& ground);
  base::Result<void> run(const std::stop_token& stop);

 private:
  base::Result<bool> deliver(Resource subscription, const std::stop_token& stop);
  base::Result<void> post(const Resource& subscription, const Event& event, const std::stop_token& stop);
  base::Result<void> publish(const Resource& subscription, const Event& event, const std::stop_token& stop);

  Ground& ground_;
  wire::HttpClient client_;
  wire::CredentialChain credentials_;
  base::Nanos pause_ = std::chrono::seconds(1);
};

}  // namespace server
