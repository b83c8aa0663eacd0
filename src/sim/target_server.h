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
  base::Result<void> reshape(const model::TableSchemaPtr& shape, const std::function<Row(const Row&)>& shaped);
  void drop(const model::TableName& table);
  // A row that was refused is told of in the exceptions table.
  void put_aside(const model::TableName& table) { pending_exceptions_.push_back(table); }
  // Makes it durable and visible together with the position (nullopt: it stays), if the epoch is the owner's.
  // `replayed`: a table's own position moves instead.
  using Replayed = std::pair<model::TableName, model::Position>;
  base::Result<void> commit(std::uint64_t epoch, const std::optional<model::Position>& position,
                            const std::optional<Replayed>& replayed = std::nullopt);
  void rollback() {
    rollback_to(0);
    pending_exceptions_.clear();
  }
  std::size_t savepoint() const { return undo_.size(); }
  void rollback_to(std::size_t savepoint);
  bool is_changing() const { return !undo_.empty(); }

  const std::map<model::TableName, Table>& tables() const { return tables_; }
  std::optional<model::Position> position() const { return position_; }
  model::Position replayed(const model::TableName& source_name) const;
  // Rows of it were put aside since it was made or emptied for a load.
  bool has_exceptions(const model::TableName& table) const;
  void forget_exceptions(const model::TableName& table) { exceptions_.erase(table); }
  // Rows that a constraint of the target refuses; 0: none.
  std::int64_t refused_every = 0;
  bool refuses_ddl = false;
  // The connection of an older process that holds a transaction open is ended: it would be in the way.
  std::uint64_t take_over() {
    if (is_changing()) {
      rollback();
      ended_epoch_ = epoch_;
    }
    return ++epoch_;
  }
  // Before anything is changed: the first statement of a transaction takes the owner's row.
  base::Result<void> begin(std::uint64_t epoch) const;
  // Connections of that owner, and of older ones, were ended.
  bool is_ended(std::uint64_t epoch) const { return epoch <= ended_epoch_; }
  base::Result<void> forget_position(std::uint64_t epoch);
  std::uint64_t commits() const { return commits_; }
  // Of owners that a newer one had replaced.
  std::uint64_t commits_replaced() const { return commits_replaced_; }

 private:
  struct Undo {
    model::TableName table;
    std::optional<Row> remove, insert;
    std::optional<RowSet> rows;
    bool is_new = false;
    bool is_dropped = false;
  };
  base::Result<Table*> table_of(const model::TableName& table);
  base::Result<void> check_keys() const;

  std::map<model::TableName, Table> tables_;
  std::optional<model::Position> position_;
  std::uint64_t epoch_ = 0, ended_epoch_ = 0;
  std::uint64_t commits_ = 0, commits_replaced_ = 0;
  std::vector<Undo> undo_;
  std::vector<model::TableName> pending_exceptions_;
  std::set<model::TableName> exceptions_;
  std::map<model::TableName, model::Position> replayed_;
};

namespace errors {
inline constexpr base::Code broken_promise{"sim.broken_promise", base::Kind::task,
                                           "The engine called the target in a way that connect/ rules out."};
inline constexpr base::Code wrong_shape{"sim.wrong_shape", base::Kind::task,
                                        "The engine takes a table of the target for one of other columns."};
inline constexpr base::Code refused{"sim.refused", base::Kind::table, "The simulated target refuses that row."};
inline constexpr base::Code fenced_off{"sim.fenced_off", base::Kind::task, "A newer process owns the target."};
}  // namespace errors

}  // namespace sim
