// SPDX-License-Identifier: Apache-2.0
#include "sim/source_server.h"

#include <algorithm>

namespace sim {

namespace {

constexpr std::uint64_t record_bytes = 8;  // of what ends a transaction

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
    case model::Op::drop_table: return "drops";
    default: return "alters";
  }
}

bool is_literal(const model::Column& column) { return column.default_expression.find('(') == std::string::npos; }

// As the function of an event trigger writes it.
std::string report_of(const model::TableSchema& table, const char* event, bool converts) {
  std::string columns;
  for (const model::Column& column : table.columns) {
    const bool is_filled = !column.default_expression.empty() && is_literal(column);
    columns += fmt::format(R"({}[{},"{}",{},-1,{},false,"",{},"{}",null,{}])", columns.empty() ? "" : ",",
                           column.ordinal, column.name, column.type.native_id, !column.nullable,
                           column.default_expression.empty() ? "null" : "\"" + column.default_expression + "\"",
                           column.type.native, is_filled);
  }
  return fmt::format(
      R"({{"oid":{},"schema":"{}","table":"{}","event":"{}","made":false,"converts":{},"columns":[{}]}})",
      table.source_id, table.name.schema, table.name.table, event, converts, columns);
}

}  // namespace

void SourceServer::create_table(const model::TableSchemaPtr& schema, RowFilter filter) {
  const auto [place, is_new] = tables_.emplace(schema->name, SourceTable(schema));
  ENSURE(is_new);
  place->second.rows.set_filter(std::move(filter));
  histories_[schema->name].push_back({end_of_log_, schema->source_id, 0, shape_of(*schema), true});
  trace_.note("source: table {} is made", schema->name.text());
}

bool SourceServer::drop_table(const model::TableName& name) {
  const SourceTable& table = tables_.at(name);
  if (table.readers > 0 || table.exclusive != 0 || !table.writers.empty()) return false;
  const std::uint64_t xid = next_xid_++;
  LogEntry& entry = add_entry(LogEntry::Kind::whole, xid);
  Transaction transaction;
  transaction.changes.push_back({model::Op::drop_table, table.rows.schema(), std::nullopt, std::nullopt, xid,
                                 report_of(*table.rows.schema(), "sql_drop", false)});
  fill_entry(entry, transaction);
  commits_.insert(entry.log);
  histories_[name].push_back({entry.log, 0, 0, 0, true});
  trace_.note("source: transaction {} drops table {} at {}", xid, name.text(), entry.log);
  tables_.erase(name);
  return true;
}

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

bool SourceServer::lock_referenced(std::uint64_t xid, const model::TableName& name, const Value& id) {
  const auto found = tables_.find(name);
  if (found == tables_.end()) return false;
  Row like(found->second.rows.schema()->columns.size());
  like[0] = id;
  return found->second.rows.find(like) != nullptr && lock_row(open_.at(xid), found->second, like);
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
  if (undo.replaced) {
    undo.digest_after = rows.digest();
    undo.shape_after = shape_of(*rows.schema());
  }
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
  undo.highest = table.highest;
  table.rows.clear();
  table.rewrites += 1;
  add_change(transaction, {model::Op::truncate, table.rows.schema(), std::nullopt, std::nullopt}, std::move(undo));
  return true;
}

bool SourceServer::alter(std::uint64_t xid, const Alteration& alteration) {
  Transaction& transaction = open_.at(xid);
  const model::TableSchemaPtr& shape = alteration.shape;
  SourceTable& table = tables_.at(shape->name);
  if (!lock_table(transaction, table)) return false;
  Transaction::Undo undo;
  undo.replaced = table.rows;
  undo.highest = table.highest;
  table.rows.reshape(shape, alteration.shaped);
  for (const model::Column& column : shape->columns) table.highest = std::max(table.highest, column.ordinal);
  table.rewrites += alteration.rewrites ? 1 : 0;
  trace_.note("source: transaction {} alters table {}", xid, shape->name.text());
  add_change(transaction,
             {model::Op::schema, shape, std::nullopt, std::nullopt, 0,
              report_of(*shape, "ddl_command_end", alteration.converts)},
             std::move(undo));
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

void SourceServer::take_back(const Transaction::Undo& undo) {
  SourceTable& table = tables_.at(undo.table);
  revert(table.rows, undo);
  if (undo.replaced) table.highest = undo.highest;
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
    take_back(undo);
    transaction.undo.pop_back();
  }
  std::erase_if(transaction.changes, [sub_xid](const LoggedChange& change) { return change.sub_xid >= sub_xid; });
  if (!transaction.is_streamed) return;
  for (auto sub = aborted.rbegin(); sub != aborted.rend(); ++sub) add_entry(LogEntry::Kind::abort, xid).sub_xid = *sub;
}

LogEntry& SourceServer::add_entry(LogEntry::Kind kind, std::uint64_t xid) {
  const std::uint64_t begins = end_of_log_;
  end_of_log_ = begins + record_bytes;
  log_.push_back({kind, begins, xid, xid, clock_.wall(), {}});
  return log_.back();
}

// What the transaction did goes to the log, and its last record behind it.
void SourceServer::fill_entry(LogEntry& entry, Transaction& transaction) {
  entry.changes = std::exchange(transaction.changes, {});
  entry.log += weight_of(entry.changes);
  end_of_log_ = entry.log + record_bytes;
}

void SourceServer::stream_out(std::uint64_t xid) {
  Transaction& transaction = open_.at(xid);
  if (transaction.changes.empty()) return;
  LogEntry& entry = add_entry(LogEntry::Kind::piece, xid);
  fill_entry(entry, transaction);
  transaction.is_streamed = true;
  trace_.note("source: transaction {} streams {} changes at {}", xid, entry.changes.size(), entry.log);
}

void SourceServer::commit(std::uint64_t xid, base::Nanos invisible) {
  Transaction& transaction = open_.at(xid);
  if (transaction.undo.empty() && !transaction.is_streamed) return end(xid);
  if (transaction.is_streamed) stream_out(xid);
  LogEntry& entry = add_entry(transaction.is_streamed ? LogEntry::Kind::streamed_commit : LogEntry::Kind::whole, xid);
  fill_entry(entry, transaction);
  commits_.insert(entry.log);
  transaction.is_logged = true;
  // The digests by the log: each table's last one, plus what this transaction changes.
  for (const Transaction::Undo& undo : transaction.undo) {
    std::vector<Moment>& history = histories_[undo.table];
    if (history.back().log != entry.log) history.push_back(history.back());
    Moment& moment = history.back();
    moment.log = entry.log;
    // Nobody else has changes in a table that is locked as a whole.
    moment.digest = undo.digest_after ? *undo.digest_after : moment.digest + undo.digest_change;
    if (undo.digest_after) moment.is_described = moment.is_described && moment.shape == undo.shape_after;
    if (undo.digest_after) moment.shape = undo.shape_after;
    if (undo.before || undo.after) moment.is_described = true;
  }
  trace_.note("source: transaction {} commits at {}", xid, entry.log);
  scheduler_.step();
  scheduler_.pause(invisible, {});
  end(xid);
}

void SourceServer::rollback(std::uint64_t xid) {
  Transaction& transaction = open_.at(xid);
  while (!transaction.undo.empty()) {
    take_back(transaction.undo.back());
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
  const std::uint64_t id = tables_.at(name).rows.schema()->source_id;
  const auto [place, is_new] = published_.try_emplace(id, from);
  if (!is_new) place->second = std::min(place->second, from);
}

bool SourceServer::is_published(std::uint64_t table_id, std::uint64_t log) const {
  const auto found = published_.find(table_id);
  return found != published_.end() && log > found->second;
}

SourceServer::Visible SourceServer::visible(const model::TableName& name) const {
  const auto found = tables_.find(name);
  if (found == tables_.end()) return {};
  const SourceTable& table = found->second;
  // Only one transaction can have changed all of it; its first change says what was there before.
  const auto owner = open_.find(table.exclusive);
  if (owner != open_.end()) {
    for (const Transaction::Undo& undo : owner->second.undo) {
      if (undo.table == name && undo.replaced) return {undo.replaced->schema(), undo.highest, table.exclusive};
    }
  }
  return {table.rows.schema(), table.highest, table.exclusive};
}

SourceServer::Visible SourceServer::visible(std::uint64_t table_id) const {
  for (const auto& [name, table] : tables_) {
    if (table.rows.schema()->source_id == table_id) return visible(name);
  }
  return {};
}

std::set<std::uint64_t> SourceServer::writers(const model::TableName& name) const {
  const auto found = tables_.find(name);
  return found == tables_.end() ? std::set<std::uint64_t>() : found->second.writers;
}

void SourceServer::count_reader(const model::TableName& name, int by) {
  const auto found = tables_.find(name);
  if (found != tables_.end()) found->second.readers += by;
}

Moment SourceServer::at(const model::TableName& name, std::uint64_t log) const {
  const auto found = histories_.find(name);
  if (found == histories_.end()) return {};
  const std::vector<Moment>& history = found->second;
  const auto behind = std::upper_bound(history.begin(), history.end(), log,
                                       [](std::uint64_t at, const Moment& moment) { return at < moment.log; });
  return behind == history.begin() ? Moment() : *std::prev(behind);
}

}  // namespace sim
