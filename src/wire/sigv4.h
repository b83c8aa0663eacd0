// SPDX-License-Identifier: Apache-2.0
//
// AWS Signature Version 4: who sent a request, proved with a secret that does not travel. Pure functions of their
// arguments; the time is given, so a test can repeat a published example. The caller sends exactly the path, query and
// headers that it had signed. Also the hashes that S3 asks for.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace wire {

struct Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;     // empty: none
  base::WallMicros expires = 0;  // 0: never
};

// What is signed. Header names in lower case; the signer adds host, x-amz-date and what else it needs.
struct SigningInput {
  std::string method;
  std::string path = "/";                                  // as sent: already encoded once
  std::vector<std::pair<std::string, std::string>> query;  // plain, in any order
  std::map<std::string, std::string> headers;              // all are signed
  std::string payload_sha256;                              // lower-case hex
  bool send_payload_hash = true;                           // S3 wants x-amz-content-sha256
};

struct SigningScope {
  std::string region;
  std::string service;
  base::WallMicros now = 0;
};

// The input's headers with x-amz-date, x-amz-content-sha256, x-amz-security-token and authorization added.
std::map<std::string, std::string> sign(const SigningInput& input, const Credentials& credentials,
                                        const SigningScope& scope);

// The steps of which a signature is made, for whoever checks one. `headers`: those that are signed, names in lower
// case.
std::string canonical_request(std::string_view method, std::string_view path, std::string_view encoded_query,
                              const std::map<std::string, std::string>& headers, std::string_view payload_sha256);
struct SigningPlace {
  std::string time;  // "20150830T123600Z"
  std::string region;
  std::string service;
  std::string text() const;  // "20150830/us-east-1/dms/aws4_request"
};
// Lower-case hex.
std::string signature_of(std::string_view canonical, std::string_view secret_key, const SigningPlace& place);
std::string joined_names(const std::map<std::string, std::string>& headers);  // "host;x-amz-date"
std::string signing_time(base::WallMicros time);                              // "20150830T123600Z"

// Everything but A-Z a-z 0-9 - . _ ~ becomes %XX; '/' too unless kept.
std::string percent_encode(std::string_view text, bool keep_slash);
// "a=1&b=" sorted by encoded name, then value: the form that is signed, and sent.
std::string encode_query(const std::vector<std::pair<std::string, std::string>>& query);

std::string sha256_hex(std::string_view bytes);
std::string md5_base64(std::string_view bytes);

}  // namespace wire
