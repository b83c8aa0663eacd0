// SPDX-License-Identifier: Apache-2.0
//
// Errors as the API's clients read them: `__type` and message in the body, the name in a header as well. Pure.
#pragma once

#include <string>

#include "base/error.h"

namespace api {

struct ErrorReply {
  int status = 400;
  std::string type;  // "ResourceNotFoundFault"
  std::string body;
};

// Errors of other rooms become InvalidParameterValueException when the input was bad, and InternalFailure otherwise:
// then the message keeps to itself what the server's log says.
ErrorReply reply_of(const base::Error& error);

}  // namespace api
