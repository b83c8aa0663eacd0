// SPDX-License-Identifier: Apache-2.0
//
// A checker: watches one promise during a whole run. It sees what the engine does to source and target, looks at the
// servers themselves, and says what it found in words for a person. Each is a small piece of its own; none trusts what
// the engine says about itself. Calls come while no other simulated thread runs; a checker changes nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/disk.h"
#include "sim/lake.h"
#include "sim/plan.h"
#include "sim/source_server.h"
#include "sim/target_server.h"

namespace sim {

// What checkers may look at.
struct Servers {
  const RunPlan& plan;
  SimScheduler& scheduler;
  const SourceServer& source;
  const TargetServer& target;
  const DiskServer& disk;
  std::string relay_folder;
  std::int64_t bank_total = 0;
  const std::set<model::TableName>& suspended;  // as the task has recorded it; the target has them under the same names
  const std::set<model::TableName>&
      to_load;           // not loaded, or to be loaded anew: what the target has of them is not claimed
  Lake* lake = nullptr;  // with a file target
  // What the target claims to hold, and a note of its books.
  std::function<std::optional<model::Position>()> held;
  std::function<std::optional<std::string>(const std::string&)> note;
};

class Check {
 public:
  explicit Check(const Servers& servers) : servers_(servers) {}
  virtual ~Check() = default;

  virtual void slot_begun(const model::Position& start) { (void)start; }
  virtual void snapshot_taken(const model::Fence& fence) { (void)fence; }
  virtual void prepared(const model::TableName& table) { (void)table; }
  virtual void loaded(const model::TableName& table) { (void)table; }
  virtual void replayed(const model::TableName& table, const model::Position& position) {
    (void)table;
    (void)position;
  }
  virtual void position_forgotten() {}
  virtual void confirmed(const model::Position& position) { (void)position; }
  // After every commit that readers of the target can see.
  virtual void shown(const std::optional<model::Position>& position) { (void)position; }
  // What a stage of the engine has in memory.
  virtual void held(std::string_view stage, std::size_t bytes) {
    (void)stage;
    (void)bytes;
  }
  virtual void power_came_back() {}
  virtual void ended() {}  // the run is over and everything should be in its place

  const std::vector<std::string>& findings() const { return findings_; }

 protected:
  template <typename... Args>
  void find(fmt::format_string<const Args&...> format, const Args&... args) {
    if (findings_.size() < 5) findings_.push_back(fmt::format(format, args...));
  }
  const Servers& servers_;

 private:
  std::vector<std::string> findings_;
};

std::unique_ptr<Check> check_equality(const Servers& servers);
std::unique_ptr<Check> check_key_order(const Servers& servers);
std::unique_ptr<Check> check_bank(const Servers& servers);
std::unique_ptr<Check> check_foreign_keys(const Servers& servers);
std::unique_ptr<Check> check_owner(const Servers& servers);
std::unique_ptr<Check> check_memory(const Servers& servers);
std::unique_ptr<Check> check_positions(const Servers& servers);
std::unique_ptr<Check> check_acknowledged(const Servers& servers);
std::unique_ptr<Check> check_lake_names(const Servers& servers);
std::unique_ptr<Check> check_lake_content(const Servers& servers);
// Those that fit the plan's target.
std::vector<std::unique_ptr<Check>> all_checks(const Servers& servers);

// Which tables of the target hold all of a snapshot, and from which position on they follow the source.
class LoadedTables {
 public:
  void snapshot_taken(const model::Fence& fence) { fence_high_ = fence.high; }
  void prepared(const model::TableName& table) { loaded_.erase(table); }
  void loaded(const model::TableName& table) { loaded_[table] = fence_high_; }
  // Tables that must equal the source at that position.
  template <typename Visit>
  void at(const std::optional<model::Position>& position, Visit&& visit) const {
    if (!position) return;
    for (const auto& [table, high] : loaded_) {
      if (position->log >= high) visit(table);
    }
  }
  bool follows(const model::TableName& table, const std::optional<model::Position>& position) const {
    const auto found = loaded_.find(table);
    return found != loaded_.end() && position && position->log >= found->second;
  }

 private:
  std::uint64_t fence_high_ = 0;
  std::map<model::TableName, std::uint64_t> loaded_;
};

}  // namespace sim
