// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/stream.h"

#include <gtest/gtest.h>

#include <chrono>

#include "connectors/postgres/ddl_trigger.h"
#include "connectors/postgres/server_fixture.h"
#include "connectors/postgres/stream_reader.h"

namespace postgres {
namespace {

using model::CellState;
using model::Op;
using postgres_test::SqlSession;

struct Setting {
  bool newer = false;
  bool as_text = false;
};

// One table, slot and publication each, described from the catalogue as far as the stream needs it.
class StreamTest : public ::testing::TestWithParam<Setting> {
 protected:
  static postgres_test::TestServer& server(bool newer) {
    static const std::string settings = "logical_decoding_work_mem=64kB\n";
    if (newer) {
      static postgres_test::TestServer one(postgres_test::newer_binaries(), settings);
      return one;
    }
    static postgres_test::TestServer one(postgres_test::default_binaries(), settings);
    return one;
  }
  void SetUp() override {
    if (GetParam().newer && postgres_test::newer_binaries().empty()) GTEST_SKIP() << "no newer server";
    if (!server(GetParam().newer).running()) GTEST_SKIP() << server(GetParam().newer).problem();
    db_ = std::make_unique<SqlSession>(server(GetParam().newer).conninfo("postgres"));
    db_->run("DROP PUBLICATION IF EXISTS p");
    db_->run("DROP TABLE IF EXISTS t; DROP DOMAIN IF EXISTS small, word; DROP TYPE IF EXISTS mood");
    db_->run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 's'");
  }
  void TearDown() override {
    stream_.reset();
    if (db_ == nullptr) return;
    for (int i = 0; i < 100 && db_->one("SELECT count(*) FROM pg_replication_slots WHERE active") != "0"; ++i) {
      db_->run("SELECT pg_sleep(0.02)");
    }
    db_->run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 's'");
  }
  ConnectionSettings connection() {
    ConnectionSettings made;
    made.host = "127.0.0.1";
    made.port = server(GetParam().newer).port();
    made.user = "postgres";
    made.database = "postgres";
    return made;
  }
  model::TableSchemaPtr describe(std::uint32_t oid) {
    auto rows = db_->rows("SELECT attname, atttypid, atttypmod, attnum FROM pg_attribute WHERE attrelid = " +
                          std::to_string(oid) + " AND attnum > 0 AND NOT attisdropped ORDER BY attnum");
    if (rows.empty()) return nullptr;
    auto table = std::make_shared<model::TableSchema>();
    table->name = table->source_name = {"public", "t"};
    table->family = "postgresql";
    table->source_id = oid;
    for (const auto& row : rows) {
      model::Column column;
      column.name = row[0];
      column.type.native_id = static_cast<std::uint32_t>(std::stoul(row[1]));
      column.type.native_modifier = std::stoi(row[2]);
      column.ordinal = std::stoi(row[3]);
      canonical_type(column.type.native_id, column.type.native_modifier, 'b', choices_, column.type);
      table->columns.push_back(column);
    }
    table->primary_key = {0};
    const bool full = db_->one("SELECT relreplident FROM pg_class WHERE oid = " + std::to_string(oid)) == "f";
    table->old_image = full ? model::OldImage::full : model::OldImage::key;
    if (!full) table->old_key = {0};
    return table;
  }
  void open(const std::string& table, model::CellForm form, std::optional<model::Position> start = {}) {
    if (!start) {
      db_->run("CREATE TABLE t (" + table + ")");
      db_->run("CREATE PUBLICATION p FOR TABLE t");
      db_->run("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
      start.emplace();
    }
    oid_ = static_cast<std::uint32_t>(std::stoul(db_->one("SELECT 't'::regclass::oid")));
    StreamSettings settings;
    settings.connection = connection();
    settings.slot = "s";
    settings.publications = {"p"};
    settings.start = *start;
    if (start->log == 0) {
      const std::string lsn = db_->one("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 's'");
      settings.start.log = std::stoull(lsn.substr(0, lsn.find('/')), nullptr, 16) << 32 |
                           std::stoull(lsn.substr(lsn.find('/') + 1), nullptr, 16);
    }
    settings.tables = {describe(oid_)};
    settings.form = form;
    settings.text_only = as_text_;
    settings.refuse_binary = [this]() -> base::Result<void> {
      refusals_ += 1;
      return {};
    };
    settings.choices = choices_;
    settings.clock = &clock_;
    settings.shapes.describe = [this](std::uint32_t oid) -> base::Result<model::TableSchemaPtr> {
      return describe(oid);
    };
    auto opened = open_stream(std::move(settings));
    ASSERT_TRUE(opened.ok()) << opened.error().text();
    stream_ = opened.take();
  }
  // Collects until everything committed before now has come.
  std::vector<model::ChangeBatch> drain() {
    const std::string lsn = db_->one("SELECT pg_current_wal_insert_lsn()");
    const std::uint64_t end = std::stoull(lsn.substr(0, lsn.find('/')), nullptr, 16) << 32 |
                              std::stoull(lsn.substr(lsn.find('/') + 1), nullptr, 16);
    std::vector<model::ChangeBatch> batches;
    const base::Nanos deadline = clock_.monotonic() + std::chrono::seconds(30);
    EXPECT_TRUE(stream_->nudge().ok());
    base::Nanos asked = clock_.monotonic();
    while (clock_.monotonic() < deadline) {
      if (clock_.monotonic() - asked > std::chrono::milliseconds(20)) {
        EXPECT_TRUE(stream_->nudge().ok());
        asked = clock_.monotonic();
      }
      auto batch = stream_->next({});
      EXPECT_TRUE(batch.ok()) << batch.error().text();
      if (!batch.ok()) break;
      const std::uint64_t through = batch->through;
      if (!batch->empty()) batches.push_back(batch.take());
      if (through + 1 >= end) return batches;
    }
    ADD_FAILURE() << "the stream did not catch up";
    return batches;
  }
  std::string text(const model::ChangeBatch& batch, std::uint32_t first, std::uint32_t count) {
    std::string line;
    for (std::uint32_t i = 0; i < count; ++i) {
      const model::Cell& cell = batch.cells[first + i];
      line += line.empty() ? "" : ",";
      if (cell.state == CellState::value) line += batch.cell_bytes(cell);
      if (cell.state == CellState::null) line += "NULL";
      if (cell.state == CellState::unchanged) line += "~";
      if (cell.state == CellState::absent) line += "-";
    }
    return line;
  }
  std::string story(const std::vector<model::ChangeBatch>& batches) {
    static constexpr const char* names[] = {"begin",  "commit", "insert",  "update", "remove",       "truncate",
                                            "schema", "drop",   "message", "abort",  "stream_commit"};
    std::string all;
    for (const model::ChangeBatch& batch : batches) {
      for (const model::Change& change : batch.changes) {
        all += names[static_cast<int>(change.op)];
        if (change.old_count != 0) all += " old(" + text(batch, change.old_first, change.old_count) + ")";
        if (change.new_count != 0) all += " new(" + text(batch, change.new_first, change.new_count) + ")";
        if (change.op == Op::schema) {
          for (const model::Column& column : batch.tables[change.table]->columns) all += " " + column.name;
        }
        all += "\n";
      }
    }
    return all;
  }

  base::SystemClock clock_;
  TypeChoices choices_;
  std::unique_ptr<SqlSession> db_;
  std::unique_ptr<connect::Stream> stream_;
  std::uint32_t oid_ = 0;
  bool as_text_ = GetParam().as_text;
  int refusals_ = 0;
};

TEST_P(StreamTest, DeliversWholeTransactions) {
  open("id int PRIMARY KEY, v text", model::CellForm::native);
  db_->run("INSERT INTO t VALUES (1, 'a')");
  db_->run("BEGIN; UPDATE t SET v = NULL; UPDATE t SET id = 2; DELETE FROM t; COMMIT");
  db_->run("TRUNCATE t RESTART IDENTITY");
  const auto batches = drain();
  EXPECT_EQ(story(batches),
            "begin\ninsert new(1,a)\ncommit\n"
            "begin\nupdate new(1,NULL)\nupdate old(1,-) new(2,NULL)\nremove old(2,-)\ncommit\n"
            "begin\ntruncate\ncommit\n");
  std::vector<std::uint64_t> sequences;
  for (const model::ChangeBatch& batch : batches) {
    for (const model::Change& change : batch.changes) {
      sequences.push_back(change.position.sequence);
      EXPECT_GT(change.commit_time, 1'700'000'000'000'000);
    }
  }
  const std::uint64_t end = model::sequence_end;
  EXPECT_EQ(sequences, (std::vector<std::uint64_t>{0, 1, end, 0, 1, 2, 3, end, 0, 1, end}));
}

TEST_P(StreamTest, FullImageFillsUnchangedValues) {
  open("id int PRIMARY KEY, big text, n int", model::CellForm::native);
  db_->run("ALTER TABLE t ALTER big SET STORAGE EXTERNAL");
  db_->run("INSERT INTO t VALUES (1, repeat('x', 5000), 1)");
  db_->run("UPDATE t SET n = 2");
  db_->run("ALTER TABLE t REPLICA IDENTITY FULL");
  db_->run("UPDATE t SET n = 3");
  std::string all = story(drain());
  const std::string big(5000, 'x');
  for (std::size_t at = all.find(big); at != std::string::npos; at = all.find(big)) all.replace(at, big.size(), "BIG");
  EXPECT_EQ(all,
            "begin\ninsert new(1,BIG,1)\ncommit\nbegin\nupdate new(1,~,2)\ncommit\n"
            "begin\nschema id big n\nupdate old(1,BIG,2) new(1,BIG,3)\ncommit\n");
}

TEST_P(StreamTest, FollowsAlterTable) {
  open("id int PRIMARY KEY, v text", model::CellForm::native);
  db_->run("INSERT INTO t VALUES (1, 'a')");
  db_->run("ALTER TABLE t ADD n int");
  db_->run("INSERT INTO t VALUES (2, 'b', 7)");
  db_->run("ALTER TABLE t DROP v");
  db_->run("INSERT INTO t VALUES (3, 8)");
  EXPECT_EQ(story(drain()),
            "begin\ninsert new(1,a)\ncommit\nbegin\nschema id v n\ninsert new(2,b,7)\ncommit\n"
            "begin\nschema id n\ninsert new(3,8)\ncommit\n");
}

TEST_P(StreamTest, DdlMessagesReportTables) {
  for (const std::string& statement : ddl_trigger_statements("public", "millrace_t")) db_->run(statement);
  open("id int PRIMARY KEY", model::CellForm::native);
  db_->run("ALTER TABLE t ADD v text");
  EXPECT_EQ(story(drain()), "begin\nschema id v\ncommit\n");
  // The row comes at once after the report, in its transaction; by then the name stands for another column.
  db_->run(
      "BEGIN; ALTER TABLE t RENAME v TO z; INSERT INTO t VALUES (1, 'a'); ALTER TABLE t RENAME z TO v;"
      "INSERT INTO t VALUES (2, 'b'); COMMIT");
  EXPECT_EQ(story(drain()), "begin\nschema id z\ninsert new(1,a)\nschema id v\ninsert new(2,b)\ncommit\n");
  db_->run("DROP TABLE t");
  EXPECT_EQ(story(drain()), "begin\ndrop\ncommit\n");
  db_->run("DROP EVENT TRIGGER millrace_t_end; DROP EVENT TRIGGER millrace_t_drop; DROP FUNCTION millrace_t()");
}

TEST_P(StreamTest, StreamsLargeTransactionsWithAborts) {
  open("id int PRIMARY KEY, v text", model::CellForm::native);
  db_->run(
      "BEGIN; INSERT INTO t SELECT n, repeat('y', 100) FROM generate_series(1, 5000) n; SAVEPOINT a;"
      "INSERT INTO t SELECT n, repeat('y', 100) FROM generate_series(5001, 10000) n; ROLLBACK TO a; COMMIT");
  std::size_t inserts = 0, aborts = 0, commits = 0;
  std::map<std::uint64_t, std::size_t> by_sub;
  for (const model::ChangeBatch& batch : drain()) {
    for (const model::Change& change : batch.changes) {
      if (change.op == Op::insert) {
        EXPECT_TRUE(change.streamed);
        by_sub[change.sub_xid] += 1;
        inserts += 1;
      }
      if (change.op == Op::stream_abort) {
        aborts += 1;
        by_sub.erase(change.sub_xid);
      }
      if (change.op == Op::stream_commit) {
        commits += 1;
        EXPECT_EQ(by_sub[change.xid], 5000u);
      }
    }
  }
  EXPECT_EQ(commits, 1u);
  EXPECT_GE(aborts, 1u);
  EXPECT_EQ(by_sub.size(), 1u);
}

TEST_P(StreamTest, ResumesAfterWhatWasConfirmed) {
  open("id int PRIMARY KEY", model::CellForm::canonical);
  db_->run("INSERT INTO t VALUES (1)");
  db_->run("INSERT INTO t VALUES (2)");
  const auto batches = drain();
  model::Position first;
  for (const model::ChangeBatch& batch : batches) {
    for (const model::Change& change : batch.changes) {
      if (first.log == 0 && change.op == Op::insert) {
        EXPECT_EQ(model::load_fixed(batch.cell_bytes(batch.cells[change.new_first])), 1);
      }
      if (first.log == 0 && change.op == Op::commit) first = change.position;
    }
  }
  ASSERT_NE(first.log, 0u);
  ASSERT_TRUE(stream_->confirm(first).ok());
  stream_.reset();
  open("", model::CellForm::native, first);
  EXPECT_EQ(story(drain()), "begin\ninsert new(2)\ncommit\n");
  model::Position inside = first;
  inside.sequence = 0;
  stream_.reset();
  StreamSettings behind;
  behind.connection = connection();
  behind.slot = "s";
  behind.publications = {"p"};
  behind.start = inside;
  behind.clock = &clock_;
  behind.shapes.describe = [](std::uint32_t) -> base::Result<model::TableSchemaPtr> { return model::TableSchemaPtr(); };
  auto gone = open_stream(behind);
  ASSERT_FALSE(gone.ok());
  EXPECT_TRUE(gone.error().is(connect::errors::position_gone)) << gone.error().text();
  behind.slot = "absent";
  gone = open_stream(behind);
  EXPECT_TRUE(gone.error().is(connect::errors::position_gone)) << gone.error().text();
}

constexpr const char* binary_columns =
    "id int PRIMARY KEY, c0 bool, c1 int2, c2 int8, c3 oid, c4 float4, c5 float8, c6 numeric, c7 numeric(12,2), "
    "c8 text, c9 varchar(20), c10 char(5), c11 name, c12 date, c13 time, c14 timestamp, c15 timestamptz, c16 uuid, "
    "c17 bytea, c18 json, c19 jsonb, c20 mood, c21 small, c22 word";

TEST_P(StreamTest, BinaryAndTextGiveTheSameCells) {
  db_->run(
      "CREATE TYPE mood AS ENUM ('sad', 'so so', ''); CREATE DOMAIN small AS int2 CHECK (VALUE < 1000);"
      "CREATE DOMAIN word AS mood");
  choices_.boolean_as_boolean = GetParam().newer;
  std::string stories[2][2];
  for (const int form : {0, 1}) {
    for (const int as_text : {0, 1}) {
      as_text_ = as_text == 1;
      const auto cells = form == 0 ? model::CellForm::canonical : model::CellForm::native;
      open(binary_columns, cells, oid_ == 0 ? std::nullopt : std::optional(model::Position()));
      if (form == 0 && as_text == 0) {
        db_->run("ALTER TABLE t REPLICA IDENTITY FULL");
        stream_.reset();
        open("", cells, model::Position());
        db_->run("INSERT INTO t (id) VALUES (1)");
        db_->run(
            "INSERT INTO t SELECT n, n % 2 = 0, -n, n * 1e15, n, n / 7.0, n / 7.0, n / 7.0, n / 7.0, 'x' || n, '',"
            " 'ab', 'n', date '4000-01-01 BC' + n * 40000, time '00:00' + n * interval '1.5 s', timestamp "
            "'2000-01-01' - n * interval '20 years 1.25 s', timestamptz '2000-01-01' + n * interval '1900 years',"
            " md5(n::text)::uuid, decode(md5(n::text), 'hex'), '{\"a\":  1}', '{\"a\":  1}', 'so so', 7, '' "
            "FROM generate_series(2, 150) n");
        db_->run(
            "UPDATE t SET c5 = 'NaN', c6 = 'Infinity', c12 = 'infinity', c14 = '-infinity', c17 = '' WHERE id < 5");
        db_->run("DELETE FROM t WHERE id > 140");
      }
      stories[form][as_text] = story(drain());
      stream_.reset();
    }
    EXPECT_EQ(stories[form][0], stories[form][1]);
    EXPECT_GT(stories[form][0].size(), 20'000u);
  }
}

TEST_P(StreamTest, ATypeThatOnlyTextKnowsEndsTheBinarySession) {
  const std::string last = "insert new(4,d,NULL,(1,2))\ncommit\n";
  open("id int PRIMARY KEY, v text", model::CellForm::native);
  db_->run("INSERT INTO t VALUES (1, 'a')");
  // An enum made meanwhile is looked up, and no reason to go back to text.
  db_->run("CREATE TYPE mood AS ENUM ('sad'); ALTER TABLE t ADD m mood; INSERT INTO t VALUES (2, 'b', 'sad')");
  EXPECT_EQ(story(drain()), "begin\ninsert new(1,a)\ncommit\nbegin\nschema id v m\ninsert new(2,b,sad)\ncommit\n");
  db_->run(
      "BEGIN; INSERT INTO t VALUES (3, 'c', NULL); ALTER TABLE t ADD p point; INSERT INTO t VALUES (4, 'd', NULL, "
      "'(1,2)'); ALTER TABLE t DROP p; COMMIT");
  if (GetParam().as_text) {  // a session as text just goes on
    EXPECT_NE(story(drain()).find(last), std::string::npos);
    EXPECT_EQ(refusals_, 0);
    return;
  }
  base::Error error = base::failed(base::errors::bug, "it did not fail");
  for (int i = 0; i < 100 && refusals_ == 0; ++i) {
    auto batch = stream_->next({});
    if (!batch.ok()) error = batch.take_error();
  }
  EXPECT_TRUE(error.is(connect::errors::stream_again)) << error.text();
  EXPECT_EQ(refusals_, 1);
  stream_.reset();
  as_text_ = true;
  open("", model::CellForm::native, model::Position());
  const std::string all = story(drain());
  EXPECT_NE(all.find(last), std::string::npos) << all;
}

INSTANTIATE_TEST_SUITE_P(Servers, StreamTest,
                         ::testing::Values(Setting{false, false}, Setting{true, false}, Setting{false, true},
                                           Setting{true, true}),
                         [](const auto& which) {
                           return std::string(which.param.newer ? "newer" : "fifteen") +
                                  (which.param.as_text ? "_text" : "_binary");
                         });

}  // namespace
}  // namespace postgres
