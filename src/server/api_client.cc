// SPDX-License-Identifier: Apache-2.0
#include "server/api_client.h"

#include <cstdlib>

#include "base/json.h"
#include "server/errors.h"

namespace server {
namespace {

using base::Result;
using nlohmann::json;

constexpr const char* usual_server = "https://127.0.0.1:8086";
constexpr long call_seconds_max = 60;

std::string variable(const char* name, std::string otherwise = "") {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::move(otherwise) : std::string(value);
}

}  // namespace

ApiClient::ApiClient(const ServerPlace& place)
    : url_(place.url.empty() ? variable("AWS_ENDPOINT_URL_DATABASE_MIGRATION_SERVICE", usual_server) : place.url),
      key_{variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"), variable("AWS_SESSION_TOKEN"), 0},
      client_({.ca_file = place.ca_file.empty() ? variable("AWS_CA_BUNDLE") : place.ca_file}) {
  while (!url_.empty() && url_.back() == '/') url_.pop_back();
}

Result<json> ApiClient::call(const std::string& operation, const json& input) {
  const wire::HttpAnswer answer =
      TRY(send("POST", "/", input.dump(),
               {{"content-type", "application/x-amz-json-1.1"}, {"x-amz-target", "AmazonDMSv20160101." + operation}}));
  const json reply = TRY(base::parse_json(answer.body, "the server's answer"));
  if (answer.status == 200) return reply;
  return base::failed(errors::refused, "{}: {}", reply.value("__type", std::to_string(answer.status)),
                      reply.value("message", ""));
}

Result<std::string> ApiClient::page(const std::string& path) {
  const wire::HttpAnswer answer = TRY(send("GET", path, "", {}));
  if (answer.status == 200) return answer.body;
  return base::failed(errors::refused, "{}", base::printable(answer.body, 1000));
}

Result<json> ApiClient::all(const std::string& operation, json input, const char* member) {
  json rows = json::array();
  while (true) {
    json page = TRY(call(operation, input));
    for (json& row : page[member]) rows.push_back(std::move(row));
    if (!page.contains("Marker")) return rows;
    input["Marker"] = page["Marker"];
  }
}

Result<wire::HttpAnswer> ApiClient::send(const std::string& method, const std::string& path, const std::string& body,
                                         std::map<std::string, std::string> headers) {
  if (key_.access_key.empty()) {
    return base::failed(errors::bad_usage, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
  }
  const wire::SigningScope scope{variable("AWS_DEFAULT_REGION", "us-east-1"), "dms", clock_.wall()};
  auto answer = send_signed(client_, {method, url_, path, std::move(headers), body, call_seconds_max}, key_, scope, {});
  if (!answer.ok()) return base::failed(errors::not_reached, "{}", url_).because(answer.take_error());
  return answer;
}

}  // namespace server
