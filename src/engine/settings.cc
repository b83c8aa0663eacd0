// SPDX-License-Identifier: Apache-2.0
#include "engine/settings.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/json.h"

namespace engine {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 23> log_components{"TRANSFORMATION", "SOURCE_UNLOAD",    "IO",
                                                          "TARGET_LOAD",    "PERFORMANCE",      "SOURCE_CAPTURE",
                                                          "SORTER",         "REST_SERVER",      "VALIDATOR_EXT",
                                                          "VALIDATOR",      "TARGET_APPLY",     "TASK_MANAGER",
                                                          "TABLES_MANAGER", "METADATA_MANAGER", "FILE_FACTORY",
                                                          "COMMON",         "ADDONS",           "DATA_STRUCTURE",
                                                          "COMMUNICATION",  "FILE_TRANSFER",    "DATA_RESYNC",
                                                          "RESYNC_UNLOAD",  "RESYNC_APPLY"};
constexpr std::array<std::string_view, 6> log_severities{"LOGGER_SEVERITY_ERROR", "LOGGER_SEVERITY_WARNING",
                                                         "LOGGER_SEVERITY_INFO",  "LOGGER_SEVERITY_DEFAULT",
                                                         "LOGGER_SEVERITY_DEBUG", "LOGGER_SEVERITY_DETAILED_DEBUG"};

const SettingSpec* find_spec(std::string_view path) {
  for (const SettingSpec& spec : setting_specs()) {
    if (spec.path == path) return &spec;
  }
  return nullptr;
}

bool is_section(const std::string& path) {
  for (const SettingSpec& spec : setting_specs()) {
    if (spec.path.size() > path.size() && spec.path.starts_with(path) && spec.path[path.size()] == '.') return true;
  }
  return false;
}

bool is_choice(std::string_view choices, std::string_view value) {
  while (!choices.empty()) {
    const std::string_view choice = choices.substr(0, choices.find('|'));
    if (choice == value) return true;
    choices.remove_prefix(std::min(choices.size(), choice.size() + 1));
  }
  return false;
}

base::Error bad(std::string_view path, std::string_view problem) {
  return base::failed(errors::bad_setting, "{}: {}", path, problem);
}

base::Result<std::string> integer_text(const SettingSpec& spec, const json& value) {
  const bool is_integer =
      value.is_number_integer() &&
      (!value.is_number_unsigned() || value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  if (!is_integer) return bad(spec.path, fmt::format("must be a whole number, not {}", base::json_kind(value)));
  const auto number = value.get<std::int64_t>();
  const bool bounded = spec.minimum != 0 || spec.maximum != 0;
  if (bounded && (number < spec.minimum || number > spec.maximum)) {
    return bad(spec.path, fmt::format("{} is outside {} to {}", number, spec.minimum, spec.maximum));
  }
  return std::to_string(number);
}

base::Result<std::string> value_text(const SettingSpec& spec, const json& value) {
  switch (spec.kind) {
    case SettingKind::boolean:
      if (!value.is_boolean())
        return bad(spec.path, fmt::format("must be true or false, not {}", base::json_kind(value)));
      return std::string(value.get<bool>() ? "true" : "false");
    case SettingKind::integer: return integer_text(spec, value);
    case SettingKind::text:
      // Sections that are refused as a whole are declared as text; any value of theirs is another than null.
      if (!value.is_string() && spec.use == SettingUse::refused) return std::string("given");
      if (!value.is_string()) return bad(spec.path, fmt::format("must be a string, not {}", base::json_kind(value)));
      return value.get<std::string>();
    case SettingKind::choice: break;
  }
  if (!value.is_string()) return bad(spec.path, fmt::format("must be a string, not {}", base::json_kind(value)));
  std::string word = value.get<std::string>();
  if (!is_choice(spec.choices, word)) {
    return bad(spec.path, fmt::format("\"{}\" is not one of {}", base::printable(word), spec.choices));
  }
  return word;
}

// Logging.LogComponents: a list with one entry an id. All components log alike here, so it is checked only.
base::Result<void> check_components(const json& list) {
  if (!list.is_array()) return bad("Logging.LogComponents", "must be an array");
  std::set<std::string> seen;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string path = fmt::format("Logging.LogComponents[{}]", i);
    if (!list[i].is_object()) return bad(path, "must be an object");
    for (const auto& [name, value] : list[i].items()) {
      const bool is_id = name == "Id";
      if (!is_id && name != "Severity") return bad(path + "." + base::printable(name), "unknown member");
      const std::string word = value.is_string() ? value.get<std::string>() : "";
      const bool known = is_id ? std::find(log_components.begin(), log_components.end(), word) != log_components.end()
                               : std::find(log_severities.begin(), log_severities.end(), word) != log_severities.end();
      if (!known) return bad(path + "." + name, fmt::format("\"{}\" is not known", base::printable(word)));
      if (is_id && !seen.insert(word).second) return bad(path + ".Id", fmt::format("{} is given twice", word));
    }
  }
  return {};
}

// Calls take(spec, text) for every key given; a null anywhere stands for the default.
template <typename Take>
base::Result<void> walk(const json& object, const std::string& prefix, const Take& take) {
  for (const auto& [name, value] : object.items()) {
    std::string path = prefix + name;
    if (path == "ControlTablesSettings.historyTimeslotInMinutes")
      path = "ControlTablesSettings.HistoryTimeslotInMinutes";
    if (path == "Logging.LogComponents") {
      if (!value.is_null()) TRY(check_components(value));
      continue;
    }
    const SettingSpec* spec = find_spec(path);
    if (spec == nullptr && !is_section(path)) return bad(base::printable(path), "unknown member");
    if (value.is_null()) continue;
    if (spec != nullptr) {
      std::string text = TRY(value_text(*spec, value));
      TRY(take(*spec, std::move(text)));
      continue;
    }
    if (!value.is_object()) return bad(path, fmt::format("must be an object, not {}", base::json_kind(value)));
    TRY(walk(value, path + ".", take));
  }
  return {};
}

base::Result<void> check_together(const Settings& settings) {
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

}  // namespace

Settings::Settings() {
  for (const SettingSpec& spec : setting_specs()) values_[std::string(spec.path)] = std::string(spec.default_value);
}

base::Result<Settings> Settings::parse(std::string_view json_text) {
  Settings settings;
  if (json_text.empty()) return settings;
  const json document = TRY(base::parse_json(json_text, "ReplicationTaskSettings"));
  if (document.is_null()) return settings;
  if (!document.is_object()) return bad("ReplicationTaskSettings", "must be an object");
  TRY(walk(document, "", [&](const SettingSpec& spec, std::string value) -> base::Result<void> {
    if (spec.use == SettingUse::refused && value != spec.default_value) return bad(spec.path, spec.reason);
    settings.values_[std::string(spec.path)] = std::move(value);
    settings.given_[std::string(spec.path)] = true;
    return {};
  }));
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

bool Settings::is_set(std::string_view path) const { return given_.contains(std::string(path)); }

std::vector<std::string> Settings::remarks() const {
  std::vector<std::string> out;
  for (const SettingSpec& spec : setting_specs()) {
    const std::string path(spec.path);
    if (spec.use != SettingUse::no_effect || !given_.contains(path)) continue;
    if (values_.at(path) != spec.default_value) out.push_back(fmt::format("{} has no effect: {}", path, spec.reason));
  }
  return out;
}

}  // namespace engine
