// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/apply_row.h"

#include <algorithm>

namespace mysql {
namespace {

using model::Cell;
using model::Change;
using model::ChangeBatch;
using model::Op;
using relational::locating;
using relational::mask_of;
using relational::new_cells;

constexpr unsigned int duplicate_key = 1062, duplicate_key_by_name = 1586;

}  // namespace

std::optional<std::string> RowApplier::statement(const ChangeBatch& batch, const Change& change,
                                                 const Destination& to) const {
  const Cell* cells = new_cells(batch, change);
  if (relational::holds_misfit(batch, change)) return std::nullopt;
  if (change.op == Op::insert) {
    if (cells == nullptr) return std::nullopt;
    return writer(batch, change, to).inserts({{nullptr, cells}}).front().sql;
  }
  const Cell* key = locating(batch, change, to);
  if (key == nullptr || (change.op == Op::update && cells == nullptr)) return std::nullopt;
  const NetRow row{key, cells};
  if (change.op == Op::remove) return writer(batch, change, to).remove_row(row);
  return writer(batch, change, to).update_row(mask_of(cells, change.new_count), row, key != cells);
}

base::Result<void> RowApplier::leave_savepoint(bool keep) {
  if (!keep) TRY(session_.run("ROLLBACK TO SAVEPOINT millrace_row", "savepoint"));
  return session_.run("RELEASE SAVEPOINT millrace_row", "savepoint");
}

base::Result<bool> RowApplier::apply_run(const ChangeBatch& batch, const std::vector<std::uint32_t>& run,
                                         const FindDestination& find) {
  std::vector<std::string> statements;
  for (const std::uint32_t index : run) {
    const Change& change = batch.changes[index];
    const relational::Destination* to = find(change.table);
    if (to == nullptr || state_.suspended.contains(to->schema->source_name)) return false;
    std::optional<std::string> sql = statement(batch, change, own(*to));
    if (!sql || sql->empty()) return false;
    statements.push_back(std::move(*sql));
  }
  session_.send("SAVEPOINT millrace_row");
  for (std::string& sql : statements) session_.send(std::move(sql));
  const std::vector<Outcome> outcomes = TRY(session_.sync());
  const bool good = std::all_of(outcomes.begin() + 1, outcomes.end(), [](const Outcome& outcome) {
    return !outcome.refusal && !outcome.skipped && outcome.rows == 1;
  });
  TRY(leave_savepoint(good));
  return good;
}

base::Result<Outcome> RowApplier::attempt_all(const std::vector<std::string>& statements) {
  session_.send("SAVEPOINT millrace_row");
  for (const std::string& sql : statements) session_.send(sql);
  std::vector<Outcome> outcomes = TRY(session_.sync());
  Outcome last = std::move(outcomes.back());
  for (Outcome& outcome : outcomes) {
    if (outcome.refusal) last = std::move(outcome);
  }
  TRY(leave_savepoint(!last.refusal && last.rows <= 1));
  return last;
}

base::Result<relational::RowAttempt> RowApplier::attempt(const ChangeBatch& batch, const Change& change,
                                                         const relational::Destination& to) {
  relational::RowAttempt result;
  const std::optional<std::string> sql = statement(batch, change, own(to));
  result.sendable = sql.has_value();
  if (!sql) return result;
  if (sql->empty()) {
    result.rows = 1;
    return result;
  }
  Outcome outcome = TRY(attempt_all({*sql}));
  result.rows = outcome.rows;
  if (!outcome.refusal) return result;
  const unsigned int number = outcome.refusal->number;
  relational::RowRefusal refusal{
      is_row_refusal(number), number == duplicate_key || number == duplicate_key_by_name,
      fmt::format("error {}", number), outcome.refusal->message,
      base::failed(*outcome.refusal->error.code, "table {}", to.schema->name.text()).because(outcome.refusal->error)};
  result.refusal = std::move(refusal);
  return result;
}

base::Result<bool> RowApplier::replace(const ChangeBatch& batch, const Change& change,
                                       const relational::Destination& to) {
  const Cell* cells = new_cells(batch, change);
  SetWriter set = writer(batch, change, own(to));
  std::vector<std::string> statements;
  if (change.op == Op::insert) statements.push_back(set.remove_row({cells, cells}));
  statements.push_back(set.inserts({{nullptr, cells}}).front().sql);
  const Outcome outcome = TRY(attempt_all(statements));
  return !outcome.refusal && outcome.rows == 1;
}

base::Result<void> RowApplier::write_exception(const relational::ApplyException& exception) {
  return session_.run(control_.exception_sql(exception), "awsdms_apply_exceptions");
}

std::string RowApplier::literal_of(const ChangeBatch& batch, const Change& change, const relational::Destination& to,
                                   std::uint32_t place, const Cell& cell) {
  return writer(batch, change, own(to)).literal(place, cell);
}

std::string RowApplier::text_of(const model::Position& position) { return fmt::format("{:X}", position.log); }

}  // namespace mysql
