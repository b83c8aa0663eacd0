// SPDX-License-Identifier: Apache-2.0
#include "wire/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <limits>

#include "wire/errors.h"

namespace wire {
namespace {

using base::failed;
using base::Lock;
using base::Result;

constexpr std::size_t idle_handles_max = 16;
constexpr std::size_t header_bytes_max = 256 * 1024;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

// "http://[::1]:80/x" -> "[::1]"
std::string_view host_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (url.starts_with('[')) return url.substr(0, url.find(']') + 1);
  return url.substr(0, url.find(':'));
}

bool is_near(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host.starts_with("127.") || host.starts_with("169.254.");
}

bool is_tls_failure(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM ||
         code == CURLE_SSL_CIPHER || code == CURLE_SSL_ISSUER_ERROR;
}

// The first use of libcurl in a process has to be alone; a function's static is.
bool curl_is_ready() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

}  // namespace

std::string_view HttpAnswer::header(std::string_view name) const {
  for (const auto& [known, value] : headers) {
    if (known == name) return value;
  }
  return "";
}

struct HttpClient::Exchange {
  const HttpRequest& request;
  const std::stop_token& stop;
  HttpAnswer answer;
  std::size_t header_bytes = 0;
  bool too_large = false;
  char error_text[CURL_ERROR_SIZE] = "";
  curl_slist* header_lines = nullptr;

  Exchange(const HttpRequest& asked, const std::stop_token& token) : request(asked), stop(token) {}
  ~Exchange() { curl_slist_free_all(header_lines); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  static std::size_t take_body(char* bytes, std::size_t, std::size_t size, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    if (exchange.answer.body.size() + size > exchange.request.answer_bytes_max) {
      exchange.too_large = true;
      return 0;
    }
    exchange.answer.body.append(bytes, size);
    return size;
  }

  static std::size_t take_header(char* bytes, std::size_t, std::size_t size, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    const std::string_view line(bytes, size);
    exchange.header_bytes += size;
    if (exchange.header_bytes > header_bytes_max) {
      exchange.too_large = true;
      return 0;
    }
    if (line.starts_with("HTTP/")) exchange.answer.headers.clear();  // after "100 Continue" comes another head
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      exchange.answer.headers.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
    }
    return size;
  }

  static int look_up(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Exchange*>(self)->stop.stop_requested() ? 1 : 0;
  }
};

HttpClient::HttpClient(HttpSettings settings) : settings_(std::move(settings)) { ENSURE(curl_is_ready()); }

HttpClient::~HttpClient() {
  for (Handle handle : idle_) curl_easy_cleanup(handle);
}

HttpClient::Handle HttpClient::borrow() {
  {
    Lock lock(mutex_);
    if (!idle_.empty()) {
      Handle handle = idle_.back();
      idle_.pop_back();
      return handle;
    }
  }
  Handle handle = curl_easy_init();
  ENSURE(handle != nullptr);
  return handle;
}

void HttpClient::give_back(Handle handle, bool reusable) {
  if (reusable) {
    curl_easy_reset(handle);  // keeps the connection
    Lock lock(mutex_);
    if (idle_.size() < idle_handles_max) {
      idle_.push_back(handle);
      return;
    }
  }
  curl_easy_cleanup(handle);
}

void HttpClient::configure(Handle handle, Exchange& exchange) {
  const HttpRequest& request = exchange.request;
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, settings_.connect_seconds_max);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, settings_.stall_seconds_max);
  if (request.seconds_max > 0) curl_easy_setopt(handle, CURLOPT_TIMEOUT, request.seconds_max);
  if (!settings_.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, settings_.ca_file.c_str());
  if (is_near(host_of(request.url))) curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, exchange.error_text);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Exchange::take_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &Exchange::take_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &Exchange::look_up);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &exchange);

  if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (request.method == "PUT" || request.method == "POST") {
    // Not copied, sent with Content-Length, and sent again by libcurl itself when a kept connection proves dead.
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else {
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  bool typed = false;
  for (const auto& [name, value] : request.headers) {
    typed = typed || lower(name) == "content-type";
    // "Name;" is libcurl's way to send a header without a value.
    const std::string line = value.empty() ? name + ";" : name + ": " + value;
    exchange.header_lines = curl_slist_append(exchange.header_lines, line.c_str());
  }
  if (!typed) exchange.header_lines = curl_slist_append(exchange.header_lines, "Content-Type:");
  for (const char* unwanted : {"Expect:", "Accept:"}) {
    exchange.header_lines = curl_slist_append(exchange.header_lines, unwanted);
  }
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, exchange.header_lines);
}

Result<HttpAnswer> HttpClient::send(const HttpRequest& request, const std::stop_token& stop) {
  if (stop.stop_requested()) return failed(base::errors::canceled, "stopped before a request");
  Exchange exchange(request, stop);
  Handle handle = borrow();
  configure(handle, exchange);
  const CURLcode code = curl_easy_perform(handle);
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  give_back(handle, code == CURLE_OK);
  if (code == CURLE_OK) {
    exchange.answer.status = static_cast<int>(status);
    return std::move(exchange.answer);
  }
  const std::string_view host = host_of(request.url);
  if (stop.stop_requested()) return failed(base::errors::canceled, "stopped during a request to {}", host);
  if (exchange.too_large) {
    return failed(errors::bad_answer, "{} {}: the answer is over {} bytes", request.method, host,
                  request.answer_bytes_max);
  }
  const std::string_view detail = exchange.error_text[0] ? exchange.error_text : curl_easy_strerror(code);
  if (is_tls_failure(code)) return failed(errors::tls, "{}: {}", host, detail);
  return failed(errors::network, "{} {}: {}", request.method, host, detail);
}

}  // namespace wire
