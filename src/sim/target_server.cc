// SPDX-License-Identifier: Apache-2.0
#include "sim/target_server.h"

#include <algorithm>

#include "connect/source.h"

namespace sim {

using base::Result;

Result<TargetServer::Table*> TargetServer::table_of(const model::TableName& table) {
  const auto found = tables_.find(table);
  if (found == tables_.end()) return base::failed(connect::errors::table_missing, "table {}", table.text());
  return &found->second;
}

void TargetServer::create(const model::TableSchemaPtr& schema) {
  Undo undo;
  undo.table = schema->name;
  const auto found = tables_.find(schema->name);
  if (found != tables_.end()) {
    undo.rows = std::move(found->second.rows);
    tables_.erase(found);
  } else {
    undo.is_new = true;
  }
  tables_.emplace(schema->name, Table{RowSet(schema)});
  undo_.push_back(std::move(undo));
}

Result<void> TargetServer::insert(const model::TableName& name, Row row) {
  Table* table = TRY(table_of(name));
  constexpr std::size_t version = 2;  // the cell
  const bool is_bank = table->rows.schema()->columns[1].name == "amount";
  if (refused_every > 0 && !is_bank && model::load_fixed(*row[version]) % refused_every == 1) {
    return base::failed(errors::refused, "table {}: {}", name.text(), show(*table->rows.schema(), row));
  }
  TRY(table->rows.insert(row));
  undo_.push_back({name, std::move(row), std::nullopt, std::nullopt});
  return {};
}

Result<Row> TargetServer::take(const model::TableName& name, const Row& like) {
  Table* table = TRY(table_of(name));
  Row row = TRY(table->rows.take(like));
  undo_.push_back({name, std::nullopt, row, std::nullopt});
  return row;
}

Result<void> TargetServer::clear(const model::TableName& name) {
  Table* table = TRY(table_of(name));
  undo_.push_back({name, std::nullopt, std::nullopt, table->rows});
  table->rows.clear();
  return {};
}

Result<void> TargetServer::reshape(const model::TableSchemaPtr& shape, const std::function<Row(const Row&)>& shaped) {
  Table* table = TRY(table_of(shape->name));
  undo_.push_back({shape->name, std::nullopt, std::nullopt, table->rows});
  table->rows.reshape(shape, shaped);
  return {};
}

void TargetServer::drop(const model::TableName& name) {
  const auto found = tables_.find(name);
  if (found == tables_.end()) return;
  Undo undo;
  undo.table = name;
  undo.is_dropped = true;
  undo.rows = std::move(found->second.rows);
  undo_.push_back(std::move(undo));
  tables_.erase(found);
}

Result<void> TargetServer::check_keys() const {
  std::set<model::TableName> changed;
  for (const Undo& undo : undo_) changed.insert(undo.table);
  for (const model::TableName& name : changed) {
    const auto found = tables_.find(name);
    if (found == tables_.end() || has_exceptions(name)) continue;
    const RowSet& rows = found->second.rows;
    for (const std::vector<std::uint32_t>& key : rows.schema()->unique_keys) {
      std::set<std::string> seen;
      for (const Row& row : rows.rows()) {
        const Value& value = row[key.front()];
        if (value && !seen.insert(*value).second) {
          return base::failed(errors::constraint, "table {}: a unique value stands twice: {}", name.text(),
                              show(*rows.schema(), row));
        }
      }
    }
  }
  return {};
}

Result<void> TargetServer::begin(std::uint64_t epoch) const {
  if (epoch == epoch_) return {};
  return base::failed(errors::fenced_off, "epoch {} is not {}", epoch, epoch_);
}

Result<void> TargetServer::commit(std::uint64_t epoch, const std::optional<model::Position>& position,
                                  const std::optional<Replayed>& replayed) {
  TRY(begin(epoch));
  Result<void> checked = check_keys();
  if (!checked.ok()) {
    rollback();
    return checked;
  }
  undo_.clear();
  exceptions_.insert(pending_exceptions_.begin(), pending_exceptions_.end());
  pending_exceptions_.clear();
  std::erase_if(exceptions_, [this](const model::TableName& table) { return !tables_.contains(table); });
  if (position) position_ = position;
  if (replayed) replayed_[replayed->first] = replayed->second;
  commits_ += 1;
  if (epoch != epoch_) commits_replaced_ += 1;
  return {};
}

model::Position TargetServer::replayed(const model::TableName& source_name) const {
  const auto found = replayed_.find(source_name);
  return found == replayed_.end() ? model::Position() : found->second;
}

bool TargetServer::has_exceptions(const model::TableName& table) const {
  return exceptions_.contains(table) ||
         std::find(pending_exceptions_.begin(), pending_exceptions_.end(), table) != pending_exceptions_.end();
}

void TargetServer::rollback_to(std::size_t savepoint) {
  while (undo_.size() > savepoint) {
    Undo& undo = undo_.back();
    const auto found = tables_.find(undo.table);
    if (undo.is_new) {
      tables_.erase(found);
    } else if (undo.is_dropped) {
      tables_.emplace(undo.table, Table{std::move(*undo.rows)});
    } else if (undo.rows) {
      found->second.rows = std::move(*undo.rows);
    } else {
      if (undo.remove) found->second.rows.take(*undo.remove).take();
      if (undo.insert) found->second.rows.insert(*undo.insert).take();
    }
    undo_.pop_back();
  }
}

Result<void> TargetServer::forget_position(std::uint64_t epoch) {
  TRY(begin(epoch));
  position_.reset();
  replayed_.clear();
  return {};
}

}  // namespace sim
