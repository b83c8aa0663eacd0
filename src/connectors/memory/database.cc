// SPDX-License-Identifier: Apache-2.0
#include "connectors/memory/database.h"

#include <algorithm>

#include "connect/source.h"
#include "connectors/memory/errors.h"

namespace memory {

using base::Lock;
using base::Result;

static constexpr std::uint64_t log_step = 8;

Value fixed(std::int64_t value) {
  std::string cell;
  model::append_fixed(cell, value);
  return cell;
}

Value text(std::string_view value) { return std::string(value); }

Table::Table(model::TableSchemaPtr schema) : schema_(std::move(schema)) {
  const std::vector<std::uint32_t> stored = model::stored_columns(*schema_);
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const auto& keys = schema_->primary_key;
    if (keys.empty() || std::find(keys.begin(), keys.end(), stored[i]) != keys.end()) key_.push_back(i);
  }
}

std::string Table::key_of(const Row& row) const {
  std::string key;
  for (const std::size_t index : key_) {
    const Value& value = row[index];
    key += value ? fmt::format("{}:{}", value->size(), *value) : "-";
  }
  return key;
}

Result<void> Table::insert(Row row) {
  std::vector<Row>& same = rows_[key_of(row)];
  if (!same.empty() && !schema_->primary_key.empty()) {
    return base::failed(errors::duplicate_key, "table {}", schema_->name.text());
  }
  same.push_back(std::move(row));
  return {};
}

Result<Row> Table::take(const Row& like) {
  const auto found = rows_.find(key_of(like));
  if (found == rows_.end()) return base::failed(errors::row_missing, "table {}", schema_->name.text());
  Row row = std::move(found->second.back());
  found->second.pop_back();
  if (found->second.empty()) rows_.erase(found);
  return row;
}

std::vector<Row> Table::rows() const {
  std::vector<Row> all;
  for (const auto& [key, same] : rows_) all.insert(all.end(), same.begin(), same.end());
  return all;
}

std::size_t Table::size() const {
  std::size_t total = 0;
  for (const auto& [key, same] : rows_) total += same.size();
  return total;
}

void Database::create_table(const model::TableSchemaPtr& schema) {
  Lock lock(mutex_);
  tables_.insert_or_assign(schema->name, Table(schema));
}

std::uint64_t Database::begin() {
  Lock lock(mutex_);
  running_[next_xid_] = {};
  return next_xid_++;
}

std::uint64_t Database::new_sub_xid() {
  Lock lock(mutex_);
  return next_xid_++;
}

Result<Database::Running*> Database::running(std::uint64_t xid) {
  const auto found = running_.find(xid);
  if (found == running_.end()) return base::failed(base::errors::bug, "transaction {} is not open", xid);
  return &found->second;
}

Result<model::TableSchemaPtr> Database::schema_of(const model::TableName& table) const {
  const auto found = tables_.find(table);
  if (found == tables_.end()) return base::failed(connect::errors::table_missing, "table {}", table.text());
  return found->second.schema();
}

Result<void> Database::insert(std::uint64_t xid, const model::TableName& table, Row row, std::uint64_t sub_xid) {
  Lock lock(mutex_);
  Running* transaction = TRY(running(xid));
  transaction->changes.push_back(
      {model::Op::insert, TRY(schema_of(table)), std::nullopt, std::move(row), sub_xid == 0 ? xid : sub_xid});
  return {};
}

Result<void> Database::update(std::uint64_t xid, const model::TableName& table, const Row& before, Row after,
                              std::uint64_t sub_xid) {
  Lock lock(mutex_);
  Running* transaction = TRY(running(xid));
  transaction->changes.push_back(
      {model::Op::update, TRY(schema_of(table)), before, std::move(after), sub_xid == 0 ? xid : sub_xid});
  return {};
}

Result<void> Database::remove(std::uint64_t xid, const model::TableName& table, const Row& like,
                              std::uint64_t sub_xid) {
  Lock lock(mutex_);
  Running* transaction = TRY(running(xid));
  transaction->changes.push_back(
      {model::Op::remove, TRY(schema_of(table)), like, std::nullopt, sub_xid == 0 ? xid : sub_xid});
  return {};
}

Result<void> Database::truncate(std::uint64_t xid, const model::TableName& table) {
  Lock lock(mutex_);
  Running* transaction = TRY(running(xid));
  transaction->changes.push_back({model::Op::truncate, TRY(schema_of(table)), std::nullopt, std::nullopt, xid});
  return {};
}

LogEntry& Database::log_entry(LogEntry::Kind kind, std::uint64_t xid) {
  end_of_log_ += log_step;
  log_.push_back({kind, end_of_log_, xid, xid, clock_.wall(), {}});
  changed_.notify_all();
  return log_.back();
}

Result<void> Database::abort_sub(std::uint64_t xid, std::uint64_t sub_xid) {
  Lock lock(mutex_);
  Running* transaction = TRY(running(xid));
  const auto is_aborted = [sub_xid](const LoggedChange& change) { return change.sub_xid == sub_xid; };
  std::erase_if(transaction->changes, is_aborted);
  std::erase_if(transaction->done, is_aborted);
  if (transaction->is_streamed) log_entry(LogEntry::Kind::abort, xid).sub_xid = sub_xid;
  return {};
}

Result<void> Database::stream(std::uint64_t xid) {
  Lock lock(mutex_);
  Running* transaction = TRY(running(xid));
  if (transaction->changes.empty()) return {};
  log_entry(LogEntry::Kind::piece, xid).changes = transaction->changes;
  transaction->is_streamed = true;
  std::move(transaction->changes.begin(), transaction->changes.end(), std::back_inserter(transaction->done));
  transaction->changes.clear();
  return {};
}

// Applies one change; the row's image before it is kept with the change, for the log.
static Result<void> apply_change(Tables& tables, LoggedChange& change) {
  Table& table = tables.at(change.schema->name);
  if (change.op == model::Op::truncate) table.clear();
  if (change.before) change.before = TRY(table.take(*change.before));
  if (change.after) TRY(table.insert(*change.after));
  return {};
}

Result<void> Database::commit(std::uint64_t xid) {
  Lock lock(mutex_);
  Running* transaction = TRY(running(xid));
  std::vector<LoggedChange>& changes = transaction->changes;
  if (transaction->is_streamed && !changes.empty()) {
    log_entry(LogEntry::Kind::piece, xid).changes = changes;
    std::move(changes.begin(), changes.end(), std::back_inserter(transaction->done));
    changes.clear();
  }
  for (LoggedChange& change : transaction->is_streamed ? transaction->done : changes) {
    TRY(apply_change(tables_, change));
  }
  LogEntry& entry = log_entry(transaction->is_streamed ? LogEntry::Kind::streamed_commit : LogEntry::Kind::whole, xid);
  entry.changes = std::move(changes);
  running_.erase(xid);
  return {};
}

void Database::abort(std::uint64_t xid) {
  Lock lock(mutex_);
  const auto found = running_.find(xid);
  if (found == running_.end()) return;
  if (found->second.is_streamed) log_entry(LogEntry::Kind::abort, xid);
  running_.erase(found);
}

Tables Database::tables() const {
  Lock lock(mutex_);
  return tables_;
}

std::uint64_t Database::end_of_log() const {
  Lock lock(mutex_);
  return end_of_log_;
}

void Database::fail(const std::string& call, const base::Code& code, int passes) {
  Lock lock(mutex_);
  faults_[call] = {&code, passes};
}

Result<void> Database::check_fault(const std::string& call) {
  Lock lock(mutex_);
  const auto found = faults_.find(call);
  if (found == faults_.end()) return {};
  if (found->second.passes > 0) {
    found->second.passes -= 1;
    return {};
  }
  const base::Code& code = *found->second.code;
  faults_.erase(found);
  return base::failed(code, "{} was told to fail", call);
}

std::vector<Shown> Database::history() const {
  Lock lock(mutex_);
  return history_;
}

Database::View Database::view() const {
  Lock lock(mutex_);
  View view{tables_, {}};
  view.fence.high = end_of_log_;
  view.fence.xmax = next_xid_;
  view.fence.xmin = running_.empty() ? next_xid_ : running_.begin()->first;
  for (const auto& [xid, transaction] : running_) view.fence.in_progress.push_back(xid);
  return view;
}

Database::Capture Database::capture() const {
  Lock lock(mutex_);
  return capture_;
}

void Database::set_capture(const Capture& capture) {
  Lock lock(mutex_);
  capture_ = capture;
}

void Database::heartbeat() {
  Lock lock(mutex_);
  log_entry(LogEntry::Kind::heartbeat, 0);
}

std::vector<LogEntry> Database::entries(std::size_t from, std::size_t count_max, const std::stop_token& stop,
                                        base::Nanos at_most) {
  constexpr base::Nanos step_max = std::chrono::milliseconds(20);
  Lock lock(mutex_);
  while (log_.size() <= from && at_most > base::Nanos{0} && !stop.stop_requested()) {
    const base::Nanos step = std::min(step_max, at_most);
    changed_.wait(mutex_, step);
    at_most -= step;
  }
  std::vector<LogEntry> found;
  for (std::size_t i = from; i < log_.size() && found.size() < count_max; ++i) found.push_back(log_[i]);
  return found;
}

std::uint64_t Database::take_over() {
  Lock lock(mutex_);
  return ++epoch_;
}

std::optional<model::Position> Database::position(const std::string& task) const {
  Lock lock(mutex_);
  const auto found = positions_.find(task);
  return found == positions_.end() ? std::nullopt : std::optional<model::Position>(found->second);
}

Result<void> Database::publish(std::uint64_t epoch, const std::string& task, Tables&& changed,
                               const std::optional<model::Position>& position) {
  Lock lock(mutex_);
  if (epoch != epoch_) return base::failed(errors::fenced_off, "task {}", task);
  for (auto& [name, table] : changed) tables_.insert_or_assign(name, std::move(table));
  if (position) positions_[task] = *position;
  if (keeps_history_) history_.push_back({position, tables_});
  return {};
}

Result<void> Database::forget_task(const std::string& task) {
  Lock lock(mutex_);
  positions_.erase(task);
  return {};
}

Result<void> Database::load(const model::TableName& table, std::vector<Row>&& rows) {
  Lock lock(mutex_);
  TRY(schema_of(table));
  Table loaded = tables_.at(table);
  for (Row& row : rows) TRY(loaded.insert(std::move(row)));
  tables_.insert_or_assign(table, std::move(loaded));
  return {};
}

std::optional<Table> Database::table(const model::TableName& name) const {
  Lock lock(mutex_);
  const auto found = tables_.find(name);
  return found == tables_.end() ? std::nullopt : std::optional<Table>(found->second);
}

}  // namespace memory
