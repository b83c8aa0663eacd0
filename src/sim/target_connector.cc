// SPDX-License-Identifier: Apache-2.0
#include "sim/target_connector.h"

#include <algorithm>

#include "sim/target_apply.h"

namespace sim {
namespace {

using base::Result;
using model::Op;

Value value_at(const model::RowBatch& rows, std::size_t column, std::size_t row) {
  const model::ColumnVector& vector = rows.columns[column];
  if (vector.present[row] == 0) return std::nullopt;
  if (model::is_fixed(vector.type)) return whole_number(vector.fixed[row]);
  return std::string(vector.bytes_at(row));
}

class SimLoader final : public connect::ChunkLoader {
 public:
  SimLoader(const TargetSide& side, model::TableName table, std::uint64_t epoch)
      : side_(side), table_(std::move(table)), epoch_(epoch) {}

  Result<void> write_rows(model::RowBatch& rows) override {
    TRY(call_target(side_, "loader.write"));
    for (std::size_t row = 0; row < rows.rows; ++row) {
      Row copy;
      for (std::size_t column = 0; column < rows.columns.size(); ++column) copy.push_back(value_at(rows, column, row));
      rows_.push_back(std::move(copy));
    }
    return {};
  }
  Result<void> write_raw(std::string_view) override { return base::failed(connect::errors::not_supported, "raw rows"); }
  Result<std::uint64_t> finish() override {
    TRY(call_target(side_, "loader.finish"));
    const std::uint64_t count = rows_.size();
    TRY(commit_to(side_, "target.load", [&]() -> Result<void> {
      for (Row& row : rows_) TRY(side_.server.insert(table_, std::move(row)));
      TRY(side_.server.commit(epoch_, std::nullopt));
      side_.trace.note("target: {} rows loaded into {}", count, table_.text());
      side_.watch.shown(side_.server.position());
      return {};
    }));
    return count;
  }

 private:
  const TargetSide side_;
  const model::TableName table_;
  const std::uint64_t epoch_;
  std::vector<Row> rows_;
};

class SimTarget final : public connect::Target {
 public:
  explicit SimTarget(const TargetSide& side) : side_(side) {}
  ~SimTarget() override {
    if (is_applying_) side_.server.rollback();
  }

  std::string_view family() const override { return "simulated target"; }
  bool takes_native(const model::TableSchema&) const override { return false; }
  bool takes_raw(const model::TableSchema&, connect::ReadForm) const override { return false; }
  Result<std::vector<connect::Finding>> check(const std::vector<model::TableSchemaPtr>&, connect::Preparation,
                                              bool) override {
    TRY(call_target(side_, "target.check"));
    return std::vector<connect::Finding>();
  }
  std::string column_type_text(const model::Column& column) const override {
    return std::string(model::type_name(column.type.type));
  }

  Result<void> start(bool resume) override {
    TRY(call_target(side_, "target.start"));
    return commit_to(side_, "target.start", [&]() -> Result<void> {
      epoch_ = side_.server.take_over();
      if (resume) return {};
      side_.watch.position_forgotten();
      return side_.server.forget_position(epoch_);
    });
  }
  Result<std::optional<model::Position>> durable() override {
    TRY(side_.process.enter());
    return side_.server.position();
  }

  Result<void> prepare_all(const std::vector<model::TableSchemaPtr>&, connect::Preparation) override {
    return call_target(side_, "target.prepare_all");
  }
  Result<void> prepare(const model::TableSchemaPtr& table, connect::Preparation preparation) override {
    TRY(call_target(side_, "target.prepare"));
    const bool is_there = side_.server.tables().contains(table->name);
    if (is_there && preparation == connect::Preparation::do_nothing) return {};
    return commit_to(side_, "target.prepare", [&]() -> Result<void> {
      if (is_there && preparation == connect::Preparation::truncate) {
        TRY(side_.server.clear(table->name));
      } else {
        side_.server.create(table);
      }
      side_.watch.prepared(table->name);
      TRY(side_.server.commit(epoch_, std::nullopt));
      return {};
    });
  }
  Result<void> discard(const model::TableSchemaPtr& table) override {
    TRY(call_target(side_, "target.discard"));
    if (!side_.server.tables().contains(table->name)) return {};
    return commit_to(side_, "target.discard", [&]() -> Result<void> {
      TRY(side_.server.clear(table->name));
      side_.watch.prepared(table->name);
      return side_.server.commit(epoch_, std::nullopt);
    });
  }
  Result<std::unique_ptr<connect::ChunkLoader>> loader(const model::TableSchemaPtr& table, const connect::Chunk&,
                                                       const connect::LoadMode&) override {
    TRY(call_target(side_, "target.loader"));
    return std::unique_ptr<connect::ChunkLoader>(std::make_unique<SimLoader>(side_, table->name, epoch_));
  }
  Result<void> loaded(const model::TableSchemaPtr& table) override {
    TRY(call_target(side_, "target.loaded"));
    side_.watch.loaded(table->name);
    return {};
  }
  Result<void> loaded_all(const std::vector<model::TableSchemaPtr>&) override {
    return call_target(side_, "target.loaded_all");
  }

  Result<void> begin_apply(const model::Position& position, const std::vector<model::TableSchemaPtr>&) override {
    TRY(call_target(side_, "target.begin_apply"));
    return move_position("target.begin_apply", position);
  }
  Result<void> resume_apply(const std::vector<model::TableSchemaPtr>&) override {
    return call_target(side_, "target.resume_apply");
  }
  Result<connect::ApplyReport> apply(model::ChangeBatch& batch, std::stop_token stop) override {
    TRY(call_target(side_, "target.apply"));
    if (stop.stop_requested()) return base::failed(base::errors::canceled, "stopped while applying");
    is_applying_ = true;
    connect::ApplyReport report;
    const std::optional<model::Position> reached =
        TRY(apply_batch(side_, batch, side_.server.position(), inside_, report));
    side_.trace.note("target: {} changes given, reached {}", batch.changes.size(), reached ? reached->log : 0);
    if (!reached) return report;
    TRY(commit_to(side_, "target.apply", [&]() -> Result<void> {
      TRY(side_.server.commit(epoch_, reached));
      is_applying_ = false;
      side_.trace.note("target: committed at {}", reached->log);
      side_.watch.shown(reached);
      return {};
    }));
    return report;
  }
  Result<void> advance(const model::Position& through) override {
    const std::optional<model::Position> held = side_.server.position();
    if (inside_.is_inside || is_applying_) {
      return base::failed(errors::broken_promise, "the position moves to {} inside of a transaction", through.log);
    }
    if (held && *held >= through) return {};
    TRY(call_target(side_, "target.advance"));
    return move_position("target.advance", through);
  }
  Result<void> tick() override { return side_.process.enter(); }
  Result<void> flush() override { return call_target(side_, "target.flush"); }
  Result<void> hold(const model::TableSchemaPtr&, bool) override { return side_.process.enter(); }
  bool can_replay() const override { return false; }
  Result<connect::ApplyReport> replay(model::ChangeBatch&, const model::TableName& source_name,
                                      std::stop_token) override {
    return base::failed(connect::errors::not_supported, "replay of table {}", source_name.text());
  }
  Result<void> report(const std::map<std::string, std::string>&) override {
    return call_target(side_, "target.report");
  }
  Result<void> drop() override {
    TRY(call_target(side_, "target.drop"));
    side_.watch.position_forgotten();
    return side_.server.forget_position(side_.server.take_over());
  }
  connect::Comparable* comparable() override { return nullptr; }

 private:
  Result<void> move_position(const char* point, const model::Position& position) {
    return commit_to(side_, point, [&]() -> Result<void> {
      TRY(side_.server.commit(epoch_, position));
      side_.trace.note("target: position {}", position.log);
      side_.watch.shown(position);
      return {};
    });
  }

  const TargetSide side_;
  std::uint64_t epoch_ = 0;
  ApplyState inside_;
  bool is_applying_ = false;  // the server holds changes of ours that are not committed
};

}  // namespace

Result<void> call_target(const TargetSide& side, const char* call) {
  TRY(side.process.enter());
  if (side.weather.is_down) {
    side.trace.note("network: {}: the target is down", call);
    return base::failed(errors::cut, "{}: the target is down", call);
  }
  if (side.chance.in_million(side.weather.cut_share)) {
    side.trace.note("network: {}: cut", call);
    return base::failed(errors::cut, "{}: the connection was cut", call);
  }
  if (side.chance.in_million(side.weather.slow_share)) {
    side.scheduler.pause(base::Nanos(side.chance.between(1, side.weather.slow_max.count())), {});
    return side.process.enter();
  }
  return {};
}

Result<std::unique_ptr<connect::Target>> open_target(const TargetSide& side) {
  TRY(call_target(side, "target.open"));
  return std::unique_ptr<connect::Target>(std::make_unique<SimTarget>(side));
}

}  // namespace sim
