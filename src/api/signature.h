// SPDX-License-Identifier: Apache-2.0
//
// Who sent a request: Signature Version 4, checked from the list of headers that the client says it signed. First the
// claim is read, which names the access key; then, with that key's secret, it is verified. A request may be repeated:
// clients do so with the same signature. Pure; any thread.
//
// How it fails: MissingAuthenticationToken-, IncompleteSignature- and InvalidSignatureException. A wrong signature and
// one that came too late or too early look alike to a client that does not know the secret.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "wire/sigv4.h"

namespace api {

inline constexpr base::WallMicros clock_skew_max = 15ll * 60 * 1'000'000;

struct SignedRequest {
  std::string method;
  std::string path;                                          // as received
  std::string query;                                         // as received, without '?'
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string_view body;

  // The values of that header, joined by commas; empty: there is none.
  std::string header(std::string_view name) const;
};

struct Claim {
  std::string access_key;
  std::string session_token;
  wire::SigningPlace place;
  std::vector<std::string> signed_headers;
  std::string signature;
};

base::Result<Claim> read_claim(const SignedRequest& request, base::WallMicros now);
base::Result<void> verify(const SignedRequest& request, const Claim& claim, std::string_view secret_key);

// Takes the same time wherever the texts differ.
bool equal_in_constant_time(std::string_view left, std::string_view right);

}  // namespace api
