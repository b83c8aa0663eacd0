// SPDX-License-Identifier: Apache-2.0
#include "engine/characters.h"

#include <iconv.h>

#include <algorithm>

#include "base/json.h"

namespace engine {
namespace {

using base::Result;

constexpr std::string_view set_path = "CharacterSetSettings.CharacterSetSupport.CharacterSet";
constexpr char32_t code_points = 0x110000;

char32_t code_of(const std::string& hexadecimal) {
  return static_cast<char32_t>(std::stoul(hexadecimal, nullptr, 16));  // checked when the settings were read
}

void append(std::string& out, char32_t code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

// The next character and its bytes; a byte that is no UTF-8 stands alone, with code_points.
std::pair<char32_t, std::size_t> next_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  if (length == 0 || length > text.size()) return {code_points, 1};
  char32_t code = lead & (0x7f >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {code_points, 1};
    code = (code << 6) | (byte(i) & 0x3f);
  }
  return {code, length};
}

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

// Encodings of all of Unicode: nothing is outside of them.
bool is_unicode(const std::string& name) {
  static constexpr std::string_view others[] = {"GB18030", "SCSU", "BOCU-1", "CESU-8", "IMAP-MAILBOX-NAME"};
  return name.starts_with("UTF") || std::find(std::begin(others), std::end(others), name) != std::end(others);
}

// What the system's converter may call it: "ibm-850_P100-1995" is IBM850, "windows-1252" CP1252.
std::vector<std::string> names_of(const std::string& name) {
  const std::string plain = name.substr(0, name.find_first_of("_,"));
  std::vector<std::string> names{name, plain};
  const std::size_t digits = plain.find_first_of("0123456789");
  if (digits != std::string::npos && (plain.starts_with("IBM-") || plain.starts_with("WINDOWS-"))) {
    const std::string number = plain.substr(digits, plain.find_first_not_of("0123456789", digits) - digits);
    names.insert(names.end(), {"IBM" + number, "CP" + number, "WINDOWS-" + number});
  }
  if (plain.starts_with("MACOS-0")) names.emplace_back("MACINTOSH");
  const std::size_t year = name.rfind("-20");
  if (year != std::string::npos) names.push_back(name.substr(0, year));
  return names;
}

Result<std::vector<bool>> characters_in(const std::string& given) {
  const std::string name = upper(given);
  if (is_unicode(name)) return std::vector<bool>();
  for (const std::string& called : names_of(name)) {
    const iconv_t converter = iconv_open(called.c_str(), "UTF-8");
    if (converter == reinterpret_cast<iconv_t>(-1)) continue;
    std::vector<bool> has(code_points, false);
    for (char32_t code = 0; code < code_points; ++code) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      std::string text;
      append(text, code);
      char out[64];
      char* from = text.data();
      char* to = out;
      std::size_t left = text.size(), room = sizeof out;
      iconv(converter, nullptr, nullptr, nullptr, nullptr);
      // More than zero: converted to something like it.
      has[code] = iconv(converter, &from, &left, &to, &room) == 0;
    }
    iconv_close(converter);
    return has;
  }
  return base::failed(errors::bad_setting, "{}: {} is not a character set that this system knows", set_path,
                      base::printable(given));
}

}  // namespace

Result<std::shared_ptr<const Characters>> Characters::of(const Settings& settings) {
  const auto& replacements = settings.list("CharacterSetSettings.CharacterReplacements");
  const std::string& set = settings.text(set_path);
  if (replacements.empty() && set.empty()) return std::shared_ptr<const Characters>();
  auto made = std::make_shared<Characters>();
  for (const Settings::Entry& entry : replacements) {
    made->replaced_[code_of(entry.at("SourceCharacterCodePoint"))] = code_of(entry.at("TargetCharacterCodePoint"));
  }
  if (!set.empty()) {
    made->in_set_ = TRY(characters_in(set));
    made->outside_ = code_of(settings.text("CharacterSetSettings.CharacterSetSupport.ReplaceWithCharacterCodePoint"));
  }
  for (char32_t code = 0; code < made->touched_.size(); ++code) made->touched_[code] = made->of(code) != code;
  return std::shared_ptr<const Characters>(std::move(made));
}

char32_t Characters::of(char32_t character) const {
  const auto found = replaced_.find(character);
  const char32_t now = found == replaced_.end() ? character : found->second;
  return now != 0 && !in_set_.empty() && !in_set_[now] ? outside_ : now;
}

bool Characters::replace(std::string_view text, std::string& out) const {
  const auto concerns = [this](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || touched_[byte];
  };
  if (std::none_of(text.begin(), text.end(), concerns)) return false;
  std::string made;
  bool changed = false;
  while (!text.empty()) {
    const auto [code, length] = next_character(text);
    const char32_t now = code == code_points ? code : of(code);
    changed = changed || now != code;
    if (now == code) {
      made.append(text.substr(0, length));
    } else if (now != 0) {
      append(made, now);
    }
    text.remove_prefix(length);
  }
  if (changed) out = std::move(made);
  return changed;
}

}  // namespace engine
