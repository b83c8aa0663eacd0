// SPDX-License-Identifier: Apache-2.0
#include "main/endpoint.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/json.h"
#include "main/errors.h"

namespace main_program {
namespace {

using base::printable;
using connect::OptionKind;
using connect::OptionSpec;
using nlohmann::json;

constexpr std::array engine_options{
    OptionSpec{.path = "MillraceChunkMB",
               .kind = OptionKind::integer,
               .default_value = "64",
               .minimum = 1,
               .maximum = 65536,
               .help = "Size of the pieces a table is loaded in."},
    OptionSpec{.path = "MillraceSourceLogCapMB",
               .kind = OptionKind::integer,
               .default_value = "4096",
               .minimum = 1,
               .maximum = 1 << 30,
               .help = "Log kept at the source because of this task; beyond it the relay takes over."},
    OptionSpec{.path = "MillraceRelayCapMB",
               .kind = OptionKind::integer,
               .default_value = "16384",
               .minimum = 1,
               .maximum = 1 << 30,
               .help = "Disk the relay may use in the data directory; beyond it the source's log holds again."},
    OptionSpec{.path = "MillraceInsertOnlyWithoutIdentity",
               .kind = OptionKind::boolean,
               .default_value = "false",
               .help = "true: tables without a usable replica identity send their inserts only."},
};

// Members of the API that every endpoint has and that need no connector.
constexpr std::array<std::string_view, 9> general_members{
    "EndpointIdentifier", "EndpointType",        "EngineName", "EngineDisplayName", "ExtraConnectionAttributes", "Tags",
    "ResourceIdentifier", "MillracePasswordEnv", "KmsKeyId"};

std::string_view last_name(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

class EndpointReader {
 public:
  EndpointReader(const json& members, Side side, const Environ& environ_of, const SecretReader& secret_of)
      : members_(members), side_(side), environ_of_(environ_of), secret_of_(secret_of) {}

  base::Result<Endpoint> run(std::span<const connect::Connector* const> connectors) {
    if (!members_.is_object()) {
      return base::failed(errors::bad_task_file, "{}: must be an object, not {}", side_name(side_),
                          base::json_kind(members_));
    }
    Endpoint endpoint;
    endpoint.identifier = TRY(general_text("EndpointIdentifier"));
    const std::string engine = TRY(general_text("EngineName"));
    endpoint.engine_name = lower(engine);
    TRY(check_type());
    endpoint.connector = TRY(find_connector(endpoint.engine_name, connectors));
    specs_ = endpoint_options(*endpoint.connector, side_);
    TRY(flatten(members_, ""));
    const std::string attributes = TRY(general_text("ExtraConnectionAttributes"));
    TRY(add_attributes(attributes));
    TRY(add_password());
    TRY(add_secret());
    auto options = connect::Options::parse(specs_, given_);
    if (!options.ok()) return in_side(options.take_error());
    endpoint.options = std::move(options).take();
    describe(endpoint);
    return endpoint;
  }

 private:
  template <typename... Args>
  base::Error bad(fmt::format_string<Args...> format, Args&&... args) const {
    return base::failed(errors::bad_task_file, "{}.{}", side_name(side_),
                        fmt::format(format, std::forward<Args>(args)...));
  }

  base::Error in_side(base::Error error) const {
    error.message = fmt::format("{}: {}", side_name(side_), error.message);
    return error;
  }

  base::Result<std::string> general_text(const char* member) const {
    const auto found = members_.find(member);
    if (found == members_.end() || found->is_null()) return std::string();
    if (!found->is_string()) return bad("{}: must be a string, not {}", member, base::json_kind(*found));
    return found->get<std::string>();
  }

  base::Result<void> check_type() const {
    const std::string type = lower(TRY(general_text("EndpointType")));
    if (!type.empty() && type != side_name(side_)) {
      return bad("EndpointType: \"{}\" does not fit, this is the {}", printable(type), side_name(side_));
    }
    return {};
  }

  base::Result<const connect::Connector*> find_connector(const std::string& engine,
                                                         std::span<const connect::Connector* const> connectors) const {
    std::string known;
    for (const connect::Connector* connector : connectors) {
      const bool can = side_ == Side::source ? connector->open_source != nullptr : connector->open_target != nullptr;
      if (!can) continue;
      for (const std::string_view name : connector->engine_names) {
        if (name == engine) return connector;
        known += (known.empty() ? "" : ", ") + std::string(name);
      }
    }
    if (engine.empty()) return bad("EngineName: is missing; it is one of {}", known);
    return base::failed(errors::unknown_engine, "{}.EngineName: \"{}\" is not one of {}", side_name(side_),
                        printable(engine), known);
  }

  const OptionSpec* find_spec(std::string_view path) const {
    const std::string wanted = lower(path);
    for (const OptionSpec& spec : specs_) {
      if (lower(spec.path) == wanted) return &spec;
    }
    return nullptr;
  }

  // By its last name; a member at the top comes before one inside the engine's settings.
  const OptionSpec* find_attribute(std::string_view name) const {
    const std::string wanted = lower(name);
    const OptionSpec* found = nullptr;
    for (const OptionSpec& spec : specs_) {
      if (lower(last_name(spec.path)) != wanted) continue;
      if (found == nullptr || spec.path.find('.') == std::string_view::npos) found = &spec;
    }
    return found;
  }

  base::Result<void> give(const std::string& path, std::string value, std::string_view from) {
    const OptionSpec* spec = find_spec(path);
    const std::string name = spec == nullptr ? path : std::string(spec->path);
    if (spec == nullptr) {
      return base::failed(connect::errors::bad_option, "{}: unknown member {}", side_name(side_), printable(path));
    }
    if (const auto [entry, fresh] = given_.emplace(name, value); !fresh && entry->second != value) {
      return bad("{}: is given twice with different values ({})", printable(path), from);
    }
    return {};
  }

  base::Result<void> flatten(const json& object, const std::string& prefix) {
    for (const auto& [name, value] : object.items()) {
      if (value.is_null()) continue;
      const std::string path = prefix + name;
      const bool general = std::find(general_members.begin(), general_members.end(), path) != general_members.end();
      if (general && find_spec(path) == nullptr) continue;
      if (value.is_object()) {
        TRY(flatten(value, path + "."));
      } else if (value.is_array()) {
        return bad("{}: must not be an array", printable(path));
      } else if (value.is_number_float()) {
        return bad("{}: must be a whole number", printable(path));
      } else {
        TRY(give(path, value.is_string() ? value.get<std::string>() : value.dump(), "in the document"));
      }
    }
    return {};
  }

  base::Result<void> add_attributes(std::string_view text) {
    constexpr std::string_view member = "ExtraConnectionAttributes";
    while (!text.empty()) {
      const std::size_t end = std::min(text.find(';'), text.size());
      const std::string_view part = trimmed(text.substr(0, end));
      text.remove_prefix(std::min(text.size(), end + 1));
      if (part.empty()) continue;
      const std::size_t equals = part.find('=');
      // The text may be part of a secret, so it is not repeated.
      if (equals == std::string_view::npos) return bad("{}: an attribute has no '=' (name=value;name=value)", member);
      const std::string_view name = trimmed(part.substr(0, equals));
      const OptionSpec* spec = find_attribute(name);
      if (spec == nullptr) return bad("{}: unknown attribute {}", member, printable(name));
      TRY(give(std::string(spec->path), std::string(trimmed(part.substr(equals + 1))),
               "also in ExtraConnectionAttributes"));
    }
    return {};
  }

  base::Result<void> add_password() {
    const std::string variable = TRY(general_text("MillracePasswordEnv"));
    if (variable.empty()) return {};
    if (given_.contains("Password")) return bad("MillracePasswordEnv: does not go with Password");
    if (find_spec("Password") == nullptr) return bad("MillracePasswordEnv: this engine has no Password");
    const auto value = environ_of_(variable);
    if (!value) return bad("MillracePasswordEnv: the environment has no variable {}", printable(variable));
    given_["Password"] = *value;
    return {};
  }

  // The first member that has one of these names, at the top or inside the engine's settings.
  std::string first_of(std::initializer_list<std::string_view> names) const {
    for (const std::string_view name : names) {
      for (const auto& [path, value] : given_) {
        if (last_name(path) == name) return value;
      }
    }
    return "";
  }

  base::Result<void> add_secret() {
    const std::string id = first_of({"SecretsManagerSecretId"});
    if (id.empty()) {
      if (first_of({"SecretsManagerAccessRoleArn"}).empty()) return {};
      return bad("SecretsManagerAccessRoleArn: goes with SecretsManagerSecretId only");
    }
    for (const std::string_view name : {"Username", "Password", "ServerName", "Port"}) {
      if (!first_of({name}).empty())
        return bad("{}: does not go with SecretsManagerSecretId, whose secret has it", name);
    }
    if (!secret_of_) return {};
    auto text = secret_of_(id);
    if (!text.ok()) return in_side(text.take_error());
    if (!*text) return {};
    auto found = members_of_secret(**text);
    if (!found.ok()) return in_side(found.take_error());
    for (auto& [name, value] : *found) {
      // A database that is named in the document is the one that is meant: the secret is the account's.
      if (name == "DatabaseName" && !first_of({name}).empty()) continue;
      given_[name] = std::move(value);
    }
    return {};
  }

  void describe(Endpoint& endpoint) const {
    std::string place = first_of({"MillraceUrl", "BucketName"});
    if (place.empty()) {
      const std::string port = first_of({"Port"});
      const std::string unread = first_of({"ServerName"}).empty() ? first_of({"SecretsManagerSecretId"}) : "";
      place = unread.empty() ? "" : "secret " + unread + " ";
      place += first_of({"ServerName"}) + (port.empty() ? "" : ":" + port) + "/" + first_of({"DatabaseName"});
    } else if (const std::string folder = first_of({"BucketFolder"}); !folder.empty()) {
      place += "/" + folder;
    }
    endpoint.text = printable(endpoint.engine_name + " " + place, 200);
    endpoint.identity = endpoint.engine_name + " " + place;
  }

  const json& members_;
  const Side side_;
  const Environ& environ_of_;
  const SecretReader& secret_of_;
  std::vector<OptionSpec> specs_;
  std::map<std::string, std::string> given_;
};

}  // namespace

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view side_name(Side side) { return side == Side::source ? "source" : "target"; }

std::span<const OptionSpec> engine_source_options() { return engine_options; }

std::vector<OptionSpec> endpoint_options(const connect::Connector& connector, Side side) {
  const auto own = side == Side::source ? connector.source_options : connector.target_options;
  std::vector<OptionSpec> specs(own.begin(), own.end());
  if (side == Side::target) return specs;
  for (const OptionSpec& spec : engine_options) {
    const bool declared = std::any_of(own.begin(), own.end(), [&](const auto& o) { return o.path == spec.path; });
    if (!declared) specs.push_back(spec);
  }
  return specs;
}

base::Result<Endpoint> parse_endpoint(const json& members, Side side,
                                      std::span<const connect::Connector* const> connectors, const Environ& environ_of,
                                      const SecretReader& secret_of) {
  return EndpointReader(members, side, environ_of, secret_of).run(connectors);
}

}  // namespace main_program
