// SPDX-License-Identifier: Apache-2.0
//
// Foreign keys hold for any reader: once two tables are loaded and beyond their fences, every row that refers to
// another finds it there, in every state that the target shows. Independent of the source's history: it looks at the
// target only.
#include "sim/checks/check.h"
#include "sim/tables.h"

namespace sim {
namespace {

constexpr std::size_t single = 3;  // the cell that refers

class ForeignKeys final : public Check {
 public:
  using Check::Check;

  void snapshot_taken(const model::Fence& fence) override { tables_.snapshot_taken(fence); }
  void prepared(const model::TableName& table) override { tables_.prepared(table); }
  void loaded(const model::TableName& table) override { tables_.loaded(table); }
  void shown(const std::optional<model::Position>& position) override {
    for (const TablePlan& child : servers_.plan.tables) {
      if (child.parent < 0) continue;
      const TablePlan& parent = servers_.plan.tables[std::size_t(child.parent)];
      const RowSet* rows = table_at(child.schema->name, position);
      const RowSet* wanted = table_at(parent.schema->name, position);
      if (rows != nullptr && wanted != nullptr) look(*rows, *wanted, *position);
    }
  }

 private:
  // nullptr: nothing is claimed about it.
  const RowSet* table_at(const model::TableName& name, const std::optional<model::Position>& position) const {
    const auto held = servers_.target.tables().find(name);
    const bool is_claimed = held != servers_.target.tables().end() && tables_.follows(name, position) &&
                            !servers_.suspended.contains(name) && !servers_.to_load.contains(name) &&
                            !servers_.target.has_exceptions(name);
    return is_claimed ? &held->second.rows : nullptr;
  }
  void look(const RowSet& rows, const RowSet& parents, const model::Position& position) {
    for (const Row& row : rows.rows()) {
      if (!row[single]) continue;
      Row like(parents.schema()->columns.size());
      like[0] = row[single];
      if (parents.find(like) != nullptr) continue;
      return find("foreign keys: at position {} a row of {} refers to none of {}: {}", position.log,
                  rows.schema()->name.text(), parents.schema()->name.text(), show(*rows.schema(), row));
    }
  }

  LoadedTables tables_;
};

}  // namespace

std::unique_ptr<Check> check_foreign_keys(const Servers& servers) { return std::make_unique<ForeignKeys>(servers); }

}  // namespace sim
