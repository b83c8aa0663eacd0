// SPDX-License-Identifier: Apache-2.0
#include "mapping/segments.h"

#include <algorithm>
#include <charconv>

#include "mapping/value.h"

namespace mapping {
namespace {

using model::Type;

// Surely less, in the database's own order: numbers, and dates of one length.
bool ascends(Type type, const std::string& low, const std::string& high) {
  if (is_number(type)) {
    double a = 0, b = 0;
    const auto first = std::from_chars(low.data(), low.data() + low.size(), a);
    const auto second = std::from_chars(high.data(), high.data() + high.size(), b);
    return first.ec == std::errc() && second.ec == std::errc() && a < b;
  }
  const bool is_time = type == Type::date || type == Type::datetime || type == Type::time;
  return is_time && low.size() == high.size() && low < high;
}

// c1 < b1 OR (c1 = b1 AND (c2 < b2 OR ...))
std::string below(const std::vector<std::string>& columns, const std::vector<std::string>& literals) {
  std::string sql;
  for (std::size_t i = columns.size(); i-- > 0;) {
    const std::string less = fmt::format("{} < {}", columns[i], literals[i]);
    sql = sql.empty() ? less : fmt::format("{} OR ({} = {} AND ({}))", less, columns[i], literals[i], sql);
  }
  return "(" + sql + ")";
}

}  // namespace

base::Result<void> check_partitions(const TableSettingsRule& rule, const model::TableSchema& source) {
  for (const std::string& name : rule.partitions) {
    const bool is_there = std::any_of(source.partitions.begin(), source.partitions.end(),
                                      [&](const model::Partition& partition) { return partition.name.table == name; });
    if (is_there) continue;
    return base::failed(errors::bad_transformation, "rule {}: table {} has no partition {}", rule.id,
                        source.name.text(), name);
  }
  return {};
}

base::Result<Segments> segments_of(const TableSettingsRule& rule, const model::TableSchema& source,
                                   const Dialect& dialect) {
  std::vector<std::string> columns;
  std::vector<const model::ColumnType*> types;
  std::vector<Comparer> comparers;
  for (const std::string& name : rule.range_columns) {
    const auto index = source.find_column(name);
    if (!index) {
      return base::failed(errors::bad_transformation, "rule {}: table {} has no column {} to cut it by", rule.id,
                          source.name.text(), name);
    }
    const model::ColumnType& type = source.columns[*index].type;
    if (model::is_real(type.type) || type.type == Type::blob || type.type == Type::bytes) {
      return base::failed(errors::bad_transformation, "rule {}: column {}.{} is {} and cannot cut a table", rule.id,
                          source.name.text(), name, model::type_name(type.type));
    }
    columns.push_back(dialect.quote_identifier(name));
    types.push_back(&type);
    comparers.emplace_back(dialect.comparison(source, source.columns[*index]), type.type);
  }
  std::vector<std::string> bounds;
  bool ascending = true;
  for (std::size_t i = 0; i < rule.boundaries.size(); ++i) {
    std::vector<std::string> literals;
    for (std::size_t k = 0; k < columns.size(); ++k) {
      literals.push_back(dialect.quote_literal(
          TRY(plain_literal(rule.id, rule.range_columns[k], comparers[k], *types[k], rule.boundaries[i][k]))));
    }
    bounds.push_back(below(columns, literals));
    if (i > 0) ascending = ascending && ascends(types[0]->type, rule.boundaries[i - 1][0], rule.boundaries[i][0]);
  }
  Segments out;
  out.rule_id = rule.id;
  std::string earlier;
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    std::string sql = i < bounds.size() ? bounds[i] : "";
    if (!earlier.empty()) sql += (sql.empty() ? "(" : " AND (") + earlier + ") IS NOT TRUE";
    out.sql.push_back(sql);
    if (i == bounds.size()) break;
    // With ascending bounds the one before says all; otherwise all of them must.
    earlier = ascending || earlier.empty() ? bounds[i] : earlier + " OR " + bounds[i];
  }
  return out;
}

}  // namespace mapping
