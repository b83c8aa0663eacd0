// SPDX-License-Identifier: Apache-2.0
//
// The listening socket: HTTP/1.1, with TLS unless it is a plain one, a thread for each connection that is open (made
// when needed, at most `connections_max`; more wait their turn). What a connection may take and how long it may be slow
// is in connection.h.
//
// Owner: the server's main function. open() binds, run() blocks until stopped; the answers come from Front.
// How it fails: server.cannot_listen, server.bad_certificate.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "server/connection.h"
#include "server/front.h"

namespace server {

struct ListenSettings {
  std::string host = "127.0.0.1";
  int port = 8086;          // 0: any that is free
  std::string certificate;  // PEM file; empty: plain HTTP
  std::string key;
  std::size_t connections_max = 960;
  Patience patience{};
};

class HttpServer {
 public:
  static base::Result<std::unique_ptr<HttpServer>> open(const ListenSettings& settings, Front& front);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;
  // Connections that are answered when `stop` comes are answered to the end.
  base::Result<void> run(const std::stop_token& stop);

 private:
  struct Parts;
  explicit HttpServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace server
