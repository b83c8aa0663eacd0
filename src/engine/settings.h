// SPDX-License-Identifier: Apache-2.0
//
// ReplicationTaskSettings: every key of the document, declared once (settings_table.cc) with its type, default, range
// and whether Millrace obeys it, has no use for it, or refuses it. A document is any subset of the keys; it is merged
// over the defaults. Immutable after parse; any thread may read.
//
// Losing defaults of the document are taken as not chosen: large objects move whole although LimitedSizeLobMode is
// true.
//
// How it fails: engine.bad_setting naming the member's path, base.bad_json for text that is not JSON.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace engine {

enum class SettingKind { boolean, integer, text, choice };
enum class SettingUse {
  obeyed,
  no_effect,  // accepted; `reason` says why nothing depends on it
  refused,    // only the default may be given; `reason` says what to do instead
};

struct SettingSpec {
  std::string_view path;  // "FullLoadSettings.CommitRate"
  SettingKind kind = SettingKind::text;
  std::string_view default_value;  // "true", "10000", "DROP_AND_CREATE"; "" for null and the empty string
  SettingUse use = SettingUse::obeyed;
  std::string_view reason = "";
  std::string_view choices = "";          // "A|B|C"
  std::int64_t minimum = 0, maximum = 0;  // integer; both 0: any
};
std::span<const SettingSpec> setting_specs();

class Settings {
 public:
  Settings();  // all defaults
  static base::Result<Settings> parse(std::string_view json_text);

  // The path must be declared and of that kind (ENSURE).
  bool boolean(std::string_view path) const;
  std::int64_t integer(std::string_view path) const;
  const std::string& text(std::string_view path) const;  // text and choice
  bool is_set(std::string_view path) const;              // given in the document
  // All keys with their values as text, for connect::Context::settings.
  const std::map<std::string, std::string>& flattened() const { return values_; }
  // "StreamBufferSettings.StreamBufferCount: buffers are weighed in bytes": keys that were given another value than
  // the default and have no effect here.
  std::vector<std::string> remarks() const;

 private:
  std::map<std::string, std::string> values_;
  std::map<std::string, bool> given_;
};

namespace errors {
inline constexpr base::Code bad_setting{
    "engine.bad_setting", base::Kind::input,
    "Correct the named member of ReplicationTaskSettings; docs/task-file.md lists all of them with their values."};
}

}  // namespace engine
