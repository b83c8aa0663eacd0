// SPDX-License-Identifier: Apache-2.0
#include "relational/landed_default.h"

#include <fmt/format.h>

#include <algorithm>

#include "convert/mysql_tokens.h"
#include "relational/landed_condition.h"
#include "relational/landed_names.h"

namespace relational {
namespace {

using convert::DefaultValue;
using convert::Literal;
using model::Column;
using model::Type;

bool is_figures(Type type) { return model::is_integer(type) || type == Type::numeric || model::is_real(type); }
bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_figure(std::string_view text, bool whole) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos) return all_digits(text);
  const std::string_view fraction = text.substr(point + 1);
  const bool has_fraction = fraction.find_first_not_of('0') != std::string_view::npos;
  return all_digits(text.substr(0, point)) && (fraction.empty() || all_digits(fraction)) && !(whole && has_fraction);
}

// A number as a server writes it when it becomes a text.
bool is_written_figure(std::string_view text) {
  if (!is_figure(text, false) || text.ends_with('.') || text.starts_with("-0")) return false;
  return !text.starts_with('0') || text.size() == 1 || text[1] == '.';
}

// ---- of PostgreSQL

bool is_text_word(std::string_view type) { return type == "text" || type == "character varying"; }

// What a cast makes of the words is seen only where it is one to the column's own type.
bool keeps_words(const Column& column, const Literal& literal) {
  const std::string& cast = literal.cast;
  const std::string native = native_of(column);
  if (cast.empty() || cast == native || cast == convert::in_small_letters(column.type.native)) return true;
  if (is_text_word(cast)) return is_text_word(native) || native.empty();
  if (cast == "bpchar") return native == "character" && characters_of(literal.text) == column.type.length;
  const bool is_exact = cast == "smallint" || cast == "integer" || cast == "bigint" || cast == "numeric";
  return is_exact && is_figures(column.type.type);
}

// ---- of MySQL, whose statements say what no catalogue has put right yet

// "-01:02:03.5" with as many digits behind the point as the column has.
std::optional<std::string> time_value(const Column& column, const std::string& text) {
  std::string_view rest = text;
  if (rest.starts_with('-')) rest.remove_prefix(1);
  const std::size_t colon = rest.find(':');
  if (colon < 2 || colon > 3 || rest.size() < colon + 6 || rest[colon + 3] != ':') return std::nullopt;
  const bool are_digits = all_digits(rest.substr(0, colon)) && all_digits(rest.substr(colon + 1, 2)) &&
                          all_digits(rest.substr(colon + 4, 2)) && (colon == 2 || rest[0] != '0');
  const std::string& native = column.type.native;
  const std::size_t open = native.find('(');
  const std::size_t places = open == std::string::npos ? 0 : static_cast<std::size_t>(native[open + 1] - '0');
  const std::string_view fraction = rest.substr(colon + 6);
  const bool fits = fraction.empty() || (fraction[0] == '.' && all_digits(fraction.substr(1)));
  const std::size_t digits = fraction.empty() ? 0 : fraction.size() - 1;
  if (!are_digits || !fits || digits > places || places > 6) return std::nullopt;
  return text + (digits == 0 && places > 0 ? "." : "") + std::string(places - digits, '0');
}

bool is_member(const Column& column, const std::string& text) {
  if (text.find_first_of("'\\") != std::string::npos) return false;
  return column.type.native.find("'" + text + "'") != std::string::npos;
}

std::optional<std::string> text_value(const Column& column, const Literal& literal) {
  const std::string native = native_of(column);
  const std::string& text = literal.text;
  const bool is_text = literal.kind == Literal::Kind::text;
  if (native == "enum" || native == "set") {
    const bool is_known = (native == "set" && text.empty()) || is_member(column, text);
    return is_text && is_known ? std::optional(text) : std::nullopt;
  }
  if (native == "time") return is_text ? time_value(column, text) : std::nullopt;
  if (literal.kind == Literal::Kind::boolean) return text == "true" ? "1" : "0";
  if (native == "char") return text.substr(0, text.find_last_not_of(' ') + 1);
  const bool is_long = native == "text" || native == "tinytext" || native == "mediumtext" || native == "longtext";
  return native == "varchar" || is_long ? std::optional(text) : std::nullopt;
}

// A year of two digits is one of four; a fraction of seconds or of a number is rounded.
bool is_kept(const Column& column, const std::string& text) {
  if (native_of(column) == "year") return text.size() == 4;
  if (model::is_real(column.type.type)) return column.type.native.find(',') == std::string::npos;
  return true;
}

// ---- in our words

std::optional<std::string> truth_value(Language ours, const Literal& literal) {
  const std::string& text = literal.text;
  const bool is_true = text == "true" || text == "t" || text == "1";
  if (!is_true && text != "false" && text != "f" && text != "0") return std::nullopt;
  if (ours == Language::postgresql) return is_true ? "true" : "false";
  return is_true ? "1" : "0";
}

std::optional<std::string> bytes_value(Language ours, const Literal& literal) {
  if (ours != Language::mysql || !literal.text.starts_with("\\x")) return std::nullopt;
  const std::string digits = literal.text.substr(2);
  if (digits.find_first_not_of("0123456789abcdef") != std::string::npos || digits.size() % 2 != 0) return std::nullopt;
  return "X'" + digits + "'";
}

std::optional<std::string> moment_text(Language ours, const Column& column, const std::string& text) {
  const bool is_date = column.type.type == Type::date;
  const bool is_there = is_date ? is_date_text(text) : !holds_utc(column) && is_moment_text(text);
  const std::size_t point = text.find('.');
  const std::size_t digits = point == std::string::npos ? 0 : text.size() - point - 1;
  const bool has_room = is_date || digits <= static_cast<std::size_t>(std::max<int>(column.type.scale, 0));
  return is_there && has_room ? std::optional(convert::quote_text(ours, text)) : std::nullopt;
}

std::optional<std::string> literal_value(Language ours, Language theirs, const Column& column, const Literal& literal) {
  const Type type = column.type.type;
  if (literal.kind == Literal::Kind::null) return "";
  if (theirs == Language::postgresql ? !keeps_words(column, literal) : !is_kept(column, literal.text)) {
    return std::nullopt;
  }
  if (type == Type::boolean) return truth_value(ours, literal);
  if (literal.kind == Literal::Kind::bits) return std::nullopt;
  if (is_figures(type)) {
    if (literal.kind == Literal::Kind::boolean) return literal.text == "true" ? "1" : "0";
    if (!is_figure(literal.text, model::is_integer(type))) return std::nullopt;
    return model::is_integer(type) ? literal.text.substr(0, literal.text.find('.')) : literal.text;
  }
  if (type == Type::date || type == Type::datetime) return moment_text(ours, column, literal.text);
  if (type == Type::bytes || type == Type::blob) return bytes_value(ours, literal);
  const bool is_dated = literal.kind == Literal::Kind::date || literal.kind == Literal::Kind::moment;
  if (is_dated || literal.text.find('\0') != std::string::npos) return std::nullopt;
  if (literal.kind == Literal::Kind::number && !is_written_figure(literal.text)) return std::nullopt;
  const std::optional<std::string> text =
      theirs == Language::mysql ? text_value(column, literal) : std::optional(literal.text);
  return text ? std::optional(convert::quote_text(ours, *text)) : std::nullopt;
}

std::string with_fraction(std::string_view word, const Column& column) {
  return column.type.scale > 0 ? fmt::format("{}({})", word, std::min<int>(column.type.scale, 6))
                               : fmt::format("{}()", word);
}

// Cells of a type with a zone are UTC, and so is what stands there by default.
std::optional<std::string> moment_value(Language ours, const Column& column, DefaultValue::Kind kind) {
  const Type type = column.type.type;
  if (column.type.native.empty()) return std::nullopt;  // changed by a rule: whose moment it is, is not known
  if (type == Type::date && kind != DefaultValue::Kind::utc_now) {
    return ours == Language::postgresql ? "CURRENT_DATE" : "(CURRENT_DATE)";
  }
  if (type != Type::datetime || kind == DefaultValue::Kind::today) return std::nullopt;
  const bool has_zone = holds_utc(column);
  if (has_zone && kind == DefaultValue::Kind::utc_now) return std::nullopt;
  const bool is_utc = has_zone || kind == DefaultValue::Kind::utc_now;
  if (ours == Language::postgresql) return is_utc ? "(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')" : "LOCALTIMESTAMP";
  return is_utc ? "(" + with_fraction("UTC_TIMESTAMP", column) + ")" : with_fraction("CURRENT_TIMESTAMP", column);
}

}  // namespace

std::optional<Language> language_of(const std::string& family) {
  if (family == "mysql") return Language::mysql;
  if (family == "postgresql") return Language::postgresql;
  return std::nullopt;
}

std::optional<LandedDefault> landed_default(Language ours, const model::TableSchema& table, const Column& column) {
  LandedDefault landed;
  if (column.default_expression.empty()) return landed;
  const Language theirs = language_of(table.family).value_or(Language::postgresql);
  const std::optional<DefaultValue> value = convert::read_default(theirs, column.default_expression);
  if (!value) return std::nullopt;
  landed.drops_update = value->on_update;
  landed.is_literal = value->kind == DefaultValue::Kind::literal;
  const std::optional<std::string> sql =
      landed.is_literal ? literal_value(ours, theirs, column, value->literal) : moment_value(ours, column, value->kind);
  if (!sql) return std::nullopt;
  landed.sql = *sql;
  return landed;
}

}  // namespace relational
