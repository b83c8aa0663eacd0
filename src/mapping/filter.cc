// SPDX-License-Identifier: Apache-2.0
#include "mapping/filter.h"

#include <cctype>

#include "mapping/errors.h"

namespace mapping {
namespace {

using model::Type;

bool is_negative(FilterOperator op) { return op == FilterOperator::noteq || op == FilterOperator::notbetween; }

bool takes_value(FilterOperator op) { return op != FilterOperator::null && op != FilterOperator::notnull; }

bool takes_end(FilterOperator op) { return op == FilterOperator::between || op == FilterOperator::notbetween; }

bool is_whole_number(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty()) return false;
  for (const char c : text) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) return false;
  }
  return true;
}

// digits[.digits][e[+-]digits], signed.
bool is_number(std::string_view text) {
  const std::size_t exponent = text.find_first_of("eE");
  if (exponent != std::string_view::npos && !is_whole_number(text.substr(exponent + 1))) return false;
  std::string digits(text.substr(0, exponent));
  const std::size_t point = digits.find('.');
  if (point != std::string::npos) digits.erase(point, 1);
  return is_whole_number(digits);
}

// Literals are compared by the server after it converts them to the column's type; what it would refuse in the middle
// of a load is refused here, as far as a look at the text can tell.
bool fits(Type type, std::string_view value) {
  switch (type) {
    case Type::int1:
    case Type::int2:
    case Type::int4:
    case Type::int8:
    case Type::uint1:
    case Type::uint2:
    case Type::uint4:
    case Type::uint8: return is_whole_number(value);
    case Type::numeric:
    case Type::real4:
    case Type::real8: return is_number(value) || value == "NaN" || value == "Infinity" || value == "-Infinity";
    case Type::date:
    case Type::datetime: return value.size() >= 8 && std::isdigit(static_cast<unsigned char>(value[0])) != 0;
    case Type::time: return value.size() >= 5 && std::isdigit(static_cast<unsigned char>(value[0])) != 0;
    default: return true;
  }
}

base::Result<std::string> condition_sql(const Filter& filter, const FilterCondition& condition,
                                        const std::string& column, const model::ColumnType& type,
                                        const Quote& quote_literal) {
  std::string low;
  std::string high;
  if (takes_value(condition.op))
    low = TRY(typed_literal(filter.rule_id, filter.column, type, condition.value, quote_literal));
  if (takes_end(condition.op))
    high = TRY(typed_literal(filter.rule_id, filter.column, type, condition.end, quote_literal));
  switch (condition.op) {
    case FilterOperator::eq: return column + " = " + low;
    case FilterOperator::noteq: return column + " <> " + low;
    case FilterOperator::lte: return column + " <= " + low;
    case FilterOperator::gte: return column + " >= " + low;
    case FilterOperator::between: return fmt::format("({0} >= {1} AND {0} <= {2})", column, low, high);
    case FilterOperator::notbetween: return fmt::format("({0} < {1} OR {0} > {2})", column, low, high);
    case FilterOperator::null: return column + " IS NULL";
    case FilterOperator::notnull: return column + " IS NOT NULL";
  }
  return base::failed(base::errors::bug, "unknown filter operator");
}

void join(std::string& out, std::string_view word, const std::string& part) {
  if (!out.empty()) out += word;
  out += part;
}

base::Result<std::string> one_filter_sql(const Filter& filter, const model::TableSchema& source,
                                         const Quote& quote_identifier, const Quote& quote_literal) {
  const auto index = source.find_column(filter.column);
  if (!index) {
    return base::failed(errors::bad_filter, "rule {}: table {} has no column {} to filter on", filter.rule_id,
                        source.name.text(), filter.column);
  }
  const model::ColumnType& type = source.columns[*index].type;
  if (type.type == Type::blob || type.type == Type::bytes) {
    return base::failed(errors::bad_filter, "rule {}: column {}.{} is binary and cannot be filtered on", filter.rule_id,
                        source.name.text(), filter.column);
  }
  const std::string column = quote_identifier(filter.column);
  std::string including;
  std::string negative;
  for (const FilterCondition& condition : filter.conditions) {
    const std::string sql = TRY(condition_sql(filter, condition, column, type, quote_literal));
    if (is_negative(condition.op)) {
      join(negative, " AND ", sql);
    } else {
      join(including, " OR ", sql);
    }
  }
  if (including.empty()) return "(" + negative + ")";
  std::string sql = "(" + including + ")";
  if (!negative.empty()) sql += " AND (" + negative + ")";
  return sql;
}

}  // namespace

base::Result<std::string> typed_literal(const std::string& rule_id, const std::string& column,
                                        const model::ColumnType& type, const std::string& value,
                                        const Quote& quote_literal) {
  if (value.find('\0') != std::string::npos) {
    return base::failed(errors::bad_filter, "rule {}: column {} is compared with a NUL character", rule_id, column);
  }
  if (!fits(type.type, value)) {
    return base::failed(errors::bad_filter, "rule {}: the filter on column {} compares with a value that is no {}",
                        rule_id, column, type.native.empty() ? model::type_name(type.type) : type.native);
  }
  return quote_literal(value);
}

base::Result<std::string> filter_sql(std::span<const Filter> filters, const model::TableSchema& source,
                                     const Quote& quote_identifier, const Quote& quote_literal) {
  std::string sql;
  for (const Filter& filter : filters) {
    join(sql, " AND ", TRY(one_filter_sql(filter, source, quote_identifier, quote_literal)));
  }
  return sql;
}

}  // namespace mapping
