// SPDX-License-Identifier: Apache-2.0
#include "engine/settings.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"

namespace engine {
namespace {

using base::printable;
using base::Result;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t list_entries_max = 10000;
constexpr std::string_view log_components = "Logging.LogComponents";
constexpr std::size_t default_components = 19;  // the further ids appear only when they were given

const SettingSpec* find_spec(std::string_view pattern) {
  for (const SettingSpec& spec : setting_specs()) {
    if (spec.path == pattern) return &spec;
  }
  return nullptr;
}

bool is_prefix(const std::string& prefix) {
  return std::any_of(setting_specs().begin(), setting_specs().end(),
                     [&](const SettingSpec& spec) { return spec.path.starts_with(prefix); });
}

// Calls take(choice) for each of "A|B|C"; stops when it returns true.
template <typename Take>
bool any_choice(std::string_view choices, const Take& take) {
  while (!choices.empty()) {
    const std::string_view choice = choices.substr(0, choices.find('|'));
    if (take(choice)) return true;
    choices.remove_prefix(std::min(choices.size(), choice.size() + 1));
  }
  return false;
}

base::Error bad(std::string_view path, std::string_view problem) {
  return base::failed(errors::bad_setting, "{}: {}", path, problem);
}

Result<std::string> integer_text(const SettingSpec& spec, const std::string& path, const json& value) {
  const bool is_integer =
      value.is_number_integer() &&
      (!value.is_number_unsigned() || value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  if (!is_integer) return bad(path, fmt::format("must be a whole number, not {}", base::json_kind(value)));
  const auto number = value.get<std::int64_t>();
  const bool bounded = spec.minimum != 0 || spec.maximum != 0;
  if (bounded && (number < spec.minimum || number > spec.maximum)) {
    return bad(path, fmt::format("{} is outside {} to {}", number, spec.minimum, spec.maximum));
  }
  return std::to_string(number);
}

// 62 and "62" are U+0062; "AD" needs the text. The value as hexadecimal digits.
Result<std::string> code_point_text(const std::string& path, const json& value) {
  std::string digits;
  if (value.is_string()) digits = value.get<std::string>();
  if (value.is_number_unsigned()) digits = value.dump();
  std::uint32_t code = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  const bool whole = !digits.empty() && problem == std::errc() && end == digits.data() + digits.size();
  if (!whole || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    return bad(path, "must be the hexadecimal digits of a character's code point, like 62 or \"AD\"");
  }
  return fmt::format("{:X}", code);
}

Result<std::string> value_text(const SettingSpec& spec, const std::string& path, const json& value) {
  switch (spec.kind) {
    case SettingKind::boolean:
      if (!value.is_boolean()) return bad(path, fmt::format("must be true or false, not {}", base::json_kind(value)));
      return std::string(value.get<bool>() ? "true" : "false");
    case SettingKind::integer: return integer_text(spec, path, value);
    case SettingKind::code_point: return code_point_text(path, value);
    case SettingKind::nothing: return bad(path, fmt::format("{}; leave it null", spec.why));
    default: break;
  }
  if (!value.is_string()) return bad(path, fmt::format("must be a string, not {}", base::json_kind(value)));
  std::string word = value.get<std::string>();
  if (spec.kind == SettingKind::choice &&
      !any_choice(spec.choices, [&](std::string_view choice) { return choice == word; })) {
    return bad(path, fmt::format("\"{}\" is not one of {}", printable(word), spec.choices));
  }
  return word;
}

base::Error unknown(const std::string& path) {
  const std::string nearest = nearest_setting(path);
  return bad(printable(path, 200),
             nearest.empty() ? "unknown member" : fmt::format("unknown member; is {} meant?", nearest));
}

}  // namespace

// Walks a document into a Settings. `path` is where we are in the document, `pattern` the same as declared.
class SettingsReader {
 public:
  explicit SettingsReader(Settings& out) : out_(out) {}

  Result<void> object(const json& value, const std::string& path, const std::string& pattern, Settings::Entry* entry) {
    for (const auto& [name, member] : value.items()) {
      const std::string known = name == "historyTimeslotInMinutes" ? "HistoryTimeslotInMinutes" : name;
      TRY(this->member(member, path.empty() ? known : path + "." + known,
                       pattern.empty() ? known : pattern + "." + known, known, entry));
    }
    return {};
  }

 private:
  Result<void> member(const json& value, const std::string& path, const std::string& pattern, const std::string& name,
                      Settings::Entry* entry) {
    if (const SettingSpec* spec = find_spec(pattern)) {
      if (value.is_null()) return {};
      std::string text = TRY(value_text(*spec, path, value));
      if (spec->use == SettingUse::refused && text != spec->default_value) return bad(path, spec->why);
      if (entry != nullptr) {
        (*entry)[name] = std::move(text);
        return {};
      }
      out_.values_[path] = std::move(text);
      out_.given_.insert(path);
      return {};
    }
    const bool is_list = is_prefix(pattern + "[].");
    if (!is_list && !is_prefix(pattern + ".")) return unknown(path);
    if (value.is_null()) return {};
    if (is_list) return list(value, path, pattern);
    if (!value.is_object()) return bad(path, fmt::format("must be an object, not {}", base::json_kind(value)));
    return object(value, path, pattern, nullptr);
  }

  Result<void> list(const json& value, const std::string& path, const std::string& pattern) {
    if (!value.is_array()) return bad(path, fmt::format("must be an array, not {}", base::json_kind(value)));
    if (value.size() > list_entries_max) return bad(path, fmt::format("more than {} entries", list_entries_max));
    std::vector<Settings::Entry> entries;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string place = fmt::format("{}[{}]", path, i);
      if (!value[i].is_object()) return bad(place, fmt::format("must be an object, not {}", base::json_kind(value[i])));
      Settings::Entry entry;
      TRY(object(value[i], place, pattern + "[]", &entry));
      TRY(complete(entry, place, pattern));
      entries.push_back(std::move(entry));
    }
    out_.given_.insert(path);
    if (path == log_components) return components(entries);
    out_.lists_[path] = std::move(entries);
    return {};
  }

  // A member of a list's entry without a default must be given.
  static Result<void> complete(Settings::Entry& entry, const std::string& place, const std::string& pattern) {
    const std::string prefix = pattern + "[].";
    for (const SettingSpec& spec : setting_specs()) {
      if (!spec.path.starts_with(prefix)) continue;
      const std::string name(spec.path.substr(prefix.size()));
      if (entry.contains(name)) continue;
      if (spec.default_value.empty()) return bad(place + "." + name, "is missing");
      entry[name] = std::string(spec.default_value);
    }
    return {};
  }

  // A map by Id, written as a list.
  Result<void> components(const std::vector<Settings::Entry>& entries) {
    std::vector<Settings::Entry>& all = out_.lists_[std::string(log_components)];
    std::set<std::string> seen;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::string& id = entries[i].at("Id");
      if (!seen.insert(id).second) {
        return bad(fmt::format("{}[{}].Id", log_components, i), fmt::format("{} is given twice", id));
      }
      const auto found =
          std::find_if(all.begin(), all.end(), [&](const Settings::Entry& known) { return known.at("Id") == id; });
      if (found == all.end()) {
        all.push_back(entries[i]);
      } else {
        *found = entries[i];
      }
    }
    return {};
  }

  Settings& out_;
};

namespace {

Result<void> check_together(const Settings& settings) {
  if (settings.boolean("FullLoadSettings.StopTaskCachedChangesApplied") &&
      settings.boolean("FullLoadSettings.StopTaskCachedChangesNotApplied")) {
    return bad("FullLoadSettings.StopTaskCachedChangesNotApplied", "does not go with StopTaskCachedChangesApplied");
  }
  if (settings.boolean("TargetMetadata.FullLobMode") && settings.is_set("TargetMetadata.LimitedSizeLobMode") &&
      settings.boolean("TargetMetadata.LimitedSizeLobMode")) {
    return bad("TargetMetadata.LimitedSizeLobMode", "does not go with FullLobMode");
  }
  return {};
}

// The member `path` of the document, made with what leads to it.
ordered_json& place(ordered_json& document, std::string_view path) {
  ordered_json* at = &document;
  while (true) {
    const std::size_t dot = path.find('.');
    ordered_json& next = (*at)[std::string(path.substr(0, dot))];
    if (dot == std::string_view::npos) return next;
    path.remove_prefix(dot + 1);
    at = &next;
  }
}

ordered_json json_value(const SettingSpec& spec, const std::string& text) {
  switch (spec.kind) {
    case SettingKind::boolean: return text == "true";
    case SettingKind::integer: return std::stoll(text);
    case SettingKind::nothing: return nullptr;
    case SettingKind::code_point:
      return text.find_first_not_of("0123456789") == std::string::npos ? ordered_json(std::stoll(text))
                                                                       : ordered_json(text);
    default: return text;
  }
}

ordered_json list_json(std::string_view list, const std::vector<Settings::Entry>& entries) {
  ordered_json out = ordered_json::array();
  for (const Settings::Entry& entry : entries) {
    ordered_json object;
    for (const SettingSpec& spec : setting_specs()) {
      if (!spec.path.starts_with(std::string(list) + "[].")) continue;
      const std::string name(spec.path.substr(list.size() + 3));
      object[name] = json_value(spec, entry.at(name));
    }
    out.push_back(std::move(object));
  }
  return out;
}

}  // namespace

Settings::Settings() {
  for (const SettingSpec& spec : setting_specs()) {
    const std::size_t brackets = spec.path.find("[]");
    if (brackets == std::string_view::npos) {
      values_[std::string(spec.path)] = std::string(spec.default_value);
    } else {
      lists_[std::string(spec.path.substr(0, brackets))];
    }
  }
  std::vector<Entry>& components = lists_[std::string(log_components)];
  any_choice(find_spec("Logging.LogComponents[].Id")->choices, [&](std::string_view id) {
    components.push_back({{"Id", std::string(id)}, {"Severity", "LOGGER_SEVERITY_DEFAULT"}});
    return components.size() == default_components;
  });
}

Result<Settings> Settings::parse(std::string_view json_text) {
  Settings settings;
  if (json_text.empty()) return settings;
  const json document = TRY(base::parse_json(json_text, "ReplicationTaskSettings"));
  if (document.is_null()) return settings;
  if (!document.is_object()) return bad("ReplicationTaskSettings", "must be an object");
  TRY(SettingsReader(settings).object(document, "", "", nullptr));
  TRY(check_together(settings));
  return settings;
}

bool Settings::boolean(std::string_view path) const {
  const SettingSpec* spec = find_spec(path);
  ENSURE(spec != nullptr && spec->kind == SettingKind::boolean);
  return values_.at(std::string(path)) == "true";
}

std::int64_t Settings::integer(std::string_view path) const {
  const SettingSpec* spec = find_spec(path);
  ENSURE(spec != nullptr && spec->kind == SettingKind::integer);
  return std::stoll(values_.at(std::string(path)));
}

const std::string& Settings::text(std::string_view path) const {
  const auto found = values_.find(std::string(path));
  ENSURE(found != values_.end());
  return found->second;
}

const std::vector<Settings::Entry>& Settings::list(std::string_view path) const {
  const auto found = lists_.find(std::string(path));
  ENSURE(found != lists_.end());
  return found->second;
}

bool Settings::is_set(std::string_view path) const { return given_.contains(std::string(path)); }

bool Settings::is_chosen(std::string_view path) const {
  const SettingSpec* spec = find_spec(path);
  ENSURE(spec != nullptr);
  return is_set(path) && text(path) != spec->default_value;
}

std::vector<std::string> Settings::remarks() const {
  std::vector<std::string> out;
  for (const SettingSpec& spec : setting_specs()) {
    if (spec.use == SettingUse::no_effect && is_chosen(spec.path)) {
      out.push_back(fmt::format("{} has no effect: {}", spec.path, spec.why));
    }
  }
  return out;
}

std::string Settings::document() const {
  ordered_json out;
  for (const SettingSpec& spec : setting_specs()) {
    const std::size_t brackets = spec.path.find("[]");
    const std::string path(spec.path.substr(0, brackets));
    if (brackets != std::string_view::npos) {
      const bool is_shown = spec.shown == SettingShown::value || is_set(path);
      if (is_shown) place(out, path) = list_json(path, list(path));
    } else if (spec.shown == SettingShown::value || is_set(path)) {
      place(out, path) = json_value(spec, text(path));
    }
    // A section of which nothing was given is null, in its place.
    if (spec.shown == SettingShown::null_section) {
      const std::size_t depth = path.starts_with("TTSettings.") ? path.find('.', path.find('.') + 1) : path.find('.');
      place(out, std::string_view(path).substr(0, depth));
    }
  }
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace engine
