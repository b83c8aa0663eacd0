// SPDX-License-Identifier: Apache-2.0
//
// Secrets that an endpoint names in place of user, password, host and port (SecretsManagerSecretId), from where
// MILLRACE_SECRETS says (wire/secret_source.h). A secret is read when the document is, so anew at each start, and kept
// nowhere else than in the endpoint's options.
//
// How it fails: main.no_secrets, main.bad_secret, wire.no_secret, wire.bad_secret_source. Secrets enter no message.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"

namespace main_program {

// The text of the secret of that id; nullopt: it is not read now, but could be.
using SecretReader = std::function<base::Result<std::optional<std::string>>(const std::string& id)>;

SecretReader reading_secrets();
// Looks at what can be known without reading: that there is a source, and that the id is one.
SecretReader naming_secrets();

// {"username": ..., "password": ..., "host": ..., "port": ..., "dbname": ...} as an endpoint's members of these
// meanings. What else a secret holds is of no interest.
base::Result<std::map<std::string, std::string>> members_of_secret(const std::string& text);

}  // namespace main_program
