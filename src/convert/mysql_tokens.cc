// SPDX-License-Identifier: Apache-2.0
#include "convert/mysql_tokens.h"

#include <algorithm>

namespace convert {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_letter(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
char capital(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

class Tokenizer {
 public:
  Tokenizer(std::string_view sql, const MysqlDialect& dialect) : sql_(sql), dialect_(dialect) {}

  std::vector<Token> all() {
    std::vector<Token> tokens;
    while (true) {
      skip_blanks_and_comments();
      if (at_ >= sql_.size()) break;
      tokens.push_back(one());
    }
    // A text or comment without its end: nothing that can be read to its end is taken for the statement.
    if (is_cut_off_) tokens.push_back({TokenKind::symbol, sql_.substr(sql_.size() - 1), {}});
    tokens.push_back({TokenKind::end, sql_.substr(sql_.size()), {}});
    return tokens;
  }

 private:
  char look(std::size_t ahead = 0) const { return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0'; }
  bool has(std::string_view text) const { return sql_.substr(at_).starts_with(text); }

  void skip_blanks_and_comments() {
    while (at_ < sql_.size()) {
      if (is_blank(look()) || look() == '\0') {
        ++at_;
      } else if (look() == '#' || (has("--") && (at_ + 2 >= sql_.size() || is_blank(look(2)) || look(2) == '\0'))) {
        at_ = std::min(sql_.find('\n', at_), sql_.size());
      } else if (in_version_comment_ && has("*/")) {
        in_version_comment_ = false;
        at_ += 2;
      } else if (has("/*")) {
        skip_comment();
      } else {
        return;
      }
    }
  }
  // At "/*". What the server carries out is only unwrapped.
  void skip_comment() {
    const bool is_mariadb_only = has("/*M!");
    if (has("/*!") || is_mariadb_only) {
      std::size_t behind = at_ + (is_mariadb_only ? 4 : 3);
      int version = 0;
      for (int digits = 0; digits < 6 && behind < sql_.size() && is_digit(sql_[behind]); ++digits, ++behind) {
        version = version * 10 + (sql_[behind] - '0');
      }
      if (carries_out(version, is_mariadb_only)) {
        at_ = behind;
        in_version_comment_ = true;
        return;
      }
    }
    const std::size_t end = sql_.find("*/", at_ + 2);
    is_cut_off_ = end == std::string_view::npos;
    at_ = end == std::string_view::npos ? sql_.size() : end + 2;
  }
  // MariaDB leaves out what is meant for MySQL 5.7 and later, whose features it has not.
  bool carries_out(int version, bool is_mariadb_only) const {
    constexpr int first_mysql_alone = 50700, mysql_end = 99999;
    if (is_mariadb_only && !dialect_.is_mariadb) return false;
    if (dialect_.is_mariadb && !is_mariadb_only && version >= first_mysql_alone && version <= mysql_end) return false;
    return version <= dialect_.version;
  }

  Token one() {
    const std::size_t start = at_;
    Token token;
    const char first = look();
    if (first == '`' || (first == '"' && dialect_.ansi_quotes)) {
      token.kind = TokenKind::name;
      quoted(first, false, token.value);
    } else if (first == '\'' || first == '"') {
      token.kind = TokenKind::text;
      quoted(first, !dialect_.no_backslash_escapes, token.value);
    } else if (is_digit(first) || (first == '.' && is_digit(look(1)) && !after_name_)) {
      token.kind = number() ? TokenKind::number : TokenKind::word;
    } else if (is_name_letter(first)) {
      token.kind = TokenKind::word;
      while (is_name_letter(look())) ++at_;
    } else {
      token.kind = TokenKind::symbol;
      at_ += has(":=") || has("@@") ? 2 : 1;
    }
    after_name_ = token.kind == TokenKind::word || token.kind == TokenKind::name;
    token.source = sql_.substr(start, at_ - start);
    return token;
  }
  // Names may begin with digits: true when it was a number.
  bool number() {
    const std::size_t start = at_;
    while (is_digit(look())) ++at_;
    const bool is_hex = at_ == start + 1 && (capital(look()) == 'X' || capital(look()) == 'B') && sql_[start] == '0';
    const bool has_exponent = capital(look()) == 'E' && (is_digit(look(1)) || look(1) == '-' || look(1) == '+');
    if (is_name_letter(look()) && !is_hex && !has_exponent) {
      while (is_name_letter(look())) ++at_;
      return false;
    }
    if (is_hex) {
      while (is_name_letter(look())) ++at_;
      return true;
    }
    if (look() == '.') {
      ++at_;
      while (is_digit(look())) ++at_;
    }
    if (capital(look()) == 'E' && (is_digit(look(1)) || look(1) == '-' || look(1) == '+')) {
      at_ += 2;
      while (is_digit(look())) ++at_;
    }
    return true;
  }
  void quoted(char quote, bool has_escapes, std::string& value) {
    for (++at_; at_ < sql_.size(); ++at_) {
      const char c = look();
      if (c == quote) {
        if (look(1) != quote) break;
        ++at_;
      } else if (c == '\\' && has_escapes && at_ + 1 < sql_.size()) {
        ++at_;
        append_escape(look(), value);
        continue;
      }
      value += c;
    }
    is_cut_off_ = at_ >= sql_.size();
    at_ = std::min(at_ + 1, sql_.size());
  }
  static void append_escape(char letter, std::string& value) {
    switch (letter) {
      case '0': value += '\0'; return;
      case 'b': value += '\b'; return;
      case 'n': value += '\n'; return;
      case 'r': value += '\r'; return;
      case 't': value += '\t'; return;
      case 'Z': value += '\x1a'; return;
      case '%':
      case '_': value += '\\'; break;
      default: break;
    }
    value += letter;
  }

  const std::string_view sql_;
  const MysqlDialect& dialect_;
  std::size_t at_ = 0;
  bool in_version_comment_ = false;
  bool after_name_ = false;
  bool is_cut_off_ = false;
};

bool equals_in_capitals(std::string_view text, std::string_view capitals) {
  return text.size() == capitals.size() &&
         std::equal(text.begin(), text.end(), capitals.begin(), [](char a, char b) { return capital(a) == b; });
}

}  // namespace

std::vector<Token> mysql_tokens(std::string_view sql, const MysqlDialect& dialect) {
  return Tokenizer(sql, dialect).all();
}

std::string in_capitals(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(), capital);
  return made;
}

std::string in_small_letters(std::string_view text) {
  std::string made(text);
  for (char& c : made) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return made;
}

bool TokenReader::is_word(std::string_view capitals, std::size_t ahead) const {
  return peek(ahead).kind == TokenKind::word && equals_in_capitals(peek(ahead).source, capitals);
}

bool TokenReader::is_symbol(char symbol, std::size_t ahead) const {
  const Token& token = peek(ahead);
  return token.kind == TokenKind::symbol && token.source.size() == 1 && token.source[0] == symbol;
}

bool TokenReader::take_word(std::string_view capitals) {
  if (!is_word(capitals)) return false;
  next();
  return true;
}

bool TokenReader::take_words(std::string_view first, std::string_view second) {
  if (!is_word(first) || !is_word(second, 1)) return false;
  next();
  next();
  return true;
}

bool TokenReader::take_symbol(char symbol) {
  if (!is_symbol(symbol)) return false;
  next();
  return true;
}

bool TokenReader::take_name(std::string& name) {
  const Token& token = peek();
  if (token.kind == TokenKind::name) {
    name = token.value;
  } else if (token.kind == TokenKind::word) {
    name = token.source;
  } else {
    return false;
  }
  next();
  return true;
}

bool TokenReader::take_table(MysqlTable& table) {
  table.schema.clear();
  take_symbol('.');  // ".t" is t of the default schema
  if (!take_name(table.table)) return false;
  if (!take_symbol('.')) return true;
  table.schema = std::move(table.table);
  // Behind a dot a name may be all digits.
  if (peek().kind == TokenKind::number) {
    table.table = next().source;
    return true;
  }
  return take_name(table.table);
}

void TokenReader::skip_group() {
  int depth = 0;
  while (!at_end()) {
    depth += is_symbol('(') ? 1 : is_symbol(')') ? -1 : 0;
    next();
    if (depth <= 0) return;
  }
}

void TokenReader::skip_to_comma() {
  while (!at_end() && !is_symbol(',') && !is_symbol(')')) skip_group();
}

std::string TokenReader::source_since(std::size_t position) const {
  if (position >= at_) return {};
  const char* const start = tokens_[position].source.data();
  const Token& last = tokens_[at_ - 1];
  return {start, static_cast<std::size_t>(last.source.data() + last.source.size() - start)};
}

}  // namespace convert
