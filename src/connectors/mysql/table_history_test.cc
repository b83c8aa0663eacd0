// SPDX-License-Identifier: Apache-2.0
//
// The servers are the oracle: each carries statements out, and the shapes that the history makes of their texts alone
// must be those that information_schema tells.
#include "connectors/mysql/table_history.h"

#include <gtest/gtest.h>

#include "connectors/mysql/check.h"
#include "connectors/mysql/describe.h"
#include "connectors/mysql/server_fixture.h"

namespace mysql {
namespace {

using model::Op;
using mysql_test::SqlSession;
using mysql_test::TestServer;

std::string column_text(const model::Column& column) {
  const auto native = parse_type(column.type.native, column.collation);
  if (!native.ok()) return column.name + " ?";
  std::string text = column.name + " kind " + std::to_string(static_cast<int>(native->kind));
  if (native->is_unsigned) text += " unsigned";
  if (native->zerofill) text += " zerofill";
  if (native->is_fixed) text += " fixed";
  const bool is_integer = native->kind <= Kind::big || native->kind == Kind::year;  // whose width MySQL does not tell
  if (!is_integer) text += " length " + std::to_string(native->length);
  if (native->precision > 0) text += " " + std::to_string(native->precision) + "," + std::to_string(native->scale);
  if (native->fraction > 0) text += " fraction " + std::to_string(native->fraction);
  text += " " + native->character_set;
  for (const std::string& member : native->members) text += " '" + member + "'";
  return text + (column.nullable ? "" : " not null") + (column.generated ? " generated" : "");
}
std::string columns_text(const model::TableSchema& table) {
  std::string text;
  for (const model::Column& column : table.columns) text += column_text(column) + "\n";
  return text;
}

class History : public ::testing::TestWithParam<mysql_test::Kind> {
 protected:
  static TestServer& server() {
    static TestServer mariadb(mysql_test::Kind::mariadb);
    static TestServer mysql(mysql_test::Kind::mysql);
    return GetParam() == mysql_test::Kind::mariadb ? mariadb : mysql;
  }
  void SetUp() override {
    if (!server().running()) GTEST_SKIP() << server().problem();
    db_ = std::make_unique<SqlSession>(server());
    db_->run("DROP DATABASE IF EXISTS h");
    db_->run("CREATE DATABASE h CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    db_->run("USE h");
  }
  bool is_mariadb() const { return GetParam() == mysql_test::Kind::mariadb; }
  model::TableSchemaPtr described(const std::string& table) {
    auto found = describe_tables(db_->connection(), {{"h", table}});
    EXPECT_TRUE(found.ok()) << found.error().text();
    return found.ok() && !found->empty() ? found->front() : nullptr;
  }
  // A history that has no catalogue to ask.
  TableHistory history_of(const std::vector<std::string>& tables) {
    std::vector<model::TableSchemaPtr> known;
    for (const std::string& table : tables) known.push_back(described(table));
    convert::MysqlDialect dialect;
    dialect.is_mariadb = is_mariadb();
    dialect.version = db_->connection().server().version;
    const auto nothing = [](const model::TableName&) -> base::Result<model::TableSchemaPtr> {
      return model::TableSchemaPtr();
    };
    return TableHistory(known, nothing, false, dialect, *logs_key_actions(db_->connection()));
  }
  std::vector<TableHistory::Outcome> carry_out(TableHistory& history, const std::string& sql, bool on_server = true) {
    if (on_server) db_->run(sql);
    binlog::Query query;
    query.schema = "h";
    query.sql = sql;
    auto outcomes = history.on_statement(query);
    EXPECT_TRUE(outcomes.ok()) << outcomes.error().text();
    return outcomes.ok() ? outcomes.take() : std::vector<TableHistory::Outcome>();
  }

  std::unique_ptr<SqlSession> db_;
};

TEST_P(History, ShapesFollowStatements) {
  db_->run("CREATE TABLE t (id int PRIMARY KEY, a varchar(20), b decimal(8,2), c text)");
  TableHistory history = history_of({"t"});
  std::vector<std::string> statements{
      "ALTER TABLE t ADD d INT UNSIGNED NOT NULL DEFAULT 5 AFTER id",
      "ALTER TABLE h.t ADD COLUMN (e enum('x','it''s') CHARACTER SET latin1, f set('p','q') NOT NULL)",
      "ALTER TABLE t CHANGE a `A b` varchar(30) NOT NULL DEFAULT 'z' FIRST",
      "ALTER TABLE t MODIFY b numeric(12,4) UNSIGNED ZEROFILL",
      "ALTER TABLE t DROP c, ADD g double precision, ADD m timestamp(3) NULL DEFAULT NULL ON UPDATE "
      "current_timestamp(3)",
      "ALTER TABLE t RENAME COLUMN d TO dd, RENAME COLUMN e TO ee",
      "ALTER TABLE t ADD n national varchar(10), ADD x binary, ADD y char(3) byte, ADD z long varchar, ADD j json",
      "ALTER TABLE t ADD v varchar(9) character set binary, ADD w tinytext charset ucs2, ADD tx text(100), ADD bl "
      "blob(70000)",
      "ALTER TABLE t ADD gen int AS (dd + 1) STORED, ADD bo bool, ADD yy year, ADD bb bit, ADD ff float(25), ADD f7 "
      "float(7,3)",
      "ALTER TABLE t ADD s smallint /*!50100 NOT NULL DEFAULT 3 */ COMMENT 'drop column id', ALGORITHM=DEFAULT",
      "ALTER TABLE t ADD ti time(6), ADD da date, ADD dt datetime, ADD ch char, ADD i8 int8 signed, ADD dec5 dec(5)",
      "CREATE INDEX i ON t (dd)",
      "ALTER TABLE t ALTER COLUMN dd SET DEFAULT 8, RENAME INDEX i TO j, COMMENT='x', ENGINE=InnoDB",
      "ALTER TABLE t DROP COLUMN gen, MODIFY COLUMN s mediumint AFTER id",
      "ALTER TABLE t MODIFY COLUMN ee enum('x','it''s','y') CHARACTER SET latin1"};
  if (is_mariadb()) {
    statements.push_back(
        "SET STATEMENT max_statement_time=0 FOR ALTER TABLE t ADD COLUMN IF NOT EXISTS q1 int, "
        "DROP COLUMN IF EXISTS nothing");
    statements.push_back(
        "ALTER TABLE t ADD u uuid, ADD i6 inet6, ADD co text COMPRESSED, ADD m2 int /*M!100100 NOT NULL */");
    statements.push_back("ALTER TABLE t ADD m3 int /*!80000 NOT NULL */");
  } else {
    statements.push_back("ALTER TABLE t ADD ve vector(5), ADD iv int INVISIBLE, ADD m3 int /*!80000 NOT NULL */");
    statements.push_back("ALTER TABLE t ADD m4 int /*!99999 NOT NULL */ /*M!100100 NOT NULL */");
  }
  for (const std::string& sql : statements) {
    for (const auto& outcome : carry_out(history, sql)) EXPECT_EQ(outcome.op, Op::schema) << sql;
    const model::TableSchemaPtr now = described("t");
    ASSERT_NE(history.find("h", "t"), nullptr);
    ASSERT_EQ(columns_text(*history.find("h", "t")->schema), columns_text(*now)) << sql;
  }
  EXPECT_GT(history.find("h", "t")->schema->columns.size(), 30U);
  EXPECT_EQ(history.find("h", "t")->schema->primary_key.size(), 1U);
}

TEST_P(History, CharacterSetsAreConverted) {
  db_->run(
      "CREATE TABLE t (id int PRIMARY KEY, a varchar(20), b char(3) CHARACTER SET ucs2, e enum('x'), n varbinary(9))");
  TableHistory history = history_of({"t"});
  for (const char* sql : {"ALTER TABLE t CONVERT TO CHARACTER SET latin1",
                          "ALTER TABLE t CONVERT TO CHARSET utf8mb4 COLLATE utf8mb4_bin"}) {
    carry_out(history, sql);
    EXPECT_EQ(columns_text(*history.find("h", "t")->schema), columns_text(*described("t"))) << sql;
  }
}

TEST_P(History, StatementsComeInTheirClientsCharacters) {
  db_->run("CREATE TABLE `t\u00e4` (id int PRIMARY KEY)");
  TableHistory history = history_of({"t\u00e4"});
  binlog::Query query;
  query.schema = "h";
  query.sql = "ALTER TABLE `t\xe4` ADD `\xfc` enum('\xf6')";
  query.client_collation = 8;  // latin1
  ASSERT_TRUE(history.on_statement(query).ok());
  const model::Column& column = history.find("h", "t\u00e4")->schema->columns.back();
  EXPECT_EQ(column.name, "\u00fc");
  EXPECT_EQ(column.type.native, "enum('\u00f6')");
}

TEST_P(History, RowsThatMoveUnloggedAreNotTrusted) {
  db_->run(
      "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (10), PARTITION b "
      "VALUES "
      "LESS THAN MAXVALUE)");
  db_->run("CREATE TABLE o (id int PRIMARY KEY)");
  TableHistory history = history_of({"p", "o"});
  const auto outcomes = carry_out(history, "ALTER TABLE p EXCHANGE PARTITION a WITH TABLE o");
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].op, Op::unclear);
  EXPECT_EQ(outcomes[1].op, Op::unclear);
  TableHistory again = history_of({"p"});
  ASSERT_EQ(carry_out(again, "ALTER TABLE p TRUNCATE PARTITION a").size(), 1U);
}

TEST_P(History, TruncatesAndDropsAreSeen) {
  db_->run("CREATE TABLE t (id int PRIMARY KEY)");
  TableHistory history = history_of({"t"});
  auto outcomes = carry_out(history, "TRUNCATE t");
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].op, Op::truncate);
  if (is_mariadb()) {
    outcomes = carry_out(history, "SET STATEMENT max_statement_time=0 FOR TRUNCATE TABLE h.t WAIT 5");
    ASSERT_EQ(outcomes.size(), 1U);
    EXPECT_EQ(outcomes[0].op, Op::truncate);
  }
  EXPECT_TRUE(carry_out(history, "DROP TEMPORARY TABLE IF EXISTS t").empty());
  EXPECT_TRUE(carry_out(history, "DROP TABLE IF EXISTS other.t", false).empty());
  outcomes = carry_out(history, "DROP TABLE IF EXISTS `other`, `t` /* generated by server */");
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].op, Op::drop_table);
}

TEST_P(History, ForeignKeysThatActAreNotFollowed) {
  db_->run("CREATE TABLE p (id int PRIMARY KEY)");
  for (const char* table : {"t", "u"}) db_->run(std::string("CREATE TABLE ") + table + " (id int PRIMARY KEY, p int)");
  TableHistory history = history_of({"t", "u"});
  const bool is_logged = *logs_key_actions(db_->connection());
  EXPECT_TRUE(carry_out(history, "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id) ON DELETE RESTRICT")
                  .empty());
  auto outcomes = carry_out(
      history,
      "ALTER TABLE t DROP FOREIGN KEY f, ADD CONSTRAINT g FOREIGN KEY (p) REFERENCES p (id) on delete set null");
  ASSERT_EQ(outcomes.size(), is_logged ? 0U : 1U);
  if (!is_logged) {
    EXPECT_EQ(outcomes[0].op, Op::unclear);
  }
  outcomes = carry_out(history, "ALTER TABLE u ADD COLUMN q int REFERENCES p (id) ON UPDATE CASCADE");
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].op, is_logged ? Op::schema : Op::unclear);
}

INSTANTIATE_TEST_SUITE_P(Servers, History, ::testing::Values(mysql_test::Kind::mariadb, mysql_test::Kind::mysql),
                         [](const auto& test) {
                           return test.param == mysql_test::Kind::mariadb ? "MariaDB" : "MySQL";
                         });

}  // namespace
}  // namespace mysql
