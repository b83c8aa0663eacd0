// SPDX-License-Identifier: Apache-2.0
#include "main/settings_pages.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "base/json.h"
#include "engine/settings.h"
#include "main/errors.h"

namespace main_program {
namespace {

using engine::SettingKind;
using engine::SettingSpec;
using engine::SettingUse;
using nlohmann::ordered_json;

constexpr std::string_view page_head = R"(# Task settings

Written by `./dev docs` from the program's own declaration; do not edit. `ReplicationTaskSettings` takes any subset of
these keys, as an object or as the API's JSON text; all others have their default. Unknown keys and values out of range
are refused with the member's path. `millrace settings default` prints the complete default document,
`millrace settings explain KEY` one of the rows below, `millrace settings show TASK.json` the document a task runs with.

A key is **obeyed**; or **of no effect here**: it tunes DMS's internals and cannot change a result, and is accepted,
echoed and told once in the log; or **refused**: only its default may be given.

## Defaults that lose data

Where DMS's default loses data, Millrace takes it as not chosen. A document that states the default alone (as clients
that send all keys do) has not chosen it either.

| what | DMS | here | MillraceCompatibility dms |
|---|---|---|---|
| `LimitedSizeLobMode` with `LobMaxSize` 32 | large objects are cut to 32 KB | whole; another LobMaxSize is obeyed, each cut counted | cut to LobMaxSize, counted |
| numbers of unbounded NUMERIC columns | 28 digits, 6 of them behind the point | all digits | rounded to 6 digits behind the point, counted |
| TIME | whole seconds | microseconds | whole seconds, counted |
| `TransactionConsistencyTimeout` 600 | a transaction open for longer is missed | waited for, and shown | as here |
| `BatchApplyPreserveTransaction` false | source transactions are torn | never torn | as here |
| `FullLoadIgnoreConflicts` true | hides missing rows and duplicates after the load | load and stream meet at one position: there are none | as here |
| `ApplyErrorDeletePolicy` IGNORE_RECORD | a DELETE without its row passes silently | counted as put aside | as here |
| NULL in csv files without `CsvNullValue` | looks like the empty text | the same; `check` says so | as here |
| an UPDATE of the key in files | one row, the old key is lost | a delete and an insert (`MillraceKeyUpdate`) | as here |
)";

std::string_view use_name(SettingUse use) {
  switch (use) {
    case SettingUse::obeyed: return "obeyed";
    case SettingUse::no_effect: return "no effect";
    case SettingUse::refused: return "refused";
  }
  return "";
}

std::string_view kind_name(SettingKind kind) {
  switch (kind) {
    case SettingKind::boolean: return "boolean";
    case SettingKind::integer: return "integer";
    case SettingKind::text: return "text";
    case SettingKind::choice: return "choice";
    case SettingKind::code_point: return "code point";
    case SettingKind::nothing: return "null";
  }
  return "";
}

std::string default_text(const SettingSpec& spec) {
  if (spec.kind == SettingKind::nothing) return "null";
  return spec.default_value.empty() ? "empty" : std::string(spec.default_value);
}

std::string sentence(std::string_view text) {
  if (text.empty()) return "";
  std::string out(text);
  if (out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out.back() == '.' ? out : out + ".";
}

// In a table a bar would end the cell, and alternatives read better apart.
std::string cell(std::string text) {
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) text.replace(at, 1, ", ");
  return text;
}

std::vector<const SettingSpec*> found(std::string_view topic) {
  std::vector<const SettingSpec*> specs;
  for (const SettingSpec& spec : engine::setting_specs()) {
    const bool below =
        spec.path.starts_with(std::string(topic) + ".") || spec.path.starts_with(std::string(topic) + "[");
    if (topic.empty() || spec.path == topic || below) specs.push_back(&spec);
  }
  if (!specs.empty()) return specs;
  for (const SettingSpec& spec : engine::setting_specs()) {
    if (spec.path.ends_with("." + std::string(topic))) specs.push_back(&spec);
  }
  return specs;
}

base::Error unknown(std::string_view topic) {
  const std::string nearest = engine::nearest_setting(topic);
  return base::failed(errors::bad_usage, "there is no task setting {}{}", base::printable(topic),
                      nearest.empty() ? "" : fmt::format("; is {} meant?", nearest));
}

}  // namespace

std::string settings_page() {
  std::string out(page_head);
  std::string_view section;
  for (const SettingSpec& spec : engine::setting_specs()) {
    if (engine::section_of(spec) != section) {
      section = engine::section_of(spec);
      out += fmt::format("\n## {}\n\n| key | default | values | | meaning | shown by |\n|---|---|---|---|---|---|\n",
                         section);
    }
    const std::string_view name = spec.path == section ? section : spec.path.substr(section.size() + 1);
    const std::string why = sentence(spec.why);
    out += fmt::format("| `{}` | {} | {} | {} | {}{}{} | `{}` |\n", name, default_text(spec), cell(range_text(spec)),
                       use_name(spec.use), spec.about, why.empty() ? "" : " ", why, spec.test);
  }
  return out;
}

base::Result<std::string> settings_text(std::string_view topic) {
  const std::vector<const SettingSpec*> specs = found(topic);
  if (specs.empty()) return unknown(topic);
  std::string out;
  for (const SettingSpec* spec : specs) {
    const std::string range = range_text(*spec);
    out += fmt::format("{}{}\n  {}, default {}{}\n  {}\n", out.empty() ? "" : "\n", spec->path, kind_name(spec->kind),
                       default_text(*spec), range.empty() ? "" : ", " + range, spec->about);
    const std::string why = sentence(spec->why);
    switch (spec->use) {
      case SettingUse::obeyed: out += fmt::format("  Obeyed.{}{}\n", why.empty() ? "" : " ", why); break;
      case SettingUse::no_effect: out += fmt::format("  Of no effect here: {}.\n", spec->why); break;
      case SettingUse::refused: out += fmt::format("  Refused, but for its default: {}.\n", spec->why); break;
    }
  }
  return out;
}

base::Result<std::string> settings_json(std::string_view topic) {
  const std::vector<const SettingSpec*> specs = found(topic);
  if (specs.empty()) return unknown(topic);
  ordered_json out = ordered_json::array();
  for (const SettingSpec* spec : specs) {
    out.push_back({{"key", spec->path},
                   {"type", kind_name(spec->kind)},
                   {"default", spec->kind == SettingKind::nothing ? ordered_json() : ordered_json(spec->default_value)},
                   {"values", range_text(*spec)},
                   {"standing", use_name(spec->use)},
                   {"why", spec->why},
                   {"about", spec->about},
                   {"test", spec->test}});
  }
  return out.dump(2) + "\n";
}

}  // namespace main_program
