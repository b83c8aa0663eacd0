// SPDX-License-Identifier: Apache-2.0
//
// The bank's total holds for any reader: once the bank is loaded and beyond its fence, every state that the target
// shows holds all the money. Independent of the source's history: it knows one number.
#include "sim/checks/check.h"

namespace sim {
namespace {

class Bank final : public Check {
 public:
  using Check::Check;

  void snapshot_taken(const model::Fence& fence) override { tables_.snapshot_taken(fence); }
  void prepared(const model::TableName& table) override { tables_.prepared(table); }
  void loaded(const model::TableName& table) override { tables_.loaded(table); }
  void shown(const std::optional<model::Position>& position) override {
    const model::TableName bank{"app", "bank"};
    const auto held = servers_.target.tables().find(bank);
    if (held == servers_.target.tables().end() || !tables_.follows(bank, position)) return;
    std::int64_t total = 0;
    for (const Row& row : held->second.rows.rows()) total += model::load_fixed(*row[1]);
    if (total == servers_.bank_total) return;
    find("bank: at position {} a reader finds {} of {}", position->log, total, servers_.bank_total);
  }

 private:
  LoadedTables tables_;
};

}  // namespace

std::unique_ptr<Check> check_bank(const Servers& servers) { return std::make_unique<Bank>(servers); }

}  // namespace sim
