// SPDX-License-Identifier: Apache-2.0
#include "connect/options.h"

#include <charconv>

namespace connect {
namespace {

std::string folded(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

const OptionSpec* find_spec(std::span<const OptionSpec> specs, const std::string& path) {
  const std::string wanted = folded(path);
  for (const OptionSpec& spec : specs) {
    if (folded(spec.path) == wanted) return &spec;
  }
  return nullptr;
}

base::Result<std::string> checked_choice(const OptionSpec& spec, const std::string& value) {
  const std::string wanted = folded(value);
  std::string_view rest = spec.choices;
  while (!rest.empty()) {
    const std::string_view choice = rest.substr(0, rest.find('|'));
    if (folded(choice) == wanted) return std::string(choice);
    rest.remove_prefix(std::min(rest.size(), choice.size() + 1));
  }
  return base::failed(errors::bad_option, "{}: \"{}\" is not one of {}", spec.path, value, spec.choices);
}

base::Result<std::string> checked(const OptionSpec& spec, const std::string& value) {
  switch (spec.kind) {
    case OptionKind::text:
    case OptionKind::secret: return value;
    case OptionKind::choice: return checked_choice(spec, value);
    case OptionKind::boolean: {
      const std::string word = folded(value);
      if (word == "true" || word == "y" || word == "yes" || word == "1") return std::string("true");
      if (word == "false" || word == "n" || word == "no" || word == "0") return std::string("false");
      return base::failed(errors::bad_option, "{}: \"{}\" is not true or false", spec.path, value);
    }
    case OptionKind::integer: {
      std::int64_t number = 0;
      const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
      const bool bounded = spec.minimum != 0 || spec.maximum != 0;
      if (code != std::errc() || end != value.data() + value.size()) {
        return base::failed(errors::bad_option, "{}: \"{}\" is not a whole number", spec.path, value);
      }
      if (bounded && (number < spec.minimum || number > spec.maximum)) {
        return base::failed(errors::bad_option, "{}: {} is outside {} to {}", spec.path, number, spec.minimum,
                            spec.maximum);
      }
      return value;
    }
  }
  return base::failed(base::errors::bug, "{}: unknown option kind", spec.path);
}

}  // namespace

base::Result<Options> Options::parse(std::span<const OptionSpec> specs,
                                     const std::map<std::string, std::string>& given) {
  Options options;
  for (const OptionSpec& spec : specs) options.values_[std::string(spec.path)] = std::string(spec.default_value);
  for (const auto& [path, value] : given) {
    const OptionSpec* spec = find_spec(specs, path);
    if (spec == nullptr) return base::failed(errors::bad_option, "unknown member {}", path);
    if (!spec->refused.empty()) return base::failed(errors::bad_option, "{}: {}", spec->path, spec->refused);
    options.values_[std::string(spec->path)] = TRY(checked(*spec, value));
    options.given_[std::string(spec->path)] = true;
  }
  return options;
}

const std::string& Options::text(std::string_view path) const {
  const auto found = values_.find(path);
  ENSURE(found != values_.end());
  return found->second;
}

std::int64_t Options::integer(std::string_view path) const {
  const std::string& value = text(path);
  std::int64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

bool Options::boolean(std::string_view path) const { return text(path) == "true"; }

bool Options::is_set(std::string_view path) const { return given_.contains(path); }

}  // namespace connect
