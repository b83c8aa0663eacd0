// SPDX-License-Identifier: Apache-2.0
//
// Millrace's own tables on the target, in ControlSchema (public when not set): millrace_position, which says up to
// where the target holds everything and which process owns the task (epoch), millrace_tables, which says whose a table
// is, and DMS's awsdms_* tables. Tasks of one target share them: each row carries its task, and a task its owner, which
// is one data directory: the same identifier in another one is refused, not mistaken for it. All text in
// statements is a parameter or a quoted literal. Stateless but for names and settings; any thread with its own Session.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "connectors/postgres/session.h"
#include "relational/row_applier.h"

namespace postgres {

using relational::ApplyException;

class ControlTables {
 public:
  explicit ControlTables(const connect::Context& context);

  struct Ownership {
    std::int64_t epoch = 0;
    std::optional<model::Position> position;
  };
  // Creates what is missing and takes the task over: every older process of it can write no more.
  // With `anyhow` (reload-target) also from another data directory.
  base::Result<Ownership> take_over(Session& session, bool resume, bool anyhow) const;
  // The statements that give this role what it lacks on control tables that are there.
  base::Result<std::vector<std::string>> missing_grants(Session& session) const;
  // Whether the task's row is another data directory's; false also when there is none.
  base::Result<bool> is_foreign(Session& session) const;

  // The other tasks that write to these tables, by table.
  base::Result<std::map<model::TableName, std::string>> others(Session& session,
                                                               const std::vector<model::TableSchemaPtr>& tables) const;
  // Notes the tables as ours. Fails with pg.table_taken for one of another task, unless `shared`.
  base::Result<void> claim(Session& session, const std::vector<model::TableSchemaPtr>& tables, bool shared) const;
  base::Result<void> release(Session& session) const;
  // One task at a time makes what tasks share on the target: tables, schemas, types.
  base::Result<void> lock_shared(Session& session) const;
  void unlock_shared(Session& session) const;
  base::Result<std::optional<model::Position>> position(Session& session) const;

  // Keeps every newer process of the task out until the open transaction ends; pg.superseded when there was one before.
  base::Result<void> hold(Session& session, std::int64_t epoch) const;

  // Statement and parameters that move the position; zero rows affected: superseded.
  std::string move_sql() const;
  std::vector<std::optional<std::string>> move_parameters(std::int64_t epoch,
                                                          const std::optional<model::Position>& from,
                                                          const model::Position& to) const;
  // Up to where the kept changes of a suspended table have been replayed: a row of its own beside the task's.
  base::Result<std::optional<model::Position>> replayed(Session& session, const model::TableName& source_name) const;
  std::string replayed_sql() const;
  std::vector<std::optional<std::string>> replayed_parameters(const model::TableName& source_name,
                                                              const model::Position& to) const;
  std::string exception_sql() const;
  std::string load_exception_sql() const;  // for rows of the full load
  std::vector<std::optional<std::string>> exception_parameters(const ApplyException& exception) const;
  // Empty when the table is not enabled.
  std::string suspended_sql() const;
  std::vector<std::optional<std::string>> suspended_parameters(const model::TableName& table,
                                                               const std::string& reason) const;
  base::Result<void> report(Session& session, const std::map<std::string, std::string>& facts) const;
  base::Result<void> drop(Session& session) const;
  const std::string& schema() const { return schema_; }

 private:
  bool enabled(const char* setting) const;
  std::string table(std::string_view name) const;
  std::string replay_key(const model::TableName& source_name) const;
  std::vector<std::string> create_statements() const;
  base::Result<void> create(Session& session) const;

  std::string schema_;
  std::string task_;
  std::string owner_;
  std::string server_;
  std::map<std::string, std::string> settings_;
};

std::string position_text(const model::Position& position);  // "16/B374D848"

}  // namespace postgres
