// SPDX-License-Identifier: Apache-2.0
#include "server/users.h"

#include <algorithm>

#include "api/names.h"
#include "server/errors.h"
#include "wire/sigv4.h"

namespace server {
namespace {

constexpr std::size_t name_bytes_max = 64;
constexpr base::WallMicros hour = 3600ll * 1'000'000;

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

base::Result<NewKey> add_user(Store& store, const Seal& seal, base::Clock& clock, const UserPlan& plan) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '@';
  };
  const std::string& name = plan.name;
  if (name.empty() || name.size() > name_bytes_max || !std::all_of(name.begin(), name.end(), plain)) {
    return base::failed(errors::refused, "a user's name has 1 to {} letters, digits and -_.@", name_bytes_max);
  }
  NewKey key;
  key.access_key = (plan.hours == 0 ? "AKIA" : "ASIA") + upper(random_hex(8));
  key.secret_key = random_hex(20);
  if (plan.hours > 0) key.session_token = random_hex(32);
  User user{.access_key = key.access_key,
            .name = name,
            .role = plan.role,
            .sealed_secret = seal.close(key.secret_key, key.access_key),
            .token_sha256 = plan.hours == 0 ? "" : wire::sha256_hex(key.session_token),
            .expires = plan.hours == 0 ? 0 : clock.wall() + plan.hours * hour,
            .bounds = plan.bounds.is_empty() ? "" : plan.bounds.stored()};
  TRY(store.add_user(user));
  return key;
}

}  // namespace server
