// SPDX-License-Identifier: Apache-2.0
//
// CharacterSetSettings in use: characters of a text that are replaced by others or left out, first those that are named
// (CharacterReplacements), then those that the named character set does not have (CharacterSetSupport). What a set has
// is asked of the system's converter once, when this is made. Immutable then; any thread may use it.
//
// How it fails: engine.bad_setting for a character set that the converter does not know.
#pragma once

#include <bitset>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/settings.h"

namespace engine {

class Characters {
 public:
  // nullptr: the settings replace nothing.
  static base::Result<std::shared_ptr<const Characters>> of(const Settings& settings);

  // False: nothing is replaced, `out` is not touched.
  bool replace(std::string_view text, std::string& out) const;

 private:
  char32_t of(char32_t character) const;

  std::unordered_map<char32_t, char32_t> replaced_;  // by 0: left out
  std::vector<bool> in_set_;                         // by code point; empty: all are
  char32_t outside_ = 0;                             // stands for what is not in the set
  std::bitset<128> touched_;                         // ASCII characters that are replaced
};

}  // namespace engine
