// SPDX-License-Identifier: Apache-2.0
//
// A transactional target. apply() works on copies of the tables it touches and publishes them together with the
// position when its batch ends with a commit; what a part of a large transaction did waits in the copies.
#include <algorithm>

#include "connectors/memory/errors.h"
#include "connectors/memory/memory.h"

namespace memory {
namespace {

using base::Result;
using model::Op;

Value value_at(const model::RowBatch& rows, std::size_t column, std::size_t row) {
  const model::ColumnVector& vector = rows.columns[column];
  if (vector.present[row] == 0) return std::nullopt;
  std::string cell;
  if (model::is_fixed(vector.type)) {
    model::append_fixed(cell, vector.fixed[row]);
  } else if (model::is_real(vector.type)) {
    model::append_real(cell, vector.real[row]);
  } else {
    cell = vector.bytes_at(row);
  }
  return cell;
}

class MemoryLoader final : public connect::ChunkLoader {
 public:
  MemoryLoader(std::shared_ptr<Database> database, model::TableName table)
      : database_(std::move(database)), table_(std::move(table)) {}

  Result<void> write_rows(model::RowBatch& rows) override {
    TRY(database_->check_fault("loader.write"));
    for (std::size_t row = 0; row < rows.rows; ++row) {
      Row copy;
      for (std::size_t column = 0; column < rows.columns.size(); ++column) {
        copy.push_back(value_at(rows, column, row));
      }
      rows_.push_back(std::move(copy));
    }
    return {};
  }
  Result<void> write_raw(std::string_view) override {
    return base::failed(connect::errors::not_supported, "raw rows into a database in memory");
  }
  Result<std::uint64_t> finish() override {
    TRY(database_->check_fault("loader.finish"));
    const std::uint64_t count = rows_.size();
    TRY(database_->load(table_, std::move(rows_)));
    return count;
  }

 private:
  std::shared_ptr<Database> database_;
  const model::TableName table_;
  std::vector<Row> rows_;
};

// An image as a row; `unchanged` and absent cells are taken from `old`.
Row row_of(const model::ChangeBatch& batch, std::uint32_t first, std::uint32_t count, const Row* old) {
  Row row;
  for (std::uint32_t i = 0; i < count; ++i) {
    const model::Cell& cell = batch.cells[first + i];
    const bool is_kept = cell.state == model::CellState::unchanged || cell.state == model::CellState::absent;
    if (cell.state == model::CellState::value) {
      row.emplace_back(batch.cell_bytes(cell));
    } else {
      row.push_back(is_kept && old != nullptr ? (*old)[i] : std::nullopt);
    }
  }
  return row;
}

class MemoryTarget final : public connect::Target {
 public:
  MemoryTarget(std::shared_ptr<Database> database, std::string task)
      : database_(database), task_(std::move(task)), comparable_(make_comparable(std::move(database))) {}

  std::string_view family() const override { return "memory"; }
  bool takes_native(const model::TableSchema&) const override { return false; }
  bool takes_raw(const model::TableSchema&, connect::ReadForm) const override { return false; }
  Result<std::vector<connect::Finding>> check(const std::vector<model::TableSchemaPtr>&, connect::Preparation,
                                              bool) override {
    TRY(database_->check_fault("target.check"));
    return std::vector<connect::Finding>();
  }
  std::string column_type_text(const model::Column& column) const override {
    return std::string(model::type_name(column.type.type));
  }

  Result<void> start(bool resume) override {
    TRY(database_->check_fault("target.start"));
    epoch_ = database_->take_over();
    if (!resume) TRY(database_->forget_task(task_));
    return {};
  }
  Result<std::optional<model::Position>> durable() override { return database_->position(task_); }

  Result<void> prepare_all(const std::vector<model::TableSchemaPtr>&, connect::Preparation) override { return {}; }
  Result<void> prepare(const model::TableSchemaPtr& table, connect::Preparation preparation) override {
    TRY(database_->check_fault("target.prepare"));
    const bool is_there = database_->table(table->name).has_value();
    if (preparation == connect::Preparation::drop_and_create || !is_there) {
      database_->create_table(table);
      return {};
    }
    return preparation == connect::Preparation::truncate ? discard(table) : Result<void>();
  }
  Result<void> discard(const model::TableSchemaPtr& table) override {
    std::optional<Table> held = database_->table(table->name);
    if (!held) return {};
    held->clear();
    Tables changed;
    changed.insert_or_assign(table->name, std::move(*held));
    return database_->publish(epoch_, task_, std::move(changed), std::nullopt);
  }
  Result<std::unique_ptr<connect::ChunkLoader>> loader(const model::TableSchemaPtr& table, const connect::Chunk&,
                                                       const connect::LoadMode&) override {
    return std::unique_ptr<connect::ChunkLoader>(std::make_unique<MemoryLoader>(database_, table->name));
  }
  Result<void> loaded(const model::TableSchemaPtr&) override { return database_->check_fault("target.loaded"); }
  Result<void> loaded_all(const std::vector<model::TableSchemaPtr>&) override { return {}; }

  Result<void> begin_apply(const model::Position& position, const std::vector<model::TableSchemaPtr>&) override {
    return database_->publish(epoch_, task_, {}, position);
  }
  Result<void> resume_apply(const std::vector<model::TableSchemaPtr>&) override { return {}; }
  Result<connect::ApplyReport> apply(model::ChangeBatch& batch, std::stop_token stop) override;
  Result<void> advance(const model::Position& through) override {
    const std::optional<model::Position> held = database_->position(task_);
    if (!staged_.empty() || is_inside_ || (held && *held >= through)) return {};
    return database_->publish(epoch_, task_, {}, through);
  }
  Result<void> tick() override { return {}; }
  Result<void> flush() override { return {}; }
  // No table is ever suspended here.
  Result<void> hold(const model::TableSchemaPtr&, bool) override { return {}; }
  bool can_replay() const override { return false; }
  Result<connect::ApplyReport> replay(model::ChangeBatch&, const model::TableName& source_name,
                                      std::stop_token) override {
    return base::failed(connect::errors::not_supported, "replay of table {}", source_name.text());
  }
  Result<void> report(const std::map<std::string, std::string>&) override { return {}; }
  Result<void> drop() override { return database_->forget_task(task_); }
  connect::Comparable* comparable() override { return comparable_.get(); }

 private:
  Result<Table*> staged(const model::TableSchemaPtr& schema);
  Result<void> apply_change(const model::ChangeBatch& batch, const model::Change& change, connect::TableCounts& counts);

  std::shared_ptr<Database> database_;
  const std::string task_;
  std::unique_ptr<connect::Comparable> comparable_;
  std::uint64_t epoch_ = 0;
  Tables staged_;
  bool is_inside_ = false;   // a transaction's begin was applied, its commit not
  bool is_skipped_ = false;  // the transaction is durable already
};

Result<Table*> MemoryTarget::staged(const model::TableSchemaPtr& schema) {
  const auto found = staged_.find(schema->name);
  if (found != staged_.end()) return &found->second;
  std::optional<Table> held = database_->table(schema->name);
  if (!held) return base::failed(connect::errors::table_missing, "table {}", schema->name.text());
  return &staged_.emplace(schema->name, std::move(*held)).first->second;
}

Result<void> MemoryTarget::apply_change(const model::ChangeBatch& batch, const model::Change& change,
                                        connect::TableCounts& counts) {
  Table* table = TRY(staged(batch.tables[change.table]));
  switch (change.op) {
    case Op::insert:
      counts.inserts += 1;
      return table->insert(row_of(batch, change.new_first, change.new_count, nullptr));
    case Op::update: {
      counts.updates += 1;
      const bool has_old = change.old_count > 0;
      const Row like = has_old ? row_of(batch, change.old_first, change.old_count, nullptr)
                               : row_of(batch, change.new_first, change.new_count, nullptr);
      const Row old = TRY(table->take(like));
      return table->insert(row_of(batch, change.new_first, change.new_count, &old));
    }
    case Op::remove:
      counts.deletes += 1;
      TRY(table->take(row_of(batch, change.old_first, change.old_count, nullptr)));
      return {};
    case Op::truncate:
      counts.ddls += 1;
      table->clear();
      return {};
    case Op::schema:
    case Op::drop_table: counts.ddls += 1; return {};
    default: return {};
  }
}

Result<connect::ApplyReport> MemoryTarget::apply(model::ChangeBatch& batch, std::stop_token stop) {
  TRY(database_->check_fault("target.apply"));
  if (stop.stop_requested()) return base::failed(base::errors::canceled, "stopped while applying");
  connect::ApplyReport report;
  const std::optional<model::Position> durable = database_->position(task_);
  std::optional<model::Position> reached;
  for (const model::Change& change : batch.changes) {
    if (change.op == Op::begin) {
      is_inside_ = true;
      is_skipped_ = durable && model::Position{change.position.log, model::sequence_end, {}} <= *durable;
    } else if (change.op == Op::commit) {
      is_inside_ = false;
      if (!is_skipped_) reached = change.position;
    } else if (!is_skipped_ && change.table != model::no_table) {
      TRY(apply_change(batch, change, report.tables[batch.tables[change.table]->source_name]));
    }
  }
  if (is_inside_ || !reached) return report;
  TRY(database_->check_fault("target.publish"));
  TRY(database_->publish(epoch_, task_, std::exchange(staged_, {}), reached));
  return report;
}

}  // namespace

Result<std::unique_ptr<connect::Target>> open_target(std::shared_ptr<Database> database,
                                                     const connect::Context& context) {
  TRY(database->check_fault("target.open"));
  return std::unique_ptr<connect::Target>(std::make_unique<MemoryTarget>(std::move(database), context.task));
}

}  // namespace memory
