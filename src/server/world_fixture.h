// SPDX-License-Identifier: Apache-2.0
//
// A server without a socket and without workers, for tests: its store in a folder that goes with it, a clock that
// stands still, and a client that signs. One thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "server/front.h"
#include "server/users.h"

namespace server {

class FixedClock final : public base::Clock {
 public:
  base::WallMicros wall() const override { return now_; }
  base::Nanos monotonic() const override { return std::chrono::microseconds(now_); }
  bool pause(base::Nanos, const std::stop_token&) override { return true; }
  void pass(std::int64_t seconds) { now_ += seconds * 1'000'000; }

 private:
  base::WallMicros now_ = 1795262400LL * 1'000'000;
};

struct TestWorld {
  TestWorld() : folder((std::filesystem::temp_directory_path() / ("millrace-server-" + random_hex(8))).string()) {
    std::filesystem::create_directory(folder);
    store = Store::open(open_sqlite(folder + "/store.sqlite").take(), seal.mark(), Owner{"a", "here"}).take();
    ground = std::make_unique<Ground>(Ground{.store = *store,
                                             .seal = seal,
                                             .clock = clock,
                                             .random = random,
                                             .log = log,
                                             .data_dir = folder,
                                             .program = "/bin/false",
                                             .account = "123456789012",
                                             .unique_account = "abcdefghijkl",
                                             .webhook = "http://127.0.0.1:9/",
                                             .sns_endpoint = "",
                                             .results = {},
                                             .on_change = [] {},
                                             .worker = worker});
    front = Front::open(*ground, {.burst = 50, .each_second = 1}).take();
    key = add_user(*store, seal, clock, {"ann", "administrator"}).take();
  }
  ~TestWorld() { std::filesystem::remove_all(folder); }
  TestWorld(const TestWorld&) = delete;
  TestWorld& operator=(const TestWorld&) = delete;

  // A call of that operation with that body, signed with that key.
  static api::SignedRequest signed_call(const std::string& operation, std::string_view body, const NewKey& key,
                                        base::WallMicros now) {
    wire::SigningInput input;
    input.method = "POST";
    input.headers = {{"host", "127.0.0.1:8086"}, {"x-amz-target", "AmazonDMSv20160101." + operation}};
    input.payload_sha256 = wire::sha256_hex(body);
    input.send_payload_hash = false;
    api::SignedRequest request{.method = "POST", .path = "/", .query = "", .headers = {}, .body = body};
    const auto headers =
        wire::sign(input, {key.access_key, key.secret_key, key.session_token, 0}, {"eu-central-1", "dms", now});
    request.headers.assign(headers.begin(), headers.end());
    return request;
  }

  std::string folder;
  Seal seal = Seal::of_digits(std::string(64, 'a')).take();
  FixedClock clock;
  base::SystemRandom random;
  base::NullLog log;
  StandingWorker worker{"/bin/false"};
  std::unique_ptr<Store> store;
  std::unique_ptr<Ground> ground;
  std::unique_ptr<Front> front;
  NewKey key;
};

}  // namespace server
