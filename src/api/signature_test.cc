// SPDX-License-Identifier: Apache-2.0
//
// Requests as botocore 1.44.5 signed them on 2026-11-21 at 12:00:00 UTC, and what becomes of them when they are
// changed.
#include "api/signature.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "api/errors.h"

namespace api {
namespace {

constexpr base::WallMicros noon = 1795262400LL * 1'000'000;
constexpr base::WallMicros minute = 60LL * 1'000'000;
constexpr const char* secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

SignedRequest request_of(const SignedRequest& like, std::map<std::string, std::string> headers) {
  SignedRequest out = like;
  out.headers.assign(headers.begin(), headers.end());
  return out;
}

// Signed by our own signer, so that a test can choose what is signed.
SignedRequest self_signed(std::map<std::string, std::string> headers, std::string_view body, base::WallMicros when) {
  wire::SigningInput input;
  input.method = "POST";
  input.headers = std::move(headers);
  input.payload_sha256 = wire::sha256_hex(body);
  input.send_payload_hash = false;
  SignedRequest out{.method = "POST", .path = "/", .query = "", .headers = {}, .body = body};
  return request_of(out, wire::sign(input, {"AKID", secret, "", 0}, {"eu-central-1", "dms", when}));
}

base::Result<void> outcome(const SignedRequest& request, base::WallMicros now = noon, const char* key = secret) {
  const Claim claim = TRY(read_claim(request, now));
  return verify(request, claim, key);
}

const std::map<std::string, std::string> usual{{"host", "127.0.0.1:8086"}, {"x-amz-target", "AmazonDMSv20160101.X"}};

void set(SignedRequest& request, const std::string& name, const std::string& value) {
  for (auto& [known, text] : request.headers) {
    if (known == name) text = value;
  }
}

struct Signed {
  const char* host;
  const char* token;
  const char* operation;
  std::string_view body;
  const char* headers;
  const char* signature;
};
constexpr std::array<Signed, 3> signed_by_botocore{
    Signed{"127.0.0.1:8086", "", "DescribeEndpoints", "{}", "content-type;host;x-amz-date;x-amz-target",
           "5e43f463bc7ae95f617b0a8be614a0790d599c42571a67071272935c51e8f1c2"},
    Signed{"localhost:8086", "AQoDYXdzEJr//token==", "DescribeEndpoints",
           R"({"Filters": [{"Name": "endpoint-id", "Values": ["gr\u00fcn", "a b"]}], "MaxRecords": 20})",
           "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
           "7e35b8b3255f4521d58a311304eadd42092c01eee0e8a9f2d4728fd8b6d15168"},
    Signed{"millrace.example", "", "CreateReplicationSubnetGroup",
           R"({"ReplicationSubnetGroupIdentifier": "G1", "ReplicationSubnetGroupDescription": "one\n two", )"
           R"("SubnetIds": ["a", "b"]})",
           "content-type;host;x-amz-date;x-amz-target",
           "143ed3e2774cc49b473b846c759e4ab84ae0e3b8d78778f7635d7e32787642ea"},
};

SignedRequest received(const Signed& row) {
  SignedRequest out{.method = "POST", .path = "/", .query = "", .headers = {}, .body = row.body};
  out.headers = {{"host", row.host},
                 {"user-agent", "Boto3/1.44.5"},
                 {"content-length", std::to_string(row.body.size())},
                 {"content-type", "application/x-amz-json-1.1"},
                 {"x-amz-date", "20261121T120000Z"},
                 {"x-amz-target", std::string("AmazonDMSv20160101.") + row.operation},
                 {"authorization", std::string("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-central-1/dms/"
                                               "aws4_request, SignedHeaders=") +
                                       row.headers + ", Signature=" + row.signature}};
  if (*row.token != '\0') out.headers.emplace_back("x-amz-security-token", row.token);
  return out;
}

TEST(SignatureTest, TakesWhatBotocoreSigned) {
  for (const Signed& row : signed_by_botocore) {
    const SignedRequest request = received(row);
    const auto taken = outcome(request);
    EXPECT_TRUE(taken.ok()) << row.host << ": " << taken.error().text();
    EXPECT_EQ(read_claim(request, noon)->session_token, row.token);
    EXPECT_FALSE(outcome(request, noon, "another").ok());
    for (const auto& [name, value] : request.headers) {
      if (std::string_view(row.headers).find(name) == std::string_view::npos) continue;
      SignedRequest changed = request;
      set(changed, name, value + "x");
      EXPECT_FALSE(outcome(changed).ok()) << name;
    }
  }
}

TEST(SignatureTest, TakesWhatWasSigned) {
  const SignedRequest request = self_signed(usual, "{}", noon);
  EXPECT_TRUE(outcome(request).ok());
  const Claim claim = *read_claim(request, noon);
  EXPECT_EQ(claim.access_key, "AKID");
  EXPECT_EQ(claim.place.region, "eu-central-1");
}

TEST(SignatureTest, TheSameRequestMayComeAgain) {
  const SignedRequest request = self_signed(usual, "{}", noon);
  EXPECT_TRUE(outcome(request).ok());
  EXPECT_TRUE(outcome(request, noon + minute).ok());
}

TEST(SignatureTest, NothingThatIsSignedMayChange) {
  for (const auto& [name, value] :
       std::map<std::string, std::string>{{"host", "other:8086"}, {"x-amz-target", "AmazonDMSv20160101.Y"}}) {
    SignedRequest request = self_signed(usual, "{}", noon);
    set(request, name, value);
    EXPECT_TRUE(outcome(request).error().is(errors::invalid_signature)) << name;
  }
  SignedRequest body = self_signed(usual, "{}", noon);
  body.body = "{ }";
  EXPECT_TRUE(outcome(body).error().is(errors::invalid_signature));
  SignedRequest path = self_signed(usual, "{}", noon);
  path.path = "//";
  EXPECT_TRUE(outcome(path).error().is(errors::invalid_signature));
  EXPECT_TRUE(outcome(self_signed(usual, "{}", noon), noon, "another").error().is(errors::invalid_signature));
}

TEST(SignatureTest, ClocksMayDifferByFifteenMinutes) {
  const SignedRequest request = self_signed(usual, "{}", noon);
  EXPECT_TRUE(outcome(request, noon + 15 * minute).ok());
  EXPECT_TRUE(outcome(request, noon - 15 * minute).ok());
  EXPECT_TRUE(outcome(request, noon + 15 * minute + 1'000'000).error().is(errors::invalid_signature));
  EXPECT_TRUE(outcome(request, noon - 15 * minute - 1'000'000).error().is(errors::invalid_signature));
}

TEST(SignatureTest, WhatDecidesMustBeSigned) {
  for (const char* name : {"x-amz-target", "x-amz-security-token"}) {
    SignedRequest request = self_signed({{"host", "h"}}, "{}", noon);
    request.headers.emplace_back(name, "x");
    EXPECT_TRUE(outcome(request).error().is(errors::incomplete_signature)) << name;
  }
  SignedRequest without_host = self_signed({{"x-amz-target", "t"}}, "{}", noon);
  EXPECT_TRUE(outcome(without_host).error().is(errors::incomplete_signature));
}

TEST(SignatureTest, BlanksAndOrderOfHeadersDoNotCount) {
  std::map<std::string, std::string> headers = usual;
  headers["amz-sdk-request"] = "attempt=1;   max=5";
  SignedRequest request = self_signed(headers, "{}", noon);
  set(request, "amz-sdk-request", " attempt=1; max=5 ");
  std::reverse(request.headers.begin(), request.headers.end());
  request.headers.emplace_back("user-agent", "not signed");
  EXPECT_TRUE(outcome(request).ok());
}

TEST(SignatureTest, AStatedPayloadHashMustBeTrue) {
  std::map<std::string, std::string> headers = usual;
  headers["x-amz-content-sha256"] = wire::sha256_hex("{}");
  EXPECT_TRUE(outcome(self_signed(headers, "{}", noon)).ok());
  headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD";
  EXPECT_FALSE(outcome(self_signed(headers, "{}", noon)).ok());
}

TEST(SignatureTest, BrokenHeadersAreRefusedByName) {
  const SignedRequest good = self_signed(usual, "{}", noon);
  SignedRequest none = good;
  none.headers.clear();
  EXPECT_TRUE(outcome(none).error().is(errors::missing_authentication_token));
  for (const char* text : {"Basic abc", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential",
                           "AWS4-HMAC-SHA256 Credential=a", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request",
                           "AWS4-HMAC-SHA256 Credential=a/20261121/r/dms/aws4_request, SignedHeaders=host",
                           "AWS4-HMAC-SHA256 Credential=a/20261121/r/dms/aws4_request, SignedHeaders=absent, Signature="
                           "0000000000000000000000000000000000000000000000000000000000000000"}) {
    SignedRequest request = good;
    set(request, "authorization", text);
    EXPECT_TRUE(outcome(request).error().is(errors::incomplete_signature)) << text;
  }
  for (const char* date : {"", "20261121", "20261321T120000Z", "20261121T120000z", "2026112 T120000Z"}) {
    SignedRequest request = good;
    set(request, "x-amz-date", date);
    EXPECT_FALSE(outcome(request).ok()) << date;
  }
}

TEST(SignatureTest, ComparesInConstantTime) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
}

}  // namespace
}  // namespace api
