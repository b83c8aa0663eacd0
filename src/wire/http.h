// SPDX-License-Identifier: Apache-2.0
//
// One HTTP request, one answer, over libcurl: no redirects, no cookies, no decoding, TLS verified, answers bounded in
// size. Connections are kept and used again: the client owns a few idle handles and lends one to each request.
//
// Thread-safe. The client outlives its requests. A request ends early when its stop token is pulled (seen within a
// second), when nothing moves for stall_seconds_max, or when its own deadline passes. Proxies of the environment are
// honoured except for loopback and link-local hosts.
//
// How it fails: wire.network (transient) when no complete answer came, whatever the reason: the request may or may not
// have been carried out. wire.tls when the other side's certificate is not trusted. Any status is an answer, no error.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/thread.h"

namespace wire {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers;
  std::string_view body;  // borrowed until send() returns
  std::size_t answer_bytes_max = 64 << 20;
  long seconds_max = 0;  // for the whole exchange; 0: only stalling is limited
};

struct HttpAnswer {
  int status = 0;
  HttpHeaders headers;  // names in lower case
  std::string body;

  // The first header of that (lower case) name, or "".
  std::string_view header(std::string_view name) const;
};

struct HttpSettings {
  std::string ca_file;  // PEM; empty: the system's
  long connect_seconds_max = 10;
  long stall_seconds_max = 30;
};

class HttpClient {
 public:
  explicit HttpClient(HttpSettings settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  base::Result<HttpAnswer> send(const HttpRequest& request, const std::stop_token& stop);

 private:
  struct Exchange;
  using Handle = void*;
  Handle borrow();
  void give_back(Handle handle, bool reusable);
  void configure(Handle handle, Exchange& exchange);

  const HttpSettings settings_;
  base::Mutex mutex_;
  std::vector<Handle> idle_ GUARDED_BY(mutex_);
};

}  // namespace wire
