// SPDX-License-Identifier: Apache-2.0
#include "mapping/pattern.h"

#include "mapping/errors.h"

namespace mapping {
namespace {

// Takes the next character off the front; a byte that starts no valid sequence stands for itself beyond Unicode.
char32_t take_character(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  bool valid = length != 0 && length <= text.size() && lead < 0xf8;
  for (std::size_t i = 1; valid && i < length; ++i) valid = (byte(i) & 0xc0) == 0x80;
  if (!valid) {
    text.remove_prefix(1);
    return 0x110000u + lead;
  }
  char32_t character = length == 1 ? lead : lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) character = (character << 6) | (byte(i) & 0x3fu);
  text.remove_prefix(length);
  return character;
}

}  // namespace

base::Result<Pattern> Pattern::parse(std::string_view text) {
  Pattern pattern;
  pattern.text_ = std::string(text);
  while (!text.empty()) {
    const char32_t character = take_character(text);
    Token token;
    if (character == '%') {
      token.kind = Token::Kind::any_run;
    } else if (character == '_') {
      token.kind = Token::Kind::any_one;
    } else if (character == '[') {
      const std::size_t close = text.find(']');
      if (close == std::string_view::npos) return base::failed(errors::bad_rule, "the set [ is not closed by ]");
      if (close == 0) return base::failed(errors::bad_rule, "the set [] is empty");
      std::string_view members = text.substr(0, close);
      text.remove_prefix(close + 1);
      while (!members.empty()) {
        const char32_t first = take_character(members);
        char32_t last = first;
        if (members.size() > 1 && members[0] == '-') {
          members.remove_prefix(1);
          last = take_character(members);
        }
        if (last < first) return base::failed(errors::bad_rule, "a range in [...] runs backwards");
        token.ranges.emplace_back(first, last);
      }
    } else {
      token.ranges.emplace_back(character, character);
    }
    const bool run_again = token.kind == Token::Kind::any_run && !pattern.tokens_.empty() &&
                           pattern.tokens_.back().kind == Token::Kind::any_run;
    if (!run_again) pattern.tokens_.push_back(std::move(token));
  }
  return pattern;
}

Pattern Pattern::exact(std::string_view name) {
  Pattern pattern;
  pattern.text_ = std::string(name);
  while (!name.empty()) {
    const char32_t character = take_character(name);
    pattern.tokens_.push_back(Token{Token::Kind::set, {{character, character}}});
  }
  return pattern;
}

bool Pattern::token_matches(const Token& token, char32_t character) {
  if (token.kind == Token::Kind::any_one) return true;
  for (const auto& [first, last] : token.ranges) {
    if (character >= first && character <= last) return true;
  }
  return false;
}

// Greedy with one point to come back to: a later % makes the earlier one's choice final.
bool Pattern::matches(std::string_view name) const {
  std::size_t at = 0;
  std::size_t run = tokens_.size();
  std::string_view run_rest;
  while (!name.empty()) {
    if (at < tokens_.size() && tokens_[at].kind == Token::Kind::any_run) {
      run = at++;
      run_rest = name;
      continue;
    }
    std::string_view rest = name;
    const char32_t character = take_character(rest);
    if (at < tokens_.size() && token_matches(tokens_[at], character)) {
      ++at;
      name = rest;
      continue;
    }
    if (run == tokens_.size()) return false;
    take_character(run_rest);
    name = run_rest;
    at = run + 1;
  }
  while (at < tokens_.size() && tokens_[at].kind == Token::Kind::any_run) ++at;
  return at == tokens_.size();
}

bool Pattern::names_one_object() const {
  for (const Token& token : tokens_) {
    if (token.kind == Token::Kind::any_run) return false;
    if (token.kind != Token::Kind::set) continue;
    if (token.ranges.size() != 1 || token.ranges[0].first != token.ranges[0].second) return false;
  }
  return true;
}

std::size_t Pattern::exactness() const {
  if (is_exact()) return 1u << 30;
  std::size_t fixed = names_one_object() ? 1u << 29 : 0;
  for (const Token& token : tokens_) fixed += token.kind == Token::Kind::set ? 1 : 0;
  return fixed;
}

bool Pattern::is_exact() const {
  for (const Token& token : tokens_) {
    if (token.kind == Token::Kind::any_one) return false;
  }
  return names_one_object();
}

}  // namespace mapping
