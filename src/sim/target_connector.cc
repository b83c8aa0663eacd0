// SPDX-License-Identifier: Apache-2.0
#include "sim/target_connector.h"

#include <algorithm>

#include "relational/apply_policy.h"
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
  SimLoader(const TargetSide& side, model::TableName table, std::uint64_t epoch, bool careful)
      : side_(side), table_(std::move(table)), epoch_(epoch), careful_(careful) {}

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
    std::uint64_t count = 0;
    TRY(commit_to(side_, "target.load", [&]() -> Result<void> {
      TRY(side_.server.begin(epoch_));
      Result<std::uint64_t> stored = store_rows();
      if (!stored.ok()) {
        side_.server.rollback();
        return stored.take_error();
      }
      count = *stored;
      TRY(side_.server.commit(epoch_, std::nullopt));
      side_.trace.note("target: {} rows loaded into {}", count, table_.text());
      side_.watch.shown(side_.server.position());
      return {};
    }));
    return count;
  }
  std::vector<std::string> take_rejected() override { return std::exchange(rejected_, {}); }

 private:
  const TargetSide side_;
  const model::TableName table_;
  Result<std::uint64_t> store_rows() {
    std::uint64_t count = 0;
    for (Row& row : rows_) {
      const Result<void> stored = side_.server.insert(table_, std::move(row));
      if (!stored.ok() && stored.error().is(errors::refused)) {
        if (!careful_) return base::failed(connect::errors::row_refused, "table {}", table_.text());
        rejected_.push_back("refused");
        side_.server.put_aside(table_);
        continue;
      }
      TRY(stored);
      count += 1;
    }
    return count;
  }

  const std::uint64_t epoch_;
  const bool careful_;
  std::vector<Row> rows_;
  std::vector<std::string> rejected_;
};

class SimTarget final : public connect::Target {
 public:
  SimTarget(const TargetSide& side, const connect::Context& context) : side_(side) {
    inside_.policies = relational::ApplyPolicies::from(context.settings);
  }
  ~SimTarget() override {
    if (is_applying_ && !side_.server.is_ended(epoch_)) side_.server.rollback();
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
  bool carries_out_keys() const override { return true; }  // there is nothing to be done: see TablePlan::is_bound

  Result<void> start(bool resume) override {
    TRY(call_target(side_, "target.start"));
    return commit_to(side_, "target.start", [&]() -> Result<void> {
      // Nothing keeps it from taking the task over once more, but whoever sees it.
      if (side_.process.has_moved()) {
        side_.process.die("found by its operator");
        return side_.process.enter();
      }
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
    const auto found = side_.server.tables().find(table->name);
    // Of another shape: somebody has made it anew by hand, as the real target would ask for.
    const bool is_there = found != side_.server.tables().end() && *found->second.rows.schema() == *table;
    if (is_there && preparation == connect::Preparation::do_nothing) return {};
    return commit_to(side_, "target.prepare", [&]() -> Result<void> {
      TRY(side_.server.begin(epoch_));
      side_.server.forget_exceptions(table->name);
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
      TRY(side_.server.begin(epoch_));
      side_.server.forget_exceptions(table->name);
      TRY(side_.server.clear(table->name));
      side_.watch.prepared(table->name);
      return side_.server.commit(epoch_, std::nullopt);
    });
  }
  Result<std::unique_ptr<connect::ChunkLoader>> loader(const model::TableSchemaPtr& table, const connect::Chunk&,
                                                       const connect::LoadMode& mode) override {
    TRY(call_target(side_, "target.loader"));
    return std::unique_ptr<connect::ChunkLoader>(std::make_unique<SimLoader>(side_, table->name, epoch_, mode.careful));
  }
  Result<void> loaded(const model::TableSchemaPtr& table) override {
    TRY(call_target(side_, "target.loaded"));
    TRY(side_.server.begin(epoch_));
    side_.watch.loaded(table->name);
    return {};
  }
  Result<void> loaded_all(const std::vector<model::TableSchemaPtr>&) override {
    return call_target(side_, "target.loaded_all");
  }

  Result<void> begin_apply(const model::Position& position, const std::vector<model::TableSchemaPtr>& tables) override {
    TRY(call_target(side_, "target.begin_apply"));
    for (const model::TableSchemaPtr& table : tables) inside_.known[table->source_name] = table;
    return move_position("target.begin_apply", position);
  }
  Result<void> resume_apply(const std::vector<model::TableSchemaPtr>& tables) override {
    for (const model::TableSchemaPtr& table : tables) inside_.known[table->source_name] = table;
    return call_target(side_, "target.resume_apply");
  }
  Result<connect::ApplyReport> apply(model::ChangeBatch& batch, std::stop_token stop) override {
    TRY(call_target(side_, "target.apply"));
    return apply_at(batch, side_.server.position(), nullptr, stop);
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
  Result<void> hold(const model::TableSchemaPtr& table, bool is_shape_known) override {
    if (is_shape_known) inside_.known[table->source_name] = table;
    return side_.process.enter();
  }
  bool can_replay() const override { return true; }
  Result<connect::ApplyReport> replay(model::ChangeBatch& batch, const model::TableName& source_name,
                                      std::stop_token stop) override {
    TRY(call_target(side_, "target.replay"));
    return apply_at(batch, side_.server.replayed(source_name), &source_name, stop);
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
  // `replaying`: that table's own position moves, else the task's.
  Result<connect::ApplyReport> apply_at(const model::ChangeBatch& batch, const std::optional<model::Position>& held,
                                        const model::TableName* replaying, const std::stop_token& stop) {
    if (stop.stop_requested()) return base::failed(base::errors::canceled, "stopped while applying");
    if (batch.changes.empty()) return connect::ApplyReport();  // a part of which nothing is ours
    const bool ends = batch.changes.back().op == Op::commit;
    const bool is_whole = !is_applying_ && ends;
    TRY(check_open());
    if (!is_applying_) TRY(side_.server.begin(epoch_));
    const auto known = inside_.known;
    is_applying_ = true;
    connect::ApplyReport report;
    const std::optional<model::Position> reached =
        TRY(apply_batch(side_, batch, held, replaying != nullptr, inside_, report));
    side_.trace.note("target: {} changes given, reached {}", batch.changes.size(), reached ? reached->log : 0);
    if (!report.suspended.empty()) {
      side_.server.rollback();
      is_applying_ = inside_.is_inside = false;
      inside_.known = known;
      connect::ApplyReport undone;
      undone.suspended = std::move(report.suspended);
      undone.undone = is_whole;
      return undone;
    }
    is_applying_ = reached || !ends;  // else all of it was known
    if (!reached) return report;
    TRY(replaying == nullptr ? commit_changes(reached) : commit_replayed(*replaying, *reached));
    return report;
  }
  Result<void> commit_changes(const std::optional<model::Position>& reached) {
    TRY(commit_to(side_, "target.apply", [&]() -> Result<void> {
      TRY(check_open());
      TRY(side_.server.commit(epoch_, reached));
      is_applying_ = false;
      side_.trace.note("target: committed at {}", reached->log);
      side_.watch.shown(reached);
      return {};
    }));
    return {};
  }
  Result<void> commit_replayed(const model::TableName& table, const model::Position& reached) {
    return commit_to(side_, "target.replay", [&]() -> Result<void> {
      TRY(check_open());
      TRY(side_.server.commit(epoch_, std::nullopt, TargetServer::Replayed{table, reached}));
      is_applying_ = false;
      side_.trace.note("target: table {} is replayed up to {}", table.text(), reached.log);
      side_.watch.replayed(table, reached);
      return {};
    });
  }
  // What was open when a newer process took over is undone.
  Result<void> check_open() const {
    if (!side_.server.is_ended(epoch_)) return {};
    return base::failed(errors::cut, "the server has ended the connection");
  }
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

Result<std::unique_ptr<connect::Target>> open_target(const TargetSide& side, const connect::Context& context) {
  TRY(call_target(side, "target.open"));
  return std::unique_ptr<connect::Target>(std::make_unique<SimTarget>(side, context));
}

}  // namespace sim
