// SPDX-License-Identifier: Apache-2.0
#include "api/reply.h"

#include <nlohmann/json.hpp>

#include "api/errors.h"
#include "base/json.h"

namespace api {
namespace {

constexpr std::string_view room = "api.";
constexpr std::size_t message_bytes_max = 4000;

std::string_view type_of(const base::Code& code) { return code.name.substr(room.size()); }

int status_of(const base::Code& code) {
  if (&code == &errors::internal_failure) return 500;
  for (const base::Code* forbidden :
       {&errors::missing_authentication_token, &errors::unrecognized_client, &errors::invalid_signature,
        &errors::incomplete_signature, &errors::access_denied, &errors::expired_token}) {
    if (&code == forbidden) return 403;
  }
  return 400;
}

}  // namespace

ErrorReply reply_of(const base::Error& error) {
  const base::Code* code = error.code;
  std::string message = error.message;
  if (!code->name.starts_with(room)) {
    const bool input = code->kind == base::Kind::input;
    code = input ? &errors::invalid_parameter_value : &errors::internal_failure;
    if (!input) message = "the server could not do it; its log says why";
  }
  const nlohmann::json body{{"__type", type_of(*code)}, {"message", base::printable(message, message_bytes_max)}};
  return {status_of(*code), std::string(type_of(*code)),
          body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

}  // namespace api
