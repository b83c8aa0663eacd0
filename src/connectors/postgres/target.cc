// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/target.h"

#include <algorithm>
#include <map>

#include "connectors/postgres/apply.h"
#include "connectors/postgres/comparable.h"
#include "connectors/postgres/load.h"
#include "connectors/postgres/options.h"
#include "connectors/postgres/prepare.h"
#include "connectors/postgres/target_check.h"
#include "connectors/postgres/target_errors.h"
#include "connectors/postgres/target_schema.h"
#include "relational/load_notes.h"

namespace postgres {
namespace {

using model::TableSchema;
using model::TableSchemaPtr;

class PostgresTarget final : public connect::Target {
 public:
  PostgresTarget(const connect::Options& options, const connect::Context& context, SessionSettings settings)
      : context_(context),
        secondary_(options.boolean(option::create_secondary_objects)),
        control_(context),
        pool_(settings),
        applier_(context, settings, control_),
        comparable_(connection_settings(options, "millrace validate " + context.task_id)),
        notes_(*context.journal, "pgtarget") {}

  std::string_view family() const override { return "postgresql"; }
  bool carries_out_keys() const override { return true; }
  bool takes_native(const TableSchema& table) const override;
  bool takes_raw(const TableSchema& table, connect::ReadForm form) const override;
  base::Result<std::vector<connect::Finding>> check(const std::vector<TableSchemaPtr>& tables,
                                                    connect::Preparation preparation, bool stream) override;
  std::string column_type_text(const model::Column& column) const override;

  base::Result<void> start(bool resume) override;
  base::Result<std::optional<model::Position>> durable() override;
  base::Result<void> prepare_all(const std::vector<TableSchemaPtr>& tables, connect::Preparation preparation) override;
  base::Result<void> prepare(const TableSchemaPtr& table, connect::Preparation preparation) override;
  base::Result<void> discard(const TableSchemaPtr& table) override;
  base::Result<std::unique_ptr<connect::ChunkLoader>> loader(const TableSchemaPtr& table, const connect::Chunk& chunk,
                                                             const connect::LoadMode& mode) override;
  base::Result<void> loaded(const TableSchemaPtr& table) override;
  base::Result<void> loaded_all(const std::vector<TableSchemaPtr>& tables) override;

  base::Result<void> begin_apply(const model::Position& position, const std::vector<TableSchemaPtr>& tables) override;
  base::Result<void> resume_apply(const std::vector<TableSchemaPtr>& tables) override {
    applier_.know(tables);
    return {};
  }
  base::Result<connect::ApplyReport> apply(model::ChangeBatch& batch, std::stop_token stop) override;
  base::Result<void> advance(const model::Position& through) override { return applier_.advance(through); }
  base::Result<void> tick() override { return {}; }                         // nothing here depends on time
  base::Result<void> flush() override { return applier_.set_sequences(); }  // apply() is durable on return
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
  // A session for a catalogue statement or two; goes back to the pool when it is sound.
  class Borrowed {
   public:
    Borrowed(SessionPool& pool, std::unique_ptr<Session> session) : pool_(pool), session_(std::move(session)) {}
    ~Borrowed() { pool_.give_back(std::move(session_)); }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    Session& operator*() { return *session_; }

   private:
    SessionPool& pool_;
    std::unique_ptr<Session> session_;
  };

  base::Result<void> prepare_shared(Session& session, const std::vector<TableSchemaPtr>& tables,
                                    connect::Preparation mode);
  base::Result<void> discard_rows(Session& session, const TableSchema& table);
  void note_skipped(const std::vector<std::string>& skipped) const;
  Owned owned() const {
    return [this](Session& session) { return control_.hold(session, epoch_); };
  }

  const connect::Context context_;
  const bool secondary_;
  const ControlTables control_;
  SessionPool pool_;
  Applier applier_;
  Comparable comparable_;
  relational::LoadNotes notes_;
  std::int64_t epoch_ = 0;     // since start()
  base::Mutex prepare_mutex_;  // one prepare at a time: DDL of different tables takes locks on shared catalogues
  mutable base::Mutex mutex_;
  std::map<model::TableName, bool> same_types_ GUARDED_BY(mutex_);  // by target name, of prepared tables
  std::vector<TableSchemaPtr> tables_ GUARDED_BY(mutex_);           // of prepare_all
};

bool PostgresTarget::takes_native(const TableSchema& table) const {
  return std::all_of(table.columns.begin(), table.columns.end(),
                     [&](const model::Column& column) { return column.generated || keeps_native(table, column); });
}

bool PostgresTarget::takes_raw(const TableSchema& table, connect::ReadForm form) const {
  if (form == connect::ReadForm::rows || !takes_native(table)) return form == connect::ReadForm::rows;
  if (form == connect::ReadForm::raw_text) return true;
  {
    base::Lock lock(mutex_);
    const auto found = same_types_.find(table.name);
    if (found != same_types_.end() && !found->second) return false;
  }
  return std::all_of(table.columns.begin(), table.columns.end(),
                     [](const model::Column& column) { return column.generated || column.type.native_portable; });
}

std::string PostgresTarget::column_type_text(const model::Column& column) const {
  return column.type.native.empty() ? canonical_type(column.type) : column.type.native;
}

base::Result<std::vector<connect::Finding>> PostgresTarget::check(const std::vector<TableSchemaPtr>& tables,
                                                                  connect::Preparation preparation, bool stream) {
  Borrowed session(pool_, TRY(pool_.take()));
  std::vector<connect::Finding> findings =
      TRY(check_target(*session, tables, {preparation, stream, secondary_, control_.schema()}));
  const auto add = [&](const base::Code& code, connect::Finding::Severity severity, const std::string& object,
                       const std::string& problem) {
    findings.push_back({severity, object, problem, std::string(code.advice)});
  };
  const std::vector<std::string> grants = TRY(control_.missing_grants(*session));
  for (const std::string& grant : grants) {
    findings.push_back({connect::Finding::Severity::refusal, "control schema " + control_.schema(),
                        "the role may not read and write Millrace's tables in it", grant});
  }
  if (!grants.empty()) return findings;
  if (!context_.reload && TRY(control_.is_foreign(*session))) {
    add(target_errors::task_taken, connect::Finding::Severity::refusal, "task " + context_.task,
        "belongs to another data directory on this target");
  }
  const bool shared = preparation == connect::Preparation::do_nothing;
  for (const auto& [table, task] : TRY(control_.others(*session, tables))) {
    add(target_errors::table_taken, shared ? connect::Finding::Severity::note : connect::Finding::Severity::refusal,
        "table " + table.text(), "task " + task + " writes to it, too");
  }
  return findings;
}

base::Result<void> PostgresTarget::start(bool resume) {
  Borrowed session(pool_, TRY(pool_.take()));
  ControlTables::Ownership owned = TRY(control_.take_over(*session, resume, context_.reload));
  epoch_ = owned.epoch;
  applier_.own(owned.epoch, std::move(owned.position));
  return {};
}

base::Result<std::optional<model::Position>> PostgresTarget::durable() {
  // Asked after every group: what this process has committed needs no question. It is never ahead of the server.
  if (applier_.position()) return applier_.position();
  Borrowed session(pool_, TRY(pool_.take()));
  return control_.position(*session);
}

base::Result<void> PostgresTarget::prepare_all(const std::vector<TableSchemaPtr>& tables, connect::Preparation mode) {
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

base::Result<void> PostgresTarget::prepare_shared(Session& session, const std::vector<TableSchemaPtr>& tables,
                                                  connect::Preparation mode) {
  TRY(control_.claim(session, tables, mode == connect::Preparation::do_nothing));
  // Shapes first, all of them: nothing is changed when one does not fit.
  if (mode != connect::Preparation::drop_and_create) {
    for (const TableSchemaPtr& table : tables) {
      const std::optional<Prepared> found = TRY(examine(session, *table));
      base::Lock lock(mutex_);
      same_types_[table->name] = !found || found->same_types;
    }
  }
  return make_requirements(session, tables);
}

base::Result<void> PostgresTarget::prepare(const TableSchemaPtr& table, connect::Preparation preparation) {
  base::Lock one_at_a_time(prepare_mutex_);
  Borrowed session(pool_, TRY(pool_.take()));
  std::vector<TableSchemaPtr> all;
  {
    base::Lock lock(mutex_);
    all = tables_;
  }
  TRY(notes_.forget(table->name));
  const Prepared prepared = TRY(prepare_table(*session, *table, preparation, all, owned()));
  if (prepared.emptied) TRY(notes_.note_emptied(table->name));
  base::Lock lock(mutex_);
  same_types_[table->name] = prepared.same_types;
  return {};
}

base::Result<void> PostgresTarget::discard_rows(Session& session, const TableSchema& table) {
  const base::Result<std::optional<Prepared>> found = examine(session, table);
  // Another shape: made for a table of that name that the source has replaced since. prepare() says what becomes of it.
  if (!found.ok() && found.error().is(target_errors::shape)) return {};
  if (!found.ok()) return base::Error(found.error());
  if (!*found) return {};
  if (TRY(notes_.is_emptied(table.name))) return empty_table(session, table, owned());
  if (!TRY(notes_.is_loading(table.name))) return {};
  const std::vector<Row> rows =
      TRY(session.query("SELECT 1 FROM " + quote_name(table.name) + " LIMIT 1", {}, "table " + table.name.text()));
  if (rows.empty()) return {};
  return base::failed(target_errors::partial_rows, "table {} held rows before the load", table.name.text());
}

base::Result<void> PostgresTarget::discard(const TableSchemaPtr& table) {
  base::Lock one_at_a_time(prepare_mutex_);
  Borrowed session(pool_, TRY(pool_.take()));
  return discard_rows(*session, *table);
}

base::Result<std::unique_ptr<connect::ChunkLoader>> PostgresTarget::loader(const TableSchemaPtr& table,
                                                                           const connect::Chunk&,
                                                                           const connect::LoadMode& mode) {
  TRY(notes_.note_loading(table->name));
  return mode.careful ? open_careful_loader(pool_, control_, epoch_, table, mode)
                      : open_loader(pool_, control_, epoch_, table, mode);
}

void PostgresTarget::note_skipped(const std::vector<std::string>& skipped) const {
  for (const std::string& line : skipped) context_.log->warning("target", "left out: {}", line);
}

base::Result<void> PostgresTarget::loaded(const TableSchemaPtr& table) {
  Borrowed session(pool_, TRY(pool_.take()));
  std::vector<std::string> skipped;
  TRY(finish_table(*session, *table, secondary_, skipped));
  note_skipped(skipped);
  return {};
}

base::Result<void> PostgresTarget::loaded_all(const std::vector<TableSchemaPtr>& tables) {
  Borrowed session(pool_, TRY(pool_.take()));
  // A task that does not stream is done with its tables.
  if (!context_.streams) TRY(control_.release(*session));
  if (!secondary_) return {};
  std::vector<std::string> skipped;
  TRY(finish_foreign_keys(*session, tables, skipped));
  note_skipped(skipped);
  return {};
}

base::Result<void> PostgresTarget::begin_apply(const model::Position& position,
                                               const std::vector<TableSchemaPtr>& tables) {
  return applier_.begin(position, tables);
}

base::Result<connect::ApplyReport> PostgresTarget::apply(model::ChangeBatch& batch, std::stop_token stop) {
  return applier_.apply(batch, stop);
}

base::Result<void> PostgresTarget::report(const std::map<std::string, std::string>& facts) {
  Borrowed session(pool_, TRY(pool_.take()));
  return control_.report(*session, facts);
}

base::Result<void> PostgresTarget::drop() {
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
  SessionSettings settings = session_settings(options, "millrace " + context.task_id);
  auto target = std::make_unique<PostgresTarget>(options, context, settings);
  TRY(Session::open(settings));
  return std::unique_ptr<connect::Target>(std::move(target));
}

}  // namespace postgres
