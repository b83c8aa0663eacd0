// SPDX-License-Identifier: Apache-2.0
//
// What the readers of definitions share: both languages' words come from one tokenizer, and literals look alike. Used
// by the calling thread only, for one text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "convert/definition.h"
#include "convert/mysql_tokens.h"

namespace convert {

class DefinitionReader {
 public:
  DefinitionReader(Language language, std::string_view sql);

  // False: something in it cannot be told by words (an operator that looks like a comment).
  bool is_readable() const { return is_readable_; }
  TokenReader& words() { return words_; }
  Language language() const { return language_; }

  bool take_name(std::string& name);
  // 'a', -5, true, NULL, b'01', DATE '2024-01-01'; PostgreSQL's with casts.
  std::optional<Literal> literal();
  // "::text"; false: none stands here. `cast` in small letters, with modifiers and brackets.
  bool take_cast(std::string& cast);

 private:
  std::optional<Literal> plain_literal();
  std::optional<Literal> text_literal();

  Language language_;
  bool is_readable_ = true;
  std::vector<Token> tokens_;
  TokenReader words_;
};

}  // namespace convert
