// SPDX-License-Identifier: Apache-2.0
//
// A client of the server's API for our own commands. The key is that of the AWS clients' environment; the server is the
// one that is named, or AWS_ENDPOINT_URL_DATABASE_MIGRATION_SERVICE, or the usual address here. One thread.
//
// How it fails: server.bad_usage without a key, server.not_reached, server.refused with what the server answered.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.h"
#include "server/signed_call.h"

namespace server {

struct ServerPlace {
  std::string url;      // empty: as above
  std::string ca_file;  // PEM; empty: AWS_CA_BUNDLE, or the system's
};

class ApiClient {
 public:
  explicit ApiClient(const ServerPlace& place);

  base::Result<nlohmann::json> call(const std::string& operation, const nlohmann::json& input);
  // A page that is not of the API.
  base::Result<std::string> page(const std::string& path);
  // All rows of a list that comes in pages.
  base::Result<nlohmann::json> all(const std::string& operation, nlohmann::json input, const char* member);

  base::SystemClock& clock() { return clock_; }
  const std::string& url() const { return url_; }

 private:
  base::Result<wire::HttpAnswer> send(const std::string& method, const std::string& path, const std::string& body,
                                      std::map<std::string, std::string> headers);

  base::SystemClock clock_;
  std::string url_;
  const wire::Credentials key_;
  wire::HttpClient client_;
};

}  // namespace server
