// SPDX-License-Identifier: Apache-2.0
//
// Access keys: made here, checked in front.cc. The secret is shown once, when the key is made.
//
// How it fails: server.refused for a name or role that cannot be.
#pragma once

#include <string>

#include "base/clock.h"
#include "server/seal.h"
#include "server/store.h"

namespace server {

struct NewKey {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // empty: a key without an end
};

// `hours` 0: it does not expire.
base::Result<NewKey> add_user(Store& store, const Seal& seal, base::Clock& clock, const std::string& name,
                              const std::string& role, int hours);

}  // namespace server
