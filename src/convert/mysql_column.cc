// SPDX-License-Identifier: Apache-2.0
#include "convert/mysql_column.h"

#include <array>
#include <charconv>

#include "convert/definition.h"

namespace convert {
namespace {

std::uint64_t number_of(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// ---- types ----

struct TypeName {
  std::string_view spelled;
  std::string_view name;    // the server's own
  std::string_view length;  // what no length means; empty: none is shown
};
constexpr std::array type_names{TypeName{"TINYINT", "tinyint", ""},
                                TypeName{"INT1", "tinyint", ""},
                                TypeName{"SMALLINT", "smallint", ""},
                                TypeName{"INT2", "smallint", ""},
                                TypeName{"MEDIUMINT", "mediumint", ""},
                                TypeName{"INT3", "mediumint", ""},
                                TypeName{"MIDDLEINT", "mediumint", ""},
                                TypeName{"INT", "int", ""},
                                TypeName{"INTEGER", "int", ""},
                                TypeName{"INT4", "int", ""},
                                TypeName{"BIGINT", "bigint", ""},
                                TypeName{"INT8", "bigint", ""},
                                TypeName{"BOOL", "tinyint", "(1)"},
                                TypeName{"BOOLEAN", "tinyint", "(1)"},
                                TypeName{"DECIMAL", "decimal", "(10,0)"},
                                TypeName{"DEC", "decimal", "(10,0)"},
                                TypeName{"NUMERIC", "decimal", "(10,0)"},
                                TypeName{"FIXED", "decimal", "(10,0)"},
                                TypeName{"FLOAT", "float", ""},
                                TypeName{"FLOAT4", "float", ""},
                                TypeName{"DOUBLE", "double", ""},
                                TypeName{"REAL", "double", ""},
                                TypeName{"FLOAT8", "double", ""},
                                TypeName{"BIT", "bit", "(1)"},
                                TypeName{"CHAR", "char", "(1)"},
                                TypeName{"CHARACTER", "char", "(1)"},
                                TypeName{"NCHAR", "char", "(1)"},
                                TypeName{"VARCHAR", "varchar", ""},
                                TypeName{"VARCHARACTER", "varchar", ""},
                                TypeName{"NVARCHAR", "varchar", ""},
                                TypeName{"BINARY", "binary", "(1)"},
                                TypeName{"VARBINARY", "varbinary", ""},
                                TypeName{"TINYTEXT", "tinytext", ""},
                                TypeName{"TEXT", "text", ""},
                                TypeName{"MEDIUMTEXT", "mediumtext", ""},
                                TypeName{"LONGTEXT", "longtext", ""},
                                TypeName{"TINYBLOB", "tinyblob", ""},
                                TypeName{"BLOB", "blob", ""},
                                TypeName{"MEDIUMBLOB", "mediumblob", ""},
                                TypeName{"LONGBLOB", "longblob", ""},
                                TypeName{"GEOMETRYCOLLECTION", "geomcollection", ""}};

bool is_national(const Token& token) {
  const std::string word = in_capitals(token.source);
  return word == "NCHAR" || word == "NVARCHAR" || word == "NATIONAL";
}

// Of a character set or collation: bare, quoted, as a text.
std::string read_set_name(TokenReader& in) {
  std::string name;
  if (in.peek().kind == TokenKind::text) {
    name = in.next().value;
  } else {
    in.take_name(name);
  }
  return in_small_letters(name);
}

// The smallest of its kin that holds so many bytes.
std::string_view sized_type(bool is_text, std::uint64_t bytes) {
  if (bytes < 256) return is_text ? "tinytext" : "tinyblob";
  if (bytes < 65536) return is_text ? "text" : "blob";
  if (bytes < 16777216) return is_text ? "mediumtext" : "mediumblob";
  return is_text ? "longtext" : "longblob";
}

std::uint64_t bytes_of_character(const ColumnDefinition& column) {
  const std::string_view set = !column.character_set.empty() ? column.character_set : column.collation;
  if (set.empty() || set.starts_with("utf8mb4") || set.starts_with("utf16") || set.starts_with("utf32")) return 4;
  if (set.starts_with("utf8") || set.starts_with("ujis") || set.starts_with("eucjp")) return 3;
  if (set.starts_with("gb18030")) return 4;
  const bool is_two = set.starts_with("ucs2") || set.starts_with("gb") || set.starts_with("big5") ||
                      set.starts_with("sjis") || set.starts_with("cp932") || set.starts_with("euckr");
  return is_two ? 2 : 1;
}

// "'it''s'" for information_schema: quotes doubled, nothing escaped.
std::string quoted(std::string_view text) {
  std::string made = "'";
  for (const char c : text) made += c == '\'' ? "''" : std::string(1, c);
  return made + "'";
}

class TypeReader {
 public:
  TypeReader(TokenReader& in, const MysqlDialect& dialect, ColumnDefinition& out)
      : in_(in), dialect_(dialect), out_(out) {}

  bool read() {
    if (in_.peek().kind != TokenKind::word) return false;
    is_national_ = is_national(in_.peek());
    if (in_.take_word("NATIONAL") && in_.peek().kind != TokenKind::word) return false;
    const std::string spelled = in_capitals(in_.next().source);
    if (spelled == "SERIAL") return serial();
    if (spelled == "LONG") return long_type();
    if (spelled == "ENUM" || spelled == "SET") return members(spelled);
    name_ = in_small_letters(spelled);
    for (const TypeName& known : type_names) {
      if (known.spelled != spelled) continue;
      name_ = known.name;
      length_ = known.length;
    }
    if (name_ == "double") in_.take_word("PRECISION");
    if (name_ == "char" && in_.take_word("VARYING")) {
      name_ = "varchar";
      length_.clear();
    }
    if (name_ == "json" && dialect_.is_mariadb) name_ = "longtext";
    if (dialect_.is_mariadb && name_ == "geomcollection") name_ = "geometrycollection";
    if (in_.is_symbol('(')) read_length();
    return true;
  }
  // Attributes that belong to the type; they may stand anywhere behind it.
  bool read_attribute() {
    if (in_.take_word("UNSIGNED")) return is_unsigned_ = true;
    if (in_.take_word("SIGNED")) return true;
    if (in_.take_word("ZEROFILL")) return is_unsigned_ = is_zerofill_ = true;
    if (in_.take_word("BYTE")) return is_bytes_ = true;
    if (in_.take_word("BINARY")) return true;  // its set's collation by code
    if (in_.take_word("ASCII")) return character_set("latin1");
    if (in_.take_word("UNICODE")) return character_set("ucs2");
    if (in_.take_word("CHARSET") || in_.take_words("CHARACTER", "SET") || in_.take_words("CHAR", "SET")) {
      in_.take_symbol('=');
      return character_set(read_set_name(in_));
    }
    return false;
  }
  void finish() {
    if (is_national_ && out_.character_set.empty()) out_.character_set = "utf8mb3";
    if (out_.character_set == "binary" || out_.collation == "binary") is_bytes_ = true;
    if (is_bytes_) to_bytes();
    const bool is_text = name_ == "text", is_blob = name_ == "blob";
    if ((is_text || is_blob) && !length_.empty()) {
      const std::uint64_t length = number_of(std::string_view(length_).substr(1));
      name_ = sized_type(is_text, is_text && length < 0xffffffff ? length * bytes_of_character(out_) : length);
      length_.clear();
    }
    if (name_ == "float" && !length_.empty() && length_.find(',') == std::string::npos) {
      constexpr std::uint64_t digits_of_float = 24;
      if (number_of(std::string_view(length_).substr(1)) > digits_of_float) name_ = "double";
      length_.clear();
    }
    if (name_ == "decimal" && length_.find(',') == std::string::npos) length_.insert(length_.size() - 1, ",0");
    if (name_ == "year") length_.clear();
    const bool is_moment = name_ == "time" || name_ == "datetime" || name_ == "timestamp";
    if (is_moment && length_ == "(0)") length_.clear();
    out_.type = name_ + length_ + (is_unsigned_ ? " unsigned" : "") + (is_zerofill_ ? " zerofill" : "");
  }

 private:
  bool serial() {
    name_ = "bigint";
    out_.nullable = false;
    return is_unsigned_ = out_.auto_increment = out_.unique = true;
  }
  bool long_type() {
    name_ = in_.take_word("VARBINARY") ? "mediumblob" : "mediumtext";
    if (in_.take_word("VARCHAR") || in_.take_word("VARCHARACTER")) return true;
    if (in_.take_words("CHAR", "VARYING") || in_.take_words("CHARACTER", "VARYING")) return true;
    return true;
  }
  bool members(const std::string& spelled) {
    name_ = in_small_letters(spelled);
    if (!in_.take_symbol('(')) return false;
    length_ = "(";
    while (!in_.at_end() && !in_.is_symbol(')')) {
      if (in_.peek().kind == TokenKind::word) in_.next();  // _utf8mb4'a'
      if (in_.peek().kind != TokenKind::text) return false;
      std::string member = in_.next().value;
      while (member.ends_with(' ')) member.pop_back();
      length_ += (length_.size() > 1 ? "," : "") + quoted(member);
      in_.take_symbol(',');
    }
    length_ += ')';
    return in_.take_symbol(')');
  }
  // "(10)", "(10,2)" without blanks.
  void read_length() {
    const std::size_t start = in_.position();
    in_.skip_group();
    const std::size_t end = in_.position();
    in_.go_to(start);
    length_.clear();
    while (in_.position() < end && !in_.at_end()) length_ += in_.next().source;
  }
  bool character_set(std::string_view name) {
    out_.character_set = name == "utf8" ? "utf8mb3" : name;
    return true;
  }
  void to_bytes() {
    if (name_ == "char") name_ = "binary";
    if (name_ == "varchar") name_ = "varbinary";
    if (const std::size_t at = name_.find("text"); at != std::string::npos) name_.replace(at, 4, "blob");
    if (name_ != "enum" && name_ != "set") out_.character_set = out_.collation = "";
  }

  TokenReader& in_;
  const MysqlDialect& dialect_;
  ColumnDefinition& out_;
  std::string name_, length_;
  bool is_national_ = false, is_unsigned_ = false, is_zerofill_ = false, is_bytes_ = false;
};

// ---- attributes ----

// The text between a bracket and its partner.
std::string read_bracketed(TokenReader& in) {
  const std::size_t start = in.position();
  in.skip_group();
  const std::string whole = in.source_since(start);
  return whole.size() >= 2 ? whole.substr(1, whole.size() - 2) : std::string();
}

// The rules of a column's own foreign key.
std::string read_references(TokenReader& in) {
  MysqlTable table;
  in.take_table(table);
  if (in.is_symbol('(')) in.skip_group();
  const std::size_t rules = in.position();
  while (in.take_word("MATCH") || in.take_words("ON", "DELETE") || in.take_words("ON", "UPDATE")) {
    in.next();
    if (!in.take_word("NULL") && !in.take_word("DEFAULT")) in.take_word("ACTION");
  }
  return in.source_since(rules);
}

bool read_generation(TokenReader& in, ColumnDefinition& out) {
  const bool is_long = in.take_words("GENERATED", "ALWAYS");
  if (!is_long && !in.is_word("AS")) return false;
  if (!in.take_word("AS")) return true;
  if (in.take_word("ROW")) {
    in.next();
    return out.is_row_period = true;
  }
  if (in.is_symbol('(')) out.generation = read_bracketed(in);
  return true;
}

// The rest of an option: [=] value.
void skip_setting(TokenReader& in) {
  in.take_symbol('=');
  in.next();
}

bool read_default(TokenReader& in, ColumnDefinition& out) {
  if (!in.take_word("DEFAULT")) return false;
  std::string text;
  if (!read_value(in, text)) return false;
  out.default_text = std::move(text);
  return true;
}

bool read_comment(TokenReader& in, ColumnDefinition& out) {
  if (!in.take_word("COMMENT")) return false;
  in.take_symbol('=');
  if (in.peek().kind == TokenKind::text) out.comment = in.next().value;
  return true;
}

bool read_key_attribute(TokenReader& in, ColumnDefinition& out) {
  if (in.take_words("PRIMARY", "KEY") || in.take_word("KEY") || in.take_word("PRIMARY")) return out.primary_key = true;
  if (!in.take_word("UNIQUE")) return false;
  in.take_word("KEY");
  return out.unique = true;
}

bool read_check(TokenReader& in) {
  std::string name;
  if (in.take_word("CONSTRAINT") && !in.is_word("CHECK")) in.take_name(name);
  if (!in.take_word("CHECK")) return false;
  if (in.is_symbol('(')) in.skip_group();
  in.take_word("NOT");
  in.take_word("ENFORCED");
  return true;
}

bool read_attribute(TokenReader& in, ColumnDefinition& out) {
  if (in.take_words("NOT", "NULL")) {
    out.nullable = false;
  } else if (in.take_word("NULL")) {
    out.nullable = true;
  } else if (in.take_word("AUTO_INCREMENT")) {
    out.auto_increment = true;
  } else if (in.take_words("ON", "UPDATE")) {
    read_value(in, out.on_update);
  } else if (in.take_words("SERIAL", "DEFAULT")) {
    in.take_word("VALUE");
    out.nullable = false;
    out.auto_increment = out.unique = true;
  } else if (in.take_word("COLLATE")) {
    in.take_symbol('=');
    out.collation = read_set_name(in);
  } else if (in.take_word("INVISIBLE")) {
    out.invisible = true;
  } else if (in.take_word("STORED") || in.take_word("PERSISTENT")) {
    out.is_stored = true;
  } else if (in.take_word("VIRTUAL") || in.take_word("VISIBLE")) {
    return true;
  } else if (in.take_word("REFERENCES")) {
    out.reference_rules = read_references(in);
  } else if (in.take_word("COLUMN_FORMAT") || in.take_word("STORAGE") || in.take_word("SRID") ||
             in.take_word("REF_SYSTEM_ID") || in.take_word("ENGINE_ATTRIBUTE") ||
             in.take_word("SECONDARY_ENGINE_ATTRIBUTE")) {
    skip_setting(in);
  } else if (in.take_word("COMPRESSED")) {
    if (in.is_symbol('=')) skip_setting(in);
  } else if (in.take_word("WITH") || in.take_word("WITHOUT")) {
    in.take_words("SYSTEM", "VERSIONING");
  } else {
    return read_default(in, out) || read_comment(in, out) || read_key_attribute(in, out) || read_generation(in, out) ||
           read_check(in);
  }
  return true;
}

}  // namespace

bool read_value(TokenReader& in, std::string& out) {
  const std::size_t start = in.position();
  if (in.is_symbol('-') || in.is_symbol('+')) in.next();
  if (in.is_symbol('(')) {
    in.skip_group();
    out = in.source_since(start);
    return true;
  }
  const TokenKind kind = in.peek().kind;
  if (kind == TokenKind::end || kind == TokenKind::symbol) return false;
  if (in.take_words("NEXT", "VALUE")) {  // FOR a sequence
    in.take_word("FOR");
    MysqlTable sequence;
    in.take_table(sequence);
    out = in.source_since(start);
    return true;
  }
  const Token& first = in.next();
  // Whatever the session's quotes and escapes were: as every server of the family reads it.
  if (kind == TokenKind::text && in.position() == start + 1) {
    out = quote_text(Language::mysql, first.value);
    return true;
  }
  if (kind == TokenKind::word) {
    // _latin1'x', X'41', N'x'; now(3)
    if (in.peek().kind == TokenKind::text && in.peek().source.data() != nullptr &&
        (first.source.starts_with('_') || first.source.size() == 1)) {
      in.next();
    } else if (in.is_symbol('(')) {
      in.skip_group();
    }
  }
  out = in.source_since(start);
  return true;
}

bool read_column(TokenReader& in, const MysqlDialect& dialect, ColumnDefinition& out) {
  if (!in.take_name(out.name)) return false;
  TypeReader type(in, dialect, out);
  if (!type.read()) return false;
  while (!in.at_end() && !in.is_symbol(',') && !in.is_symbol(')')) {
    if (in.is_word("FIRST") || in.is_word("AFTER") || in.is_word("PARTITION") || in.is_word("REMOVE")) break;
    if (!type.read_attribute() && !read_attribute(in, out)) return false;
  }
  type.finish();
  return true;
}

bool read_index_parts(TokenReader& in, std::vector<IndexPart>& out) {
  if (!in.take_symbol('(')) return false;
  while (!in.at_end()) {
    IndexPart part;
    if (in.is_symbol('(')) {
      part.expression = read_bracketed(in);
    } else if (!in.take_name(part.column)) {
      return false;
    }
    if (in.is_symbol('(')) part.prefix = static_cast<std::uint32_t>(number_of(read_bracketed(in)));
    part.descending = in.take_word("DESC");
    out.push_back(std::move(part));
    in.skip_to_comma();  // ASC, WITHOUT OVERLAPS
    if (!in.take_symbol(',')) break;
  }
  return in.take_symbol(')');
}

namespace {

bool read_foreign_key(TokenReader& in, IndexDefinition& out) {
  out.kind = IndexKind::foreign_key;
  if (in.take_words("IF", "NOT")) in.take_word("EXISTS");
  std::string name;
  if (!in.is_symbol('(') && in.take_name(name) && out.name.empty()) out.name = name;
  if (!read_index_parts(in, out.parts) || !in.take_word("REFERENCES") || !in.take_table(out.referenced)) return false;
  if (in.is_symbol('(')) {
    std::vector<IndexPart> columns;
    if (!read_index_parts(in, columns)) return false;
    for (IndexPart& part : columns) out.referenced_columns.push_back(std::move(part.column));
  }
  const std::size_t rules = in.position();
  in.skip_to_comma();
  out.rules = in.source_since(rules);
  return true;
}

// Behind the kind: [INDEX|KEY] [name] [USING x] (parts) options.
bool read_key(TokenReader& in, IndexKind kind, IndexDefinition& out) {
  out.kind = kind;
  if (!in.take_word("INDEX")) in.take_word("KEY");
  if (in.take_words("IF", "NOT")) in.take_word("EXISTS");
  std::string name;
  const bool is_using = in.is_word("USING") || in.is_word("TYPE");
  if (!in.is_symbol('(') && !(is_using && !in.is_symbol('(', 1) && !in.is_word("USING", 1)) && in.take_name(name)) {
    out.name = name;
  }
  if (in.take_word("USING") || in.take_word("TYPE")) in.next();
  if (!read_index_parts(in, out.parts)) return false;
  in.skip_to_comma();
  return true;
}

}  // namespace

bool read_index(TokenReader& in, IndexDefinition& out) {
  const std::size_t start = in.position();
  if (in.take_word("CONSTRAINT")) {
    if (in.take_words("IF", "NOT")) in.take_word("EXISTS");
    const bool is_bare = in.is_word("PRIMARY") || in.is_word("UNIQUE") || in.is_word("FOREIGN") || in.is_word("CHECK");
    if (!is_bare) in.take_name(out.name);
  }
  if (in.take_words("PRIMARY", "KEY")) return read_key(in, IndexKind::primary, out);
  if (in.take_word("UNIQUE")) return read_key(in, IndexKind::unique, out);
  if (in.take_words("FOREIGN", "KEY")) return read_foreign_key(in, out);
  if (in.take_word("FULLTEXT")) return read_key(in, IndexKind::fulltext, out);
  if (in.take_word("SPATIAL")) return read_key(in, IndexKind::spatial, out);
  if (in.is_word("VECTOR") && (in.is_word("INDEX", 1) || in.is_word("KEY", 1))) {
    in.next();
    return read_key(in, IndexKind::vector, out);
  }
  if (in.take_word("INDEX") || in.take_word("KEY")) return read_key(in, IndexKind::plain, out);
  if (in.take_word("CHECK")) {
    out.kind = IndexKind::check;
    if (!in.is_symbol('(')) return false;
    out.expression = read_bracketed(in);
    in.take_word("NOT");
    in.take_word("ENFORCED");
    return true;
  }
  in.go_to(start);
  return false;
}

}  // namespace convert
