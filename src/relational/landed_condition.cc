// SPDX-License-Identifier: Apache-2.0
#include "relational/landed_condition.h"

#include <algorithm>
#include <cctype>

#include "base/civil.h"
#include "relational/landed_names.h"

namespace relational {
namespace {

using convert::Condition;
using convert::Language;
using convert::Literal;
using convert::Operand;
using model::Column;
using model::TableSchema;
using model::Type;

constexpr std::uint16_t precision_max = 65;
constexpr std::int16_t scale_max = 30;
constexpr std::size_t whole_digits_max = 34;  // of a literal, beside the longest fraction

// What both servers compare in one way.
enum class Group { none, number, date, moment, text };

Group group_of(Language theirs, const Column& column) {
  const Type type = column.type.type;
  if (native_of(column) == "year") return Group::none;  // 70 means 1970 beside it
  if (type >= Type::int1 && type <= Type::uint8) return Group::number;
  if (type == Type::numeric) return is_bounded_number(column.type) ? Group::number : Group::none;
  if (type == Type::date) return Group::date;
  if (type == Type::datetime) return holds_utc(column) ? Group::none : Group::moment;
  const bool is_text = type == Type::string || type == Type::wstring;
  return is_text && tells_all_apart(theirs, column) ? Group::text : Group::none;
}

bool is_number(const Literal& literal) {
  if (literal.kind != Literal::Kind::number && literal.kind != Literal::Kind::text) return false;
  const bool is_whole = literal.text.find('.') == std::string::npos;
  const bool is_whole_type = literal.cast == "integer" || literal.cast == "bigint" || literal.cast == "smallint";
  const bool is_cast = literal.cast == "numeric" || (is_whole && is_whole_type);
  if (literal.kind == Literal::Kind::text && !is_cast) return false;
  if (!literal.cast.empty() && !is_cast) return false;
  const std::string_view digits = std::string_view(literal.text).substr(literal.text.starts_with('-') ? 1 : 0);
  const std::size_t point = digits.find('.');
  const std::size_t fraction = point == std::string_view::npos ? 0 : digits.size() - point - 1;
  if (digits.size() > whole_digits_max + fraction || fraction > static_cast<std::size_t>(scale_max)) return false;
  return !digits.empty() && digits.find_first_not_of("0123456789.") == std::string_view::npos && digits[0] != '.' &&
         std::count(digits.begin(), digits.end(), '.') <= 1;
}

// The literal as one of that group; false: it is none, or may be read in two ways.
bool settle_literal(Language theirs, Group group, Literal& literal) {
  switch (group) {
    case Group::none: return false;
    case Group::number:
      if (!is_number(literal)) return false;
      literal.kind = Literal::Kind::number;
      return true;
    case Group::date: {
      const bool is_said =
          literal.kind == Literal::Kind::date ||
          (literal.kind == Literal::Kind::text && (theirs == Language::mysql || literal.cast == "date"));
      if (!is_said || !is_date_text(literal.text)) return false;
      literal.kind = Literal::Kind::date;
      return true;
    }
    case Group::moment: {
      const bool is_said = literal.kind == Literal::Kind::moment ||
                           (literal.kind == Literal::Kind::text &&
                            (theirs == Language::mysql || literal.cast == "timestamp without time zone"));
      if (!is_said || !is_moment_text(literal.text)) return false;
      literal.kind = Literal::Kind::moment;
      return true;
    }
    case Group::text:
      return literal.kind == Literal::Kind::text && literal.text.find('\0') == std::string::npos &&
             (literal.cast.empty() || literal.cast == "text" || literal.cast == "character varying");
  }
  return false;
}

class Settler {
 public:
  Settler(Language theirs, const TableSchema& table) : theirs_(theirs), table_(table) {}

  bool settle(Condition& condition) const {
    if (!condition.parts.empty()) {
      return std::all_of(condition.parts.begin(), condition.parts.end(), [&](Condition& part) { return settle(part); });
    }
    const Column* tested = column_of(condition.operands[0]);
    if (condition.kind == Condition::Kind::is_null) return tested != nullptr;
    // The literal before the column: 0 < a.
    if (tested == nullptr && condition.kind == Condition::Kind::compare) {
      const Column* other = column_of(condition.operands[1]);
      return other != nullptr && fits(condition, *other, condition.operands[0]);
    }
    if (tested == nullptr) return false;
    return std::all_of(condition.operands.begin() + 1, condition.operands.end(),
                       [&](Operand& operand) { return fits(condition, *tested, operand); });
  }

 private:
  const Column* column_of(const Operand& operand) const {
    if (operand.column.empty()) return nullptr;
    const auto place = find_landed(table_, operand.column);
    if (!place) return nullptr;
    const Column& column = table_.columns[*place];
    if (column.generated) return nullptr;  // stays NULL here
    const bool is_same = operand.cast.empty() || (operand.cast == "text" && native_of(column) == "character varying");
    return is_same ? &column : nullptr;
  }

  bool fits(const Condition& condition, const Column& tested, Operand& operand) const {
    const Group group = group_of(theirs_, tested);
    if (group == Group::none) return false;
    const bool is_equality =
        condition.kind == Condition::Kind::in ||
        (condition.kind == Condition::Kind::compare && (condition.operation == "=" || condition.operation == "<>"));
    if (group == Group::text && !is_equality) return false;
    if (operand.column.empty()) return settle_literal(theirs_, group, operand.literal);
    const Column* other = column_of(operand);
    return other != nullptr && group != Group::text && group_of(theirs_, *other) == group;
  }

  const Language theirs_;
  const TableSchema& table_;
};

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

int number_of(std::string_view digits) {
  int number = 0;
  for (const char c : digits) number = number * 10 + (c - '0');
  return number;
}

}  // namespace

std::optional<std::string> condition_in_words_of(Language ours, Language theirs, const TableSchema& table,
                                                 const std::string& definition) {
  std::optional<Condition> condition = convert::read_check(theirs, definition);
  if (!condition || !Settler(theirs, table).settle(*condition)) return std::nullopt;
  return convert::write_condition(ours, *condition, [&](const std::string& name) {
    return quoted(ours, table.columns[*find_landed(table, name)].name);
  });
}

std::string native_of(const Column& column) {
  std::string word;
  int depth = 0;
  for (const char c : column.type.native) {
    depth += c == '(' ? 1 : 0;
    if (depth == 0) word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    depth -= c == ')' ? 1 : 0;
  }
  return word;
}

bool holds_utc(const Column& column) {
  const std::string native = native_of(column);
  return native == "timestamp with time zone" || native == "timestamp";
}

bool tells_all_apart(Language theirs, const Column& column) {
  const std::string native = native_of(column);
  if (theirs == Language::postgresql) {
    return column.collation.empty() && (native == "text" || native == "character varying");
  }
  const bool is_plain = native == "varchar" || native == "text";
  return is_plain && (column.collation.ends_with("_0900_bin") || column.collation.ends_with("_nopad_bin"));
}

bool is_bounded_number(const model::ColumnType& type) {
  return type.precision > 0 && type.precision <= precision_max && type.scale >= 0 && type.scale <= scale_max &&
         type.scale <= static_cast<std::int16_t>(type.precision);
}

bool is_date_text(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const std::string_view year = text.substr(0, 4), month = text.substr(5, 2), day = text.substr(8, 2);
  if (!is_digits(year) || !is_digits(month) || !is_digits(day)) return false;
  const int y = number_of(year), m = number_of(month), d = number_of(day);
  return y >= 1 && m >= 1 && m <= 12 && d >= 1 &&
         d <= static_cast<int>(base::days_of_month(y, static_cast<unsigned>(m)));
}

bool is_moment_text(std::string_view text) {
  if (text.size() < 19 || !is_date_text(text.substr(0, 10)) || text[10] != ' ' || text[13] != ':' || text[16] != ':') {
    return false;
  }
  const std::string_view hour = text.substr(11, 2), minute = text.substr(14, 2), second = text.substr(17, 2);
  if (!is_digits(hour) || !is_digits(minute) || !is_digits(second)) return false;
  if (number_of(hour) > 23 || number_of(minute) > 59 || number_of(second) > 59) return false;
  const std::string_view fraction = text.substr(19);
  return fraction.empty() || (fraction.size() <= 7 && fraction[0] == '.' && is_digits(fraction.substr(1)));
}

}  // namespace relational
