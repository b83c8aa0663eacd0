// SPDX-License-Identifier: Apache-2.0
#include "server/connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace server {
namespace {

constexpr base::Nanos stop_step = std::chrono::milliseconds(200);
constexpr base::Nanos drain_time = std::chrono::seconds(1);
constexpr std::size_t drain_bytes_max = 64u << 20;
constexpr std::size_t unsent_max = 256u << 10;
constexpr std::size_t framing_bytes_max = 64u << 10;  // of a body that comes in chunks

int milliseconds(base::Nanos time) {
  const auto count = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  return static_cast<int>(std::clamp<std::int64_t>(count, 0, INT_MAX));
}

void read_address(const sockaddr_storage& address, socklen_t size, std::string& ip, int& port) {
  char host[NI_MAXHOST] = "", service[NI_MAXSERV] = "";
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host, service, sizeof service,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return;
  }
  ip = host;
  port = std::atoi(service);
}

}  // namespace

Connection::Connection(int socket, SSL_CTX* context, const Patience& patience, const base::Clock& clock)
    : socket_(socket), patience_(patience), clock_(clock) {
  ::fcntl(socket_, F_SETFL, O_NONBLOCK);
  ::fcntl(socket_, F_SETFD, FD_CLOEXEC);
  if (context == nullptr) return;
  tls_.reset(SSL_new(context));
  if (tls_ == nullptr || SSL_set_fd(tls_.get(), socket_) != 1) {
    tls_.reset();
    broken_ = true;
    return;
  }
  SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE);
}

Connection::~Connection() {
  if (tls_ != nullptr && !broken_) SSL_shutdown(tls_.get());  // says good-bye, waits for nothing
  if (broken_) drain();
  ERR_clear_error();
  ::close(socket_);
}

// A socket that is closed with bytes unread takes the answer back from a client that still sends.
void Connection::drain() const {
  ::shutdown(socket_, SHUT_WR);
  const base::Nanos deadline = clock_.monotonic() + drain_time;
  char part[16384];
  for (std::size_t sum = 0; sum < drain_bytes_max && ready(POLLIN, deadline);) {
    const ssize_t bytes = ::recv(socket_, part, sizeof part, 0);
    if (bytes <= 0) return;
    sum += static_cast<std::size_t>(bytes);
  }
}

bool Connection::ready(short event, base::Nanos deadline) const {
  while (true) {
    const base::Nanos left = deadline - clock_.monotonic();
    pollfd asked{socket_, event, 0};
    const int outcome = left.count() <= 0 ? 0 : ::poll(&asked, 1, milliseconds(left));
    if (outcome >= 0 || errno != EINTR) return outcome > 0;
  }
}

short Connection::wanted(int outcome, short usual) const {
  if (tls_ == nullptr) return outcome < 0 && (errno == EAGAIN || errno == EINTR) ? usual : short{0};
  const int error = SSL_get_error(tls_.get(), outcome);
  if (error == SSL_ERROR_WANT_READ) return POLLIN;
  return error == SSL_ERROR_WANT_WRITE ? short{POLLOUT} : short{0};
}

bool Connection::greet() {
  if (tls_ == nullptr) return !broken_;
  const base::Nanos deadline = clock_.monotonic() + patience_.greeting;
  while (true) {
    ERR_clear_error();
    const int outcome = SSL_accept(tls_.get());
    if (outcome == 1) return true;
    const short event = wanted(outcome, POLLIN);
    if (event != 0 && ready(event, deadline)) continue;
    broken_ = true;
    return false;
  }
}

bool Connection::next_request(const std::stop_token& stop) {
  const base::Nanos deadline = clock_.monotonic() + patience_.idle;
  while (begin_ == end_ && (tls_ == nullptr || SSL_pending(tls_.get()) == 0)) {
    const base::Nanos now = clock_.monotonic();
    if (stop.stop_requested() || now >= deadline) return false;
    if (ready(POLLIN, std::min(deadline, now + stop_step))) break;
  }
  deadline_ = clock_.monotonic() + patience_.request;
  budget_ = patience_.head_bytes_max;
  return true;
}

void Connection::begin_body() { budget_ = patience_.body_bytes_max + framing_bytes_max; }

bool Connection::is_readable() const { return begin_ < end_ || ready(POLLIN, deadline_); }

bool Connection::is_writable() const { return ready(POLLOUT, clock_.monotonic() + patience_.answer); }

bool Connection::fill() {
  flush();
  while (!broken_) {
    ERR_clear_error();
    const int size = static_cast<int>(buffer_.size());
    const int bytes = tls_ != nullptr ? SSL_read(tls_.get(), buffer_.data(), size)
                                      : static_cast<int>(::recv(socket_, buffer_.data(), buffer_.size(), 0));
    if (bytes > 0) {
      begin_ = 0;
      end_ = static_cast<std::size_t>(bytes);
      return true;
    }
    const short event = wanted(bytes, POLLIN);
    if (event == 0 || !ready(event, deadline_)) broken_ = true;
  }
  return false;
}

ssize_t Connection::read(char* out, std::size_t size) {
  // A slow client is over time even when each of its bytes comes soon behind the last.
  if (clock_.monotonic() >= deadline_ || budget_ == 0) broken_ = true;
  if (broken_ || (begin_ == end_ && !fill())) return -1;
  const std::size_t count = std::min({size, end_ - begin_, budget_});
  std::memcpy(out, buffer_.data() + begin_, count);
  begin_ += count;
  budget_ -= count;
  return static_cast<ssize_t>(count);
}

ssize_t Connection::write(const char* bytes, std::size_t size) {
  unsent_.append(bytes, size);
  if (unsent_.size() > unsent_max) flush();
  return broken_ ? -1 : static_cast<ssize_t>(size);
}

void Connection::flush() {
  if (!unsent_.empty() && !send_all(unsent_.data(), unsent_.size())) broken_ = true;
  unsent_.clear();
}

bool Connection::send_all(const char* bytes, std::size_t size) {
  const base::Nanos deadline = clock_.monotonic() + patience_.answer;
  std::size_t written = 0;
  while (written < size) {
    ERR_clear_error();
    const std::size_t rest = std::min<std::size_t>(size - written, INT_MAX);
    const int outcome = tls_ != nullptr ? SSL_write(tls_.get(), bytes + written, static_cast<int>(rest))
                                        : static_cast<int>(::send(socket_, bytes + written, rest, MSG_NOSIGNAL));
    if (outcome > 0) {
      written += static_cast<std::size_t>(outcome);
      continue;
    }
    const short event = wanted(outcome, POLLOUT);
    if (event == 0 || !ready(event, deadline)) return false;
  }
  return true;
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0) read_address(address, size, ip, port);
}

void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0) read_address(address, size, ip, port);
}

}  // namespace server
