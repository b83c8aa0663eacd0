// SPDX-License-Identifier: Apache-2.0
//
// Expressions of mapping rules, run by the embedded SQLite engine: an in-memory connection without tables, files,
// extensions or pragmas, that knows only the functions of expression_functions(). Each expression is prepared once;
// $NAME stands for a value that is bound for each row. An evaluation that takes more than its instruction budget fails.
//
// One thread; open one engine a thread (some 50 us). How it fails: mapping.bad_expression for a text that is not one
// expression, names an unknown function or is too long; mapping.row_failed for a row whose evaluation fails.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mapping/value.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mapping {

// Lower-case names of the functions an expression may call.
std::span<const std::string_view> expression_functions();

enum class RowOperation : std::uint8_t { load, insert, update, remove };

// What a text says, without running it.
struct ExpressionFacts {
  std::vector<std::string> variables;  // without the $, in the order of their first use
  bool repeatable = true;              // the same row gives the same value: no random(), no 'now', no header variable
  bool marks_deletes = false;          // calls operation_indicator: deletes become updates
};

class ExpressionEngine {
 public:
  static base::Result<std::unique_ptr<ExpressionEngine>> open();
  ~ExpressionEngine();
  ExpressionEngine(const ExpressionEngine&) = delete;
  ExpressionEngine& operator=(const ExpressionEngine&) = delete;

  // Its number, for facts() and evaluate().
  base::Result<std::size_t> prepare(std::string_view text);
  const ExpressionFacts& facts(std::size_t expression) const { return prepared_[expression].facts; }
  // What operation_indicator() sees.
  void set_operation(RowOperation operation) { operation_ = operation; }
  // One value for each variable. Bytes of the result live until the same expression is evaluated again.
  base::Result<Value> evaluate(std::size_t expression, std::span<const Value> variables);

 private:
  struct Prepared {
    sqlite3_stmt* statement = nullptr;
    ExpressionFacts facts;
  };
  struct Callbacks;
  ExpressionEngine() = default;
  base::Result<void> set_up();

  sqlite3* database_ = nullptr;
  std::vector<Prepared> prepared_;
  std::vector<std::string> called_;  // functions of the text being prepared
  std::string refused_;              // why the authorizer said no
  RowOperation operation_ = RowOperation::load;
  int slices_left_ = 0;  // of the instruction budget
};

// Parentheses outside of literals never close what the text did not open, and no comment hides what follows: the text
// cannot leave the place it is put in.
bool is_closed(std::string_view text);

// The facts of one text, for checking a document. Opens an engine of its own.
base::Result<ExpressionFacts> examine_expression(std::string_view text);

}  // namespace mapping
