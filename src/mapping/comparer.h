// SPDX-License-Identifier: Apache-2.0
//
// Values of one column compared as the source's database compares them: the literals of a filter, and cells of the
// stream in canonical or native form. A literal is brought into one plain form first, which is both what the database
// is sent and what we compare with, so that load and stream mean the same value.
//
//   integer  +07 -> 7               numeric  1.50e2 -> 150           real  .1 -> 0.1
//   date     2024-02-29             time     23:59:59.5              datetime  2024-02-29T10:00 -> 2024-02-29 10:00:00
//   boolean  Yes -> t               uuid     in lower case           text  as it is
//
// Pure and immutable; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/change.h"
#include "model/comparison.h"
#include "model/schema.h"

namespace mapping {

// One value, taken apart; bytes are borrowed.
struct Comparand {
  std::int64_t fixed = 0;
  double real = 0;
  std::string_view text;
};

class Comparer {
 public:
  Comparer() = default;
  Comparer(model::Comparison comparison, model::Type type) : comparison_(comparison), type_(type) {}

  model::Comparison comparison() const { return comparison_; }
  // nullopt: the text is no value of that type.
  std::optional<std::string> literal(std::string_view text) const;
  // A plain literal, or a cell; false: malformed. Not for Comparison::none.
  bool read_literal(std::string_view text, Comparand& out) const { return read_text(text, out); }
  bool read_cell(std::string_view cell, model::CellForm form, Comparand& out) const;
  // Below zero: a is less.
  int compare(const Comparand& a, const Comparand& b) const;

 private:
  bool read_text(std::string_view text, Comparand& out) const;

  model::Comparison comparison_ = model::Comparison::none;
  model::Type type_ = model::Type::string;
};

// Decimal texts as numbers, of any length: -?digits[.digits], NaN (the greatest), Infinity, -Infinity.
int compare_decimals(std::string_view a, std::string_view b);
// digits[.digits][e[+-]digits], signed, as -?digits[.digits] without needless zeros; NaN, Infinity, -Infinity as they
// are.
std::optional<std::string> plain_decimal(std::string_view text);

}  // namespace mapping
