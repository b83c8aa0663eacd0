// SPDX-License-Identifier: Apache-2.0
//
// What both stores share: the journal over notes, and the store in memory.
#include "engine/state_store.h"

#include <algorithm>

namespace engine {
namespace {

class SpaceJournal final : public connect::Journal {
 public:
  SpaceJournal(StateStore& store, std::string space) : store_(store), prefix_(std::move(space) + "/") {}

  base::Result<std::optional<std::string>> get(const std::string& key) override { return store_.note(prefix_ + key); }

  base::Result<std::vector<std::pair<std::string, std::string>>> scan(const std::string& prefix) override {
    auto found = TRY(store_.notes(prefix_ + prefix));
    for (auto& [key, value] : found) key.erase(0, prefix_.size());
    return found;
  }

  base::Result<void> commit(const std::vector<std::pair<std::string, std::optional<std::string>>>& notes) override {
    StateChange change;
    for (const auto& [key, value] : notes) change.notes.emplace_back(prefix_ + key, value);
    return store_.commit(change);
  }

 private:
  StateStore& store_;
  const std::string prefix_;
};

void upsert_chunk(std::vector<ChunkRecord>& chunks, const ChunkRecord& chunk) {
  const auto place =
      std::lower_bound(chunks.begin(), chunks.end(), chunk.number,
                       [](const ChunkRecord& known, std::uint32_t number) { return known.number < number; });
  if (place != chunks.end() && place->number == chunk.number) {
    *place = chunk;
  } else {
    chunks.insert(place, chunk);
  }
}

}  // namespace

std::unique_ptr<connect::Journal> journal_of(StateStore& store, std::string space) {
  return std::make_unique<SpaceJournal>(store, std::move(space));
}

base::Result<State> MemoryStore::load() {
  base::Lock lock(mutex_);
  return state_;
}

base::Result<void> MemoryStore::commit(const StateChange& change) {
  base::Lock lock(mutex_);
  if (change.wipe) {
    state_ = State();
    notes_.clear();
  }
  if (change.task) state_.task = change.task;
  for (const TableRecord& table : change.tables) state_.tables[table.source_name] = table;
  for (const ChunkRecord& chunk : change.chunks) upsert_chunk(state_.chunks[chunk.table], chunk);
  for (const auto& [key, value] : change.notes) {
    if (value) {
      notes_[key] = *value;
    } else {
      notes_.erase(key);
    }
  }
  return {};
}

base::Result<std::optional<std::string>> MemoryStore::note(const std::string& key) {
  base::Lock lock(mutex_);
  const auto found = notes_.find(key);
  if (found == notes_.end()) return std::optional<std::string>();
  return std::optional<std::string>(found->second);
}

base::Result<std::vector<std::pair<std::string, std::string>>> MemoryStore::notes(const std::string& prefix) {
  base::Lock lock(mutex_);
  std::vector<std::pair<std::string, std::string>> found;
  for (auto note = notes_.lower_bound(prefix); note != notes_.end() && note->first.starts_with(prefix); ++note) {
    found.emplace_back(*note);
  }
  return found;
}

}  // namespace engine
