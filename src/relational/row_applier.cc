// SPDX-License-Identifier: Apache-2.0
#include "relational/row_applier.h"

#include <algorithm>

namespace relational {

using model::Cell;
using model::Change;
using model::ChangeBatch;
using model::Op;

namespace {

constexpr std::size_t run_rows_max = 100;
constexpr std::size_t run_bytes_max = 4u << 20;

}  // namespace

void suspend(const model::TableSchema& table, base::Error why, ApplyState& state, connect::ApplyReport& report) {
  if (!state.suspended.insert(table.source_name).second) return;
  state.ending.emplace_back(table.name, std::string(why.code->name));
  state.ending_sources.push_back(table.source_name);
  report.suspended.emplace_back(table.source_name, std::move(why));
}

base::Result<void> RowApplier::apply(const ChangeBatch& batch, const std::vector<std::uint32_t>& changes,
                                     const FindDestination& find) {
  for (auto begin = changes.begin(), end = begin; begin != changes.end(); begin = end) {
    std::size_t bytes = 0;
    while (end != changes.end() && static_cast<std::size_t>(end - begin) < run_rows_max && bytes < run_bytes_max) {
      bytes += bytes_of(batch, batch.changes[*end++]);
    }
    if (TRY(apply_run(batch, {begin, end}, find))) continue;
    for (auto index = begin; index != end; ++index) {
      const Change& change = batch.changes[*index];
      const Destination* to = find(change.table);
      if (to == nullptr || state_.suspended.contains(to->schema->source_name)) continue;
      TRY(apply_one(batch, change, *to));
    }
  }
  return {};
}

base::Result<void> RowApplier::apply_one(const ChangeBatch& batch, const Change& change, const Destination& to) {
  RowAttempt tried = TRY(attempt(batch, change, to));
  if (!tried.refusal && tried.sendable && tried.rows == 1) return {};
  if (tried.refusal && !tried.refusal->concerns_row) {
    if (tried.refusal->error.kind() != base::Kind::table) return std::move(tried.refusal->error);
    suspend(*to.schema, std::move(tried.refusal->error), state_, report_);
    return {};
  }
  const bool is_duplicate = tried.refusal && tried.refusal->is_duplicate;
  const bool may_replace =
      change.op == Op::insert ? is_duplicate : change.op == Op::update && !tried.refusal && tried.rows == 0;
  const bool is_conflict = tried.refusal ? change.op != Op::remove && is_duplicate : tried.sendable;
  const model::TableName& name = to.schema->source_name;
  ApplyPolicy policy = policy_of(policies_, change.op);
  if (policy == ApplyPolicy::replace_record) {
    const bool is_whole = is_complete(new_cells(batch, change), change.new_count) && !to.key.empty();
    if (may_replace && is_whole && TRY(replace(batch, change, to))) return {};
    policy = ApplyPolicy::log_error;
  }
  policy = is_conflict ? policies_.after_conflicts(policy, ++state_.conflicts[name])
                       : policies_.after_data_errors(++state_.data_errors[name]);
  if (tried.refusal) {
    const std::string cause = fmt::format("{} {}", tried.refusal->number, tried.refusal->message);
    return put_aside(batch, change, to, policy, cause, tried.refusal->number);
  }
  std::string cause;
  if (!tried.sendable) {
    cause =
        holds_misfit(batch, change) ? misfit_cause(batch, change) : "the log does not carry what identifies the row";
  } else {
    cause = tried.rows == 0 ? "0 rows affected" : fmt::format("{} rows match one row of the source", tried.rows);
  }
  return put_aside(batch, change, to, policy, cause, cause.substr(0, cause.find(' ', 9)));
}

// What DMS calls the statement: kind, table and key. Other values are left out.
std::string RowApplier::describe(const ChangeBatch& batch, const Change& change, const Destination& to) {
  const char* verb = change.op == Op::insert ? "INSERT INTO" : change.op == Op::update ? "UPDATE" : "DELETE FROM";
  std::string text = fmt::format("{} {}", verb, to.table);
  const Cell* cells = change.op == Op::insert ? new_cells(batch, change) : locating(batch, change, to);
  std::string condition;
  if (cells != nullptr) {
    for (const std::uint32_t place : to.key) {
      condition += condition.empty() ? " WHERE " : " AND ";
      condition += fmt::format("{} = {}", to.names[place], literal_of(batch, change, to, place, cells[place]));
    }
  }
  return text + condition;
}

base::Result<void> RowApplier::put_aside(const ChangeBatch& batch, const Change& change, const Destination& to,
                                         ApplyPolicy policy, const std::string& cause, const std::string& short_cause) {
  connect::TableCounts& counts = report_.tables[to.schema->source_name];
  ++counts.put_aside;
  --(change.op == Op::insert ? counts.inserts : change.op == Op::update ? counts.updates : counts.deletes);
  if (policy == ApplyPolicy::ignore_record) return {};
  const std::string at = fmt::format("{}.{}", text_of(change.position), change.position.sequence);
  if (policy == ApplyPolicy::stop_task) {
    return base::failed(codes_.stopped, "table {} at {}: {}", to.schema->name.text(), at, short_cause);
  }
  ApplyException exception{to.schema->name, describe(batch, change, to), fmt::format("{} (position {})", cause, at)};
  if (policy == ApplyPolicy::suspend_table) {
    state_.last_words.push_back(std::move(exception));
    suspend(*to.schema, base::failed(codes_.suspended, "table {} at {}: {}", to.schema->name.text(), at, short_cause),
            state_, report_);
    return {};
  }
  return write_exception(exception);
}

}  // namespace relational
