// SPDX-License-Identifier: Apache-2.0
#include "mapping/filter.h"

#include <algorithm>

#include "mapping/errors.h"

namespace mapping {
namespace {

using model::Type;

bool is_negative(FilterOperator op) { return op == FilterOperator::noteq || op == FilterOperator::notbetween; }
bool takes_value(FilterOperator op) { return op != FilterOperator::null && op != FilterOperator::notnull; }
bool takes_end(FilterOperator op) { return op == FilterOperator::between || op == FilterOperator::notbetween; }
bool needs_order(FilterOperator op) {
  return takes_value(op) && op != FilterOperator::eq && op != FilterOperator::noteq;
}

std::string condition_sql(FilterOperator op, const std::string& column, const std::string& low,
                          const std::string& high) {
  switch (op) {
    case FilterOperator::eq: return column + " = " + low;
    case FilterOperator::noteq: return column + " <> " + low;
    case FilterOperator::lte: return column + " <= " + low;
    case FilterOperator::gte: return column + " >= " + low;
    case FilterOperator::between: return fmt::format("({0} >= {1} AND {0} <= {2})", column, low, high);
    case FilterOperator::notbetween: return fmt::format("({0} < {1} OR {0} > {2})", column, low, high);
    case FilterOperator::null: return column + " IS NULL";
    case FilterOperator::notnull: return column + " IS NOT NULL";
  }
  return "";
}

void join(std::string& out, std::string_view word, const std::string& part) {
  if (!out.empty()) out += word;
  out += part;
}

std::string type_text(const model::ColumnType& type) {
  return type.native.empty() ? std::string(model::type_name(type.type)) : type.native;
}

bool holds(const std::vector<std::uint32_t>& columns, std::uint32_t column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

}  // namespace

base::Result<std::string> plain_literal(const std::string& rule_id, const std::string& column, const Comparer& comparer,
                                        const model::ColumnType& type, const std::string& value) {
  if (value.find('\0') != std::string::npos) {
    return base::failed(errors::bad_filter, "rule {}: column {} is compared with a NUL character", rule_id, column);
  }
  std::optional<std::string> literal = comparer.literal(value);
  if (!literal) {
    return base::failed(errors::bad_filter, "rule {}: the filter on column {} compares with a value that is no {}",
                        rule_id, column, type_text(type));
  }
  return *std::move(literal);
}

base::Result<TableFilter> TableFilter::compile(std::span<const Filter> filters, const model::TableSchema& source,
                                               const Comparisons& comparisons) {
  TableFilter out;
  out.source_ = &source;
  for (const Filter& filter : filters) TRY(out.add(filter, comparisons));
  return out;
}

base::Result<void> TableFilter::add(const Filter& filter, const Comparisons& comparisons) {
  const auto index = source_->find_column(filter.column);
  if (!index) {
    return base::failed(errors::bad_filter, "rule {}: table {} has no column {} to filter on", filter.rule_id,
                        source_->name.text(), filter.column);
  }
  const model::Column& column = source_->columns[*index];
  if (column.type.type == Type::blob || column.type.type == Type::bytes) {
    return base::failed(errors::bad_filter, "rule {}: column {}.{} is binary and cannot be filtered on", filter.rule_id,
                        source_->name.text(), filter.column);
  }
  auto term = std::make_unique<Term>();
  term->rule_id = filter.rule_id;
  term->name = filter.column;
  term->comparer = Comparer(comparisons(*source_, column), column.type.type);
  const std::vector<std::uint32_t> stored = model::stored_columns(*source_);
  term->place = static_cast<std::uint32_t>(std::find(stored.begin(), stored.end(), *index) - stored.begin());
  bool compares = false, orders = false;
  for (const FilterCondition& given : filter.conditions) {
    compares = compares || takes_value(given.op);
    orders = orders || needs_order(given.op);
    std::vector<Condition>& conditions = is_negative(given.op) ? term->negative : term->including;
    conditions.push_back(TRY(compile_condition(filter, given, *term, column.type)));
  }
  // Only now the texts stand still.
  for (std::vector<Condition>* conditions : {&term->including, &term->negative}) {
    for (Condition& condition : *conditions) {
      if (term->comparer.comparison() == model::Comparison::none || !takes_value(condition.op)) continue;
      ENSURE(term->comparer.read_literal(condition.low_text, condition.low));
      if (takes_end(condition.op)) ENSURE(term->comparer.read_literal(condition.high_text, condition.high));
    }
  }
  if (compares && !model::tells_equal(term->comparer.comparison())) {
    stream_problems_.push_back(fmt::format("rule {}: only the source's database can compare values of column {} ({})",
                                           filter.rule_id, filter.column, type_text(column.type)));
  }
  note_stream_problems(*term, *index, orders);
  terms_.push_back(std::move(term));
  return {};
}

base::Result<TableFilter::Condition> TableFilter::compile_condition(const Filter& filter, const FilterCondition& given,
                                                                    const Term& term, const model::ColumnType& type) {
  Condition condition;
  condition.op = given.op;
  if (takes_value(given.op)) {
    condition.low_text = TRY(plain_literal(filter.rule_id, filter.column, term.comparer, type, given.value));
  }
  if (takes_end(given.op)) {
    condition.high_text = TRY(plain_literal(filter.rule_id, filter.column, term.comparer, type, given.end));
  }
  return condition;
}

void TableFilter::note_stream_problems(const Term& term, std::uint32_t column, bool orders) {
  const model::Comparison comparison = term.comparer.comparison();
  if (orders && model::tells_equal(comparison) && !model::tells_order(comparison)) {
    stream_problems_.push_back(fmt::format(
        "rule {}: the filter asks for the order of column {}, which only the source's database can tell (a collation "
        "or a type of its own); eq, noteq, null and notnull can be used",
        term.rule_id, term.name));
  }
  if (source_->columns[column].generated) {
    stream_problems_.push_back(
        fmt::format("rule {}: the source's log does not carry the generated column {}", term.rule_id, term.name));
    return;
  }
  if (source_->old_image == model::OldImage::key && !holds(source_->old_key, column)) {
    stream_problems_.push_back(fmt::format(
        "rule {}: the filter needs the value of column {} before an update, which the source's log does not carry",
        term.rule_id, term.name));
  }
}

std::string TableFilter::sql(const Quote& quote_identifier, const Quote& quote_literal) const {
  std::string out;
  for (const auto& term : terms_) {
    const std::string column = quote_identifier(term->name);
    const auto joined = [&](const std::vector<Condition>& conditions, std::string_view word) {
      std::string text;
      for (const Condition& condition : conditions) {
        join(
            text, word,
            condition_sql(condition.op, column, quote_literal(condition.low_text), quote_literal(condition.high_text)));
      }
      return text;
    };
    const std::string including = joined(term->including, " OR ");
    const std::string negative = joined(term->negative, " AND ");
    if (!including.empty()) join(out, " AND ", "(" + including + ")");
    if (!negative.empty()) join(out, " AND ", "(" + negative + ")");
  }
  return out;
}

}  // namespace mapping
