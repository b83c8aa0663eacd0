// SPDX-License-Identifier: Apache-2.0
//
// The file target: a bucket or a local folder as DMS fills it. It ties the parts together: settings, the full load
// (load.h), the stream (stream.h), and what guards a folder against two states of one task. See connect/target.h for
// the order of calls and threads.
//
// What guards the folder. Every object carries the task and the data directory that wrote it. A start with an empty
// Journal that meets objects of this task from another data directory is refused (files.state_lost), and so is a
// resume that meets change files with newer names than its Journal gave out (files.newer_state). Uploads and dot-files
// that a dead process left in a table's folder are removed before the first write into it.
#pragma once

#include <set>

#include "connect/connector.h"
#include "connectors/files/load.h"
#include "connectors/files/stream.h"

namespace connectors::files {

class FileTarget final : public connect::Target {
 public:
  FileTarget(Settings settings, connect::Context context, std::unique_ptr<wire::ObjectStore> store, TimeZone zone);

  std::string_view family() const override { return "files"; }
  bool takes_native(const model::TableSchema&) const override { return false; }
  bool takes_raw(const model::TableSchema&, connect::ReadForm) const override { return false; }
  base::Result<std::vector<connect::Finding>> check(const std::vector<model::TableSchemaPtr>& tables,
                                                    connect::Preparation preparation, bool stream) override;
  std::string column_type_text(const model::Column& column) const override;

  base::Result<void> start(bool resume) override;
  bool needs_whole_rows() const override { return settings_.missing == MissingValues::lookup; }
  bool gains_from_groups() const override { return false; }
  base::Result<std::optional<model::Position>> durable() override { return stream_.durable(); }
  base::Result<void> prepare_all(const std::vector<model::TableSchemaPtr>& tables,
                                 connect::Preparation preparation) override;
  base::Result<void> prepare(const model::TableSchemaPtr& table, connect::Preparation preparation) override;
  base::Result<void> discard(const model::TableSchemaPtr& table) override;
  base::Result<std::unique_ptr<connect::ChunkLoader>> loader(const model::TableSchemaPtr& table,
                                                             const connect::Chunk& chunk,
                                                             const connect::LoadMode& mode) override;
  base::Result<void> loaded(const model::TableSchemaPtr& table) override;
  base::Result<void> loaded_all(const std::vector<model::TableSchemaPtr>& tables) override;
  base::Result<void> begin_apply(const model::Position& position,
                                 const std::vector<model::TableSchemaPtr>& tables) override;
  base::Result<void> resume_apply(const std::vector<model::TableSchemaPtr>& tables) override;
  base::Result<connect::ApplyReport> apply(model::ChangeBatch& batch, std::stop_token stop) override;
  base::Result<void> advance(const model::Position& through) override { return stream_.advance(through.log); }
  base::Result<void> tick() override { return stream_.tick(); }
  base::Result<void> flush() override { return stream_.flush(); }
  base::Result<void> hold(const model::TableSchemaPtr& table, bool is_shape_known) override {
    if (is_shape_known) TRY(stream_.know({table}));
    return stream_.hold(table->name);
  }
  // The files of PreserveTransactions hold all tables in one order.
  bool can_replay() const override { return !settings_.preserve_transactions; }
  base::Result<connect::ApplyReport> replay(model::ChangeBatch& batch, const model::TableName& source_name,
                                            std::stop_token stop) override;
  base::Result<void> report(const std::map<std::string, std::string>& facts) override;
  base::Result<void> drop() override;
  connect::Comparable* comparable() override { return comparable_.get(); }

 private:
  std::string folder_of(const model::TableName& name) const;
  base::Result<void> go_on();
  // Removes what a dead process left unfinished in these folders, once a process.
  base::Result<void> sweep(const std::vector<std::string>& folders);
  // The first of the looked-at objects that another task wrote, and that task.
  base::Result<std::optional<std::pair<std::string, std::string>>> object_of_other_task(
      const std::vector<wire::ObjectEntry>& objects);
  base::Result<void> refuse_other_tasks(const std::vector<wire::ObjectEntry>& objects,
                                        connect::Preparation preparation);
  base::Result<std::optional<std::string>> foreign_object(const std::vector<wire::ObjectEntry>& objects);
  base::Result<void> refuse_foreign_state(const std::vector<wire::ObjectEntry>& objects);
  base::Result<void> prepare_transactions(const std::string& folder, connect::Preparation preparation);
  base::Result<void> refuse_newer_state(const std::string& folder);

  const Settings settings_;
  const connect::Context context_;
  const std::unique_ptr<wire::ObjectStore> store_;
  LoadFiles load_;
  ChangeStream stream_;
  std::unique_ptr<connect::Comparable> comparable_;

  base::Mutex mutex_;
  bool started_fresh_ GUARDED_BY(mutex_) = false;  // empty Journal, and nobody said that what is there may go
  bool anew_ GUARDED_BY(mutex_) = false;           // not a resume
  std::set<std::string> swept_ GUARDED_BY(mutex_);
  std::set<std::string> examined_ GUARDED_BY(mutex_);
};

base::Result<std::unique_ptr<connect::Target>> open_target(const connect::Options& options,
                                                           const connect::Context& context);

}  // namespace connectors::files
