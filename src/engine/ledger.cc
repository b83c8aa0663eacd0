// SPDX-License-Identifier: Apache-2.0
#include "engine/ledger.h"

#include <charconv>

#include "relay/schema_codec.h"

namespace engine {

using base::Lock;
using base::Result;

namespace {

const std::string kept_prefix = "engine/kept/";

// The name's parts hold no zero byte.
std::string kept_key(const model::TableName& name) {
  return kept_prefix + name.schema + std::string(1, '\0') + name.table;
}

// "log:sequence:folder\n", then the shape's bytes.
std::string print_kept(const KeptTable& kept) {
  std::string text = fmt::format("{}:{}:{}\n", kept.since.log, kept.since.sequence, kept.folder);
  if (kept.shape) relay::append_schema(*kept.shape, text);
  return text;
}

std::optional<KeptTable> read_kept(std::string_view text) {
  KeptTable kept;
  const auto take = [&](std::uint64_t& value) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end == text.data() + text.size() || *end != ':') return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    return true;
  };
  if (!take(kept.since.log) || !take(kept.since.sequence)) return std::nullopt;
  const std::size_t line = text.find('\n');
  if (line == 0 || line == std::string_view::npos) return std::nullopt;
  kept.folder = std::string(text.substr(0, line));
  text.remove_prefix(line + 1);
  if (text.empty()) return kept;
  std::optional<model::TableSchema> shape = relay::read_schema(text);
  if (!shape) return std::nullopt;
  kept.shape = std::make_shared<const model::TableSchema>(std::move(*shape));
  return kept;
}

}  // namespace

Result<void> Ledger::load() {
  State state = TRY(store_.load());
  std::map<model::TableName, KeptTable> all;
  for (const auto& [key, value] : TRY(store_.notes(kept_prefix))) {
    const std::size_t zero = key.find('\0');
    std::optional<KeptTable> kept = zero == std::string::npos ? std::nullopt : read_kept(value);
    if (!kept) return base::failed(errors::state_damaged, "the note of a suspended table cannot be read");
    all.emplace(model::TableName{key.substr(kept_prefix.size(), zero - kept_prefix.size()), key.substr(zero + 1)},
                std::move(*kept));
  }
  Lock lock(mutex_);
  state_ = std::move(state);
  kept_ = std::move(all);
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
  kept_.clear();
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

// Nothing is kept of a table that is not in error.
Result<void> Ledger::commit_table(TableRecord record, std::optional<KeptTable> kept) {
  const model::TableName name = record.source_name;
  if (record.state != table_state::error) kept.reset();
  StateChange commit;
  commit.tables.push_back(record);
  if (kept || kept_.contains(name)) {
    commit.notes.emplace_back(kept_key(name), kept ? std::optional(print_kept(*kept)) : std::nullopt);
  }
  TRY(store_.commit(commit));
  state_.tables[name] = std::move(record);
  kept_.erase(name);
  if (kept) kept_.emplace(name, std::move(*kept));
  return {};
}

Result<void> Ledger::update_table(const model::TableName& source_name,
                                  const std::function<void(TableRecord&)>& change) {
  Lock lock(mutex_);
  TableRecord next;
  if (const auto found = state_.tables.find(source_name); found != state_.tables.end()) next = found->second;
  next.source_name = source_name;
  change(next);
  const auto kept = kept_.find(source_name);
  return commit_table(std::move(next), kept == kept_.end() ? std::nullopt : std::optional(kept->second));
}

Result<void> Ledger::suspend(const model::TableName& source_name, const std::string& reason,
                             std::optional<KeptTable> kept) {
  Lock lock(mutex_);
  TableRecord next;
  if (const auto found = state_.tables.find(source_name); found != state_.tables.end()) next = found->second;
  next.source_name = source_name;
  next.state = table_state::error;
  next.suspended_reason = reason;
  return commit_table(std::move(next), std::move(kept));
}

std::map<model::TableName, KeptTable> Ledger::kept() const {
  Lock lock(mutex_);
  return kept_;
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

}  // namespace engine
