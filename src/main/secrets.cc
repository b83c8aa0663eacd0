// SPDX-License-Identifier: Apache-2.0
#include "main/secrets.h"

#include <array>

#include "base/json.h"
#include "main/errors.h"
#include "wire/secret_source.h"

namespace main_program {
namespace {

using base::Result;

struct Part {
  const char* name;
  const char* member;
  bool required;
};
constexpr std::string_view port = "Port";
constexpr std::array parts{Part{"username", "Username", true}, Part{"password", "Password", true},
                           Part{"host", "ServerName", true}, Part{"port", "Port", false},
                           Part{"dbname", "DatabaseName", false}};

Result<wire::SecretSource> configured_source() {
  const std::string text = wire::process_environment("MILLRACE_SECRETS");
  if (text.empty())
    return base::failed(errors::no_secrets, "SecretsManagerSecretId: nothing says where secrets are (--secrets)");
  return wire::SecretSource::parse(text);
}

}  // namespace

SecretReader reading_secrets() {
  return [](const std::string& id) -> Result<std::optional<std::string>> {
    const wire::SecretSource source = TRY(configured_source());
    return std::optional<std::string>(TRY(source.read(id, wire::process_environment)));
  };
}

SecretReader naming_secrets() {
  return [](const std::string& id) -> Result<std::optional<std::string>> {
    (void)TRY(configured_source());
    (void)TRY(wire::names_of_secret(id));
    return std::optional<std::string>();
  };
}

Result<std::map<std::string, std::string>> members_of_secret(const std::string& text) {
  const auto parsed = base::parse_json(text, "the secret");
  // What the parser found may be a part of the secret, so it is not repeated.
  if (!parsed.ok() || !parsed->is_object()) return base::failed(errors::bad_secret, "it is no JSON object");
  std::map<std::string, std::string> members;
  for (const Part& part : parts) {
    const auto found = parsed->find(part.name);
    if (found == parsed->end() || found->is_null()) {
      if (part.required) return base::failed(errors::bad_secret, "it has no {}", part.name);
      continue;
    }
    if (!found->is_string() && !found->is_number_unsigned()) {
      return base::failed(errors::bad_secret, "its {} is {}, not a text", part.name, base::json_kind(*found));
    }
    members[part.member] = found->is_string() ? found->get<std::string>() : found->dump();
    if (members[part.member].empty()) return base::failed(errors::bad_secret, "its {} is empty", part.name);
    const bool digits = members[part.member].find_first_not_of("0123456789") == std::string::npos;
    if (part.member == port && !digits) return base::failed(errors::bad_secret, "its port is no number");
  }
  return members;
}

}  // namespace main_program
