// SPDX-License-Identifier: Apache-2.0
//
// A call of a server that wants AWS signatures: ours, or SNS. Any thread. How it fails: as wire/http.h.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "wire/http.h"
#include "wire/sigv4.h"

namespace server {

struct SignedCall {
  std::string method = "POST";
  std::string base_url;  // scheme, host and port, without a slash at its end
  std::string path = "/";
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  long seconds_max = 0;
};

base::Result<wire::HttpAnswer> send_signed(wire::HttpClient& client, SignedCall call,
                                           const wire::Credentials& credentials, const wire::SigningScope& scope,
                                           const std::stop_token& stop);

}  // namespace server
