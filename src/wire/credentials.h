// SPDX-License-Identifier: Apache-2.0
//
// Where AWS credentials come from. CredentialChain follows the standard order, taking the first that is set:
//   1. MillraceCredentials: "ACCESS:SECRET[:TOKEN]", or "profile:NAME"
//   2. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   3. AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN (STS AssumeRoleWithWebIdentity)
//   4. the profile AWS_PROFILE, else "default": keys, or a role with a web identity token file
//   5. AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI
//   6. the machine's role (instance metadata, version 2), unless AWS_EC2_METADATA_DISABLED=true
// What a profile may hold besides (sso, credential_process, source_profile) is refused by name.
//
// Answers are kept and fetched again five minutes before they expire, or at once after expired() has named them.
// Thread-safe; one thread fetches, the others wait for it. Secrets enter no message.
//
// How it fails: wire.no_credentials naming what was tried, or what the endpoint answered.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "base/clock.h"
#include "wire/http.h"
#include "wire/sigv4.h"

namespace wire {

class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  virtual base::Result<Credentials> current(const std::stop_token& stop) = 0;
  // The server called these expired: the next current() asks again if they are still the ones held.
  virtual void expired(const Credentials& credentials) = 0;
};

// The value of an environment variable, empty when not set. In production process_environment.
using Environment = std::function<std::string(const std::string& name)>;
std::string process_environment(const std::string& name);

class CredentialChain final : public CredentialSource {
 public:
  // `explicit_text` is MillraceCredentials or empty. Client and clock outlive the chain.
  CredentialChain(std::string explicit_text, std::string region, Environment environment, HttpClient& http,
                  const base::Clock& clock);

  base::Result<Credentials> current(const std::stop_token& stop) override;
  void expired(const Credentials& credentials) override;

 private:
  using Found = std::optional<Credentials>;
  base::Result<Credentials> fetch(const std::stop_token& stop);
  base::Result<Found> from_text() const;
  base::Result<Found> from_environment() const;
  base::Result<Found> from_profile(const std::string& name, const std::stop_token& stop);
  base::Result<Credentials> from_web_identity(const std::string& token_file, const std::string& role,
                                              const std::string& session, const std::stop_token& stop);
  base::Result<Found> from_container(const std::stop_token& stop);
  base::Result<Found> from_machine(const std::stop_token& stop);

  const std::string explicit_text_;
  const std::string region_;
  const Environment environment_;
  HttpClient& http_;
  const base::Clock& clock_;
  base::Mutex mutex_;
  std::optional<Credentials> held_ GUARDED_BY(mutex_);
};

// The members of one profile in the text of ~/.aws/credentials or (with `config`) ~/.aws/config; empty when absent.
std::map<std::string, std::string> read_profile(std::string_view text, std::string_view profile, bool config);
// {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"} as containers and machines answer it.
base::Result<Credentials> parse_credentials_json(std::string_view text, std::string_view origin);
// "2026-11-21T06:00:00Z" -> microseconds; 0 when it is not such a time.
base::WallMicros parse_iso_time(std::string_view text);

}  // namespace wire
