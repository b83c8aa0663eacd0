// SPDX-License-Identifier: Apache-2.0
//
// JSON text from outside, read strictly: one value, valid UTF-8, no repeated member, at most json_depth_max levels.
// Pure; any thread. How it fails: base.bad_json, naming the document, line, column and member path.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

inline constexpr std::size_t json_depth_max = 64;

// `what` names the document in messages: "TableMappings", "task file orders.json".
Result<nlohmann::json> parse_json(std::string_view text, std::string_view what);

// "text", "number", "object"...: the kind of a value, for messages.
std::string_view json_kind(const nlohmann::json& value);

// The first `limit` bytes of a name or keyword from outside, safe to print: control characters become '?'.
std::string printable(std::string_view text, std::size_t limit = 80);

namespace errors {
inline constexpr Code bad_json{"base.bad_json", Kind::input,
                               "The text is not valid JSON at the named place; correct it there."};
}

}  // namespace base
