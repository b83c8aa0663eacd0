// SPDX-License-Identifier: Apache-2.0
//
// Tests only: a target opened on a throwaway server of either kind, schema `target`, and shapes of the family. One
// thread.
#pragma once

#include "connectors/mysql/describe.h"
#include "connectors/mysql/options.h"
#include "connectors/mysql/server_fixture.h"
#include "connectors/mysql/target.h"
#include "relational/changes_fixture.h"

namespace mysql_test {

using relational_test::Changes;
using relational_test::null_cell;
using relational_test::Surroundings;
using relational_test::unchanged_cell;

// One server of each kind a test binary.
inline TestServer& server_of(Kind kind) {
  static TestServer mariadb(Kind::mariadb);
  if (kind == Kind::mariadb) return mariadb;
  static TestServer mysql(Kind::mysql);
  return mysql;
}

inline std::unique_ptr<connect::Target> target_on(const TestServer& server, const connect::Context& context,
                                                  const std::string& user = "test") {
  auto options = connect::Options::parse(mysql::target_options(), {{"ServerName", "127.0.0.1"},
                                                                   {"Port", std::to_string(server.port())},
                                                                   {"Username", user},
                                                                   {"Password", "secret"}});
  EXPECT_TRUE(options.ok()) << options.error().text();
  auto target = mysql::open_target(options.value(), context);
  EXPECT_TRUE(target.ok()) << target.error().text();
  return target.take();
}

// "id bigint", "v varchar(20)": native columns of a table in schema `target`; the first `keys` are the primary key.
inline std::shared_ptr<model::TableSchema> table_of(const std::string& name, const std::vector<std::string>& columns,
                                                    std::size_t keys = 1) {
  auto table = relational_test::table_of(name, columns, keys, "mysql", "target");
  for (model::Column& column : table->columns) {
    const std::string native = column.type.native;
    for (const char* word : {"char", "text", "enum", "set("}) {
      if (native.find(word) != std::string::npos) column.collation = "utf8mb4_bin";
    }
    mysql::describe_type(native, column);
  }
  return table;
}

class OnEachServer : public testing::TestWithParam<Kind> {
 protected:
  void make_schemas() {
    db_ = std::make_unique<SqlSession>(server());
    db_->run("DROP SCHEMA IF EXISTS target; DROP SCHEMA IF EXISTS awsdms_control; CREATE SCHEMA target");
    db_->run("USE target");
  }
  void TearDown() override {
    target_.reset();
    db_.reset();
  }
  TestServer& server() { return server_of(GetParam()); }
  // All rows of a table, by words: "(1,one) (2,NULL)".
  std::string all(const std::string& name, const std::string& columns = "id, v") {
    std::string text;
    const auto rows = db_->connection().query("SELECT " + columns + " FROM " + name + " ORDER BY 1, 2");
    EXPECT_TRUE(rows.ok()) << rows.error().text();
    for (const mysql::Row& row : rows.value()) {
      text += text.empty() ? "(" : " (";
      for (std::size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : ",") + row[i].value_or("NULL");
      text += ")";
    }
    return text;
  }

  Surroundings around_;
  std::unique_ptr<connect::Target> target_;
  std::unique_ptr<SqlSession> db_;
};

// Begins with the table t of three rows.
class ApplyOnEachServer : public OnEachServer {
 protected:
  void make_table() {
    make_schemas();
    db_->run("CREATE TABLE t (id bigint PRIMARY KEY, v varchar(2000) COLLATE utf8mb4_bin)");
    db_->run("INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')");
  }
  // Opens (again) as a process of its own would.
  void open(bool resume = false) {
    target_ = target_on(server(), around_.context);
    const auto started = target_->start(resume);
    ASSERT_TRUE(started.ok()) << started.error().text();
    if (!resume) {
      const auto begun = target_->begin_apply({900, model::sequence_end, ""}, {table_});
      ASSERT_TRUE(begun.ok()) << begun.error().text();
    } else {
      ASSERT_TRUE(target_->resume_apply({table_}).ok());
    }
  }
  base::Result<connect::ApplyReport> apply(Changes& changes) { return target_->apply(changes.batch(), {}); }
  connect::ApplyReport applied(Changes& changes) {
    auto report = apply(changes);
    EXPECT_TRUE(report.ok()) << report.error().text();
    return report.ok() ? report.take() : connect::ApplyReport();
  }
  void policy(const std::string& name, const std::string& value) {
    around_.context.settings["ErrorBehavior." + name] = value;
  }

  model::TableSchemaPtr table_ = table_of("t", {"id bigint", "v varchar(2000)"});
};

inline std::string name_of(const testing::TestParamInfo<Kind>& info) {
  return info.param == Kind::mariadb ? "MariaDB" : "MySQL";
}

}  // namespace mysql_test
