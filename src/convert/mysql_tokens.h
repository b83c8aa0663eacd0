// SPDX-License-Identifier: Apache-2.0
//
// A MySQL statement as words. Comments are left out; those that the server carries out (/*!50100 ... */) are not
// comments. Pure; views point into the statement.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "convert/mysql_ddl.h"

namespace convert {

enum class TokenKind : std::uint8_t {
  word,  // a keyword or a name without quotes
  name,  // a quoted name
  text,  // a literal in quotes
  number,
  symbol,  // one character, or := and @@
  end,
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view source;  // with its quotes
  std::string value;        // name and text: without quotes and escapes
};

// The last token is `end`.
std::vector<Token> mysql_tokens(std::string_view sql, const MysqlDialect& dialect);

// Reads tokens from the front. What is not there is not taken.
class TokenReader {
 public:
  explicit TokenReader(const std::vector<Token>& tokens) : tokens_(tokens) {}

  const Token& peek(std::size_t ahead = 0) const {
    return tokens_[at_ + ahead < tokens_.size() ? at_ + ahead : tokens_.size() - 1];
  }
  const Token& next() {
    const Token& token = peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool at_end() const { return peek().kind == TokenKind::end; }
  bool is_word(std::string_view capitals, std::size_t ahead = 0) const;
  bool is_symbol(char symbol, std::size_t ahead = 0) const;
  bool take_word(std::string_view capitals);
  bool take_words(std::string_view first, std::string_view second);  // both or none
  bool take_symbol(char symbol);
  // A name, quoted or not; false: something else stands there.
  bool take_name(std::string& name);
  bool take_table(MysqlTable& table);

  // Past one token, or all from a bracket to its partner.
  void skip_group();
  // Past all up to a comma or closing bracket outside of brackets, or the end.
  void skip_to_comma();

  std::size_t position() const { return at_; }
  void go_to(std::size_t position) { at_ = position; }
  // The statement's text from there up to here.
  std::string source_since(std::size_t position) const;

 private:
  const std::vector<Token>& tokens_;
  std::size_t at_ = 0;
};

// Letters of ASCII; names in other letters are not keywords.
std::string in_capitals(std::string_view text);
std::string in_small_letters(std::string_view text);

}  // namespace convert
