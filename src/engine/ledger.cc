// SPDX-License-Identifier: Apache-2.0
#include "engine/ledger.h"

namespace engine {

using base::Lock;
using base::Result;

Result<void> Ledger::load() {
  State state = TRY(store_.load());
  Lock lock(mutex_);
  state_ = std::move(state);
  return {};
}

Result<void> Ledger::begin_anew(TaskRecord task) {
  StateChange change;
  change.wipe = true;
  change.task = task;
  TRY(store_.commit(change));
  Lock lock(mutex_);
  state_ = State{};
  state_.task = std::move(task);
  return {};
}

std::optional<TaskRecord> Ledger::task() const {
  Lock lock(mutex_);
  return state_.task;
}

std::optional<TableRecord> Ledger::table(const model::TableName& source_name) const {
  Lock lock(mutex_);
  const auto found = state_.tables.find(source_name);
  if (found == state_.tables.end()) return std::nullopt;
  return found->second;
}

std::map<model::TableName, TableRecord> Ledger::tables() const {
  Lock lock(mutex_);
  return state_.tables;
}

std::size_t Ledger::tables_in_error() const {
  Lock lock(mutex_);
  std::size_t count = 0;
  for (const auto& [name, record] : state_.tables) count += record.state == table_state::error ? 1 : 0;
  return count;
}

Result<void> Ledger::update_task(const std::function<void(TaskRecord&)>& change) {
  Lock lock(mutex_);
  TaskRecord next = state_.task.value_or(TaskRecord{});
  change(next);
  StateChange commit;
  commit.task = next;
  TRY(store_.commit(commit));
  state_.task = std::move(next);
  return {};
}

Result<void> Ledger::update_table(const model::TableName& source_name,
                                  const std::function<void(TableRecord&)>& change) {
  Lock lock(mutex_);
  TableRecord next;
  if (const auto found = state_.tables.find(source_name); found != state_.tables.end()) next = found->second;
  next.source_name = source_name;
  change(next);
  StateChange commit;
  commit.tables.push_back(next);
  TRY(store_.commit(commit));
  state_.tables[source_name] = std::move(next);
  return {};
}

Result<void> Ledger::update_all(const std::function<void(TableRecord&)>& change) {
  Lock lock(mutex_);
  StateChange commit;
  for (const auto& [name, record] : state_.tables) {
    commit.tables.push_back(record);
    change(commit.tables.back());
  }
  TRY(store_.commit(commit));
  for (TableRecord& record : commit.tables) state_.tables[record.source_name] = record;
  return {};
}

Result<void> Ledger::chunk(ChunkRecord chunk) {
  StateChange commit;
  commit.chunks.push_back(std::move(chunk));
  return store_.commit(commit);
}

Result<void> Ledger::forget_table(const model::TableName& source_name) {
  Lock lock(mutex_);
  StateChange commit;
  commit.forget_tables.push_back(source_name);
  TRY(store_.commit(commit));
  state_.tables.erase(source_name);
  return {};
}

}  // namespace engine
