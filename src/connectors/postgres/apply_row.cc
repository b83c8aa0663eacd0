// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/apply_row.h"

#include <algorithm>

namespace postgres {
namespace {

using model::Cell;
using model::CellState;
using model::Change;
using model::ChangeBatch;
using model::Op;
using relational::holds_misfit;
using relational::keeps_key;
using relational::locating;
using relational::mask_of;
using relational::new_cells;

// A refusal that concerns this one row, not the table or the server.
bool concerns_row(const Refusal& refusal) {
  return refusal.state.starts_with("22") || refusal.state.starts_with("23") || refusal.state.starts_with("P0") ||
         refusal.state.starts_with("44") || refusal.state == "428C9";
}

bool is_large(const SetSender& sender, const ChangeBatch& batch, const Change& change) {
  return change.new_count != 0 && sender.is_large({nullptr, batch.cells.data() + change.new_first});
}

}  // namespace

bool RowApplier::send_change(SetSender& sender, const ChangeBatch& batch, const Change& change, const Destination& to,
                             std::vector<Sent>& sent) {
  const Cell* cells = new_cells(batch, change);
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
    const relational::Destination* found = find(change.table);
    if (found == nullptr || state_.suspended.contains(found->schema->source_name)) {
      sendable = false;
      break;
    }
    const Destination& to = own(*found);
    SetSender sender(session_, batch, to, batch.forms[change.table]);
    const std::size_t before = sent.size();
    sendable = sendable && !is_large(sender, batch, change) && send_change(sender, batch, change, to, sent) &&
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

// Sends under a savepoint of its own; whatever is refused is undone.
base::Result<RowApplier::Attempt> RowApplier::attempt_queued(const std::function<void()>& send) {
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
  const Cell* cells = new_cells(batch, change);
  const bool large = is_large(sender, batch, change) && !holds_misfit(batch, change);
  if (large && change.op == Op::insert) {
    return attempt_alone([&] { return sender.copy_inserts({{nullptr, cells}}); });
  }
  if (large && change.op == Op::update && keeps_key(batch, change, to)) {
    const NetRow row{locating(batch, change, to), cells};
    return attempt_alone([&] { return sender.staged_update(mask_of(cells, change.new_count), row); });
  }
  std::vector<Sent> sent;
  Attempt tried = TRY(attempt_queued([&] { sendable = send_change(sender, batch, change, to, sent); }));
  if (!tried.refusal && sendable && sent.empty()) tried.rows = 1;  // nothing to set
  return tried;
}

base::Result<relational::RowAttempt> RowApplier::attempt(const ChangeBatch& batch, const Change& change,
                                                         const relational::Destination& to) {
  relational::RowAttempt result;
  const Attempt tried = TRY(attempt_change(batch, change, own(to), result.sendable));
  result.rows = tried.rows;
  if (!tried.refusal) return result;
  relational::RowRefusal refusal{concerns_row(*tried.refusal), tried.refusal->state == "23505",
                                 "SQLSTATE " + tried.refusal->state, tried.refusal->message,
                                 session_.error_of(*tried.refusal, "table " + to.schema->name.text())};
  result.refusal = std::move(refusal);
  return result;
}

base::Result<bool> RowApplier::replace(const ChangeBatch& batch, const Change& change,
                                       const relational::Destination& to) {
  const Cell* cells = new_cells(batch, change);
  SetSender sender(session_, batch, own(to), batch.forms[change.table]);
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
  const Attempt tried =
      sender.is_large(row[0]) ? TRY(attempt_alone(replace_large)) : TRY(attempt_queued(replace_small));
  return !tried.refusal && tried.rows == 1;
}

base::Result<void> RowApplier::write_exception(const ApplyException& exception) {
  session_.send(control_.exception_sql(), control_.exception_parameters(exception));
  for (const Outcome& outcome : TRY(session_.sync())) {
    if (outcome.refusal) return session_.error_of(*outcome.refusal, "awsdms_apply_exceptions");
  }
  return {};
}

std::string RowApplier::literal_of(const ChangeBatch& batch, const Change& change, const relational::Destination& to,
                                   std::uint32_t place, const Cell& cell) {
  std::string scratch;
  return quote_text(SetSender::row_text(batch, own(to), batch.forms[change.table], place, cell, scratch));
}

}  // namespace postgres
