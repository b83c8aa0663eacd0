// SPDX-License-Identifier: Apache-2.0
//
// ReplicationTaskSettings. Every key of the document is declared once (settings_keys_*.h): type, default, range,
// whether it is obeyed, of no effect here (and why) or refused (and why), what it means, and the test that shows it.
// Parsing, refusals, `millrace settings` and docs/task-settings.md are made from the declaration. A document is any
// subset of the keys; it is merged over the defaults. Immutable after parse; any thread may read.
//
// Losing defaults of DMS are taken as not chosen: see docs/task-settings.md, "Defaults that lose data".
//
// How it fails: engine.bad_setting naming the member's path, base.bad_json for text that is not JSON.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace engine {

enum class SettingKind {
  boolean,
  integer,
  text,
  choice,
  code_point,  // a number or text whose digits are read as hexadecimal: 62 is U+0062
  nothing,     // only null: DMS's own output
};
enum class SettingUse {
  obeyed,
  no_effect,  // accepted and echoed; `why` says why nothing depends on it
  refused,    // only the default may be given; `why` says why and what to do instead
};
// How DMS's default document shows the key.
enum class SettingShown { value, null_section, absent };

struct SettingSpec {
  std::string_view path;  // "FullLoadSettings.CommitRate"; members of a list: "Logging.LogComponents[].Id"
  SettingKind kind = SettingKind::text;
  std::string_view default_value = "";  // "true", "10000", "DROP_AND_CREATE"; "" for null and the empty string
  SettingUse use = SettingUse::obeyed;
  std::string_view why = "";
  std::string_view choices = "";          // "A|B|C"
  std::int64_t minimum = 0, maximum = 0;  // integer; both 0: any
  SettingShown shown = SettingShown::value;
  std::string_view about = "";  // a sentence or two, for people
  std::string_view test = "";   // an end-to-end scenario, or a unit test as Suite.name
};
std::span<const SettingSpec> setting_specs();

// "TargetMetadata" of "TargetMetadata.TargetSchema".
std::string_view section_of(const SettingSpec& spec);
// "1 to 49", "A|B|C", "" for any.
std::string range_text(const SettingSpec& spec);
// The declared path that looks most like this one; empty when none does.
std::string nearest_setting(std::string_view path);

class Settings {
 public:
  using Entry = std::map<std::string, std::string>;  // one object of a list, by member

  Settings();  // all defaults
  static base::Result<Settings> parse(std::string_view json_text);

  // The path must be declared and of that kind (ENSURE).
  bool boolean(std::string_view path) const;
  std::int64_t integer(std::string_view path) const;
  const std::string& text(std::string_view path) const;  // text and choice
  bool is_set(std::string_view path) const;              // given in the document
  // Given, and with another value than DMS's default: whole default documents are sent by many clients.
  bool is_chosen(std::string_view path) const;
  // The objects of a list: "Logging.LogComponents" (one for each component), "CharacterSetSettings....".
  const std::vector<Entry>& list(std::string_view path) const;
  // All keys outside of lists with their values as text, for connect::Context::settings.
  const std::map<std::string, std::string>& flattened() const { return values_; }
  // "StreamBufferSettings.StreamBufferCount has no effect: ...": keys that were given another value than the default
  // and have no effect here.
  std::vector<std::string> remarks() const;
  // The complete document, defaults merged in, as the API returns it.
  std::string document() const;

 private:
  friend class SettingsReader;

  std::map<std::string, std::string> values_;
  std::map<std::string, std::vector<Entry>> lists_;
  std::set<std::string> given_;
};

namespace errors {
inline constexpr base::Code bad_setting{
    "engine.bad_setting", base::Kind::input,
    "Correct the named member of ReplicationTaskSettings; `millrace settings explain KEY` says what it takes, and "
    "docs/task-settings.md lists all of them."};
}

}  // namespace engine
