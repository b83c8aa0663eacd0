// SPDX-License-Identifier: Apache-2.0
//
// Bytes on a socket: what slow, boundless and broken clients get, and that others do not notice.
#include "server/http.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/certificates.h"
#include "server/errors.h"
#include "server/world_fixture.h"
#include "wire/http.h"

namespace server {
namespace {

class HttpTest : public testing::Test {
 protected:
  explicit HttpTest(bool tls = false) {
    ListenSettings settings{.host = "127.0.0.1", .port = 0, .certificate = "", .key = ""};
    if (tls) {
      files_ = own_certificate(world_.folder, "127.0.0.1").take();
      settings.certificate = files_.certificate;
      settings.key = files_.key;
    }
    settings.patience.greeting = std::chrono::milliseconds(300);
    settings.patience.request = std::chrono::milliseconds(300);
    settings.patience.idle = std::chrono::milliseconds(300);
    settings.patience.body_bytes_max = 100'000;
    http_ = HttpServer::open(settings, *world_.front).take();
    group_.spawn("http", [this](const std::stop_token& stop) { return http_->run(stop); });
  }
  ~HttpTest() override {
    group_.request_stop();
    EXPECT_TRUE(group_.join().ok());
  }

  int connected() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(http_->port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return socket;
  }
  // All that the server says to those bytes until it closes.
  std::string said_to(const std::string& bytes) const {
    const int socket = connected();
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t count = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) break;
      sent += static_cast<std::size_t>(count);
    }
    std::string out;
    char part[4096];
    for (ssize_t count = 0; (count = ::recv(socket, part, sizeof part, 0)) > 0;) out.append(part, std::size_t(count));
    ::close(socket);
    return out;
  }
  std::string call(const std::string& operation, const std::string& body, const std::string& more = "") {
    const api::SignedRequest request = TestWorld::signed_call(operation, body, world_.key, world_.clock.wall());
    std::string out = "POST / HTTP/1.1\r\n" + more;
    for (const auto& [name, value] : request.headers) out += name + ": " + value + "\r\n";
    return out + "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  static std::size_t count_of(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++count;
    return count;
  }

  TestWorld world_;
  TlsFiles files_;
  std::unique_ptr<HttpServer> http_;
  base::TaskGroup group_;
};

TEST_F(HttpTest, AConnectionTakesManyRequests) {
  const std::string one = call("DescribeEndpoints", "{}");
  const std::string said = said_to(one + one + one);
  EXPECT_EQ(count_of(said, "HTTP/1.1 200 OK"), 3u) << said;
  EXPECT_EQ(count_of(said, "{\"Endpoints\":[]}"), 3u) << said;
  EXPECT_EQ(count_of(said, "x-amzn-RequestId: "), 3u) << said;
}

TEST_F(HttpTest, AClientThatStopsInTheMiddleIsLeft) {
  const std::string whole = call("DescribeEndpoints", "{\"MaxRecords\": 20}");
  for (const std::size_t size : {std::size_t{1}, whole.size() / 2, whole.size() - 1}) {
    EXPECT_EQ(said_to(whole.substr(0, size)).find("200 OK"), std::string::npos) << size;
  }
  EXPECT_EQ(said_to(""), "");
}

TEST_F(HttpTest, AClientThatTricklesIsLeft) {
  const int socket = connected();
  const std::string head = "POST / HTTP/1.1\r\nhost: h\r\nx: ";
  ::send(socket, head.data(), head.size(), MSG_NOSIGNAL);
  base::SystemClock clock;
  const base::Nanos began = clock.monotonic();
  char answer = 0;
  while (::recv(socket, &answer, 1, MSG_DONTWAIT) < 0 && clock.monotonic() - began < std::chrono::seconds(20)) {
    ::send(socket, "x", 1, MSG_NOSIGNAL);
    clock.pause(std::chrono::milliseconds(10), {});
  }
  EXPECT_LT(clock.monotonic() - began, std::chrono::seconds(10));
  ::close(socket);
}

TEST_F(HttpTest, WhatIsTooLargeIsRefused) {
  const std::string said = said_to(call("DescribeEndpoints", std::string(100'001, ' ')));
  EXPECT_NE(said.find("HTTP/1.1 413"), std::string::npos) << said;
  EXPECT_NE(said.find("larger than 100000 bytes"), std::string::npos) << said;
  std::string chunks = "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
  for (int i = 0; i < 300; ++i) chunks += "1000\r\n" + std::string(4096, ' ') + "\r\n";
  EXPECT_EQ(said_to(chunks + "0\r\n\r\n").find("200 OK"), std::string::npos);
  EXPECT_EQ(said_to("GET /healthz HTTP/1.1\r\nx: " + std::string(200'000, 'x') + "\r\n\r\n").find("200 OK"),
            std::string::npos);
  std::string many = "GET /healthz HTTP/1.1\r\n";
  for (int i = 0; i < 20'000; ++i) many += "x" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(said_to(many + "\r\n").find("200 OK"), std::string::npos);
}

TEST_F(HttpTest, PackedBodiesAreNotUnpacked) {
  const std::string said = said_to(call("DescribeEndpoints", "\x1f\x8b\x08", "content-encoding: gzip\r\n"));
  EXPECT_NE(said.find("SerializationException"), std::string::npos) << said;
}

TEST_F(HttpTest, ABodyIsNeverTakenForARequest) {
  const std::string hidden = "GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n";
  const std::string length = "content-length: " + std::to_string(hidden.size()) + "\r\n";
  const std::string said = said_to("GET /readyz HTTP/1.1\r\nhost: h\r\n" + length + "\r\n" + hidden);
  EXPECT_EQ(count_of(said, "HTTP/1.1 "), 1u) << said;
  EXPECT_NE(said.find("ready"), std::string::npos) << said;
  const std::string both =
      said_to("POST / HTTP/1.1\r\nhost: h\r\n" + length + "transfer-encoding: chunked\r\n\r\n0\r\n\r\n" + hidden);
  EXPECT_LE(count_of(both, "HTTP/1.1 "), 1u) << both;
}

TEST_F(HttpTest, WhatIsNoHttpIsAnsweredOnce) {
  for (const std::string& text :
       {std::string("\x16\x03\x01\x02", 4), std::string("\0\0\0\0\n\n\n", 7), std::string("BREW / HTTP/9\r\n\r\n\r\n"),
        std::string("POST http://[ HTTP/1.1\r\n\r\n"), std::string("PUT / HTTP/1.1\r\n\r\n")}) {
    const std::string said = said_to(text);
    EXPECT_LE(count_of(said, "HTTP/1.1 "), 1u) << said;
    EXPECT_EQ(said.find("200 OK"), std::string::npos) << said;
  }
  EXPECT_NE(said_to("GET /healthz HTTP/1.0\r\n\r\n").find("200 OK"), std::string::npos);
}

TEST_F(HttpTest, AnAddressIsGivenOnce) {
  ListenSettings settings{.host = "127.0.0.1", .port = http_->port(), .certificate = "", .key = ""};
  EXPECT_TRUE(HttpServer::open(settings, *world_.front).error().is(errors::cannot_listen));
  settings.port = 0;
  settings.host = "192.0.2.1";
  EXPECT_TRUE(HttpServer::open(settings, *world_.front).error().is(errors::cannot_listen));
  settings.certificate = settings.key = "/dev/null";
  EXPECT_TRUE(HttpServer::open(settings, *world_.front).error().is(errors::bad_certificate));
}

class HttpsTest : public HttpTest {
 protected:
  HttpsTest() : HttpTest(true) {}
};

TEST_F(HttpsTest, ServesThoseWhoTrustItsCertificate) {
  wire::HttpRequest request;
  request.url = "https://127.0.0.1:" + std::to_string(http_->port()) + "/healthz";
  wire::HttpClient trusting({.ca_file = files_.certificate});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(trusting.send(request, {})->body, "ok\n");
  EXPECT_FALSE(wire::HttpClient(wire::HttpSettings{}).send(request, {}).ok());
  EXPECT_EQ(own_certificate(world_.folder, "other")->certificate, files_.certificate);
  EXPECT_EQ(fingerprint(files_.certificate)->size(), 32u * 3 - 1);
}

TEST_F(HttpsTest, WhatIsNoTlsIsLeft) {
  for (const std::string text : {"GET /healthz HTTP/1.1\r\n\r\n", "\x16\x03\x01", ""}) {
    EXPECT_EQ(said_to(text).find("200 OK"), std::string::npos);
  }
}

}  // namespace
}  // namespace server
