// SPDX-License-Identifier: Apache-2.0
//
// Secrets at rest: AES-256-GCM under the server's key, bound to what they belong to (its ARN or access key), so that a
// sealed text moved to another row does not open. Immutable; any thread.
//
// The key: what --key-from names (a file or a program of the user's), else MILLRACE_KEY, else the file `key` of the
// data directory, made on first use with mode 0600; 64 hexadecimal digits in each. How it fails: server.bad_key,
// server.sealed_damaged, and of --key-from wire.no_secret.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace server {

inline constexpr const char* key_name = "millrace-server";

class Seal {
 public:
  static base::Result<Seal> of_data_dir(const std::string& data_dir);
  // As wire::SecretSource reads it; the key's name there is key_name.
  static base::Result<Seal> of_source(const std::string& source);
  static base::Result<Seal> of_digits(std::string_view digits);

  std::string close(std::string_view secret, std::string_view belongs_to) const;
  base::Result<std::string> open(std::string_view sealed, std::string_view belongs_to) const;
  // Tells one key from another, and nothing of it.
  std::string mark() const;

 private:
  explicit Seal(std::string key) : key_(std::move(key)) {}

  std::string key_;
};

// That many bytes nobody can guess, in lower-case hex.
std::string random_hex(std::size_t bytes);

// The 64 hexadecimal digits in that file; drawn when there is none yet, with mode 0600.
base::Result<std::string> made_once(const std::string& path);

}  // namespace server
