// SPDX-License-Identifier: Apache-2.0
#include "server/http.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <atomic>
#include <deque>

#include "api/errors.h"
#include "api/reply.h"
#include "server/errors.h"

namespace server {
namespace {

using base::Lock;
using base::Result;

constexpr std::size_t requests_of_a_connection = 100'000;
constexpr base::Nanos idle_wait = std::chrono::minutes(1), start_step = std::chrono::milliseconds(1);
constexpr int start_steps_max = 1000;
constexpr int waiting_connections_max = 1024;

// Threads are made when a connection comes and none is free, and kept.
class ConnectionThreads final : public httplib::TaskQueue {
 public:
  explicit ConnectionThreads(std::size_t most) : most_(most) {}

  void enqueue(std::function<void()> job) override {
    Lock lock(mutex_);
    jobs_.push_back(std::move(job));
    if (free_ >= jobs_.size() || made_ >= most_) {
      changed_.notify_one();
      return;
    }
    made_ += 1;
    threads_.spawn("connection", [this](const std::stop_token& stop) { return work(stop); });
  }

  void shutdown() override {
    threads_.request_stop();
    {
      Lock lock(mutex_);
      changed_.notify_all();
    }
    (void)threads_.join();
  }

 private:
  Result<void> work(const std::stop_token& stop) {
    while (true) {
      std::function<void()> job;
      {
        Lock lock(mutex_);
        free_ += 1;
        while (jobs_.empty() && !stop.stop_requested()) changed_.wait(mutex_, idle_wait);
        free_ -= 1;
        if (jobs_.empty()) return {};
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      job();
    }
  }

  const std::size_t most_;
  base::Mutex mutex_;
  base::Condition changed_;
  std::deque<std::function<void()>> jobs_ GUARDED_BY(mutex_);
  std::size_t made_ GUARDED_BY(mutex_) = 0;
  std::size_t free_ GUARDED_BY(mutex_) = 0;
  base::TaskGroup threads_;
};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

api::SignedRequest signed_request(const httplib::Request& request) {
  api::SignedRequest out;
  out.method = request.method;
  const std::size_t mark = request.target.find('?');
  out.path = request.target.substr(0, mark);
  if (mark != std::string::npos) out.query = request.target.substr(mark + 1);
  for (const auto& [name, value] : request.headers) {
    // The library adds these to what it received.
    if (name != "REMOTE_ADDR" && name != "REMOTE_PORT" && name != "LOCAL_ADDR" && name != "LOCAL_PORT") {
      out.headers.emplace_back(lower(name), value);
    }
  }
  out.body = request.body;
  return out;
}

void send(HttpReply reply, httplib::Response& response) {
  response.status = reply.status;
  std::string type;
  for (const auto& [name, value] : reply.headers) {
    if (name == "Content-Type") {
      type = value;
    } else {
      response.set_header(name, value);
    }
  }
  response.set_content(std::move(reply.body), type);
}

// What the library refuses by itself: it knows a status only.
void explain(httplib::Response& response, std::size_t body_bytes_max) {
  if (!response.body.empty()) return;
  const base::Error error =
      response.status == 413
          ? base::failed(api::errors::serialization, "the request's body is larger than {} bytes", body_bytes_max)
          : base::failed(api::errors::serialization, "this is no request of the API (HTTP status {})", response.status);
  const api::ErrorReply reply = api::reply_of(error);
  response.set_header("x-amzn-ErrorType", reply.type);
  response.set_content(reply.body, "application/x-amz-json-1.1");
}

// Only such a request's body is read.
bool is_call(const httplib::Request& request) { return request.method == "POST" && request.target == "/"; }

// A body whose end is not told once, or that nobody reads: what follows could be taken for a request.
bool ends_unclear(const httplib::Request& request) {
  const bool sized = request.has_header("Content-Length"), chunked = request.has_header("Transfer-Encoding");
  return (!is_call(request) && (sized || chunked)) || (sized && chunked) ||
         request.get_header_value_count("Content-Length") > 1;
}

}  // namespace

class Listener final : public httplib::Server {
 public:
  Listener(const ListenSettings& settings, TlsContext context)
      : patience_(settings.patience), context_(std::move(context)) {}

  // -1: the address cannot be had.
  int bind(const std::string& host, int port) {
    const int found = port == 0 ? bind_to_any_port(host) : bind_to_port(host, port) ? port : -1;
    // The library lets five clients wait, too few for hundreds that come at once.
    if (found > 0) ::listen(svr_sock_, waiting_connections_max);
    return found;
  }

  bool serve(const std::stop_token& stop) {
    stop_ = stop;
    const bool ended = listen_after_bind();
    ended_ = true;
    return ended;
  }

  // From another thread than serve(), which may be about to begin.
  void end() {
    for (int step = 0; step < start_steps_max && !ended_ && !is_running(); ++step) clock_.pause(start_step, {});
    stop();
  }

 private:
  bool process_and_close_socket(socket_t socket) override {
    Connection connection(socket, context_.get(), patience_, clock_);
    bool closed = !connection.greet();
    for (std::size_t count = 1; !closed && connection.next_request(stop_); ++count) {
      bool understood = false, unclear = false;
      const bool answered =
          process_request(connection, count == requests_of_a_connection, closed, [&](httplib::Request& request) {
            understood = true;
            unclear = ends_unclear(request);
            request.headers.erase("Content-Encoding");  // the library would unpack whatever size it has
            connection.begin_body();
          });
      connection.flush();
      closed =
          closed || !answered || !understood || unclear || connection.broken() || count == requests_of_a_connection;
    }
    return true;
  }

  base::SystemClock clock_;
  const Patience patience_;
  const TlsContext context_;
  std::stop_token stop_;
  std::atomic<bool> ended_ = false;
};

namespace {

void configure(httplib::Server& server, const ListenSettings& settings, Front& front) {
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  });
  server.set_tcp_nodelay(true);
  server.set_payload_max_length(settings.patience.body_bytes_max);
  server.new_task_queue = [most = settings.connections_max] {
    return std::make_unique<ConnectionThreads>(most).release();  // the library owns it
  };
  const auto handler = [&front](const httplib::Request& request, httplib::Response& response) {
    const bool local = request.remote_addr.starts_with("127.") || request.remote_addr == "::1";
    send(front.answer(signed_request(request), local), response);
  };
  server.Post("/", handler);
  // Whatever else: before the library looks for a file, a pattern or a body.
  server.set_pre_routing_handler([handler](const httplib::Request& request, httplib::Response& response) {
    if (is_call(request)) return httplib::Server::HandlerResponse::Unhandled;
    handler(request, response);
    return httplib::Server::HandlerResponse::Handled;
  });
  const std::size_t body_bytes_max = settings.patience.body_bytes_max;
  server.set_error_handler(
      [body_bytes_max](const httplib::Request&, httplib::Response& response) { explain(response, body_bytes_max); });
  server.set_exception_handler([](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
    const api::ErrorReply reply = api::reply_of(base::failed(api::errors::internal_failure, "the request failed"));
    response.status = reply.status;
    response.set_header("x-amzn-ErrorType", reply.type);
    response.set_content(reply.body, "application/x-amz-json-1.1");
  });
}

Result<TlsContext> tls_context(const ListenSettings& settings) {
  if (settings.certificate.empty()) return TlsContext();
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (context != nullptr && SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) == 1 &&
      SSL_CTX_use_certificate_chain_file(context.get(), settings.certificate.c_str()) == 1 &&
      SSL_CTX_use_PrivateKey_file(context.get(), settings.key.c_str(), SSL_FILETYPE_PEM) == 1 &&
      SSL_CTX_check_private_key(context.get()) == 1) {
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    return context;
  }
  return base::failed(errors::bad_certificate, "{} with {}", settings.certificate, settings.key);
}

}  // namespace

struct HttpServer::Parts {
  std::unique_ptr<Listener> listener;
  int port = 0;
};

HttpServer::HttpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
HttpServer::~HttpServer() = default;
int HttpServer::port() const { return parts_->port; }

Result<std::unique_ptr<HttpServer>> HttpServer::open(const ListenSettings& settings, Front& front) {
  auto parts = std::make_unique<Parts>();
  parts->listener = std::make_unique<Listener>(settings, TRY(tls_context(settings)));
  configure(*parts->listener, settings, front);
  parts->port = parts->listener->bind(settings.host, settings.port);
  if (parts->port > 0) return std::unique_ptr<HttpServer>(new HttpServer(std::move(parts)));
  return base::failed(errors::cannot_listen, "{}:{} is taken or no address of this machine", settings.host,
                      settings.port);
}

Result<void> HttpServer::run(const std::stop_token& stop) {
  const std::stop_callback ending(stop, [this] { parts_->listener->end(); });
  if (stop.stop_requested() || parts_->listener->serve(stop) || stop.stop_requested()) return {};
  return base::failed(errors::cannot_listen, "the listening socket on port {} failed", parts_->port);
}

}  // namespace server
