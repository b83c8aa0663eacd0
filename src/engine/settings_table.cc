// SPDX-License-Identifier: Apache-2.0
//
// The one list of all declared task settings, in the order of DMS's document.
#include <algorithm>

#include "engine/settings_keys_more.h"
#include "engine/settings_keys_stream.h"

namespace engine {
namespace {

template <std::size_t... Sizes>
constexpr auto joined(const std::array<SettingSpec, Sizes>&... parts) {
  std::array<SettingSpec, (Sizes + ...)> all;
  auto end = all.begin();
  ((end = std::copy(parts.begin(), parts.end(), end)), ...);
  return all;
}

constexpr auto specs = joined(keys::load, keys::stream, keys::more);

// Edits (insert, remove, replace) that turn one text into the other, capital letters aside.
std::size_t distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string_view last_name(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

constexpr std::size_t name_bytes_max = 60;  // no declared name is longer

}  // namespace

std::span<const SettingSpec> setting_specs() { return specs; }

std::string_view section_of(const SettingSpec& spec) { return spec.path.substr(0, spec.path.find('.')); }

std::string range_text(const SettingSpec& spec) {
  if (!spec.choices.empty()) return std::string(spec.choices);
  switch (spec.kind) {
    case SettingKind::boolean: return "true|false";
    case SettingKind::integer:
      return spec.minimum == 0 && spec.maximum == 0 ? "" : fmt::format("{} to {}", spec.minimum, spec.maximum);
    case SettingKind::code_point: return "hexadecimal, 0 to 10FFFF";
    case SettingKind::nothing: return "null";
    default: return "";
  }
}

// A name of the same section comes first, then of any other, then a section.
std::string nearest_setting(std::string_view path) {
  const std::string_view name = last_name(path).substr(0, name_bytes_max);
  std::string best;
  std::size_t best_distance = name.size() / 3 + 1;  // more is another word
  const auto offer = [&](std::string_view candidate, std::string_view called) {
    const std::size_t edits = distance(name, called);
    if (edits >= best_distance) return;
    best_distance = edits;
    best = candidate;
  };
  const std::string_view section = path.substr(0, path.rfind('.') == std::string_view::npos ? 0 : path.rfind('.'));
  for (const bool same_section : {true, false}) {
    for (const SettingSpec& spec : setting_specs()) {
      if ((section_of(spec) == section) == same_section) offer(spec.path, last_name(spec.path));
    }
  }
  for (const SettingSpec& spec : setting_specs()) offer(section_of(spec), section_of(spec));
  return best;
}

}  // namespace engine
