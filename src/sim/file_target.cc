// SPDX-License-Identifier: Apache-2.0
#include "sim/file_target.h"

#include "connectors/files/target.h"
#include "sim/target_apply.h"

namespace sim {
namespace {

using base::Result;
using Schemas = std::vector<model::TableSchemaPtr>;

class WatchedFiles final : public connect::Target {
 public:
  WatchedFiles(const TargetSide& side, std::unique_ptr<connect::Target> files)
      : side_(side), files_(std::move(files)) {}

  std::string_view family() const override { return files_->family(); }
  bool takes_native(const model::TableSchema& table) const override { return files_->takes_native(table); }
  bool takes_raw(const model::TableSchema& table, connect::ReadForm form) const override {
    return files_->takes_raw(table, form);
  }
  Result<std::vector<connect::Finding>> check(const Schemas& tables, connect::Preparation preparation,
                                              bool stream) override {
    return files_->check(tables, preparation, stream);
  }
  std::string column_type_text(const model::Column& column) const override { return files_->column_type_text(column); }
  Result<void> start(bool resume) override {
    if (!resume) side_.watch.position_forgotten();
    return files_->start(resume);
  }
  Result<std::optional<model::Position>> durable() override {
    std::optional<model::Position> position = TRY(files_->durable());
    if (position && position != shown_ && !side_.process.is_dead()) {
      shown_ = position;
      side_.trace.note("target: the files hold {}", position->log);
      SimScheduler::Calm calm(side_.scheduler);
      side_.watch.shown(position);
    }
    return position;
  }
  Result<void> prepare_all(const Schemas& tables, connect::Preparation preparation) override {
    return files_->prepare_all(tables, preparation);
  }
  Result<void> prepare(const model::TableSchemaPtr& table, connect::Preparation preparation) override {
    side_.watch.prepared(table->name);
    return files_->prepare(table, preparation);
  }
  Result<void> discard(const model::TableSchemaPtr& table) override {
    side_.watch.prepared(table->name);
    return files_->discard(table);
  }
  Result<std::unique_ptr<connect::ChunkLoader>> loader(const model::TableSchemaPtr& table, const connect::Chunk& chunk,
                                                       const connect::LoadMode& mode) override {
    return files_->loader(table, chunk, mode);
  }
  Result<void> loaded(const model::TableSchemaPtr& table) override {
    TRY(files_->loaded(table));
    if (!side_.process.is_dead()) side_.watch.loaded(table->name);
    return {};
  }
  Result<void> loaded_all(const Schemas& tables) override { return files_->loaded_all(tables); }
  Result<void> begin_apply(const model::Position& position, const Schemas& tables) override {
    return files_->begin_apply(position, tables);
  }
  Result<void> resume_apply(const Schemas& tables) override { return files_->resume_apply(tables); }
  Result<connect::ApplyReport> apply(model::ChangeBatch& batch, std::stop_token stop) override {
    return files_->apply(batch, std::move(stop));
  }
  Result<void> advance(const model::Position& through) override { return files_->advance(through); }
  Result<void> tick() override { return files_->tick(); }
  Result<void> flush() override { return files_->flush(); }
  Result<void> hold(const model::TableSchemaPtr& table, bool is_shape_known) override {
    return files_->hold(table, is_shape_known);
  }
  bool can_replay() const override { return files_->can_replay(); }
  Result<connect::ApplyReport> replay(model::ChangeBatch& batch, const model::TableName& source_name,
                                      std::stop_token stop) override {
    return files_->replay(batch, source_name, std::move(stop));
  }
  Result<void> report(const std::map<std::string, std::string>& facts) override { return files_->report(facts); }
  Result<void> drop() override {
    side_.watch.position_forgotten();
    return files_->drop();
  }
  connect::Comparable* comparable() override { return files_->comparable(); }

 private:
  const TargetSide side_;
  const std::unique_ptr<connect::Target> files_;
  std::optional<model::Position> shown_;
};

// Every reader needs to tell NULL from the empty text, and at which commit a row was changed.
std::map<std::string, std::string> options_of(const RunPlan& plan) {
  const FilesPlan& files = plan.files;
  const auto yes = [](bool value) { return std::string(value ? "true" : "false"); };
  std::map<std::string, std::string> options = {
      {"MillraceUrl", std::string("file://") + lake_folder},
      {"S3Settings.CsvNullValue", lake_null},
      {"S3Settings.UseCsvNoSupValue", "true"},
      {"S3Settings.CsvNoSupValue", lake_kept},
      {"S3Settings.TimestampColumnName", lake_time},
      {"S3Settings.IncludeOpForFullLoad", yes(files.op_in_load)},
      {"S3Settings.MaxFileSize", std::to_string(files.load_kb)},
      {"S3Settings.CdcMinFileSize", std::to_string(files.change_kb)},
      {"S3Settings.CdcMaxBatchInterval", std::to_string(files.seconds_max)},
  };
  if (plan.target == TargetKind::transactions) {
    options["S3Settings.PreserveTransactions"] = "true";
    options["S3Settings.CdcPath"] = transactions_folder;
  } else {
    options["S3Settings.AddColumnName"] = "true";
    options["S3Settings.DatePartitionEnabled"] = yes(files.partitions);
    options["S3Settings.DatePartitionSequence"] = "YYYYMMDDHH";
  }
  return options;
}

}  // namespace

Result<std::unique_ptr<connect::Target>> open_file_target(const TargetSide& side, const RunPlan& plan,
                                                          BucketServer& bucket, connect::Context context) {
  namespace files = connectors::files;
  TRY(side.process.enter());
  context.memory_budget = plan.files.memory_budget;
  const connect::Options options = TRY(connect::Options::parse(files::target_options(), options_of(plan)));
  std::unique_ptr<connect::Target> target;
  if (plan.files.is_bucket) {
    files::Settings settings = TRY(files::read_settings(options, context));
    auto store = open_bucket(side, bucket, *context.clock);
    TRY(store->probe({}));
    target = std::make_unique<files::FileTarget>(std::move(settings), context, std::move(store), files::TimeZone());
  } else {
    target = TRY(files::open_target(options, context));
  }
  return std::unique_ptr<connect::Target>(std::make_unique<WatchedFiles>(side, std::move(target)));
}

}  // namespace sim
