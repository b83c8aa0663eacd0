// SPDX-License-Identifier: Apache-2.0
#include "wire/credentials.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "wire/errors.h"
#include "wire/xml.h"

namespace wire {
namespace {

using base::failed;
using base::Lock;
using base::Result;

constexpr base::WallMicros renew_before = 5LL * 60 * 1000000;
constexpr long seconds_max = 5;
constexpr std::size_t answer_bytes_max = 256 * 1024;
constexpr std::size_t file_bytes_max = 4 << 20;

std::string_view without_blanks(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(file_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > file_bytes_max) return std::nullopt;
  return text;
}

std::string member(const std::map<std::string, std::string>& from, const std::string& name) {
  const auto found = from.find(name);
  return found == from.end() ? "" : found->second;
}

// "https://10.0.0.1/x": plain http carries credentials only where nobody listens in between.
bool may_be_asked(std::string_view url) {
  if (url.starts_with("https://")) return true;
  for (const std::string_view near : {"http://127.", "http://localhost", "http://[::1]", "http://169.254.170.2",
                                      "http://169.254.170.23", "http://[fd00:ec2::23]"}) {
    if (url.starts_with(near)) return true;
  }
  return false;
}

}  // namespace

std::string process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

base::WallMicros parse_iso_time(std::string_view text) {
  int field[6] = {};
  const std::size_t starts[6] = {0, 5, 8, 11, 14, 17};
  const std::size_t sizes[6] = {4, 2, 2, 2, 2, 2};
  if (text.size() < 20 || text[10] != 'T') return 0;
  for (int i = 0; i < 6; ++i) {
    for (const char c : text.substr(starts[i], sizes[i])) {
      if (c < '0' || c > '9') return 0;
      field[i] = field[i] * 10 + (c - '0');
    }
  }
  const auto [year, month, day, hour, minute, second] = field;
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31) return 0;
  const auto days = std::chrono::sys_days(std::chrono::year(year) / month / day).time_since_epoch().count();
  return (((days * 24LL + hour) * 60 + minute) * 60 + second) * 1000000;
}

std::map<std::string, std::string> read_profile(std::string_view text, std::string_view profile, bool config) {
  std::map<std::string, std::string> members;
  bool inside = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view line = without_blanks(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      std::string_view name = without_blanks(line.substr(1, line.find(']') - 1));
      // The config file says "[profile x]", but "[default]".
      const bool prefixed = name.starts_with("profile ") || name.starts_with("profile\t");
      if (config && prefixed) name = without_blanks(name.substr(8));
      inside = name == profile && (!config || prefixed || name == "default");
      continue;
    }
    const std::size_t equals = line.find('=');
    // A line that begins with a blank continues a nested member ("s3 =\n  x = y"), none of which is ours.
    if (!inside || equals == std::string_view::npos || raw.front() == ' ' || raw.front() == '\t') continue;
    members[std::string(without_blanks(line.substr(0, equals)))] = without_blanks(line.substr(equals + 1));
  }
  return members;
}

Result<Credentials> parse_credentials_json(std::string_view text, std::string_view origin) {
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  const auto word = [&](const char* name) -> std::string {
    if (!document.is_object()) return "";
    const auto found = document.find(name);
    return found != document.end() && found->is_string() ? found->get<std::string>() : "";
  };
  Credentials credentials{word("AccessKeyId"), word("SecretAccessKey"), word("Token"),
                          parse_iso_time(word("Expiration"))};
  if (credentials.access_key.empty() || credentials.secret_key.empty()) {
    return failed(errors::no_credentials, "{} answered without AccessKeyId and SecretAccessKey", origin);
  }
  return credentials;
}

CredentialChain::CredentialChain(std::string explicit_text, std::string region, Environment environment,
                                 HttpClient& http, const base::Clock& clock)
    : explicit_text_(std::move(explicit_text)),
      region_(std::move(region)),
      environment_(std::move(environment)),
      http_(http),
      clock_(clock) {}

Result<Credentials> CredentialChain::current(const std::stop_token& stop) {
  Lock lock(mutex_);
  if (held_ && (held_->expires == 0 || held_->expires - renew_before > clock_.wall())) return Credentials(*held_);
  Result<Credentials> fresh = fetch(stop);
  if (fresh.ok()) {
    held_ = *fresh;
  } else if (held_ && held_->expires > clock_.wall()) {
    return Credentials(*held_);  // still good for a while; the endpoint may be back by then
  }
  return fresh;
}

void CredentialChain::expired(const Credentials& credentials) {
  Lock lock(mutex_);
  if (held_ && held_->access_key == credentials.access_key && held_->session_token == credentials.session_token) {
    held_.reset();
  }
}

Result<Credentials> CredentialChain::fetch(const std::stop_token& stop) {
  if (explicit_text_.starts_with("profile:")) {
    const std::string name = explicit_text_.substr(8);
    const Found found = TRY(from_profile(name, stop));
    if (!found) return failed(errors::no_credentials, "MillraceCredentials: there is no profile '{}'", name);
    return Credentials(*found);
  }
  Found found = TRY(from_text());
  if (!found) found = TRY(from_environment());
  const std::string token_file = environment_("AWS_WEB_IDENTITY_TOKEN_FILE");
  const std::string role = environment_("AWS_ROLE_ARN");
  if (!found && !token_file.empty() && !role.empty()) {
    return from_web_identity(token_file, role, environment_("AWS_ROLE_SESSION_NAME"), stop);
  }
  if (!found) {
    const std::string named = environment_("AWS_PROFILE");
    found = TRY(from_profile(named.empty() ? "default" : named, stop));
    if (!found && !named.empty()) {
      return failed(errors::no_credentials, "AWS_PROFILE: there is no profile '{}'", named);
    }
  }
  if (!found) found = TRY(from_container(stop));
  if (!found) found = TRY(from_machine(stop));
  if (found) return std::move(*found);
  return failed(
      errors::no_credentials,
      "no credentials in MillraceCredentials, the environment, a profile, the container's or the machine's role");
}

Result<CredentialChain::Found> CredentialChain::from_text() const {
  if (explicit_text_.empty()) return Found();
  const std::size_t first = explicit_text_.find(':');
  if (first == std::string::npos || first == 0) {
    return failed(errors::no_credentials, "MillraceCredentials is neither ACCESS:SECRET[:TOKEN] nor profile:NAME");
  }
  const std::size_t second = explicit_text_.find(':', first + 1);
  Credentials credentials;
  credentials.access_key = explicit_text_.substr(0, first);
  credentials.secret_key = explicit_text_.substr(first + 1, second == std::string::npos ? second : second - first - 1);
  if (second != std::string::npos) credentials.session_token = explicit_text_.substr(second + 1);
  if (credentials.secret_key.empty()) return failed(errors::no_credentials, "MillraceCredentials has an empty secret");
  return Found(std::move(credentials));
}

Result<CredentialChain::Found> CredentialChain::from_environment() const {
  Credentials credentials{environment_("AWS_ACCESS_KEY_ID"), environment_("AWS_SECRET_ACCESS_KEY"),
                          environment_("AWS_SESSION_TOKEN"), 0};
  if (credentials.access_key.empty() && credentials.secret_key.empty()) return Found();
  if (credentials.access_key.empty() || credentials.secret_key.empty()) {
    return failed(errors::no_credentials, "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set");
  }
  return Found(std::move(credentials));
}

Result<CredentialChain::Found> CredentialChain::from_profile(const std::string& name, const std::stop_token& stop) {
  const std::string home = environment_("HOME");
  std::string secrets_path = environment_("AWS_SHARED_CREDENTIALS_FILE");
  std::string config_path = environment_("AWS_CONFIG_FILE");
  if (secrets_path.empty()) secrets_path = home + "/.aws/credentials";
  if (config_path.empty()) config_path = home + "/.aws/config";
  // Members of the credentials file win over the config file's.
  auto members = read_profile(read_text(secrets_path).value_or(""), name, false);
  members.merge(read_profile(read_text(config_path).value_or(""), name, true));
  if (members.empty()) return Found();

  if (!member(members, "aws_access_key_id").empty() && !member(members, "aws_secret_access_key").empty() &&
      member(members, "role_arn").empty()) {
    return Found(Credentials{member(members, "aws_access_key_id"), member(members, "aws_secret_access_key"),
                             member(members, "aws_session_token"), 0});
  }
  if (!member(members, "role_arn").empty() && !member(members, "web_identity_token_file").empty()) {
    return Found(TRY(from_web_identity(member(members, "web_identity_token_file"), member(members, "role_arn"),
                                       member(members, "role_session_name"), stop)));
  }
  for (const char* other : {"role_arn", "credential_process", "sso_session", "sso_start_url", "credential_source"}) {
    if (!member(members, other).empty()) {
      return failed(errors::no_credentials, "profile '{}' uses {}, which Millrace does not know; export keys instead",
                    name, other);
    }
  }
  return Found();
}

Result<Credentials> CredentialChain::from_web_identity(const std::string& token_file, const std::string& role,
                                                       const std::string& session, const std::stop_token& stop) {
  const std::optional<std::string> token = read_text(token_file);
  if (!token) return failed(errors::no_credentials, "the web identity token file {} cannot be read", token_file);
  std::string url = environment_("AWS_ENDPOINT_URL_STS");
  if (url.empty()) url = "https://sts." + (region_.empty() ? "" : region_ + ".") + "amazonaws.com";
  const std::string body = encode_query({{"Action", "AssumeRoleWithWebIdentity"},
                                         {"Version", "2011-06-15"},
                                         {"RoleArn", role},
                                         {"RoleSessionName", session.empty() ? "millrace" : session},
                                         {"WebIdentityToken", std::string(without_blanks(*token))}});
  HttpRequest request{"POST", url + "/",        {{"Content-Type", "application/x-www-form-urlencoded"}},
                      body,   answer_bytes_max, 30};
  const HttpAnswer answer = TRY(http_.send(request, stop));
  const XmlElement document = TRY(parse_xml(answer.body));
  if (answer.status != 200) {
    const XmlElement* error = document.child("Error");
    return failed(errors::no_credentials, "role {}: the token service answered {} {}", role, answer.status,
                  error == nullptr ? "" : error->value("Code"));
  }
  const XmlElement* result = document.child("AssumeRoleWithWebIdentityResult");
  const XmlElement* found = result == nullptr ? nullptr : result->child("Credentials");
  if (found == nullptr || found->value("AccessKeyId").empty() || found->value("SecretAccessKey").empty()) {
    return failed(errors::no_credentials, "role {}: the token service answered without credentials", role);
  }
  return Credentials{std::string(found->value("AccessKeyId")), std::string(found->value("SecretAccessKey")),
                     std::string(found->value("SessionToken")), parse_iso_time(found->value("Expiration"))};
}

Result<CredentialChain::Found> CredentialChain::from_container(const std::stop_token& stop) {
  const std::string relative = environment_("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string url =
      relative.empty() ? environment_("AWS_CONTAINER_CREDENTIALS_FULL_URI") : "http://169.254.170.2" + relative;
  if (url.empty()) return Found();
  if (!may_be_asked(url)) {
    return failed(errors::no_credentials, "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor local");
  }
  std::string token = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  const std::string token_file = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (!token_file.empty()) token = without_blanks(read_text(token_file).value_or(""));
  HttpRequest request{"GET", url, {}, "", answer_bytes_max, seconds_max};
  if (!token.empty()) request.headers.emplace_back("Authorization", token);
  const HttpAnswer answer = TRY(http_.send(request, stop));
  if (answer.status != 200) {
    return failed(errors::no_credentials, "the container's credential endpoint answered {}", answer.status);
  }
  return Found(TRY(parse_credentials_json(answer.body, "the container's credential endpoint")));
}

// Elsewhere than on EC2 nobody answers at that address: that is no error, only no credentials.
Result<CredentialChain::Found> CredentialChain::from_machine(const std::stop_token& stop) {
  if (environment_("AWS_EC2_METADATA_DISABLED") == "true") return Found();
  std::string url = environment_("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (url.empty()) url = "http://169.254.169.254";
  while (url.ends_with('/')) url.pop_back();
  HttpRequest ask{"PUT", url + "/latest/api/token", {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}},
                  "",    answer_bytes_max,          2};
  Result<HttpAnswer> token = http_.send(ask, stop);
  if (!token.ok() && token.error().kind() == base::Kind::canceled) return token.take_error();
  if (!token.ok() || token->status != 200) return Found();

  HttpRequest request{"GET",
                      url + "/latest/meta-data/iam/security-credentials/",
                      {{"X-aws-ec2-metadata-token", token->body}},
                      "",
                      answer_bytes_max,
                      seconds_max};
  const HttpAnswer roles = TRY(http_.send(request, stop));
  if (roles.status == 404) return Found();
  const std::string role(without_blanks(roles.body.substr(0, roles.body.find('\n'))));
  if (roles.status != 200 || role.empty()) {
    return failed(errors::no_credentials, "instance metadata answered {} when asked for the role", roles.status);
  }
  request.url += percent_encode(role, false);
  const HttpAnswer answer = TRY(http_.send(request, stop));
  if (answer.status != 200) {
    return failed(errors::no_credentials, "instance metadata answered {} for role {}", answer.status, role);
  }
  return Found(TRY(parse_credentials_json(answer.body, "instance metadata")));
}

}  // namespace wire
