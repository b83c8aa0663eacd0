// SPDX-License-Identifier: Apache-2.0
#include "server/endpoints.h"

#include <algorithm>
#include <array>

#include "api/check.h"
#include "api/errors.h"
#include "base/disk.h"
#include "base/json.h"
#include "server/certificates.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Result;

constexpr api::NameRule endpoint_name_rule{"EndpointIdentifier", 255};
constexpr std::string_view hidden_value = "***";
constexpr std::array<FilterName, 4> endpoint_filters{
    FilterName{"endpoint-arn", "$arn"}, FilterName{"endpoint-id", "$id"}, FilterName{"endpoint-type", "EndpointType"},
    FilterName{"engine-name", "EngineName"}};
// Given at the top or inside the engine's settings: the same data, answered in both places.
constexpr std::array<const char*, 4> shared_members{"ServerName", "Port", "Username", "DatabaseName"};

struct EngineText {
  std::string_view name;
  std::string_view display;
  const char* settings;
};
constexpr std::array<EngineText, 6> engine_texts{
    EngineText{"postgres", "PostgreSQL", "PostgreSQLSettings"},
    EngineText{"aurora-postgresql", "Amazon Aurora PostgreSQL", "PostgreSQLSettings"},
    EngineText{"mysql", "MySQL", "MySQLSettings"},
    EngineText{"mariadb", "MariaDB", "MySQLSettings"},
    EngineText{"aurora", "Amazon Aurora MySQL", "MySQLSettings"},
    EngineText{"s3", "Amazon S3", "S3Settings"},
};

const EngineText* text_of_engine(std::string_view name) {
  const auto at =
      std::find_if(engine_texts.begin(), engine_texts.end(), [&](const auto& row) { return row.name == name; });
  return at == engine_texts.end() ? nullptr : &*at;
}

const api::Shape& shape_named(std::string_view name) {
  const api::Shape* shape = api::find_shape(name);
  ENSURE(shape != nullptr);
  return *shape;
}

// Takes the secret members out of `value`, which has that shape; what is returned has them in their places.
json take_secrets(const api::Shape& shape, json& value) {
  json secrets = json::object();
  for (const api::Member& member : api::members_of(shape)) {
    const auto at = value.find(member.name);
    if (at == value.end()) continue;
    const api::Shape& inner = api::shape_of(member.shape);
    const std::string name(member.name);
    if (inner.sensitive) {
      secrets[name] = *at;
      value.erase(at);
    } else if (inner.kind == api::Kind::structure) {
      json found = take_secrets(inner, *at);
      if (!found.empty()) secrets[name] = std::move(found);
    }
  }
  return secrets;
}

Result<json> secrets_of(Ground& ground, const Resource& endpoint) {
  if (endpoint.sealed.empty()) return json::object();
  return json::parse(TRY(ground.seal.open(endpoint.sealed, endpoint.arn)), nullptr, false);
}

// The answer's Endpoint, made from what was given.
json shown_endpoint(const Resource& endpoint) {
  const json& given = endpoint.inner["given"];
  json shown = api::pruned(shape_named("Endpoint"), given);
  const std::string engine = given.value("EngineName", "");
  shown["EndpointArn"] = endpoint.arn;
  shown["Status"] = "active";
  shown["SslMode"] = given.value("SslMode", "none");
  const EngineText* text = text_of_engine(engine);
  if (text == nullptr) return shown;
  shown["EngineDisplayName"] = text->display;
  json& settings = shown[text->settings];
  if (!settings.is_object()) settings = json::object();
  const api::Shape& shape = shape_named(text->settings);
  for (const char* member : shared_members) {
    if (api::find_member(shape, member) == nullptr) continue;
    if (shown.contains(member) && !settings.contains(member)) settings[member] = shown[member];
    if (!shown.contains(member) && settings.contains(member)) shown[member] = settings[member];
  }
  return shown;
}

void lower_member(json& members, const char* name) {
  const auto at = members.find(name);
  if (at == members.end()) return;
  std::string text = at->get<std::string>();
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  *at = std::move(text);
}

// What a worker and a task read: without the members that only the API knows.
json task_members(json members) {
  for (const char* member : {"Tags", "ResourceIdentifier", "CertificateArn", "ExactSettings", "EndpointArn"}) {
    members.erase(member);
  }
  return members;
}

Result<void> check_references(Ground& ground, const json& given) {
  if (given.contains("KmsKeyId")) {
    return base::failed(api::errors::invalid_parameter_value,
                        "KmsKeyId is not offered: secrets are stored under the server's own key");
  }
  const std::string certificate = given.value("CertificateArn", "");
  if (!certificate.empty()) (void)TRY(need(ground, certificate_kind, certificate, "CertificateArn"));
  return {};
}

// Checks `given` with its secrets as a task would read it, then fills the resource.
Result<void> settle(Ground& ground, json given, json secrets, Resource& endpoint) {
  endpoint.inner["given"] = given;
  endpoint.sealed = ground.seal.close(secrets.dump(), endpoint.arn);
  const std::string side = given.value("EndpointType", "");
  const json document = TRY(endpoint_document(ground, endpoint));
  const json answer = TRY(ground.checked({{"ask", "check-endpoint"}, {"side", side}, {"endpoint", document}}));
  if (given.contains("ExtraConnectionAttributes")) {
    const json attributes = answer.value("attributes", json());
    if (attributes != given["ExtraConnectionAttributes"]) {
      // Sealed at once: whoever gives the shown text back keeps the value.
      if (!secrets.contains("ExtraConnectionAttributes")) {
        secrets["ExtraConnectionAttributes"] = given["ExtraConnectionAttributes"];
      }
      given["ExtraConnectionAttributes"] = attributes;
    } else if (given.value("ExtraConnectionAttributes", "").find(hidden_value) == std::string::npos) {
      secrets.erase("ExtraConnectionAttributes");
    }
  }
  endpoint.inner["given"] = std::move(given);
  endpoint.sealed = ground.seal.close(secrets.dump(), endpoint.arn);
  endpoint.shown = shown_endpoint(endpoint);
  endpoint.state = "active";
  endpoint.refers_to.emplace();
  const std::string certificate = endpoint.inner["given"].value("CertificateArn", "");
  if (!certificate.empty()) endpoint.refers_to->push_back(certificate);
  return {};
}

Result<json> create_endpoint(Ground& ground, const Request& request) {
  const std::string id = TRY(free_name(ground, endpoint_kind, request, endpoint_name_rule));
  Resource endpoint = TRY(new_resource(ground, request, endpoint_kind, id));
  json given = request.input;
  given["EndpointIdentifier"] = id;
  lower_member(given, "EngineName");
  const auto tags = TRY(tags_of(given.value("Tags", json::array())));
  given.erase("Tags");
  given.erase("ResourceIdentifier");
  TRY(check_references(ground, given));
  json secrets = take_secrets(shape_named("CreateEndpointMessage"), given);
  TRY(settle(ground, std::move(given), std::move(secrets), endpoint));
  TRY(ground.store.commit({.removed = {}, .put = {endpoint}, .tags = {{endpoint.arn, tags}}, .events = {}}));
  return json{{"Endpoint", endpoint.shown}};
}

Result<json> describe_endpoints(Ground& ground, const Request& request) {
  return describe(ground, request, {endpoint_kind, "Endpoints", endpoint_filters},
                  [](const Resource& resource) -> Result<json> { return resource.shown; });
}

Result<void> check_unused(Ground& ground, const Resource& endpoint, bool running_only) {
  for (const char* kind : {task_kind, config_kind}) {
    for (const Resource& task : TRY(ground.store.referring(kind, endpoint.arn))) {
      if (running_only && at_rest(task)) continue;
      return base::failed(api::errors::invalid_resource_state, "endpoint {} is used by {}, which is {}", endpoint.id,
                          task.id, task.state);
    }
  }
  return {};
}

// The members of a modification over those given before. A member that may stand in two places stands in one.
json merged(const json& before, const json& modification, bool exact_settings) {
  json out = before;
  for (const auto& [name, value] : modification.items()) {
    if (value.is_object() && out.contains(name) && !exact_settings) {
      out[name].merge_patch(value);
    } else {
      out[name] = value;
    }
  }
  for (const char* member : {"ServerName", "Port", "Username", "DatabaseName", "Password"}) {
    for (auto& [name, settings] : out.items()) {
      if (!settings.is_object() || !settings.contains(member)) continue;
      const bool inner_new = modification.contains(name) && modification[name].contains(member);
      if (modification.contains(member) && !inner_new) settings.erase(member);
      if (inner_new && !modification.contains(member)) out.erase(member);
    }
  }
  return out;
}

constexpr std::array<const char*, 4> plain_members{"Username", "Password", "ServerName", "Port"};
constexpr std::array<const char*, 2> secret_members{"SecretsManagerSecretId", "SecretsManagerAccessRoleArn"};

// At the top, or inside the engine's settings.
bool has_one(const json& members, std::span<const char* const> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* name) {
    const auto inside = [&](const json& settings) { return settings.is_object() && settings.contains(name); };
    return inside(members) || std::any_of(members.begin(), members.end(), inside);
  });
}

void erase_all(json& members, std::span<const char* const> names) {
  for (const char* name : names) {
    members.erase(name);
    for (json& settings : members) {
      if (settings.is_object()) settings.erase(name);
    }
  }
}

// A secret and what it holds exclude each other: the way to connect that is given now replaces the other one.
void take_new_way(const json& modification, const json& new_secrets, json& before, json& secrets) {
  const bool named = has_one(modification, secret_members);
  const bool plain = has_one(modification, plain_members) || has_one(new_secrets, plain_members);
  if (named && !plain) {
    erase_all(before, plain_members);
    erase_all(secrets, plain_members);
  }
  if (plain && !named) erase_all(before, secret_members);
}

Result<json> modify_endpoint(Ground& ground, const Request& request) {
  Resource endpoint = TRY(need(ground, endpoint_kind, request.text("EndpointArn"), "EndpointArn"));
  json modification = request.input;
  modification.erase("EndpointArn");
  modification.erase("ExactSettings");
  if (modification.empty()) {
    return base::failed(api::errors::invalid_parameter_combination, "No modifications were requested");
  }
  if (request.has("EndpointIdentifier")) {
    const std::string id = TRY(api::checked_name(request.text("EndpointIdentifier"), endpoint_name_rule));
    if (id != endpoint.id) endpoint.id = TRY(free_name(ground, endpoint_kind, request, endpoint_name_rule));
    modification["EndpointIdentifier"] = id;
  }
  lower_member(modification, "EngineName");
  for (const char* fixed : {"EngineName", "EndpointType"}) {
    if (request.has(fixed) && modification[fixed] != endpoint.inner["given"][fixed]) {
      return base::failed(api::errors::invalid_parameter_value, "{} of an endpoint cannot be changed", fixed);
    }
  }
  TRY(check_unused(ground, endpoint, true));
  TRY(check_references(ground, modification));
  json secrets = TRY(secrets_of(ground, endpoint));
  json new_secrets = take_secrets(shape_named("ModifyEndpointMessage"), modification);
  const bool same_attributes = modification.value("ExtraConnectionAttributes", json()) ==
                               endpoint.inner["given"].value("ExtraConnectionAttributes", json());
  if (modification.contains("ExtraConnectionAttributes") && !same_attributes)
    secrets.erase("ExtraConnectionAttributes");
  const bool exact = request.flag("ExactSettings", false);
  json before = endpoint.inner["given"];
  take_new_way(modification, new_secrets, before, secrets);
  json given = merged(before, modification, exact);
  json kept = exact ? new_secrets : merged(secrets, new_secrets, false);
  if (exact && same_attributes && secrets.contains("ExtraConnectionAttributes")) {
    kept["ExtraConnectionAttributes"] = secrets["ExtraConnectionAttributes"];
  }
  if (exact && !kept.contains("Password") && secrets.contains("Password")) kept["Password"] = secrets["Password"];
  TRY(settle(ground, std::move(given), std::move(kept), endpoint));
  Change change{.removed = {}, .put = {endpoint}, .tags = {}, .events = {}};
  for (Resource& connection : TRY(ground.store.referring(connection_kind, endpoint.arn))) {
    ask_again(connection, "testing");
    connection.shown["EndpointIdentifier"] = endpoint.id;
    change.put.push_back(std::move(connection));
  }
  TRY(ground.store.commit(change));
  ground.on_change();
  return json{{"Endpoint", endpoint.shown}};
}

Result<json> delete_endpoint(Ground& ground, const Request& request) {
  const Resource endpoint = TRY(need(ground, endpoint_kind, request.text("EndpointArn"), "EndpointArn"));
  TRY(check_unused(ground, endpoint, false));
  Change change;
  for (const char* kind : {connection_kind, refresh_kind}) {
    for (const Resource& row : TRY(ground.store.referring(kind, endpoint.arn)))
      change.removed.emplace_back(kind, row.id);
  }
  change.removed.emplace_back(endpoint_kind, endpoint.id);
  TRY(ground.store.commit(change));
  json shown = endpoint.shown;
  shown["Status"] = "deleting";
  return json{{"Endpoint", shown}};
}

Result<json> describe_endpoint_types(Ground& ground, const Request& request) {
  constexpr std::array<FilterName, 2> names{FilterName{"engine-name", "EngineName"},
                                            FilterName{"endpoint-type", "EndpointType"}};
  const std::vector<Filter> filters = TRY(filters_of(request, names));
  std::map<std::string, json> rows;
  const json known_engines = TRY(ground.checked({{"ask", "engines"}}));
  for (const json& engine : known_engines.at("engines")) {
    const std::string name = engine["name"];
    const EngineText* text = text_of_engine(name);
    for (const auto& [side, options] : engine["sides"].items()) {
      json row{{"EngineName", name},
               {"SupportsCDC", true},
               {"EndpointType", side},
               {"EngineDisplayName", text == nullptr ? name : std::string(text->display)}};
      if (passes(row, filters)) rows[name + " " + side] = std::move(row);
    }
  }
  return page_of(request, "SupportedEndpointTypes", rows, {});
}

json setting_row(const json& option, const std::string& name) {
  const std::string kind = option["kind"];
  json row{{"Name", name},
           {"Type", kind == "secret" ? "string" : kind},
           {"Sensitive", kind == "secret"},
           {"Applicability", option["help"]}};
  if (!option["default"].get<std::string>().empty()) row["DefaultValue"] = option["default"];
  if (kind == "integer" && option["maximum"] != 0) {
    const auto bound = [](const json& number) { return std::clamp<std::int64_t>(number, INT32_MIN, INT32_MAX); };
    row["IntValueMin"] = bound(option["minimum"]);
    row["IntValueMax"] = bound(option["maximum"]);
  }
  if (kind == "enum") {
    row["EnumValues"] = json::array();
    std::string choices = option["choices"];
    for (std::size_t begin = 0; begin <= choices.size();) {
      const std::size_t end = std::min(choices.find('|', begin), choices.size());
      row["EnumValues"].push_back(choices.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return row;
}

Result<json> describe_endpoint_settings(Ground& ground, const Request& request) {
  std::map<std::string, json> rows;
  bool known = false;
  const json known_engines = TRY(ground.checked({{"ask", "engines"}}));
  for (const json& engine : known_engines.at("engines")) {
    if (engine["name"] != request.input["EngineName"]) continue;
    known = true;
    for (const auto& [side, options] : engine["sides"].items()) {
      for (const json& option : options) {
        const std::string path = option["path"];
        const std::string name = path.substr(path.rfind('.') + 1);
        rows[name] = setting_row(option, name);
      }
    }
  }
  if (!known) {
    return base::failed(api::errors::invalid_parameter_value, "EngineName \"{}\" is not one of this server",
                        base::printable(request.text("EngineName")));
  }
  return page_of(request, "EndpointSettings", rows, {});
}

}  // namespace

std::string side_of(const Resource& endpoint) { return endpoint.inner["given"].value("EndpointType", ""); }

Result<json> endpoint_document(Ground& ground, const Resource& endpoint) {
  json members = endpoint.inner["given"];
  members.merge_patch(TRY(secrets_of(ground, endpoint)));
  const std::string certificate = members.value("CertificateArn", "");
  members = task_members(std::move(members));
  if (certificate.empty()) return members;
  members["MillraceSslRootCertificate"] = TRY(certificate_file(ground, certificate));
  return members;
}

void ask_again(Resource& row, const char* state) {
  row.state = state;
  row.shown["Status"] = state;
  row.shown.erase("LastFailureMessage");
  row.inner["asked"] = row.inner.value("asked", 0) + 1;
}

std::span<const OperationRow> endpoint_operations() {
  static constexpr std::array rows{
      OperationRow{
          "CreateEndpoint", create_endpoint, Effect::changes,
          "Engines of this server; unknown members and attributes and `KmsKeyId` are refused. Millrace's own "
          "settings travel in `ExtraConnectionAttributes`. `SecretsManagerSecretId` is read where `--secrets` says."},
      OperationRow{"DeleteEndpoint", delete_endpoint, Effect::changes},
      OperationRow{"DescribeEndpointSettings", describe_endpoint_settings, Effect::reads,
                   "Made from the connectors' own declarations."},
      OperationRow{"DescribeEndpointTypes", describe_endpoint_types, Effect::reads},
      OperationRow{"DescribeEndpoints", describe_endpoints, Effect::reads},
      OperationRow{"ModifyEndpoint", modify_endpoint, Effect::changes,
                   "Connections that were tested are tested again. Refused while a task of the endpoint runs."},
  };
  return rows;
}

}  // namespace server
