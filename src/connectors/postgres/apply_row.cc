// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/apply_row.h"

#include <algorithm>

#include "connectors/postgres/target_errors.h"

namespace postgres {
namespace {

using model::Cell;
using model::CellState;
using model::Change;
using model::ChangeBatch;
using model::Op;

constexpr std::size_t run_rows_max = 100;
constexpr std::size_t run_bytes_max = 4u << 20;

// A refusal that concerns this one row, not the table or the server.
bool concerns_row(const Refusal& refusal) {
  return refusal.state.starts_with("22") || refusal.state.starts_with("23") || refusal.state.starts_with("P0") ||
         refusal.state.starts_with("44") || refusal.state == "428C9";
}

const Cell* cells_at(const ChangeBatch& batch, std::uint32_t first, std::uint32_t count) {
  return count == 0 ? nullptr : batch.cells.data() + first;
}

std::size_t cell_bytes(const ChangeBatch& batch, const Change& change) {
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < change.old_count; ++i) bytes += batch.cells[change.old_first + i].size;
  for (std::uint32_t i = 0; i < change.new_count; ++i) bytes += batch.cells[change.new_first + i].size;
  return bytes;
}

bool holds_key(const Cell* cells, const Destination& to) {
  return cells != nullptr && std::all_of(to.key.begin(), to.key.end(),
                                         [&](std::uint32_t place) { return cells[place].state == CellState::value; });
}

// The cells that tell where the row is on the target.
const Cell* locating(const ChangeBatch& batch, const Change& change, const Destination& to) {
  const Cell* old_image = cells_at(batch, change.old_first, change.old_count);
  const Cell* new_image = cells_at(batch, change.new_first, change.new_count);
  if (to.key.empty()) {
    const bool whole = old_image != nullptr && std::none_of(old_image, old_image + change.old_count, [](const Cell& c) {
                         return c.state == CellState::absent || c.state == CellState::unchanged;
                       });
    return whole ? old_image : nullptr;
  }
  if (holds_key(old_image, to)) return old_image;
  return change.op == Op::update && holds_key(new_image, to) ? new_image : nullptr;
}

// Set by its own key, as SetSender's ways for large rows need it.
bool keeps_key(const ChangeBatch& batch, const Change& change, const Destination& to) {
  const Cell* key = locating(batch, change, to);
  const Cell* cells = cells_at(batch, change.new_first, change.new_count);
  if (key == nullptr || to.key.empty()) return false;
  return std::all_of(to.key.begin(), to.key.end(), [&](std::uint32_t place) {
    return key == cells ||
           (cells[place].state == CellState::value && batch.cell_bytes(cells[place]) == batch.cell_bytes(key[place]));
  });
}

bool is_large(const SetSender& sender, const ChangeBatch& batch, const Change& change) {
  return change.new_count != 0 && sender.is_large({nullptr, batch.cells.data() + change.new_first});
}

std::vector<bool> mask_of(const Cell* cells, std::uint32_t count) {
  std::vector<bool> mask(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    mask[i] = cells[i].state == CellState::value || cells[i].state == CellState::null;
  }
  return mask;
}

ApplyPolicy policy_of(const ApplyPolicies& policies, Op op) {
  if (op == Op::insert) return policies.insert;
  return op == Op::update ? policies.update : policies.remove;
}

connect::TableCounts& counts_of(connect::ApplyReport& report, const Destination& to) {
  return report.tables[to.schema->source_name];
}

// What DMS calls the statement: kind, table and key. Other values are left out.
std::string describe(const ChangeBatch& batch, const Change& change, const Destination& to, model::CellForm form) {
  const char* verb = change.op == Op::insert ? "INSERT INTO" : change.op == Op::update ? "UPDATE" : "DELETE FROM";
  std::string text = fmt::format("{} {}", verb, to.table);
  const Cell* cells =
      change.op == Op::insert ? cells_at(batch, change.new_first, change.new_count) : locating(batch, change, to);
  std::string scratch, condition;
  if (cells != nullptr) {
    for (const std::uint32_t place : to.key) {
      condition += condition.empty() ? " WHERE " : " AND ";
      condition += fmt::format("{} = {}", to.columns[place].name,
                               quote_text(SetSender::row_text(batch, to, form, place, cells[place], scratch)));
    }
  }
  return text + condition;
}

}  // namespace

static std::string misfit_cause(const ChangeBatch& batch, const Change& change) {
  const Cell* cells = cells_at(batch, change.new_first, change.new_count);
  for (std::uint32_t i = 0; i < change.new_count; ++i) {
    if (cells[i].state == CellState::misfit && cells[i].size != 0) return std::string(batch.cell_bytes(cells[i]));
  }
  return "a value has no place in the type that its column has on the way";
}

bool holds_misfit(const ChangeBatch& batch, const Change& change) {
  const Cell* cells = cells_at(batch, change.new_first, change.new_count);
  return std::any_of(cells, cells + change.new_count, [](const Cell& cell) { return cell.state == CellState::misfit; });
}

bool RowApplier::send_change(SetSender& sender, const ChangeBatch& batch, const Change& change, const Destination& to,
                             std::vector<Sent>& sent) {
  const Cell* cells = cells_at(batch, change.new_first, change.new_count);
  if (holds_misfit(batch, change)) return false;
  if (change.op == Op::insert) {
    if (cells == nullptr) return false;
    sender.send_inserts({{nullptr, cells}}, sent);
    return true;
  }
  const Cell* key = locating(batch, change, to);
  if (key == nullptr || (change.op == Op::update && cells == nullptr)) return false;
  std::vector<NetRow> row{{key, cells}};
  if (change.op == Op::remove) {
    if (to.key.empty()) {
      sender.send_whole_remove(row[0], sent);
    } else {
      sender.send_removes(row, sent);
    }
    return true;
  }
  const std::vector<bool> mask = mask_of(cells, change.new_count);
  if (to.key.empty()) {
    sender.send_whole_update(mask, row[0], sent);
  } else {
    sender.send_updates(mask, row, key != cells, sent);
  }
  return true;
}

// One savepoint, one pipeline; false: undone, to be repeated row by row.
base::Result<bool> RowApplier::apply_run(const ChangeBatch& batch, const std::vector<std::uint32_t>& run,
                                         const FindDestination& find) {
  std::vector<Sent> sent;
  session_.send("SAVEPOINT millrace_run");
  bool sendable = true;
  for (const std::uint32_t index : run) {
    const Change& change = batch.changes[index];
    const Destination* to = find(change.table);
    if (to == nullptr || state_.suspended.contains(to->schema->source_name)) {
      sendable = false;
      break;
    }
    SetSender sender(session_, batch, *to, batch.forms[change.table]);
    const std::size_t before = sent.size();
    sendable = sendable && !is_large(sender, batch, change) && send_change(sender, batch, change, *to, sent) &&
               sent.size() == before + 1;
    if (!sendable) break;
  }
  const std::vector<Outcome> outcomes = TRY(session_.sync());
  bool good = sendable;
  for (std::size_t i = 0; i < outcomes.size() && good; ++i) {
    good = !outcomes[i].refusal && !outcomes[i].skipped && (i == 0 || outcomes[i].rows == 1);
  }
  TRY(session_.run(
      good ? "RELEASE SAVEPOINT millrace_run" : "ROLLBACK TO SAVEPOINT millrace_run; RELEASE SAVEPOINT millrace_run",
      "savepoint"));
  return good;
}

base::Result<void> RowApplier::apply(const ChangeBatch& batch, const std::vector<std::uint32_t>& changes,
                                     const FindDestination& find) {
  for (auto begin = changes.begin(), end = begin; begin != changes.end(); begin = end) {
    std::size_t bytes = 0;
    while (end != changes.end() && static_cast<std::size_t>(end - begin) < run_rows_max && bytes < run_bytes_max) {
      bytes += cell_bytes(batch, batch.changes[*end++]);
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

// Sends under a savepoint of its own; whatever is refused is undone.
base::Result<RowApplier::Attempt> RowApplier::attempt(const std::function<void()>& send) {
  session_.send("SAVEPOINT millrace_row");
  send();
  const std::vector<Outcome> outcomes = TRY(session_.sync());
  Attempt tried;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].refusal && !tried.refusal) tried.refusal = outcomes[i].refusal;
    if (i > 0) tried.rows = std::max(tried.rows, outcomes[i].rows);
  }
  const bool undo = tried.refusal || tried.rows > 1;
  TRY(session_.run(
      undo ? "ROLLBACK TO SAVEPOINT millrace_row; RELEASE SAVEPOINT millrace_row" : "RELEASE SAVEPOINT millrace_row",
      "savepoint"));
  return tried;
}

base::Result<RowApplier::Attempt> RowApplier::attempt_alone(const std::function<base::Result<Outcome>()>& run) {
  TRY(session_.run("SAVEPOINT millrace_row", "savepoint"));
  const Outcome outcome = TRY(run());
  const bool undo = outcome.refusal || outcome.rows != 1;
  TRY(session_.run(
      undo ? "ROLLBACK TO SAVEPOINT millrace_row; RELEASE SAVEPOINT millrace_row" : "RELEASE SAVEPOINT millrace_row",
      "savepoint"));
  return Attempt{outcome.refusal, outcome.rows};
}

base::Result<RowApplier::Attempt> RowApplier::attempt_change(const ChangeBatch& batch, const Change& change,
                                                             const Destination& to, bool& sendable) {
  SetSender sender(session_, batch, to, batch.forms[change.table]);
  const Cell* cells = cells_at(batch, change.new_first, change.new_count);
  const bool large = is_large(sender, batch, change) && !holds_misfit(batch, change);
  if (large && change.op == Op::insert) {
    return attempt_alone([&] { return sender.copy_inserts({{nullptr, cells}}); });
  }
  if (large && change.op == Op::update && keeps_key(batch, change, to)) {
    const NetRow row{locating(batch, change, to), cells};
    return attempt_alone([&] { return sender.staged_update(mask_of(cells, change.new_count), row); });
  }
  std::vector<Sent> sent;
  Attempt tried = TRY(attempt([&] { sendable = send_change(sender, batch, change, to, sent); }));
  if (!tried.refusal && sendable && sent.empty()) tried.rows = 1;  // nothing to set
  return tried;
}

base::Result<void> RowApplier::apply_one(const ChangeBatch& batch, const Change& change, const Destination& to) {
  bool sendable = true;
  const Attempt tried = TRY(attempt_change(batch, change, to, sendable));
  if (!tried.refusal && sendable && tried.rows == 1) return {};
  if (tried.refusal && !concerns_row(*tried.refusal)) {
    base::Error error = session_.error_of(*tried.refusal, "table " + to.schema->name.text());
    if (error.kind() != base::Kind::table) return error;
    suspend(*to.schema, std::move(error));
    return {};
  }
  const bool may_replace = change.op == Op::insert ? tried.refusal && tried.refusal->state == "23505"
                                                   : change.op == Op::update && !tried.refusal && tried.rows == 0;
  const bool is_conflict = tried.refusal ? change.op != Op::remove && tried.refusal->state == "23505" : sendable;
  const model::TableName& name = to.schema->source_name;
  ApplyPolicy policy = policy_of(policies_, change.op);
  if (policy == ApplyPolicy::replace_record) {
    if (may_replace && TRY(replace(batch, change, to))) return {};
    policy = ApplyPolicy::log_error;
  }
  policy = is_conflict ? policies_.after_conflicts(policy, ++state_.conflicts[name])
                       : policies_.after_data_errors(++state_.data_errors[name]);
  std::string cause;
  if (tried.refusal) {
    cause = fmt::format("SQLSTATE {} {}", tried.refusal->state, tried.refusal->message);
  } else if (!sendable) {
    cause =
        holds_misfit(batch, change) ? misfit_cause(batch, change) : "the log does not carry what identifies the row";
  } else {
    cause = tried.rows == 0 ? "0 rows affected" : fmt::format("{} rows match one row of the source", tried.rows);
  }
  return put_aside(batch, change, to, policy, cause);
}

// INSERT_RECORD: the row in the way goes. UPDATE_RECORD: the missing row comes. False: that was refused as well.
base::Result<bool> RowApplier::replace(const ChangeBatch& batch, const Change& change, const Destination& to) {
  const Cell* cells = cells_at(batch, change.new_first, change.new_count);
  const bool complete = cells != nullptr && std::none_of(cells, cells + change.new_count, [](const Cell& cell) {
                          return cell.state != CellState::value && cell.state != CellState::null;
                        });
  if (!complete || to.key.empty()) return false;
  SetSender sender(session_, batch, to, batch.forms[change.table]);
  std::vector<Sent> sent;
  std::vector<NetRow> row{{cells, cells}};
  const auto replace_large = [&]() -> base::Result<Outcome> {
    if (change.op == Op::insert) sender.send_removes(row, sent);
    for (const Outcome& outcome : TRY(session_.sync())) {
      if (outcome.refusal) return outcome;
    }
    return sender.copy_inserts(row);
  };
  const auto replace_small = [&] {
    if (change.op == Op::insert) sender.send_removes(row, sent);
    sender.send_inserts(row, sent);
  };
  const Attempt tried = sender.is_large(row[0]) ? TRY(attempt_alone(replace_large)) : TRY(attempt(replace_small));
  return !tried.refusal && tried.rows == 1;
}

base::Result<void> RowApplier::put_aside(const ChangeBatch& batch, const Change& change, const Destination& to,
                                         ApplyPolicy policy, const std::string& cause) {
  connect::TableCounts& counts = counts_of(report_, to);
  ++counts.put_aside;
  --(change.op == Op::insert ? counts.inserts : change.op == Op::update ? counts.updates : counts.deletes);
  if (policy == ApplyPolicy::ignore_record) return {};
  const std::string where =
      fmt::format("{} at {}.{}", to.schema->name.text(), position_text(change.position), change.position.sequence);
  if (policy == ApplyPolicy::stop_task) {
    return base::failed(target_errors::apply_stopped, "table {}: {}", where,
                        cause.substr(0, cause.find(' ', 9)));  // the SQLSTATE only: messages may quote values
  }
  ApplyException exception{
      to.schema->name, describe(batch, change, to, batch.forms[change.table]),
      fmt::format("{} (position {}.{})", cause, position_text(change.position), change.position.sequence)};
  if (policy == ApplyPolicy::suspend_table) {
    state_.last_words.push_back(std::move(exception));
    suspend(*to.schema,
            base::failed(target_errors::apply_suspended, "table {}: {}", where, cause.substr(0, cause.find(' ', 9))));
    return {};
  }
  session_.send(control_.exception_sql(), control_.exception_parameters(exception));
  for (const Outcome& outcome : TRY(session_.sync())) {
    if (outcome.refusal) return session_.error_of(*outcome.refusal, "awsdms_apply_exceptions");
  }
  return {};
}

void RowApplier::suspend(const model::TableSchema& table, base::Error why) {
  if (!state_.suspended.insert(table.source_name).second) return;
  state_.ending.emplace_back(table.name, std::string(why.code->name));
  report_.suspended.emplace_back(table.source_name, std::move(why));
}

}  // namespace postgres
