// SPDX-License-Identifier: Apache-2.0
//
// S3Store against a real S3 server that checks signatures, through a proxy that breaks things on command. Skipped when
// that server is not installed (tests/services/s3_server.sh install).
#include "wire/s3_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "wire/errors.h"
#include "wire/proxy_for_test.h"

namespace wire {
namespace {

using nlohmann::json;

class FixedCredentials final : public CredentialSource {
 public:
  std::vector<Credentials> list{{"millracetest", "millracetestsecret", "", 0}};
  int expirations = 0;
  base::Result<Credentials> current(const std::stop_token&) override { return Credentials(list.front()); }
  void expired(const Credentials&) override {
    ++expirations;
    if (list.size() > 1) list.erase(list.begin());
  }
};

// Pauses take no time, and are counted.
class HastyClock final : public base::Clock {
 public:
  base::WallMicros wall() const override { return real_.wall(); }
  base::Nanos monotonic() const override { return real_.monotonic(); }
  bool pause(base::Nanos length, const std::stop_token& stop) override {
    ++pauses;
    longest = std::max(longest, length);
    return !stop.stop_requested();
  }
  int pauses = 0;
  base::Nanos longest{0};

 private:
  base::SystemClock real_;
};

// The server and the proxy before it, one pair for all tests of this file.
class Servers {
 public:
  const std::string folder = temporary_folder();
  const int server_port = free_port();
  FaultProxy proxy{server_port};
  bool running = false;

  Servers() {
    const std::string script = std::string(MILLRACE_TOP) + "/tests/services/s3_server.sh";
    if (shell(fmt::format("{} start {} {} 2>/dev/null", script, server_port, folder)) != 0) return;
    std::filesystem::create_directory(folder + "/buckets/lake");
    running = proxy.running();
  }
  ~Servers() {
    shell(fmt::format("{}/tests/services/s3_server.sh stop {}", MILLRACE_TOP, folder));
    std::filesystem::remove_all(folder);
  }
  Servers(const Servers&) = delete;
  Servers& operator=(const Servers&) = delete;
};

class S3StoreTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { servers_ = std::make_unique<Servers>(); }
  static void TearDownTestSuite() { servers_.reset(); }

  void SetUp() override {
    if (!servers_->running) GTEST_SKIP() << "the S3 server for tests is not installed";
    servers_->proxy.ask({{"do", "reset_stats"}});
    servers_->proxy.ask({{"do", "clear"}});
    settings_.endpoint = servers_->proxy.url();
    settings_.bucket = "lake";
    settings_.part_bytes = 5 << 20;
    reopen();
  }

  void reopen() {
    store_.reset();
    client_ = std::make_unique<S3Client>(settings_, credentials_, http_, clock_, random_);
    store_ = std::make_unique<S3Store>(*client_);
  }
  static void rule(const json& fields) { ASSERT_TRUE(servers_->proxy.rule(fields)); }

  std::size_t unfinished() {
    std::size_t count = 0;
    const auto look = [&](const UnfinishedUpload&) { return ++count, false; };
    EXPECT_TRUE(store_->abort_stale("", look, stop_).ok());
    return count;
  }

  inline static std::unique_ptr<Servers> servers_;
  S3Settings settings_;
  FixedCredentials credentials_;
  HttpClient http_{HttpSettings{"", 3, 2}};
  HastyClock clock_;
  base::SystemRandom random_;
  std::unique_ptr<S3Client> client_;
  std::unique_ptr<S3Store> store_;
  std::stop_token stop_;
};

const ObjectFacts facts{"text/csv", {{"millrace-task", "crm-to-lake"}, {"millrace-to", "0/16B3748"}}, {}};

std::string pattern(std::size_t size) {
  std::string bytes(size, ' ');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + (i * i + i / 7919) % 26);
  return bytes;
}

TEST_F(S3StoreTest, WhatWasPutIsReadListedAndRemoved) {
  ASSERT_TRUE(store_->probe(stop_).ok());
  const std::vector<std::string> odd = {"r/a b/\"q\"/\xF0\x9F\x98\x80.csv", "r/a+b%20=&c", "r/t/x", "r/t.x/~y'()*!"};
  for (const std::string& key : odd) {
    const auto put = store_->put(key, key, facts, stop_);
    ASSERT_TRUE(put.ok()) << put.error().text();
    EXPECT_EQ(store_->get(key, std::nullopt, stop_).take(), key);
  }
  EXPECT_EQ(store_->get(odd[0], ByteRange{2, 3}, stop_).take(), "a b");
  EXPECT_EQ(store_->get(odd[2], ByteRange{99, 3}, stop_).take(), "");
  const auto head = store_->head(odd[2], stop_).take();
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->size, 5u);
  EXPECT_EQ(head->facts.metadata, facts.metadata);
  EXPECT_EQ(head->facts.content_type, "text/csv");
  EXPECT_LT(std::abs(head->modified - clock_.wall()), 100LL * 1000000);
  const auto entries = store_->list("r/t", stop_).take();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].key, odd[3]);
  EXPECT_EQ(entries[1].size, 5u);
  ASSERT_TRUE(store_->remove({odd[0], odd[1], odd[2], odd[3], "r/absent"}, stop_).ok());
  EXPECT_TRUE(store_->list("r/", stop_).take().empty());
  EXPECT_TRUE(store_->get(odd[2], std::nullopt, stop_).error().is(errors::no_object));
  EXPECT_FALSE(store_->head(odd[2], stop_).take().has_value());
}

TEST_F(S3StoreTest, ListingsGoOverAllPages) {
  std::vector<std::string> keys;
  for (int i = 0; i < 1005; ++i) keys.push_back(fmt::format("many/{:04}", i));
  for (const std::string& key : keys) ASSERT_TRUE(store_->put(key, "", {}, stop_).ok());
  const auto entries = store_->list("many/", stop_).take();
  ASSERT_EQ(entries.size(), keys.size());
  EXPECT_EQ(entries.back().key, "many/1004");
  ASSERT_TRUE(store_->remove(keys, stop_).ok());
  EXPECT_TRUE(store_->list("many/", stop_).take().empty());
}

TEST_F(S3StoreTest, ALargeObjectTravelsInPartsAndASmallOneInOne) {
  const std::string bytes = pattern(12 << 20);
  {
    auto object = store_->upload("parts/large", facts, stop_).take();
    for (std::size_t at = 0; at < bytes.size(); at += 1 << 20)
      ASSERT_TRUE(object->append(bytes.substr(at, 1 << 20)).ok());
    EXPECT_FALSE(store_->head("parts/large", stop_).take().has_value());
    EXPECT_EQ(unfinished(), 1u);
    const auto finished = object->finish();
    ASSERT_TRUE(finished.ok()) << finished.error().text();
  }
  EXPECT_TRUE(store_->get("parts/large", std::nullopt, stop_).take() == bytes);
  EXPECT_EQ(store_->head("parts/large", stop_).take()->facts.metadata, facts.metadata);
  {
    auto object = store_->upload("parts/small", facts, stop_).take();
    ASSERT_TRUE(object->append("1,a\n").ok());
    ASSERT_TRUE(object->finish().ok());
  }
  EXPECT_EQ(store_->get("parts/small", std::nullopt, stop_).take(), "1,a\n");
  EXPECT_EQ(unfinished(), 0u);
}

TEST_F(S3StoreTest, AnUploadThatIsDroppedLeavesNothing) {
  {
    auto object = store_->upload("dropped", facts, stop_).take();
    ASSERT_TRUE(object->append(pattern(6 << 20)).ok());
    EXPECT_EQ(unfinished(), 1u);
  }
  EXPECT_EQ(unfinished(), 0u);
  EXPECT_FALSE(store_->head("dropped", stop_).take().has_value());
}

TEST_F(S3StoreTest, WhatACrashLeftIsAbortedAtTheNextStart) {
  const std::string bytes = pattern(6 << 20);
  auto object = store_->upload("stale/mine", facts, stop_).take();
  ASSERT_TRUE(object->append(bytes).ok());
  // The death of the process: the abort never arrives.
  rule({{"kind", "answer"}, {"status", 500}, {"match", "^DELETE /lake/stale/mine"}});
  object.reset();
  EXPECT_EQ(unfinished(), 1u);
  EXPECT_EQ(store_
                ->abort_stale(
                    "stale/", [](const auto& found) { return found.key == "stale/other"; }, stop_)
                .take(),
            0u);
  EXPECT_EQ(store_
                ->abort_stale(
                    "stale/", [](const auto& found) { return found.started > 0; }, stop_)
                .take(),
            1u);
  EXPECT_EQ(unfinished(), 0u);
}

TEST_F(S3StoreTest, SlowDownAndInternalErrorsAreTriedAgainWithPauses) {
  rule({{"kind", "answer"}, {"status", 503}, {"code", "SlowDown"}, {"times", 3}, {"match", "^PUT"}});
  rule({{"kind", "answer"}, {"status", 500}, {"code", "InternalError"}, {"times", 2}, {"match", "^PUT"}});
  rule({{"kind", "answer"}, {"status", 400}, {"code", "RequestTimeout"}, {"times", 1}, {"match", "^PUT"}});
  ASSERT_TRUE(store_->put("slow/a", "1", facts, stop_).ok());
  EXPECT_EQ(clock_.pauses, 6);
  EXPECT_LE(clock_.longest, settings_.pause_max);
  EXPECT_EQ(store_->get("slow/a", std::nullopt, stop_).take(), "1");
}

TEST_F(S3StoreTest, PatienceHasAnEnd) {
  rule({{"kind", "answer"}, {"status", 503}, {"code", "SlowDown"}, {"times", 1000}});
  const auto put = store_->put("slow/b", "1", facts, stop_);
  ASSERT_FALSE(put.ok());
  EXPECT_TRUE(put.error().is(errors::s3_throttled));
  EXPECT_EQ(put.error().kind(), base::Kind::transient);
  EXPECT_EQ(clock_.pauses, settings_.attempts_max - 1);
}

TEST_F(S3StoreTest, APartThatWasCutInTheMiddleIsSentAgain) {
  const std::string bytes = pattern(16 << 20);
  rule({{"kind", "cut"}, {"bytes", 2000000}, {"times", 2}, {"match", "^PUT /lake/cut\\?partNumber=2"}});
  rule({{"kind", "cut_answer"}, {"match", "^PUT /lake/cut\\?partNumber=3"}});
  auto object = store_->upload("cut", facts, stop_).take();
  const auto appended = object->append(bytes);
  ASSERT_TRUE(appended.ok()) << appended.error().text();
  ASSERT_TRUE(object->finish().ok());
  EXPECT_TRUE(store_->get("cut", std::nullopt, stop_).take() == bytes);
  // Some of them libcurl itself sends again, when a kept connection broke before any answer.
  const json used = servers_->proxy.ask({{"do", "stats"}})["used"];
  EXPECT_EQ(used["cut"], 2);
  EXPECT_EQ(used["cut_answer"], 1);
}

TEST_F(S3StoreTest, ACompletionWhoseAnswerGotLostCounts) {
  const std::string bytes = pattern(6 << 20);
  auto object = store_->upload("lost", facts, stop_).take();
  ASSERT_TRUE(object->append(bytes).ok());
  rule({{"kind", "cut_answer"}, {"match", "^POST /lake/lost\\?uploadId"}});
  rule({{"kind", "answer"}, {"status", 404}, {"code", "NoSuchUpload"}, {"match", "^POST /lake/lost\\?uploadId"}});
  const auto finished = object->finish();
  ASSERT_TRUE(finished.ok()) << finished.error().text();
  EXPECT_TRUE(store_->get("lost", std::nullopt, stop_).take() == bytes);
}

TEST_F(S3StoreTest, AnUploadThatSomebodyAbortedIsNoSuccess) {
  auto object = store_->upload("gone", facts, stop_).take();
  ASSERT_TRUE(object->append(pattern(6 << 20)).ok());
  EXPECT_EQ(store_
                ->abort_stale(
                    "gone", [](const auto&) { return true; }, stop_)
                .take(),
            1u);
  const auto finished = object->finish();
  ASSERT_FALSE(finished.ok());
  EXPECT_TRUE(finished.error().is(errors::s3_upload_gone)) << finished.error().text();
}

TEST_F(S3StoreTest, ACompletionThatAnswers200WithAnErrorIsAnError) {
  auto object = store_->upload("twohundred", facts, stop_).take();
  ASSERT_TRUE(object->append(pattern(6 << 20)).ok());
  rule(
      {{"kind", "answer"}, {"status", 200}, {"code", "InternalError"}, {"match", "^POST /lake/twohundred\\?uploadId"}});
  ASSERT_TRUE(object->finish().ok());
  EXPECT_EQ(clock_.pauses, 1);
  auto refused = store_->upload("twohundred2", facts, stop_).take();
  ASSERT_TRUE(refused->append(pattern(6 << 20)).ok());
  rule(
      {{"kind", "answer"}, {"status", 200}, {"code", "AccessDenied"}, {"match", "^POST /lake/twohundred2\\?uploadId"}});
  EXPECT_TRUE(refused->finish().error().is(errors::s3_access_denied));
}

TEST_F(S3StoreTest, AnExpiredTokenIsRenewedOnce) {
  credentials_.list.insert(credentials_.list.begin(), {"millracetest", "millracetestsecret", "old", 0});
  rule({{"kind", "answer"}, {"status", 400}, {"code", "ExpiredToken"}, {"match", "^PUT"}});
  ASSERT_TRUE(store_->put("token", "1", facts, stop_).ok());
  EXPECT_EQ(credentials_.expirations, 1);
  EXPECT_EQ(clock_.pauses, 0);
  rule({{"kind", "answer"}, {"status", 400}, {"code", "ExpiredToken"}, {"times", 5}, {"match", "^PUT"}});
  EXPECT_TRUE(store_->put("token", "1", facts, stop_).error().is(errors::s3_expired_token));
  EXPECT_EQ(credentials_.expirations, 2);
}

TEST_F(S3StoreTest, WrongKeysAndBucketsAreNamedAtOnce) {
  credentials_.list = {{"millracetest", "wrong", "", 0}};
  EXPECT_TRUE(store_->probe(stop_).error().is(errors::s3_bad_credentials));
  credentials_.list = {{"nobody", "wrong", "", 0}};
  EXPECT_TRUE(store_->probe(stop_).error().is(errors::s3_bad_credentials));
  credentials_.list = {{"millracetest", "millracetestsecret", "", 0}};
  settings_.bucket = "absent";
  reopen();
  const auto probed = store_->probe(stop_);
  EXPECT_TRUE(probed.error().is(errors::s3_no_bucket)) << probed.error().text();
  EXPECT_EQ(clock_.pauses, 0);
}

TEST_F(S3StoreTest, ASilentServerIsGivenUpAfterTheStallTime) {
  rule({{"kind", "half_open"}, {"match", "^PUT"}});
  const base::Nanos before = clock_.monotonic();
  ASSERT_TRUE(store_->put("silent", "1", facts, stop_).ok());
  EXPECT_LT(clock_.monotonic() - before, std::chrono::seconds(10));
  EXPECT_EQ(clock_.pauses, 1);
}

TEST_F(S3StoreTest, AStopEndsAWaitingRequest) {
  rule({{"kind", "half_open"}, {"times", 10}});
  std::stop_source source;
  base::TaskGroup group;
  group.spawn("writer", [&](std::stop_token) -> base::Result<void> {
    return store_->put("stopped", "1", facts, source.get_token());
  });
  while (servers_->proxy.ask({{"do", "stats"}})["used"].value("half_open", 0) == 0) continue;
  source.request_stop();
  EXPECT_TRUE(group.join().error().is(base::errors::canceled));
}

TEST_F(S3StoreTest, AServerThatIsDownIsATransientError) {
  servers_->proxy.ask({{"do", "refuse"}});
  const auto put = store_->put("down", "1", facts, stop_);
  ASSERT_FALSE(put.ok());
  EXPECT_TRUE(put.error().is(errors::network));
  EXPECT_EQ(put.error().kind(), base::Kind::transient);
}

}  // namespace
}  // namespace wire
