// SPDX-License-Identifier: Apache-2.0
#include "convert/definition.h"

#include <algorithm>
#include <cstdlib>

#include "convert/definition_reader.h"

namespace convert {
namespace {

MysqlDialect words_of(Language language) {
  MysqlDialect dialect;
  dialect.ansi_quotes = language == Language::postgresql;
  dialect.no_backslash_escapes = language == Language::postgresql;
  return dialect;
}

// In PostgreSQL # is an operator, -- and /* are comments that no catalogue writes.
bool has_no_comment(Language language, std::string_view sql) {
  if (language == Language::mysql) return true;
  for (const std::string_view word : {"#", "--", "/*"}) {
    if (sql.find(word) != std::string_view::npos) return false;
  }
  return true;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// The text of E'...', of which catalogues write the doubled backslash only.
std::optional<std::string> without_doubled_backslashes(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    plain += text[at];
    if (text[at] != '\\') continue;
    if (at + 1 >= text.size() || text[at + 1] != '\\') return std::nullopt;
    ++at;
  }
  return plain;
}

}  // namespace

// ---- words

DefinitionReader::DefinitionReader(Language language, std::string_view sql)
    : language_(language),
      is_readable_(has_no_comment(language, sql)),
      tokens_(mysql_tokens(sql, words_of(language))),
      words_(tokens_) {}

bool DefinitionReader::take_name(std::string& name) {
  // PostgreSQL writes names with capitals in quotes: CURRENT_USER is no column.
  const Token& token = words_.peek();
  const bool is_bare = language_ == Language::postgresql && token.kind == TokenKind::word;
  if (is_bare && in_small_letters(token.source) != token.source) return false;
  return words_.take_name(name);
}

std::optional<Literal> DefinitionReader::text_literal() {
  const auto take = [&](Literal::Kind kind) { return Literal{kind, words_.next().value, {}}; };
  if (words_.peek().kind == TokenKind::text) return take(Literal::Kind::text);
  if (words_.peek(1).kind != TokenKind::text) return std::nullopt;
  const std::string word = in_capitals(words_.peek().source);
  const bool is_joined = words_.peek().source.data() + words_.peek().source.size() == words_.peek(1).source.data();
  if (word == "DATE" || word == "TIMESTAMP") {
    words_.next();
    return take(word == "DATE" ? Literal::Kind::date : Literal::Kind::moment);
  }
  if (word == "B" && is_joined) {
    words_.next();
    Literal bits = take(Literal::Kind::bits);
    if (bits.text.find_first_not_of("01") != std::string::npos) return std::nullopt;
    return bits;
  }
  if (word == "E" && is_joined && language_ == Language::postgresql) {
    words_.next();
    Literal escaped = take(Literal::Kind::text);
    std::optional<std::string> plain = without_doubled_backslashes(escaped.text);
    if (!plain) return std::nullopt;
    escaped.text = std::move(*plain);
    return escaped;
  }
  if (word.starts_with('_') && language_ == Language::mysql) {
    words_.next();
    Literal text = take(Literal::Kind::text);
    if (word != "_UTF8MB4" && !is_ascii(text.text)) return std::nullopt;
    return text;
  }
  return std::nullopt;
}

std::optional<Literal> DefinitionReader::plain_literal() {
  const std::size_t start = words_.position();
  const bool is_negative = words_.take_symbol('-');
  // MySQL writes -(5).
  const bool in_brackets = is_negative && language_ == Language::mysql && words_.take_symbol('(');
  if (words_.peek().kind == TokenKind::number) {
    const std::string digits(words_.next().source);
    if (digits.find_first_not_of("0123456789.") != std::string::npos) return std::nullopt;
    if (in_brackets && !words_.take_symbol(')')) return std::nullopt;
    return Literal{Literal::Kind::number, (is_negative ? "-" : "") + digits, {}};
  }
  if (is_negative) {
    words_.go_to(start);
    return std::nullopt;
  }
  if (words_.take_word("NULL")) return Literal{};
  for (const char* word : {"TRUE", "FALSE"}) {
    if (words_.take_word(word)) return Literal{Literal::Kind::boolean, in_small_letters(word), {}};
  }
  return text_literal();
}

bool DefinitionReader::take_cast(std::string& cast) {
  if (language_ != Language::postgresql || !words_.is_symbol(':') || !words_.is_symbol(':', 1)) return false;
  words_.next();
  words_.next();
  const std::size_t start = words_.position();
  std::string word;
  if (!words_.take_name(word)) return false;
  if (words_.take_symbol('.')) words_.take_name(word);
  for (const char* second : {"VARYING", "PRECISION"}) words_.take_word(second);
  if (words_.is_symbol('(')) words_.skip_group();
  const bool has_zone = words_.take_word("WITH");
  if (has_zone || words_.take_word("WITHOUT")) {
    words_.take_word("TIME");
    words_.take_word("ZONE");
  }
  cast = in_small_letters(words_.source_since(start));
  if (words_.is_symbol('[') && words_.is_symbol(']', 1)) {
    words_.next();
    words_.next();
    cast += "[]";
  }
  return true;
}

// "(-5)::numeric", "'a'::text", "('a'::character varying)::text"
std::optional<Literal> DefinitionReader::literal() {
  const std::size_t start = words_.position();
  if (words_.is_symbol('(') && words_.is_symbol('(', 1) && words_.is_symbol('(', 2)) return std::nullopt;
  std::optional<Literal> found;
  if (words_.take_symbol('(')) {
    found = literal();
    if (found && !words_.take_symbol(')')) found.reset();
  } else {
    found = plain_literal();
  }
  if (!found) {
    words_.go_to(start);
    return std::nullopt;
  }
  const auto is_text = [](const std::string& type) { return type == "text" || type == "character varying"; };
  std::string cast;
  while (take_cast(cast)) {
    // A second conversion changes nothing between texts; of others nothing is known.
    if (!found->cast.empty() && !(is_text(found->cast) && is_text(cast))) {
      words_.go_to(start);
      return std::nullopt;
    }
    found->cast = cast;
  }
  return found;
}

// ---- defaults

namespace {

// now(), CURRENT_TIMESTAMP(3), current_timestamp(): true when such a word stood here.
bool take_call(TokenReader& words, std::string_view word) {
  if (!words.is_word(word)) return false;
  words.next();
  if (!words.is_symbol('(')) return true;
  words.skip_group();
  return true;
}

bool take_now(TokenReader& words) {
  for (const char* word : {"CURRENT_TIMESTAMP", "NOW", "LOCALTIMESTAMP", "TRANSACTION_TIMESTAMP", "STATEMENT_TIMESTAMP",
                           "CLOCK_TIMESTAMP"}) {
    if (take_call(words, word)) return true;
  }
  return false;
}

bool is_utc(const Literal& zone) { return zone.kind == Literal::Kind::text && in_capitals(zone.text) == "UTC"; }

// timezone('utc'::text, now()), now() AT TIME ZONE 'utc'::text
std::optional<DefaultValue::Kind> take_moment(DefinitionReader& reader) {
  using Moment = DefaultValue::Kind;
  TokenReader& words = reader.words();
  if (words.take_symbol('(')) {
    const std::optional<Moment> inner = take_moment(reader);
    return words.take_symbol(')') ? inner : std::nullopt;
  }
  if (reader.language() == Language::mysql) {
    if (take_call(words, "UTC_TIMESTAMP")) return Moment::utc_now;
    if (take_call(words, "CURDATE") || take_call(words, "CURRENT_DATE")) return Moment::today;
    return take_now(words) ? std::optional(Moment::now) : std::nullopt;
  }
  if (words.take_word("CURRENT_DATE")) return Moment::today;
  if (words.is_word("TIMEZONE")) {
    words.next();
    if (!words.take_symbol('(')) return std::nullopt;
    const std::optional<Literal> zone = reader.literal();
    const bool is_said = zone && is_utc(*zone) && words.take_symbol(',') && take_now(words) && words.take_symbol(')');
    return is_said ? std::optional(Moment::utc_now) : std::nullopt;
  }
  if (!take_now(words)) return std::nullopt;
  std::string cast;
  if (reader.take_cast(cast)) return cast == "date" ? std::optional(Moment::today) : std::nullopt;
  if (!words.take_word("AT")) return Moment::now;
  if (!words.take_words("TIME", "ZONE")) return std::nullopt;
  const std::optional<Literal> zone = reader.literal();
  return zone && is_utc(*zone) ? std::optional(Moment::utc_now) : std::nullopt;
}

}  // namespace

std::optional<DefaultValue> read_default(Language language, std::string_view sql) {
  constexpr int brackets_max = 20;
  DefinitionReader reader(language, sql);
  if (!reader.is_readable() || std::count(sql.begin(), sql.end(), '(') > brackets_max) return std::nullopt;
  TokenReader& words = reader.words();
  DefaultValue value;
  if (std::optional<Literal> literal = reader.literal()) {
    value.literal = std::move(*literal);
  } else {
    const std::optional<DefaultValue::Kind> moment = take_moment(reader);
    if (!moment) return std::nullopt;
    value.kind = *moment;
    std::string cast;
    if (reader.take_cast(cast)) {
      if (cast != "date") return std::nullopt;
      value.kind = DefaultValue::Kind::today;
    }
  }
  if (language == Language::mysql && words.take_words("ON", "UPDATE")) {
    value.on_update = true;
    if (!take_now(words)) return std::nullopt;
  }
  if (!words.at_end()) return std::nullopt;
  return value;
}

// ---- indexes and foreign keys

namespace {

std::optional<IndexColumn> index_column(DefinitionReader& reader) {
  TokenReader& words = reader.words();
  IndexColumn column;
  if (!reader.take_name(column.name)) return std::nullopt;
  if (words.take_symbol('(')) {
    if (words.peek().kind != TokenKind::number || reader.language() == Language::postgresql) return std::nullopt;
    column.prefix = static_cast<std::uint32_t>(std::strtoul(std::string(words.next().source).c_str(), nullptr, 10));
    if (!words.take_symbol(')')) return std::nullopt;
  }
  column.descending = words.take_word("DESC");
  words.take_word("ASC");
  if (words.take_word("NULLS") && !words.take_word("FIRST") && !words.take_word("LAST")) return std::nullopt;
  return column;
}

}  // namespace

std::optional<std::vector<IndexColumn>> read_index(Language language, std::string_view definition) {
  DefinitionReader reader(language, definition);
  TokenReader& words = reader.words();
  if (!reader.is_readable()) return std::nullopt;
  if (words.take_word("USING")) {
    // InnoDB makes an ordered index of HASH, too.
    const bool is_ordered = words.take_word("BTREE") || (language == Language::mysql && words.take_word("HASH"));
    if (!is_ordered) return std::nullopt;
  } else if (!words.take_word("UNIQUE")) {
    return std::nullopt;
  }
  if (!words.take_symbol('(')) return std::nullopt;
  std::vector<IndexColumn> columns;
  do {
    std::optional<IndexColumn> column = index_column(reader);
    if (!column) return std::nullopt;
    columns.push_back(std::move(*column));
  } while (words.take_symbol(','));
  if (!words.take_symbol(')') || !words.at_end()) return std::nullopt;
  return columns;
}

namespace {

std::optional<std::string> action(TokenReader& words) {
  if (words.take_words("NO", "ACTION")) return "";
  for (const char* one : {"CASCADE", "RESTRICT"}) {
    if (words.take_word(one)) return one;
  }
  for (const char* value : {"NULL", "DEFAULT"}) {
    if (words.take_words("SET", value)) return std::string("SET ") + value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<KeyRules> read_rules(std::string_view text) {
  DefinitionReader reader(Language::postgresql, text);
  TokenReader& words = reader.words();
  KeyRules rules;
  while (!words.at_end()) {
    const bool on_delete = words.take_words("ON", "DELETE");
    if (on_delete || words.take_words("ON", "UPDATE")) {
      const std::optional<std::string> what = action(words);
      if (!what) return std::nullopt;
      (on_delete ? rules.on_delete : rules.on_update) = *what;
    } else if (words.take_words("MATCH", "FULL")) {
      rules.full_match = true;
    } else if (words.take_word("DEFERRABLE") || words.take_words("INITIALLY", "DEFERRED")) {
      rules.deferrable = true;
    } else if (words.take_words("NOT", "VALID")) {
      rules.not_valid = true;
    } else {
      return std::nullopt;
    }
  }
  return rules;
}

bool acts(std::string_view rules) {
  if (rules.find("/*") != std::string_view::npos) return true;  // what a version's comment says is not looked for
  const std::vector<Token> words = mysql_tokens(rules, MysqlDialect());
  return std::any_of(words.begin(), words.end(), [](const Token& token) {
    const std::string word = in_capitals(token.source);
    return word == "CASCADE" || word == "SET";
  });
}

std::string quote_text(Language language, std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || (c == '\\' && language == Language::mysql)) quoted += c;
    quoted += c;
  }
  return quoted += '\'';
}

}  // namespace convert
