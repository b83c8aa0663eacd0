// SPDX-License-Identifier: Apache-2.0
//
// An accepted connection as the HTTP library reads and writes it, plain or with TLS, with what the library has not: an
// end to patience. All of a request must be there soon after its first byte, head and body have their sizes, and a
// connection on which nothing comes is given up at once when the server stops.
//
// Owner: one connection thread. Order: greet(), then next_request(), the library's process_request() with begin_body()
// behind the head, and so on while broken() is false. How it fails: read() and write() return -1, as the library
// expects; then the connection is broken and can only be destroyed, which closes it.
#pragma once

#ifndef CPPHTTPLIB_OPENSSL_SUPPORT
#define CPPHTTPLIB_OPENSSL_SUPPORT  // as the library was built: it decides about its types
#endif
#include <httplib.h>

#include <array>
#include <memory>
#include <stop_token>
#include <string>

#include "base/clock.h"

namespace server {

struct Patience {
  base::Nanos greeting = std::chrono::seconds(10);
  base::Nanos request = std::chrono::seconds(20);  // from its first byte to its last
  base::Nanos answer = std::chrono::seconds(30);   // for each write
  base::Nanos idle = std::chrono::seconds(5);      // between requests
  std::size_t head_bytes_max = 64u << 10;
  std::size_t body_bytes_max = 8u << 20;
};

struct FreeTls {
  void operator()(SSL* tls) const { SSL_free(tls); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTls>;

class Connection final : public httplib::Stream {
 public:
  // Takes the socket. `context` nullptr: plain.
  Connection(int socket, SSL_CTX* context, const Patience& patience, const base::Clock& clock);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool greet();  // the handshake of TLS
  // Waits for the first byte of a request. False: the client left, said nothing for too long, or the server stops.
  bool next_request(const std::stop_token& stop);
  void begin_body();
  // Sends what was written: an answer goes out whole, not its head alone.
  void flush();
  bool broken() const { return broken_; }

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* out, std::size_t size) override;
  ssize_t write(const char* bytes, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  bool fill();
  bool send_all(const char* bytes, std::size_t size);
  // What to wait for after a call that returned no bytes; 0: nothing, it is over.
  short wanted(int outcome, short usual) const;
  bool ready(short event, base::Nanos deadline) const;
  void drain() const;

  const int socket_;
  const Patience& patience_;
  const base::Clock& clock_;
  std::unique_ptr<SSL, FreeTls> tls_;
  base::Nanos deadline_{};
  std::size_t budget_ = 0;  // bytes that the request may still have
  std::array<char, 16384> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::string unsent_;
  bool broken_ = false;
};

}  // namespace server
