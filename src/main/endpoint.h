// SPDX-License-Identifier: Apache-2.0
//
// One endpoint of a task file, in the shape of CreateEndpoint, turned into a connector's Options. Members are flattened
// to paths ("PostgreSQLSettings.SlotName"); ExtraConnectionAttributes ("slotName=x;heartbeatEnable=true") name the same
// members by their last name in any case. A password may come from the environment: MillracePasswordEnv names the
// variable. SecretsManagerSecretId names a secret that holds user, password, host and port (main/secrets.h); it goes
// with none of these. Pure but for that variable and secret.
//
// How it fails: main.bad_task_file, main.unknown_engine or connect.bad_option, naming the member's path; and for a
// secret as main/secrets.h.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connect/connector.h"
#include "main/secrets.h"

namespace main_program {

enum class Side { source, target };
std::string_view side_name(Side side);
// Names of members mean the same whatever their case.
std::string lower(std::string_view text);

using Environ = std::function<std::optional<std::string>(const std::string&)>;

struct Endpoint {
  std::string identifier;
  std::string engine_name;
  const connect::Connector* connector = nullptr;
  connect::Options options;
  std::string text;      // "postgres 127.0.0.1:5432/crm", without secrets
  std::string identity;  // engine, place and name: what tells this endpoint from another
};

// Members of a source that the engine itself reads; a connector may declare them with its own default.
std::span<const connect::OptionSpec> engine_source_options();

// The members an endpoint may have: the connector's, and for a source the engine's.
std::vector<connect::OptionSpec> endpoint_options(const connect::Connector& connector, Side side);

// Without a reader a secret is left alone: the members that it holds stay open.
base::Result<Endpoint> parse_endpoint(const nlohmann::json& members, Side side,
                                      std::span<const connect::Connector* const> connectors, const Environ& environ_of,
                                      const SecretReader& secret_of = {});

}  // namespace main_program
