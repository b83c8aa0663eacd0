// SPDX-License-Identifier: Apache-2.0
//
// The target's database server: tables, a position row with its owner's epoch, and one transaction at a time that
// changes them together. What is not committed is taken back when its connection goes. Unique keys are checked at each
// row, foreign keys and further unique keys at the commit.
//
// Outlives the engine's processes. One simulated thread at a time.
#pragma once

#include <functional>
#include <set>

#include "model/position.h"
#include "sim/rows.h"

namespace sim {

class TargetServer {
 public:
  struct Table {
    RowSet rows;
    bool is_loaded = false;
  };

  // --- one transaction. `Change` functions write in place and remember how to take it back.
  void create(const model::TableSchemaPtr& schema);
  base::Result<void> insert(const model::TableName& table, Row row);
  base::Result<Row> take(const model::TableName& table, const Row& like);
  base::Result<void> clear(const model::TableName& table);
  base::Result<void> reshape(const model::TableSchemaPtr& shape, const std::vector<std::uint32_t>& from);
  // Makes it durable and visible together with the position (nullopt: it stays), if the epoch is the owner's.
  base::Result<void> commit(std::uint64_t epoch, const std::optional<model::Position>& position);
  void rollback();
  bool is_changing() const { return !undo_.empty(); }

  const std::map<model::TableName, Table>& tables() const { return tables_; }
  std::optional<model::Position> position() const { return position_; }
  std::uint64_t take_over() { return ++epoch_; }
  base::Result<void> forget_position(std::uint64_t epoch);
  std::uint64_t commits() const { return commits_; }

 private:
  struct Undo {
    model::TableName table;
    std::optional<Row> remove, insert;
    std::optional<RowSet> rows;
    bool is_new = false;
  };
  base::Result<Table*> table_of(const model::TableName& table);
  base::Result<void> check_keys() const;

  std::map<model::TableName, Table> tables_;
  std::optional<model::Position> position_;
  std::uint64_t epoch_ = 0;
  std::uint64_t commits_ = 0;
  std::vector<Undo> undo_;
};

namespace errors {
inline constexpr base::Code broken_promise{"sim.broken_promise", base::Kind::task,
                                           "The engine called the target in a way that connect/ rules out."};
inline constexpr base::Code fenced_off{"sim.fenced_off", base::Kind::task, "A newer process owns the target."};
}  // namespace errors

}  // namespace sim
