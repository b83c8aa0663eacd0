// SPDX-License-Identifier: Apache-2.0
//
// A document of the API held against its shape: no unknown member, none missing that is required, each of its type,
// each enumeration one of its values. Requests are refused with the first flaw found; answers are checked in tests.
// Pure.
//
// How it fails: SerializationException for a wrong type, InvalidParameterValueException for the rest. Values of secret
// members are not repeated.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "api/model.h"
#include "base/result.h"

namespace api {

struct Flaw {
  bool wrong_type;
  std::string text;  // "Filters[0].Name is required"
};

std::optional<Flaw> find_flaw(const Shape& shape, const nlohmann::json& value);

// The request's input, with members that are null left out, as the clients mean them.
base::Result<nlohmann::json> check_input(const Operation& operation, nlohmann::json input);

// The value without members that the shape does not have, at any depth.
nlohmann::json pruned(const Shape& shape, const nlohmann::json& value);

}  // namespace api
