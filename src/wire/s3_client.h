// SPDX-License-Identifier: Apache-2.0
//
// One S3 request, signed, sent, and sent again while that makes sense; the answer's error turned into ours. S3Store
// and its uploads stand on it. Thread-safe; clock, chance, HTTP client and credentials outlive it.
//
// A request is repeated after a broken or stalled connection, 429, 500, 502, 503, 504, RequestTimeout and a damaged
// body, at most attempts_max times with pauses of up to pause_first x 2^n, chosen by chance, never over pause_max;
// and once more with fresh credentials after ExpiredToken. Anything else is the caller's at once. Every request may
// therefore have been carried out more than once: callers send only what can be repeated.
#pragma once

#include <optional>

#include "base/clock.h"
#include "wire/credentials.h"
#include "wire/http.h"
#include "wire/xml.h"

namespace wire {

enum class S3Encryption { none, sse_s3, sse_kms };

struct S3Settings {
  std::string bucket;
  std::string endpoint;  // "https://host:9000"; empty: AWS
  std::string region = "us-east-1";
  std::optional<bool> path_style;  // not set: true for an endpoint of one's own, and for bucket names with dots
  std::string canned_acl;          // "bucket-owner-full-control"; empty: none
  S3Encryption encryption = S3Encryption::none;
  std::string kms_key_id;
  std::string expected_owner;        // account id; empty: not checked
  std::size_t part_bytes = 8 << 20;  // at least 5 MiB on real S3
  int attempts_max = 8;
  base::Nanos pause_first = std::chrono::milliseconds(100);
  base::Nanos pause_max = std::chrono::seconds(10);
};

struct S3Request {
  std::string method = "GET";
  std::string key;  // empty: the bucket itself
  std::vector<std::pair<std::string, std::string>> query;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string_view body;
  std::size_t answer_bytes_max = 64 << 20;
  std::string what;  // "write object sales/x.csv", for messages
};

class S3Client {
 public:
  S3Client(S3Settings settings, CredentialSource& credentials, HttpClient& http, base::Clock& clock,
           base::Random& random);

  // An answer of 2xx, or the error.
  base::Result<HttpAnswer> call(const S3Request& request, const std::stop_token& stop);
  // As call(), for the requests that may answer 200 and then an <Error>; returns the document.
  base::Result<XmlElement> call_for_document(const S3Request& request, const std::stop_token& stop);
  // One attempt with a short deadline that no stop token ends: for cleaning up.
  void call_once(const S3Request& request);

  const S3Settings& settings() const { return settings_; }
  std::string place() const;

 private:
  base::Result<HttpAnswer> attempt(const S3Request& request, const Credentials& credentials, long seconds_max,
                                   const std::stop_token& stop);
  base::Result<HttpAnswer> repeat(const S3Request& request, bool document, const std::stop_token& stop);
  base::Nanos pause_before(int attempt);

  const S3Settings settings_;
  std::string base_url_;   // "https://bucket.s3.eu-west-1.amazonaws.com"
  std::string base_path_;  // "" or "/bucket"
  std::string host_;
  CredentialSource& credentials_;
  HttpClient& http_;
  base::Clock& clock_;
  base::Random& random_;
};

// What an answer means: nothing for 2xx. The code is S3's ("NoSuchKey") or, without a body, derived from the status.
std::optional<base::Error> s3_error(const HttpAnswer& answer, const S3Request& request, bool document);

struct S3Address {
  std::string endpoint;
  std::string bucket;
};
// "https://host:9000/bucket" (a trailing '/' is fine); http only on loopback. wire.bad_url otherwise.
base::Result<S3Address> parse_s3_url(const std::string& url);

}  // namespace wire
