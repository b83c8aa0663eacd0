// SPDX-License-Identifier: Apache-2.0
//
// Whole binary logs of real servers: what stands around the rows.
#include <gtest/gtest.h>

#include <functional>

#include "connectors/mysql/binlog_fixture.h"

namespace mysql {
namespace {

using binlog::Decoder;
using binlog::Event;
using mysql_test::Cells;
using mysql_test::Flavour;
using mysql_test::LogReader;
using mysql_test::SqlSession;
using mysql_test::TestServer;
using mysql_test::types_of;

class BinlogLog : public ::testing::TestWithParam<Flavour> {
 protected:
  static TestServer& server() {
    static TestServer mariadb(Flavour::mariadb);
    static TestServer mysql(Flavour::mysql,
                            {"--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--binlog-rows-query-log-events=ON"});
    return GetParam() == Flavour::mariadb ? mariadb : mysql;
  }
  void SetUp() override {
    if (!server().running()) GTEST_SKIP() << server().problem();
    db_ = std::make_unique<SqlSession>(server());
    db_->run("SET GLOBAL binlog_checksum = CRC32; DROP DATABASE t; CREATE DATABASE t");
    db_->run(server().is_mariadb() ? "RESET MASTER" : "RESET BINARY LOGS AND GTIDS");
  }
  bool is_mariadb() const { return server().is_mariadb(); }

  // Calls `seen` with each event, those inside packed transactions included.
  void for_each(const std::function<void(const Event&)>& seen) {
    Decoder decoder;
    binlog::PayloadReader payload;
    for (const std::string& bytes : mysql_test::logged_events(server())) {
      const auto event = decoder.decode(bytes);
      ASSERT_TRUE(event.ok()) << event.error().text();
      seen(*event.value());
      const auto* packed = std::get_if<binlog::TransactionPayload>(&event.value()->body);
      if (packed == nullptr) continue;
      ASSERT_TRUE(payload.open(*packed, decoder).ok());
      while (true) {
        const auto inner = payload.next();
        ASSERT_TRUE(inner.ok()) << inner.error().text();
        if (inner.value() == nullptr) break;
        seen(*inner.value());
      }
    }
  }
  LogReader read(const std::string& table) {
    LogReader log(table, types_of(*db_, table).natives);
    log.read(mysql_test::logged_events(server()));
    return log;
  }

  std::unique_ptr<SqlSession> db_;
};

TEST_P(BinlogLog, ShapeTellsTheTable) {
  db_->run(
      "CREATE TABLE t.shape (a int unsigned, y year, b bigint, `na``me` varchar(20) CHARACTER SET latin1, "
      "e enum('x','ä') CHARACTER SET latin1, s set('p','q'), d decimal(9,3) unsigned, g point, v varbinary(3), "
      "f double unsigned, txt mediumtext, i varchar(9), PRIMARY KEY (b, txt(7)))");
  if (!is_mariadb()) db_->run("ALTER TABLE t.shape ALTER COLUMN i SET INVISIBLE");
  db_->run("INSERT INTO t.shape (a, y, b, txt) VALUES (4294967295, 2001, -5, 'text')");
  const binlog::TableShape shape = read("shape").shape;
  ASSERT_EQ(shape.columns.size(), 12U);
  EXPECT_EQ(shape.schema, "t");
  EXPECT_TRUE(shape.has_names && shape.has_signs && shape.has_collations && shape.has_members);
  std::string names, unsigned_ones, sets;
  for (const auto& column : shape.columns) {
    names += column.name + ",";
    unsigned_ones += column.is_unsigned ? column.name : "";
    sets += std::string(character_set_of_collation(column.collation)) + ",";
  }
  EXPECT_EQ(names, "a,y,b,na`me,e,s,d,g,v,f,txt,i,");
  EXPECT_EQ(unsigned_ones, "aydf");
  EXPECT_EQ(sets, is_mariadb() ? ",,,latin1,latin1,utf8mb4,,binary,binary,,utf8mb4,utf8mb4,"
                               : ",,,latin1,latin1,utf8mb4,,,binary,,utf8mb4,utf8mb4,");
  EXPECT_EQ(shape.columns[4].members, (std::vector<std::string>{"x", "ä"}));
  EXPECT_EQ(shape.columns[5].members, (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(shape.columns[11].is_visible, is_mariadb());
  ASSERT_EQ(shape.primary_key.size(), 2U);
  EXPECT_EQ(shape.primary_key[0].column, 2U);
  EXPECT_EQ(shape.primary_key[0].prefix, 0U);
  EXPECT_EQ(shape.primary_key[1].column, 10U);
  EXPECT_EQ(shape.primary_key[1].prefix, 7U);
  EXPECT_FALSE(shape.columns[2].nullable);
  EXPECT_TRUE(shape.columns[0].nullable);
}

TEST_P(BinlogLog, RowImages) {
  db_->run("CREATE TABLE t.r (id int PRIMARY KEY, a varchar(20), b text, c int DEFAULT 7)");
  for (const char* image : {"FULL", "NOBLOB", "MINIMAL"}) {
    db_->run(std::string("SET binlog_row_image = ") + image);
    db_->run("INSERT INTO t.r (id, a, b) VALUES (1, 'a', 'b')");
    db_->run("UPDATE t.r SET a = 'A' WHERE id = 1");
    db_->run("UPDATE t.r SET b = NULL WHERE id = 1");
    db_->run("DELETE FROM t.r");
  }
  db_->run("SET binlog_row_image = FULL");
  const LogReader log = read("r");
  ASSERT_EQ(log.rows.size(), 12U);
  const std::optional<std::string> absent = "<absent>", null;
  const auto& rows = log.rows;
  EXPECT_EQ(rows[0].after, (Cells{"1", "a", "b", "7"}));
  EXPECT_TRUE(rows[0].before.empty());
  EXPECT_EQ(rows[1].before, (Cells{"1", "a", "b", "7"}));
  EXPECT_EQ(rows[1].after, (Cells{"1", "A", "b", "7"}));
  EXPECT_EQ(rows[2].after, (Cells{"1", "A", null, "7"}));
  EXPECT_EQ(rows[3].before, (Cells{"1", "A", null, "7"}));
  EXPECT_TRUE(rows[3].after.empty());
  EXPECT_EQ(rows[5].before, (Cells{"1", "a", absent, "7"}));
  EXPECT_EQ(rows[5].after, (Cells{"1", "A", absent, "7"}));
  EXPECT_EQ(rows[6].after, (Cells{"1", "A", null, "7"}));
  EXPECT_EQ(rows[8].after[0], "1");
  EXPECT_EQ(rows[8].after[2], "b");
  EXPECT_EQ(rows[9].before, (Cells{"1", absent, absent, absent}));
  EXPECT_EQ(rows[9].after, (Cells{absent, "A", absent, absent}));
  EXPECT_EQ(rows[10].after, (Cells{absent, absent, null, absent}));
  EXPECT_EQ(rows[11].before, (Cells{"1", absent, absent, absent}));
}

TEST_P(BinlogLog, TheLogKnowsItsCharacterSets) {
  db_->run("CREATE TABLE t.conv (id int PRIMARY KEY, g point, a varchar(20), b text) CHARACTER SET latin1");
  db_->run("INSERT INTO t.conv VALUES (1, NULL, 'ä', 'ö')");
  db_->run("ALTER TABLE t.conv CONVERT TO CHARACTER SET utf8mb4");
  db_->run("INSERT INTO t.conv VALUES (2, NULL, 'ä', 'ö')");
  const LogReader log = read("conv");  // with the types of today
  ASSERT_EQ(log.rows.size(), 2U);
  for (const auto& row : log.rows) EXPECT_EQ(row.after[2].value() + row.after[3].value(), "äö");
}

TEST_P(BinlogLog, RowsWithoutBytes) {
  db_->run("CREATE TABLE t.bare (a int DEFAULT 1)");
  db_->run("SET binlog_row_image = MINIMAL; INSERT INTO t.bare () VALUES (); SET binlog_row_image = FULL");
  const LogReader log = read("bare");
  ASSERT_EQ(log.rows.size(), 1U);
}

TEST_P(BinlogLog, GeneratedColumns) {
  db_->run("CREATE TABLE t.gen (id int PRIMARY KEY, a int, v int AS (a + 1) VIRTUAL, s int AS (a + 2) STORED, z int)");
  db_->run("INSERT INTO t.gen (id, a, z) VALUES (1, 10, 5)");
  db_->run("UPDATE t.gen SET a = 20");
  const LogReader log = read("gen");
  ASSERT_EQ(log.rows.size(), 2U);
  EXPECT_EQ(log.rows[0].after, (Cells{"1", "10", "11", "12", "5"}));
  EXPECT_EQ(log.rows[1].before, (Cells{"1", "10", "11", "12", "5"}));
  EXPECT_EQ(log.rows[1].after, (Cells{"1", "20", "21", "22", "5"}));
}

TEST_P(BinlogLog, PackedTransactions) {
  db_->run("CREATE TABLE t.z (id int PRIMARY KEY, a longtext)");
  db_->run(is_mariadb() ? "SET GLOBAL log_bin_compress = 1, GLOBAL log_bin_compress_min_len = 10"
                        : "SET binlog_transaction_compression = ON");
  std::string many = "INSERT INTO t.z VALUES (0, repeat('big', 300000))";
  for (int i = 1; i < 2000; ++i) many += ", (" + std::to_string(i) + ", repeat('x', 100))";
  db_->run(many);
  db_->run("UPDATE t.z SET a = concat(a, 'y') WHERE id < 10");
  db_->run("DELETE FROM t.z WHERE id < 5");
  db_->run("ALTER TABLE t.z ADD COLUMN another_column_with_a_long_name varchar(100) DEFAULT 'something that is long'");
  if (is_mariadb()) db_->run("SET GLOBAL log_bin_compress = 0");
  const std::vector<NativeType> natives{parse_type("int(11)", "").value(),
                                        parse_type("longtext", "utf8mb4_general_ci").value()};
  LogReader log("z", natives);
  log.read(mysql_test::logged_events(server()));
  EXPECT_GT(is_mariadb() ? log.kinds[165] + log.kinds[166] : log.kinds[40], 1);
  ASSERT_EQ(log.rows.size(), 2015U);
  EXPECT_EQ(log.rows[0].after[1]->size(), 900000U);
  EXPECT_EQ(log.rows[1999].after, (Cells{"1999", std::string(100, 'x')}));
  EXPECT_EQ(log.rows[2001].after, (Cells{"1", std::string(100, 'x') + "y"}));
  EXPECT_EQ(log.rows[2014].before[0], "4");
  std::string last;
  for_each([&](const Event& event) {
    if (const auto* query = std::get_if<binlog::Query>(&event.body)) last = query->sql;
  });
  EXPECT_TRUE(last.starts_with("ALTER TABLE t.z ADD COLUMN")) << last;
}

TEST_P(BinlogLog, QueriesTellTheirSession) {
  db_->run("CREATE TABLE t.q (id int PRIMARY KEY)");
  db_->run("USE t; SET foreign_key_checks = 0, unique_checks = 0, sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'");
  db_->run("ALTER TABLE q ADD COLUMN \"odd name\" int DEFAULT 5");
  db_->run("INSERT INTO q (id) VALUES (1)");
  db_->run("SET foreign_key_checks = 1, unique_checks = 1, sql_mode = ''; DROP TABLE q");
  std::vector<std::string> texts;
  bool rows_without_checks = false;
  for_each([&](const Event& event) {
    if (const auto* rows = std::get_if<binlog::Rows>(&event.body)) {
      rows_without_checks = rows->foreign_key_checks_off() && rows->unique_checks_off() && rows->ends_statement();
    }
    const auto* query = std::get_if<binlog::Query>(&event.body);
    if (query == nullptr) return;
    texts.emplace_back(query->sql);
    if (query->sql.starts_with("ALTER")) {
      EXPECT_EQ(query->schema, "t");
      EXPECT_TRUE(query->foreign_key_checks_off() && query->unique_checks_off());
      EXPECT_TRUE(query->ansi_quotes() && query->no_backslash_escapes());
      EXPECT_EQ(character_set_of_collation(query->client_collation), "utf8mb4");
      EXPECT_GT(query->thread_id, 0U);
    } else if (query->sql.starts_with("DROP")) {
      EXPECT_FALSE(query->foreign_key_checks_off() || query->unique_checks_off() || query->ansi_quotes());
    }
  });
  EXPECT_TRUE(rows_without_checks);
  ASSERT_GE(texts.size(), 3U);
  EXPECT_EQ(texts[0], "CREATE TABLE t.q (id int PRIMARY KEY)");
  EXPECT_EQ(texts[1], "ALTER TABLE q ADD COLUMN \"odd name\" int DEFAULT 5");
}

TEST_P(BinlogLog, TransactionsHaveNames) {
  db_->run("CREATE TABLE t.g (id int PRIMARY KEY)");
  db_->run("INSERT INTO t.g VALUES (1)");
  if (is_mariadb()) {
    db_->run("SET gtid_domain_id = 7; INSERT INTO t.g VALUES (2); SET gtid_domain_id = 0; FLUSH BINARY LOGS");
    std::vector<std::string> names;
    std::size_t listed = 0;
    for_each([&](const Event& event) {
      if (const auto* gtid = std::get_if<binlog::MariaGtid>(&event.body)) {
        names.push_back(std::to_string(gtid->domain) + "-" + std::to_string(gtid->server) + "-" +
                        std::to_string(gtid->sequence) + (gtid->is_standalone() ? "s" : "") +
                        (gtid->is_ddl() ? "d" : ""));
      }
      if (const auto* list = std::get_if<binlog::MariaGtidList>(&event.body)) listed = list->entries.size();
    });
    EXPECT_EQ(names, (std::vector<std::string>{"0-1-1sd", "0-1-2", "7-1-1"}));
    EXPECT_EQ(listed, 2U);
    return;
  }
  db_->run("SET gtid_next = 'AUTOMATIC:some_tag'; INSERT INTO t.g VALUES (2); SET gtid_next = 'AUTOMATIC'");
  db_->run("FLUSH BINARY LOGS");
  const std::string uuid = db_->one("SELECT @@server_uuid");
  std::vector<std::string> names, before;
  for_each([&](const Event& event) {
    if (const auto* gtid = std::get_if<binlog::Gtid>(&event.body)) {
      EXPECT_EQ(binlog::uuid_text(gtid->uuid), uuid);
      EXPECT_GT(gtid->immediate_commit_time, 1'600'000'000'000'000U);
      EXPECT_EQ(gtid->immediate_commit_time, gtid->original_commit_time);
      EXPECT_GT(gtid->transaction_size, 50U);
      EXPECT_GE(gtid->immediate_server_version, 80000U);
      names.push_back(std::string(gtid->tag) + ":" + std::to_string(gtid->number));
    }
    if (const auto* list = std::get_if<binlog::PreviousGtids>(&event.body)) {
      before.clear();
      for (const auto& range : list->ranges) {
        EXPECT_EQ(binlog::uuid_text(range.uuid), uuid);
        before.push_back(std::string(range.tag) + ":" + std::to_string(range.first) + "-" + std::to_string(range.last));
      }
    }
  });
  EXPECT_EQ(names, (std::vector<std::string>{":1", ":2", "some_tag:1"}));
  EXPECT_EQ(before, (std::vector<std::string>{":1-2", "some_tag:1-1"}));
}

TEST_P(BinlogLog, PreparedTransactions) {
  db_->run("CREATE TABLE t.x (id int PRIMARY KEY)");
  {
    SqlSession other(server());
    other.run("XA START 'glob','br',5; INSERT INTO t.x VALUES (1); XA END 'glob','br',5; XA PREPARE 'glob','br',5");
  }
  db_->run_patiently("XA COMMIT 'glob','br',5");
  std::string found;
  std::vector<std::string> queries;
  for_each([&](const Event& event) {
    if (const auto* prepared = std::get_if<binlog::XaPrepare>(&event.body)) {
      found += std::string(prepared->name.global) + "/" + std::string(prepared->name.branch) + "/" +
               std::to_string(prepared->name.format) + (prepared->one_phase ? "!" : "");
    }
    if (const auto* gtid = std::get_if<binlog::MariaGtid>(&event.body); gtid != nullptr && gtid->is_prepared_xa()) {
      found += "prepared " + std::string(gtid->xa.global) + ";";
    }
    if (const auto* gtid = std::get_if<binlog::MariaGtid>(&event.body); gtid != nullptr && gtid->is_completed_xa()) {
      found += "completed " + std::string(gtid->xa.branch) + ";";
    }
    if (const auto* query = std::get_if<binlog::Query>(&event.body)) queries.emplace_back(query->sql);
  });
  EXPECT_EQ(found, is_mariadb() ? "prepared glob;glob/br/5completed br;" : "glob/br/5");
  EXPECT_EQ(queries.back(), "XA COMMIT X'676c6f62',X'6272',5");
}

TEST_P(BinlogLog, ChecksumsMatter) {
  db_->run("CREATE TABLE t.c (id int PRIMARY KEY); INSERT INTO t.c VALUES (1)");
  for (const std::string& bytes : mysql_test::logged_events(server())) {
    std::vector<std::string> first = mysql_test::logged_events(server());
    Decoder decoder;
    ASSERT_TRUE(decoder.decode(first[0]).ok());
    EXPECT_TRUE(decoder.format().has_checksums);
    std::string damaged = bytes;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 4);
    const auto refused = decoder.decode(damaged);
    ASSERT_FALSE(refused.ok());
    EXPECT_TRUE(refused.error().is(errors::bad_checksum)) << refused.error().text();
  }
  db_->run("SET GLOBAL binlog_checksum = NONE; INSERT INTO t.c VALUES (2)");
  const LogReader log = read("c");
  EXPECT_EQ(log.rows.size(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Servers, BinlogLog, ::testing::Values(Flavour::mariadb, Flavour::mysql),
                         [](const auto& test) { return test.param == Flavour::mariadb ? "MariaDB" : "MySQL"; });

}  // namespace
}  // namespace mysql
