// SPDX-License-Identifier: Apache-2.0
//
// Source filters of a selection rule: their meaning as native SQL, which the load sends to the source, and by
// themselves on the changes of the stream. Both mean the same rows: literals are brought into one form first
// (mapping/comparer.h), and where the cells cannot say what the database would, the stream is refused by name.
//
// Within one filter (one column): the including conditions (eq, lte, gte, between) and null, notnull are joined by OR,
// the negative ones (noteq, notbetween) by AND, and both groups by AND. So NULL rows are returned only by `null`
// without any negative condition, exactly as DMS documents it. Several filters are joined by AND.
//
// What becomes of an update:   old row passes   new row passes
//                              yes              yes              an update
//                              yes              no               a delete
//                              no               yes              an insert; what the log does not repeat of the new row
//                                                                comes from the old one, or the table is suspended
//                              no               no               nothing
// So the old row must be known: whole, or (where the log carries its key alone) with every column of the filter in it.
//
// Immutable once compiled; any thread. The schema must outlive it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "mapping/comparer.h"
#include "model/change.h"
#include "model/schema.h"

namespace mapping {

enum class FilterOperator { eq, noteq, lte, gte, between, notbetween, null, notnull };

struct FilterCondition {
  FilterOperator op = FilterOperator::eq;
  std::string value;  // between, notbetween: the lower end
  std::string end;    // between, notbetween: the upper end; both inclusive
};

struct Filter {
  std::string rule_id;
  std::string column;  // source name
  std::vector<FilterCondition> conditions;
};

using Quote = std::function<std::string(std::string_view)>;
using PositionText = std::function<std::string(const model::Position&)>;
// How the source compares values of a column of that table.
using Comparisons = std::function<model::Comparison(const model::TableSchema&, const model::Column&)>;

class TableFilter {
 public:
  // Fails with mapping.bad_filter for unknown or binary columns and for values that cannot be of the column's type.
  static base::Result<TableFilter> compile(std::span<const Filter> filters, const model::TableSchema& source,
                                           const Comparisons& comparisons);

  bool empty() const { return terms_.empty(); }
  // Empty when there are no filters.
  std::string sql(const Quote& quote_identifier, const Quote& quote_literal) const;
  // Why the changes of the table cannot be filtered; empty: they can.
  const std::vector<std::string>& stream_problems() const { return stream_problems_; }

  // Of one row, cells in the order of the stored columns. `unknown`: a cell that decides is not in the log.
  enum class Verdict : std::uint8_t { passes, fails, unknown };
  Verdict judge(const model::ChangeBatch& batch, std::uint32_t first, model::CellForm form) const;
  // Makes of an insert, update or delete what it is to the filtered table; false: nothing. New cells come at the end of
  // the batch's. mapping.row_failed when the log does not carry what is needed.
  base::Result<bool> follow(model::ChangeBatch& batch, model::Change& change, const PositionText& position_text) const;

 private:
  struct Condition {
    FilterOperator op = FilterOperator::eq;
    std::string low_text, high_text;
    Comparand low, high;  // of the texts
  };
  struct Term {
    std::string rule_id;
    std::string name;
    std::uint32_t place = 0;  // among the stored columns
    Comparer comparer;
    std::vector<Condition> including, negative;
  };
  TableFilter() = default;
  base::Result<void> add(const Filter& filter, const Comparisons& comparisons);
  base::Result<Condition> compile_condition(const Filter& filter, const FilterCondition& given, const Term& term,
                                            const model::ColumnType& type);
  void note_stream_problems(const Term& term, std::uint32_t column, bool orders);
  Verdict judge_term(const Term& term, const model::ChangeBatch& batch, const model::Cell& cell,
                     model::CellForm form) const;
  Verdict judge_new(const model::ChangeBatch& batch, const model::Change& change, model::CellForm form) const;
  base::Result<void> move_in(model::ChangeBatch& batch, model::Change& change, const PositionText& position_text) const;
  base::Error not_in_log(const model::Change& change, const PositionText& position_text, std::string_view what) const;

  const model::TableSchema* source_ = nullptr;
  std::vector<std::unique_ptr<const Term>> terms_;  // the conditions borrow from their own texts
  std::vector<std::string> stream_problems_;
};

// A literal for that column, or bad_filter when the text cannot be of its type.
base::Result<std::string> plain_literal(const std::string& rule_id, const std::string& column, const Comparer& comparer,
                                        const model::ColumnType& type, const std::string& value);

}  // namespace mapping
