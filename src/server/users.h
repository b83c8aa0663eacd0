// SPDX-License-Identifier: Apache-2.0
//
// Access keys: made here, checked in front.cc. The secret is shown once, when the key is made.
//
// How it fails: server.refused for a name or role that cannot be.
#pragma once

#include <string>

#include "base/clock.h"
#include "server/bounds.h"
#include "server/seal.h"
#include "server/store.h"

namespace server {

struct NewKey {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // empty: a key without an end
};

struct UserPlan {
  std::string name;
  std::string role;
  int hours = 0;  // 0: it does not expire
  Bounds bounds{};
};
base::Result<NewKey> add_user(Store& store, const Seal& seal, base::Clock& clock, const UserPlan& plan);

}  // namespace server
