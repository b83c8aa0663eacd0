// SPDX-License-Identifier: Apache-2.0
//
// Wildcards of an object-locator: % any characters, _ one character, [ab] one of a set, [a-d] of a range; [_] and [%]
// are the characters themselves. Characters are Unicode code points; a byte that is not UTF-8 counts as one character.
// Pure and immutable; matching costs at most length of pattern times length of name.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mapping {

class Pattern {
 public:
  Pattern() = default;  // matches only the empty name
  // Fails (bad_rule, without the rule's name) for an unclosed or empty set or a range that runs backwards.
  static base::Result<Pattern> parse(std::string_view text);
  // The name itself, no wildcards.
  static Pattern exact(std::string_view name);

  bool matches(std::string_view name) const;
  // No % and no set of several characters. (_ alone still counts: DMS takes names like order_items as exact.)
  bool names_one_object() const;
  // No wildcard at all, _ included.
  bool is_exact() const;
  // How much of a name it fixes: of two patterns that match one name the more exact one has more.
  std::size_t exactness() const;
  const std::string& text() const { return text_; }

 private:
  struct Token {
    enum class Kind { any_run, any_one, set } kind = Kind::set;
    std::vector<std::pair<char32_t, char32_t>> ranges;
  };
  static bool token_matches(const Token& token, char32_t character);

  std::string text_;
  std::vector<Token> tokens_;
};

}  // namespace mapping
