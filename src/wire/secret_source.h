// SPDX-License-Identifier: Apache-2.0
//
// Where the secrets are that endpoints name by SecretsManagerSecretId, in place of AWS Secrets Manager:
//   file:/absolute/folder       the file of that name in the folder
//   env:PREFIX                  the environment variable PREFIX + name, in upper case, '_' for all but letters and
//   digits command:/absolute/program   what the program, given the id as its only argument, prints within half a minute
// An id is a name ("prod/shop") or an ARN. The name of an ARN ends in a hyphen and six characters that AWS drew; files
// and variables are looked for under the whole name first, then without them.
//
// Nothing is kept: each read() asks anew. Immutable; any thread. Secrets enter no message.
//
// How it fails: wire.bad_secret_source, wire.no_secret.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/credentials.h"

namespace wire {

class SecretSource {
 public:
  static base::Result<SecretSource> parse(std::string_view text);
  // The secret's text. The environment is that of env: sources; the program of command: has our own.
  base::Result<std::string> read(std::string_view id, const Environment& environment) const;

 private:
  enum class Kind { file, variable, command };
  SecretSource(Kind kind, std::string place) : kind_(kind), place_(std::move(place)) {}

  Kind kind_;
  std::string place_;
};

// The names under which a secret of that id may lie, the likelier first; wire.no_secret when it is no id.
base::Result<std::vector<std::string>> names_of_secret(std::string_view id);

}  // namespace wire
