// SPDX-License-Identifier: Apache-2.0
#include "api/check.h"

#include <algorithm>

#include "api/errors.h"
#include "base/json.h"

namespace api {
namespace {

using base::printable;
using nlohmann::json;

std::optional<Flaw> wrong_type(const std::string& path, const json& value, std::string_view expected) {
  return Flaw{true, fmt::format("{} must be {}, not {}", path, expected, base::json_kind(value))};
}

// As clients send and read it: an offset is not allowed, only Z.
bool is_iso_time(const std::string& text) {
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < form.size() + 1 || text.back() != 'Z') return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == 'd' ? !digit : text[i] != form[i]) return false;
  }
  const std::string_view rest = std::string_view(text).substr(form.size(), text.size() - form.size() - 1);
  return rest.empty() || (rest.size() > 1 && rest[0] == '.' && rest.find_first_not_of("0123456789", 1) == rest.npos);
}

bool is_base64(const std::string& text) {
  const std::size_t end = text.find_last_not_of('=') + 1;
  const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/'; };
  return text.size() % 4 == 0 && text.size() - end <= 2 &&
         std::all_of(text.begin(), text.begin() + std::ptrdiff_t(end), plain);
}

std::optional<Flaw> text_flaw(const Shape& shape, const std::string& path, const std::string& text) {
  if (text.find('\0') != std::string::npos) return Flaw{false, path + " must not hold a NUL character"};
  if (shape.maximum != 0 && text.size() > shape.maximum) {
    return Flaw{false, fmt::format("{} must be at most {} characters long, not {}", path, shape.maximum, text.size())};
  }
  const auto values = values_of(shape);
  if (values.empty() || std::find(values.begin(), values.end(), text) != values.end()) return std::nullopt;
  std::string known;
  for (const std::string_view value : values) known += (known.empty() ? "" : ", ") + std::string(value);
  return Flaw{false, fmt::format("{} is \"{}\"; it must be one of {}", path, printable(text), known)};
}

std::optional<Flaw> integer_flaw(const Shape& shape, const std::string& path, const json& value) {
  if (!value.is_number_integer()) return wrong_type(path, value, "a whole number");
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) {
    return Flaw{true, path + " is too large"};
  }
  const auto number = value.get<std::int64_t>();
  if (shape.kind == Kind::integer && (number < INT32_MIN || number > INT32_MAX)) {
    return Flaw{true, fmt::format("{} is {}; it must fit into 32 bits", path, number)};
  }
  return std::nullopt;
}

std::optional<Flaw> flaw_at(const Shape& shape, const std::string& path, const json& value);

std::optional<Flaw> structure_flaw(const Shape& shape, const std::string& path, const json& value) {
  if (!value.is_object()) return wrong_type(path.empty() ? "the request" : path, value, "an object");
  const std::string prefix = path.empty() ? "" : path + ".";
  for (const Member& member : members_of(shape)) {
    if (member.required && !value.contains(member.name)) {
      return Flaw{false, fmt::format("{}{} is required", prefix, member.name)};
    }
  }
  for (const auto& [name, inner] : value.items()) {
    const Member* member = find_member(shape, name);
    if (member == nullptr) return Flaw{false, fmt::format("{}{} is not a member of this API", prefix, printable(name))};
    if (auto flaw = flaw_at(shape_of(member->shape), prefix + name, inner)) return flaw;
  }
  return std::nullopt;
}

std::optional<Flaw> list_flaw(const Shape& shape, const std::string& path, const json& value) {
  if (!value.is_array()) return wrong_type(path, value, "a list");
  if (value.size() < shape.minimum || (shape.maximum != 0 && value.size() > shape.maximum)) {
    return Flaw{false,
                fmt::format("{} must have {} to {} entries, not {}", path, shape.minimum, shape.maximum, value.size())};
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (auto flaw = flaw_at(shape_of(shape.element), fmt::format("{}[{}]", path, i), value[i])) return flaw;
  }
  return std::nullopt;
}

std::optional<Flaw> flaw_at(const Shape& shape, const std::string& path, const json& value) {
  switch (shape.kind) {
    case Kind::structure: return structure_flaw(shape, path, value);
    case Kind::list: return list_flaw(shape, path, value);
    case Kind::text:
      return value.is_string() ? text_flaw(shape, path, value.get_ref<const std::string&>())
                               : wrong_type(path, value, "a string");
    case Kind::boolean: return value.is_boolean() ? std::nullopt : wrong_type(path, value, "true or false");
    case Kind::integer:
    case Kind::integer_long: return integer_flaw(shape, path, value);
    case Kind::real: return value.is_number() ? std::nullopt : wrong_type(path, value, "a number");
    case Kind::epoch_time:
      return value.is_number() ? std::nullopt : wrong_type(path, value, "a number of seconds since 1970");
    case Kind::iso_time:
      if (!value.is_string()) return wrong_type(path, value, "a string like 2026-01-09T12:30:00Z");
      if (is_iso_time(value.get_ref<const std::string&>())) return std::nullopt;
      return Flaw{true, path + " must be like 2026-01-09T12:30:00Z"};
    case Kind::blob:
      if (!value.is_string()) return wrong_type(path, value, "a string of base64");
      if (is_base64(value.get_ref<const std::string&>())) return std::nullopt;
      return Flaw{true, path + " is not base64"};
  }
  return std::nullopt;
}

void drop_nulls(json& value) {
  if (value.is_object()) {
    for (auto at = value.begin(); at != value.end();) at = at->is_null() ? value.erase(at) : std::next(at);
  }
  if (value.is_structured()) {
    for (json& inner : value) drop_nulls(inner);
  }
}

}  // namespace

std::optional<Flaw> find_flaw(const Shape& shape, const json& value) { return flaw_at(shape, "", value); }

base::Result<json> check_input(const Operation& operation, json input) {
  drop_nulls(input);
  if (!input.is_object()) {
    return base::failed(errors::serialization, "the request's body must be a JSON object, not {}",
                        base::json_kind(input));
  }
  if (operation.input == no_shape) return json::object();
  const auto flaw = find_flaw(shape_of(operation.input), input);
  if (!flaw) return input;
  return base::failed(flaw->wrong_type ? errors::serialization : errors::invalid_parameter_value, "{}", flaw->text);
}

json pruned(const Shape& shape, const json& value) {
  if (shape.kind == Kind::list && value.is_array()) {
    json out = json::array();
    for (const json& inner : value) out.push_back(pruned(shape_of(shape.element), inner));
    return out;
  }
  if (shape.kind != Kind::structure || !value.is_object()) return value;
  json out = json::object();
  for (const auto& [name, inner] : value.items()) {
    const Member* member = find_member(shape, name);
    if (member != nullptr) out[name] = pruned(shape_of(member->shape), inner);
  }
  return out;
}

}  // namespace api
