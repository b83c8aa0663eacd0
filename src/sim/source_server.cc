// SPDX-License-Identifier: Apache-2.0
#include "sim/source_server.h"

#include <algorithm>

namespace sim {

namespace {

std::uint64_t weight_of(const std::vector<LoggedChange>& changes) {
  std::uint64_t total = 48;
  for (const LoggedChange& change : changes) {
    total += 40;
    for (const std::optional<Row>* row : {&change.before, &change.after}) {
      if (!*row) continue;
      for (const Value& value : **row) total += value ? value->size() : 1;
    }
  }
  return total;
}

const char* word_of(model::Op op) {
  switch (op) {
    case model::Op::insert: return "inserts";
    case model::Op::update: return "updates";
    case model::Op::remove: return "removes";
    case model::Op::truncate: return "truncates";
    default: return "alters";
  }
}

}  // namespace

void SourceServer::create_table(const model::TableSchemaPtr& schema) {
  const auto [place, is_new] = tables_.emplace(schema->name, SourceTable(schema));
  ENSURE(is_new);
  place->second.history.emplace_back(0, 0);
}

void SourceServer::drop_table(const model::TableName& name) { tables_.erase(name); }

std::uint64_t SourceServer::begin() {
  const std::uint64_t xid = next_xid_++;
  open_[xid].xid = xid;
  return xid;
}

bool SourceServer::is_locked(const model::TableName& name, const Row& row, std::uint64_t xid) const {
  const SourceTable& table = tables_.at(name);
  if (table.exclusive != 0 && table.exclusive != xid) return true;
  const auto found = table.locks.find(table.rows.key_of(row));
  return found != table.locks.end() && found->second != xid;
}

bool SourceServer::lock_row(Transaction& transaction, SourceTable& table, const Row& row) {
  if (table.exclusive != 0 && table.exclusive != transaction.xid) return false;
  const auto [found, is_new] = table.locks.try_emplace(table.rows.key_of(row), transaction.xid);
  if (!is_new && found->second != transaction.xid) return false;
  table.writers.insert(transaction.xid);
  return true;
}

bool SourceServer::lock_table(Transaction& transaction, SourceTable& table) {
  if (table.readers > 0 || (table.exclusive != 0 && table.exclusive != transaction.xid)) return false;
  for (const std::uint64_t writer : table.writers) {
    if (writer != transaction.xid) return false;
  }
  table.exclusive = transaction.xid;
  table.writers.insert(transaction.xid);
  return true;
}

void SourceServer::add_change(Transaction& transaction, LoggedChange change, Transaction::Undo undo) {
  change.sub_xid = undo.sub_xid = transaction.open_subs.empty() ? transaction.xid : transaction.open_subs.back();
  undo.table = change.schema->name;
  if (trace_.keeps_lines()) {
    trace_.detail("source: {} {} {} {} -> {}", transaction.xid, word_of(change.op), undo.table.text(),
                  change.before ? show(*change.schema, *change.before) : "-",
                  change.after ? show(*change.schema, *change.after) : "-");
  }
  const RowSet& rows = tables_.at(undo.table).rows;
  if (undo.replaced) undo.digest_after = rows.digest();
  if (undo.before) undo.digest_change -= rows.hash_of(*undo.before);
  if (undo.after) undo.digest_change += rows.hash_of(*undo.after);
  transaction.changes.push_back(std::move(change));
  transaction.undo.push_back(std::move(undo));
}

bool SourceServer::insert(std::uint64_t xid, const model::TableName& name, Row row) {
  Transaction& transaction = open_.at(xid);
  SourceTable& table = tables_.at(name);
  if (!lock_row(transaction, table, row)) return false;
  if (!table.rows.schema()->primary_key.empty() && table.rows.find(row) != nullptr) return false;
  table.rows.insert(row).take();
  Transaction::Undo undo;
  undo.after = row;
  add_change(transaction, {model::Op::insert, table.rows.schema(), std::nullopt, std::move(row)}, std::move(undo));
  return true;
}

bool SourceServer::update(std::uint64_t xid, const model::TableName& name, const Row& before, Row after) {
  Transaction& transaction = open_.at(xid);
  SourceTable& table = tables_.at(name);
  if (!lock_row(transaction, table, before) || !lock_row(transaction, table, after)) return false;
  const bool key_stays = table.rows.key_of(before) == table.rows.key_of(after);
  if (!key_stays && !table.rows.schema()->primary_key.empty() && table.rows.find(after) != nullptr) return false;
  Row old = table.rows.take(before).take();
  table.rows.insert(after).take();
  Transaction::Undo undo;
  undo.before = old;
  undo.after = after;
  add_change(transaction, {model::Op::update, table.rows.schema(), std::move(old), std::move(after)}, std::move(undo));
  return true;
}

bool SourceServer::remove(std::uint64_t xid, const model::TableName& name, const Row& row) {
  Transaction& transaction = open_.at(xid);
  SourceTable& table = tables_.at(name);
  if (!lock_row(transaction, table, row)) return false;
  Row old = table.rows.take(row).take();
  Transaction::Undo undo;
  undo.before = old;
  add_change(transaction, {model::Op::remove, table.rows.schema(), std::move(old), std::nullopt}, std::move(undo));
  return true;
}

bool SourceServer::truncate(std::uint64_t xid, const model::TableName& name) {
  Transaction& transaction = open_.at(xid);
  SourceTable& table = tables_.at(name);
  if (!lock_table(transaction, table)) return false;
  Transaction::Undo undo;
  undo.replaced = table.rows;
  table.rows.clear();
  table.rewrites += 1;
  add_change(transaction, {model::Op::truncate, table.rows.schema(), std::nullopt, std::nullopt}, std::move(undo));
  return true;
}

bool SourceServer::alter(std::uint64_t xid, const model::TableSchemaPtr& shape,
                         const std::vector<std::uint32_t>& from) {
  Transaction& transaction = open_.at(xid);
  SourceTable& table = tables_.at(shape->name);
  if (!lock_table(transaction, table)) return false;
  Transaction::Undo undo;
  undo.replaced = table.rows;
  table.rows.reshape(shape, from);
  table.rewrites += 1;
  add_change(transaction, {model::Op::schema, shape, std::nullopt, std::nullopt}, std::move(undo));
  return true;
}

void SourceServer::revert(RowSet& rows, const Transaction::Undo& undo) {
  if (undo.replaced) {
    rows = *undo.replaced;
    return;
  }
  if (undo.after) rows.take(*undo.after).take();
  if (undo.before) rows.insert(*undo.before).take();
}

void SourceServer::savepoint(std::uint64_t xid) { open_.at(xid).open_subs.push_back(next_xid_++); }

// What the inner one did counts as the outer one's, but the log keeps the inner one's number.
void SourceServer::release_savepoint(std::uint64_t xid) { open_.at(xid).open_subs.pop_back(); }

// Takes back everything since the innermost savepoint. Subtransactions inside it that were released go with it.
void SourceServer::rollback_to_savepoint(std::uint64_t xid) {
  Transaction& transaction = open_.at(xid);
  const std::uint64_t sub_xid = transaction.open_subs.back();
  transaction.open_subs.pop_back();
  std::set<std::uint64_t> aborted;
  while (!transaction.undo.empty() && transaction.undo.back().sub_xid >= sub_xid) {
    const Transaction::Undo& undo = transaction.undo.back();
    aborted.insert(undo.sub_xid);
    revert(tables_.at(undo.table).rows, undo);
    transaction.undo.pop_back();
  }
  std::erase_if(transaction.changes, [sub_xid](const LoggedChange& change) { return change.sub_xid >= sub_xid; });
  if (!transaction.is_streamed) return;
  for (auto sub = aborted.rbegin(); sub != aborted.rend(); ++sub) add_entry(LogEntry::Kind::abort, xid).sub_xid = *sub;
}

LogEntry& SourceServer::add_entry(LogEntry::Kind kind, std::uint64_t xid) {
  end_of_log_ += 8;
  log_.push_back({kind, end_of_log_, xid, xid, clock_.wall(), {}});
  return log_.back();
}

void SourceServer::stream_out(std::uint64_t xid) {
  Transaction& transaction = open_.at(xid);
  if (transaction.changes.empty()) return;
  LogEntry& entry = add_entry(LogEntry::Kind::piece, xid);
  entry.changes = std::exchange(transaction.changes, {});
  end_of_log_ = entry.log += weight_of(entry.changes);
  transaction.is_streamed = true;
  trace_.note("source: transaction {} streams {} changes at {}", xid, entry.changes.size(), entry.log);
}

void SourceServer::commit(std::uint64_t xid, base::Nanos invisible) {
  Transaction& transaction = open_.at(xid);
  if (transaction.undo.empty() && !transaction.is_streamed) return end(xid);
  if (transaction.is_streamed) stream_out(xid);
  LogEntry& entry = add_entry(transaction.is_streamed ? LogEntry::Kind::streamed_commit : LogEntry::Kind::whole, xid);
  entry.changes = std::exchange(transaction.changes, {});
  end_of_log_ = entry.log += weight_of(entry.changes);
  commits_.insert(entry.log);
  transaction.is_logged = true;
  // The digests by the log: each table's last one, plus what this transaction changes.
  for (const Transaction::Undo& undo : transaction.undo) {
    SourceTable& table = tables_.at(undo.table);
    if (table.history.back().first != entry.log) table.history.emplace_back(entry.log, table.history.back().second);
    std::uint64_t& digest = table.history.back().second;
    // Nobody else has changes in a table that is locked as a whole.
    digest = undo.digest_after ? *undo.digest_after : digest + undo.digest_change;
  }
  trace_.note("source: transaction {} commits at {}", xid, entry.log);
  scheduler_.step();
  scheduler_.pause(invisible, {});
  end(xid);
}

void SourceServer::rollback(std::uint64_t xid) {
  Transaction& transaction = open_.at(xid);
  while (!transaction.undo.empty()) {
    revert(tables_.at(transaction.undo.back().table).rows, transaction.undo.back());
    transaction.undo.pop_back();
  }
  if (transaction.is_streamed) add_entry(LogEntry::Kind::abort, xid);
  trace_.note("source: transaction {} rolls back", xid);
  end(xid);
}

void SourceServer::end(std::uint64_t xid) {
  for (auto& [name, table] : tables_) {
    if (table.writers.erase(xid) == 0) continue;
    std::erase_if(table.locks, [xid](const auto& lock) { return lock.second == xid; });
    if (table.exclusive == xid) table.exclusive = 0;
  }
  open_.erase(xid);
}

SourceView SourceServer::view(bool by_log) const {
  SourceView view;
  for (const auto& [name, table] : tables_) view.tables.emplace(name, table.rows);
  view.fence.high = end_of_log_;
  view.fence.xmax = view.fence.xmin = next_xid_;
  for (auto open = open_.rbegin(); open != open_.rend(); ++open) {
    const Transaction& transaction = open->second;
    if (by_log && transaction.is_logged) continue;
    for (auto undo = transaction.undo.rbegin(); undo != transaction.undo.rend(); ++undo) {
      revert(view.tables.at(undo->table), *undo);
    }
    view.fence.xmin = open->first;
    view.fence.in_progress.insert(view.fence.in_progress.begin(), open->first);
  }
  return view;
}

void SourceServer::fail_over() {
  trace_.note("source: a standby takes over, its slot confirmed {} instead of {}", earlier_confirmed_, slot.confirmed);
  if (slot.exists) slot.confirmed = std::min(slot.confirmed, std::max(earlier_confirmed_, slot.started));
  failovers_ += 1;
}

void SourceServer::heartbeat() { add_entry(LogEntry::Kind::heartbeat, 0); }

void SourceServer::publish(const model::TableName& name, std::uint64_t from) {
  SourceTable& table = tables_.at(name);
  table.published_from = std::min(table.published_from, from);
}

std::set<std::uint64_t> SourceServer::writers(const model::TableName& name) const {
  const auto found = tables_.find(name);
  return found == tables_.end() ? std::set<std::uint64_t>() : found->second.writers;
}

void SourceServer::count_reader(const model::TableName& name, int by) {
  const auto found = tables_.find(name);
  if (found != tables_.end()) found->second.readers += by;
}

std::uint64_t SourceServer::digest_at(const model::TableName& name, std::uint64_t log) const {
  const auto& history = tables_.at(name).history;
  const auto behind = std::upper_bound(history.begin(), history.end(), log,
                                       [](std::uint64_t at, const auto& entry) { return at < entry.first; });
  return behind == history.begin() ? 0 : std::prev(behind)->second;
}

}  // namespace sim
