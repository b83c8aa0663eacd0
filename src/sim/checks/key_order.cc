// SPDX-License-Identifier: Apache-2.0
//
// Per key, order: while a table is loaded and still within its fence, where it equals no state of the source yet, the
// version of a key on the target never goes back. (Beyond the fence equality says it all.)
#include "sim/checks/check.h"

namespace sim {
namespace {

constexpr std::size_t version = 2;  // the cell

class KeyOrder final : public Check {
 public:
  using Check::Check;

  void snapshot_taken(const model::Fence& fence) override { tables_.snapshot_taken(fence); }
  void prepared(const model::TableName& table) override {
    tables_.prepared(table);
    versions_.erase(table);
  }
  void loaded(const model::TableName& table) override { tables_.loaded(table); }
  void shown(const std::optional<model::Position>& position) override {
    for (const auto& [name, table] : servers_.target.tables()) {
      const model::TableSchema& schema = *table.rows.schema();
      if (schema.primary_key.empty() || schema.columns.size() <= version || tables_.follows(name, position)) continue;
      std::map<std::string, std::int64_t>& known = versions_[name];
      for (const Row& row : table.rows.rows()) {
        const std::int64_t now = model::load_fixed(*row[version]);
        const auto [place, is_new] = known.try_emplace(table.rows.key_of(row), now);
        if (now < place->second) {
          find("key order: table {} goes back from version {} at {}", name.text(), place->second, show(schema, row));
        }
        place->second = now;
      }
    }
  }

 private:
  LoadedTables tables_;
  std::map<model::TableName, std::map<std::string, std::int64_t>> versions_;
};

}  // namespace

std::unique_ptr<Check> check_key_order(const Servers& servers) { return std::make_unique<KeyOrder>(servers); }

}  // namespace sim
