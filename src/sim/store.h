// SPDX-License-Identifier: Apache-2.0
//
// The state store: atomic commits, and a process that may die before or after each. What it holds outlives processes;
// each process reaches it through a ProcessStore. A commit may also fail, as on a full disk: then it changed nothing.
#pragma once

#include <functional>

#include "engine/state_store.h"
#include "sim/process.h"

namespace sim {

struct StoreWeather {
  std::uint64_t fails_share = 0;  // of a million commits
};

class ProcessStore final : public engine::StateStore {
 public:
  // `recorded` hears of every commit that took effect.
  using Recorded = std::function<void(const engine::StateChange&)>;
  ProcessStore(engine::MemoryStore& store, Process& process, Chance chance, const StoreWeather& weather,
               Recorded recorded)
      : store_(store), process_(process), chance_(chance), weather_(weather), recorded_(std::move(recorded)) {}

  base::Result<engine::State> load() override {
    TRY(process_.enter());
    TRY(check_place());
    return store_.load();
  }
  base::Result<void> commit(const engine::StateChange& change) override {
    if (chance_.in_million(weather_.fails_share)) {
      TRY(process_.enter());
      return base::failed(engine::errors::state_failed, "the simulated disk is full");
    }
    return process_.durable(point_of(change), [&]() -> base::Result<void> {
      TRY(check_place());
      TRY(store_.commit(change));
      recorded_(change);
      return {};
    });
  }
  base::Result<std::optional<std::string>> note(const std::string& key) override {
    TRY(process_.enter());
    TRY(check_place());
    return store_.note(key);
  }
  base::Result<std::vector<std::pair<std::string, std::string>>> notes(const std::string& prefix) override {
    TRY(process_.enter());
    TRY(check_place());
    return store_.notes(prefix);
  }

 private:
  base::Result<void> check_place() const {
    if (!process_.has_moved()) return {};
    return base::failed(engine::errors::state_failed, "the simulated disk is gone");
  }
  static std::string point_of(const engine::StateChange& change) {
    std::string point = "store.commit";
    if (change.wipe) point += " wipe";
    if (change.task) point += " task:" + change.task->phase;
    if (!change.tables.empty()) point += " table:" + change.tables.front().state;
    if (!change.chunks.empty()) point += " chunk";
    if (!change.notes.empty()) {
      const std::string& key = change.notes.front().first;
      point += " note:" + key.substr(0, key.find('/', key.find('/') + 1));
    }
    return point;
  }

  engine::MemoryStore& store_;
  Process& process_;
  Chance chance_;
  const StoreWeather& weather_;
  const Recorded recorded_;
};

}  // namespace sim
