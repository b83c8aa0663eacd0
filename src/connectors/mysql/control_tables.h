// SPDX-License-Identifier: Apache-2.0
//
// Millrace's own tables on the target, all InnoDB, in ControlSchema (awsdms_control when not set, made when missing):
// millrace_position, which says up to where the target holds everything and which process owns the task (epoch),
// millrace_tables, which says whose a table is, and DMS's awsdms_* tables. Tasks of one target share them: each row
// carries its task, and a task its owner, which is one data directory: the same identifier in another one is refused,
// not mistaken for it.
//
// Besides the task's own row millrace_position holds rows `task:...`: up to where the kept changes of a suspended table
// are replayed, and how far a group got that a schema change has cut in two (see apply.h).
// Stateless but for names and settings; any thread with its own Session.
#pragma once

#include <map>

#include "connectors/mysql/session.h"
#include "relational/row_applier.h"

namespace mysql {

class ControlTables {
 public:
  explicit ControlTables(const connect::Context& context);

  // How far a transaction of the source got that holds a schema change: everything before `before`, and the change
  // there too unless the columns of the table named in `shape` still are as it says (empty: no change is under way).
  struct Part {
    model::Position before;
    std::uint32_t nth = 0;  // among the changes of shape with that number; 0: the row
    std::string shape;
  };
  struct Ownership {
    std::int64_t epoch = 0;
    std::optional<model::Position> position;
    std::optional<Part> part;
  };
  // Creates what is missing and takes the task over: every older process of it can write no more.
  // With `anyhow` (reload-target) also from another data directory.
  base::Result<Ownership> take_over(Session& session, bool resume, bool anyhow) const;
  // Whether the task's row is another data directory's; false also when there is none.
  base::Result<bool> is_foreign(Session& session) const;

  // The other tasks that write to these tables, by table.
  base::Result<std::map<model::TableName, std::string>> others(Session& session,
                                                               const std::vector<model::TableSchemaPtr>& tables) const;
  // Notes the tables as ours. Fails with mysql.table_taken for one of another task, unless `shared`.
  base::Result<void> claim(Session& session, const std::vector<model::TableSchemaPtr>& tables, bool shared) const;
  base::Result<void> release(Session& session) const;
  // One task at a time makes what tasks share on the target.
  base::Result<void> lock_shared(Session& session) const;
  void unlock_shared(Session& session) const;
  // Held by whoever alters tables of the task, and while another process takes it over: DDL knows no epoch.
  base::Result<void> lock_task(Session& session) const;
  void unlock_task(Session& session) const;
  base::Result<std::optional<model::Position>> position(Session& session) const;

  // Keeps every newer process of the task out until the open transaction ends; mysql.superseded when there was one
  // before.
  base::Result<void> hold(Session& session, std::int64_t epoch) const;
  // One row matched: the task is ours and stands at `from`; the row is locked until the transaction ends.
  std::string hold_sql(std::int64_t epoch, const std::optional<model::Position>& from) const;
  std::string move_sql(std::int64_t epoch, const std::optional<model::Position>& from, const model::Position& to) const;
  std::string part_sql(const Part& part) const;
  base::Result<Part> replayed(Session& session, const model::TableName& source_name) const;
  std::string replayed_sql(const model::TableName& source_name, const Part& part) const;

  std::string exception_sql(const relational::ApplyException& exception) const;
  std::string load_exception_sql(const relational::ApplyException& exception) const;  // for rows of the full load
  // Empty when the table is not enabled.
  std::string suspended_sql(const model::TableName& table, const std::string& reason) const;
  base::Result<void> report(Session& session, const std::map<std::string, std::string>& facts) const;
  base::Result<void> drop(Session& session) const;
  const std::string& schema() const { return schema_; }

 private:
  bool enabled(const char* setting) const;
  std::string table(std::string_view name) const { return quote_name(schema_, name); }
  std::string row_key(const model::TableName& source_name) const;
  std::string upsert_row_sql(const std::string& key, const Part& part) const;
  std::string exception_into(std::string_view name, const relational::ApplyException& exception) const;
  base::Result<bool> exists(Session& session, std::string_view name) const;
  std::vector<std::string> create_statements() const;
  base::Result<void> create(Session& session) const;
  base::Result<Ownership> take_row(Session& session, bool resume, bool anyhow) const;

  std::string schema_;
  std::string task_;
  std::string owner_;
  std::string server_;
  std::map<std::string, std::string> settings_;
};

inline constexpr std::string_view control_schema_default = "awsdms_control";

}  // namespace mysql
