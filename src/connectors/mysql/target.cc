// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/target.h"

#include <algorithm>
#include <atomic>
#include <functional>

#include "connectors/mysql/apply.h"
#include "connectors/mysql/comparable.h"
#include "connectors/mysql/load.h"
#include "connectors/mysql/options.h"
#include "connectors/mysql/prepare.h"
#include "connectors/mysql/target_check.h"
#include "connectors/mysql/target_errors.h"
#include "relational/load_notes.h"

namespace mysql {
namespace {

using model::TableSchema;
using model::TableSchemaPtr;

class MysqlTarget final : public connect::Target {
 public:
  MysqlTarget(const connect::Options& options, const connect::Context& context, const ConnectionSettings& settings)
      : context_(context),
        secondary_(options.boolean(option::create_secondary_objects)),
        control_(context),
        pool_(settings, context.stop),
        applier_(context, settings, control_),
        comparable_(settings),
        notes_(*context.journal, "mytarget") {}

  std::string_view family() const override { return family_name; }
  bool carries_out_keys() const override { return true; }
  bool takes_native(const TableSchema& table) const override {
    return std::all_of(table.columns.begin(), table.columns.end(),
                       [&](const model::Column& column) { return column.generated || keeps_native(table, column); });
  }
  bool takes_raw(const TableSchema& table, connect::ReadForm form) const override {
    return form == connect::ReadForm::rows || (form == connect::ReadForm::raw_text && takes_native(table));
  }
  base::Result<std::vector<connect::Finding>> check(const std::vector<TableSchemaPtr>& tables,
                                                    connect::Preparation preparation, bool stream) override;
  std::string column_type_text(const model::Column& column) const override {
    return column.type.native.empty() ? target_type(column.type, false) : column.type.native;
  }

  base::Result<void> start(bool resume) override;
  base::Result<std::optional<model::Position>> durable() override;
  base::Result<void> prepare_all(const std::vector<TableSchemaPtr>& tables, connect::Preparation preparation) override;
  base::Result<void> prepare(const TableSchemaPtr& table, connect::Preparation preparation) override;
  base::Result<void> discard(const TableSchemaPtr& table) override;
  base::Result<std::unique_ptr<connect::ChunkLoader>> loader(const TableSchemaPtr& table, const connect::Chunk& chunk,
                                                             const connect::LoadMode& mode) override;
  base::Result<void> loaded(const TableSchemaPtr& table) override;
  base::Result<void> loaded_all(const std::vector<TableSchemaPtr>& tables) override;

  base::Result<void> begin_apply(const model::Position& position, const std::vector<TableSchemaPtr>& tables) override {
    return applier_.begin(position, tables);
  }
  base::Result<void> resume_apply(const std::vector<TableSchemaPtr>& tables) override {
    applier_.know(tables);
    return {};
  }
  base::Result<connect::ApplyReport> apply(model::ChangeBatch& batch, std::stop_token stop) override {
    return applier_.apply(batch, stop);
  }
  base::Result<void> advance(const model::Position& through) override { return applier_.advance(through); }
  base::Result<void> tick() override { return {}; }  // nothing here depends on time
  base::Result<void> flush() override {
    applier_.set_counters();
    return {};  // apply() is durable on return
  }
  base::Result<void> hold(const TableSchemaPtr& table, bool is_shape_known) override {
    if (is_shape_known) applier_.hold(table);
    return {};
  }
  bool can_replay() const override { return true; }
  base::Result<connect::ApplyReport> replay(model::ChangeBatch& batch, const model::TableName& source_name,
                                            std::stop_token stop) override {
    return applier_.replay(batch, source_name, stop);
  }
  base::Result<void> report(const std::map<std::string, std::string>& facts) override;
  base::Result<void> drop() override;
  connect::Comparable* comparable() override { return &comparable_; }

 private:
  base::Result<Dialect> dialect(Session& session);
  // Nobody takes the task over meanwhile: for statements that commit by themselves and take rows away.
  base::Result<void> while_ours(Session& session, const std::function<base::Result<void>()>& work);
  base::Result<void> prepare_shared(Session& session, const std::vector<TableSchemaPtr>& tables,
                                    connect::Preparation mode);
  void note_skipped(const std::vector<std::string>& skipped) const;

  const connect::Context context_;
  const bool secondary_;
  const ControlTables control_;
  SessionPool pool_;
  Applier applier_;
  Comparable comparable_;
  relational::LoadNotes notes_;
  base::Mutex prepare_mutex_;  // one prepare at a time: foreign keys tie tables together
  base::Mutex mutex_;
  std::vector<TableSchemaPtr> tables_ GUARDED_BY(mutex_);  // of prepare_all
  std::optional<Dialect> dialect_ GUARDED_BY(mutex_);
  std::atomic<std::int64_t> epoch_ = 0;  // since start()
};

base::Result<Dialect> MysqlTarget::dialect(Session& session) {
  {
    base::Lock lock(mutex_);
    if (dialect_) return *dialect_;
  }
  Dialect read = TRY(read_dialect(session));
  base::Lock lock(mutex_);
  dialect_ = read;
  return read;
}

base::Result<std::vector<connect::Finding>> MysqlTarget::check(const std::vector<TableSchemaPtr>& tables,
                                                               connect::Preparation preparation, bool stream) {
  Borrowed session(pool_, TRY(pool_.take()));
  std::vector<connect::Finding> findings =
      TRY(check_target(*session, tables, {preparation, stream, secondary_, control_.schema()}));
  if (!context_.reload && TRY(control_.is_foreign(*session))) {
    findings.push_back({connect::Finding::Severity::refusal, "task " + context_.task,
                        "belongs to another data directory on this target",
                        std::string(target_errors::task_taken.advice)});
  }
  const bool shared = preparation == connect::Preparation::do_nothing;
  for (const auto& [table, task] : TRY(control_.others(*session, tables))) {
    findings.push_back({shared ? connect::Finding::Severity::note : connect::Finding::Severity::refusal,
                        "table " + table.text(), "task " + task + " writes to it, too",
                        std::string(target_errors::table_taken.advice)});
  }
  return findings;
}

base::Result<void> MysqlTarget::start(bool resume) {
  Borrowed session(pool_, TRY(pool_.take()));
  const ControlTables::Ownership owned = TRY(control_.take_over(*session, resume, context_.reload));
  epoch_ = owned.epoch;
  applier_.take(owned);
  return {};
}

base::Result<std::optional<model::Position>> MysqlTarget::durable() {
  // Asked after every group: what this process has committed needs no question. It is never ahead of the server.
  if (applier_.position()) return applier_.position();
  Borrowed session(pool_, TRY(pool_.take()));
  return control_.position(*session);
}

base::Result<void> MysqlTarget::while_ours(Session& session, const std::function<base::Result<void>()>& work) {
  TRY(control_.lock_task(session));
  base::Result<void> done = control_.hold(session, epoch_);
  if (done.ok()) done = work();
  if (!session.broken()) control_.unlock_task(session);
  return done;
}

base::Result<void> MysqlTarget::prepare_all(const std::vector<TableSchemaPtr>& tables, connect::Preparation mode) {
  {
    base::Lock lock(mutex_);
    tables_ = tables;
  }
  base::Lock one_at_a_time(prepare_mutex_);
  Borrowed session(pool_, TRY(pool_.take()));
  TRY(control_.lock_shared(*session));
  base::Result<void> prepared = prepare_shared(*session, tables, mode);
  control_.unlock_shared(*session);
  return prepared;
}

base::Result<void> MysqlTarget::prepare_shared(Session& session, const std::vector<TableSchemaPtr>& tables,
                                               connect::Preparation mode) {
  TRY(control_.claim(session, tables, mode == connect::Preparation::do_nothing));
  // Shapes first, all of them: nothing is changed when one does not fit.
  if (mode != connect::Preparation::drop_and_create) {
    for (const TableSchemaPtr& table : tables) TRY(examine(session, *table));
  }
  return make_schemas(session, tables);
}

base::Result<void> MysqlTarget::prepare(const TableSchemaPtr& table, connect::Preparation preparation) {
  base::Lock one_at_a_time(prepare_mutex_);
  Borrowed session(pool_, TRY(pool_.take()));
  std::vector<TableSchemaPtr> all;
  {
    base::Lock lock(mutex_);
    all = tables_;
  }
  TRY(notes_.forget(table->name));
  TRY(make_schemas(*session, {table}));
  const Dialect spoken = TRY(dialect(*session));
  Prepared prepared;
  TRY(while_ours(*session, [&]() -> base::Result<void> {
    prepared = TRY(prepare_table(*session, spoken, *table, preparation, all));
    return {};
  }));
  if (prepared.emptied) TRY(notes_.note_emptied(table->name));
  return {};
}

base::Result<void> MysqlTarget::discard(const TableSchemaPtr& table) {
  base::Lock one_at_a_time(prepare_mutex_);
  Borrowed session(pool_, TRY(pool_.take()));
  const base::Result<TableSchemaPtr> found = examine(*session, *table);
  // Another shape: made for a table of that name that the source has replaced since. prepare() says what becomes of it.
  if (!found.ok() && found.error().is(target_errors::shape)) return {};
  if (!found.ok()) return base::Error(found.error());
  if (*found == nullptr) return {};
  if (TRY(notes_.is_emptied(table->name))) {
    return while_ours(*session, [&] { return empty_table(*session, *table); });
  }
  if (!TRY(notes_.is_loading(table->name))) return {};
  const Rows rows =
      TRY(session->query(fmt::format("SELECT 1 FROM {} LIMIT 1", quoted(table->name)), "table " + table->name.text()));
  if (rows.empty()) return {};
  return base::failed(target_errors::partial_rows, "table {} held rows before the load", table->name.text());
}

base::Result<std::unique_ptr<connect::ChunkLoader>> MysqlTarget::loader(const TableSchemaPtr& table,
                                                                        const connect::Chunk&,
                                                                        const connect::LoadMode& mode) {
  TRY(notes_.note_loading(table->name));
  return open_loader(pool_, control_, epoch_, table, mode);
}

void MysqlTarget::note_skipped(const std::vector<std::string>& skipped) const {
  for (const std::string& line : skipped) context_.log->warning("target", "left out: {}", line);
}

base::Result<void> MysqlTarget::loaded(const TableSchemaPtr& table) {
  Borrowed session(pool_, TRY(pool_.take()));
  std::vector<std::string> skipped;
  TRY(finish_table(*session, TRY(dialect(*session)), *table, secondary_, skipped));
  note_skipped(skipped);
  return {};
}

base::Result<void> MysqlTarget::loaded_all(const std::vector<TableSchemaPtr>& tables) {
  Borrowed session(pool_, TRY(pool_.take()));
  // A task that does not stream is done with its tables.
  if (!context_.streams) TRY(control_.release(*session));
  if (!secondary_) return {};
  std::vector<std::string> skipped;
  TRY(finish_foreign_keys(*session, tables, skipped));
  note_skipped(skipped);
  return {};
}

base::Result<void> MysqlTarget::report(const std::map<std::string, std::string>& facts) {
  Borrowed session(pool_, TRY(pool_.take()));
  return control_.report(*session, facts);
}

base::Result<void> MysqlTarget::drop() {
  Borrowed session(pool_, TRY(pool_.take()));
  if (TRY(control_.is_foreign(*session))) {
    context_.log->warning("target", "task {} on this target belongs to another data directory: its rows stay",
                          context_.task);
  } else {
    TRY(control_.drop(*session));
  }
  return notes_.drop();
}

}  // namespace

base::Result<std::unique_ptr<connect::Target>> open_target(const connect::Options& options,
                                                           const connect::Context& context) {
  TRY(check_options(options));
  const ConnectionSettings settings = connection_settings(options);
  auto target = std::make_unique<MysqlTarget>(options, context, settings);
  TRY(Connection::open(settings, context.stop));
  return std::unique_ptr<connect::Target>(std::move(target));
}

}  // namespace mysql
