// SPDX-License-Identifier: Apache-2.0
#include "server/signed_call.h"

#include <algorithm>

namespace server {

base::Result<wire::HttpAnswer> send_signed(wire::HttpClient& client, SignedCall call,
                                           const wire::Credentials& credentials, const wire::SigningScope& scope,
                                           const std::stop_token& stop) {
  wire::SigningInput signing;
  signing.method = call.method;
  signing.path = call.path;
  signing.headers = std::move(call.headers);
  signing.headers["host"] = call.base_url.substr(std::min(call.base_url.find("://") + 3, call.base_url.size()));
  signing.payload_sha256 = wire::sha256_hex(call.body);
  signing.send_payload_hash = false;
  const auto sent = wire::sign(signing, credentials, scope);
  wire::HttpRequest request;
  request.method = call.method;
  request.url = call.base_url + call.path;
  request.headers.assign(sent.begin(), sent.end());
  request.body = call.body;
  request.seconds_max = call.seconds_max;
  return client.send(request, stop);
}

}  // namespace server
