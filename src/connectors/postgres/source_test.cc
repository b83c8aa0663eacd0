// SPDX-License-Identifier: Apache-2.0
//
// The whole source through its descriptor: begin, load and stream meet without gap; what was lost is named, not
// skipped.
#include "connectors/postgres/source.h"

#include <gtest/gtest.h>

#include "connectors/postgres/register.h"
#include "connectors/postgres/server_fixture.h"

namespace postgres {
namespace {

using postgres_test::SqlSession;
using postgres_test::TestServer;

class MemoryJournal final : public connect::Journal {
 public:
  base::Result<std::optional<std::string>> get(const std::string& key) override {
    const auto found = notes_.find(key);
    return found == notes_.end() ? std::optional<std::string>() : std::optional(found->second);
  }
  base::Result<std::vector<std::pair<std::string, std::string>>> scan(const std::string& prefix) override {
    std::vector<std::pair<std::string, std::string>> found;
    for (const auto& [key, value] : notes_) {
      if (key.starts_with(prefix)) found.emplace_back(key, value);
    }
    return found;
  }
  base::Result<void> commit(const std::vector<std::pair<std::string, std::optional<std::string>>>& notes) override {
    for (const auto& [key, value] : notes) {
      if (value) notes_[key] = *value;
      if (!value) notes_.erase(key);
    }
    return {};
  }

 private:
  std::map<std::string, std::string> notes_;
};

class PostgresSource : public ::testing::TestWithParam<bool> {
 protected:
  static TestServer& server() {
    static TestServer debian;
    static TestServer newer(postgres_test::newer_binaries());
    return GetParam() ? newer : debian;
  }
  void SetUp() override {
    if (!server().running()) FAIL() << server().problem();
    SqlSession admin(server().conninfo("postgres"));
    admin.run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
    admin.run("DROP DATABASE IF EXISTS source WITH (FORCE)");
    admin.run("CREATE DATABASE source");
    db_ = std::make_unique<SqlSession>(server().conninfo("source"));
    context_.task = "test";
    context_.task_id = "test";
    context_.clock = &clock_;
    context_.random = &random_;
    context_.log = &log_;
    context_.journal = &journal_;
  }
  std::unique_ptr<connect::Source> open(std::map<std::string, std::string> more = {}) {
    more.insert({{"ServerName", "127.0.0.1"},
                 {"Port", std::to_string(server().port())},
                 {"Username", "postgres"},
                 {"DatabaseName", "source"}});
    auto options = connect::Options::parse(connector().source_options, more);
    EXPECT_TRUE(options.ok()) << options.error().text();
    auto source = connector().open_source(*options, context_);
    EXPECT_TRUE(source.ok()) << source.error().text();
    return source.ok() ? std::move(*source) : nullptr;
  }
  connect::CapturePlan plan_of(connect::Source& source, const std::vector<std::string>& tables) {
    connect::CapturePlan plan;
    for (const std::string& table : tables) {
      auto described = source.catalog().describe({"public", table});
      EXPECT_TRUE(described.ok()) << described.error().text();
      plan.tables.push_back(*described);
    }
    return plan;
  }
  // First columns of the inserted rows, in order, until `count` have come.
  std::vector<std::string> inserted(connect::Stream& stream, std::size_t count, model::Position* last = nullptr) {
    std::vector<std::string> rows;
    for (int turn = 0; turn < 200 && rows.size() < count; ++turn) {
      auto batch = stream.next({});
      EXPECT_TRUE(batch.ok()) << batch.error().text();
      if (!batch.ok()) break;
      for (const model::Change& change : batch->changes) {
        if (change.op == model::Op::insert) rows.emplace_back(batch->cell_bytes(batch->cells[change.new_first]));
        if (change.op == model::Op::commit && last != nullptr) *last = change.position;
      }
    }
    return rows;
  }

  base::SystemClock clock_;
  base::SystemRandom random_;
  base::NullLog log_;
  MemoryJournal journal_;
  connect::Context context_;
  std::unique_ptr<SqlSession> db_;
};

TEST_P(PostgresSource, load_and_stream_meet_without_gap_or_overlap) {
  db_->run("CREATE TABLE t (v text PRIMARY KEY); INSERT INTO t VALUES ('before')");
  auto source = open();
  const connect::CapturePlan plan = plan_of(*source, {"t"});
  auto begun = source->capture()->begin(plan, nullptr, {});
  ASSERT_TRUE(begun.ok()) << begun.error().text();
  db_->run("INSERT INTO t VALUES ('after')");
  auto chunks = begun->second->chunks(*plan.tables[0], 1 << 20);
  ASSERT_TRUE(chunks.ok()) << chunks.error().text();
  std::string loaded;
  for (const connect::Chunk& chunk : *chunks) {
    auto reader = begun->second->read(*plan.tables[0], {0}, chunk, "", connect::ReadForm::raw_text);
    ASSERT_TRUE(reader.ok()) << reader.error().text();
    std::string bytes;
    while (*(*reader)->next_raw(bytes, {})) loaded += bytes;
  }
  EXPECT_EQ(loaded, "before\n");
  auto stream = source->capture()->open_stream(plan, begun->first, model::CellForm::native);
  ASSERT_TRUE(stream.ok()) << stream.error().text();
  EXPECT_EQ(inserted(**stream, 1), std::vector<std::string>{"after"});
  stream->reset();
  EXPECT_TRUE(source->capture()->status()->exists);
  ASSERT_TRUE(source->capture()->drop().ok());
  EXPECT_EQ(db_->one("SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication) + "
                     "(SELECT count(*) FROM pg_event_trigger) + (SELECT count(*) FROM pg_proc WHERE proname ~ "
                     "'^millrace')"),
            "0");
  ASSERT_TRUE(source->capture()->drop().ok());
}

TEST_P(PostgresSource, a_position_behind_the_slot_is_named_and_never_skipped) {
  db_->run("CREATE TABLE t (v text PRIMARY KEY)");
  auto source = open();
  const connect::CapturePlan plan = plan_of(*source, {"t"});
  auto begun = source->capture()->begin(plan, nullptr, {});
  ASSERT_TRUE(begun.ok()) << begun.error().text();
  db_->run("INSERT INTO t VALUES ('one')");
  db_->run("INSERT INTO t VALUES ('two')");
  auto stream = source->capture()->open_stream(plan, begun->first, model::CellForm::native);
  ASSERT_TRUE(stream.ok()) << stream.error().text();
  model::Position last;
  EXPECT_EQ(inserted(**stream, 2, &last), (std::vector<std::string>{"one", "two"}));
  ASSERT_TRUE((*stream)->confirm(last).ok());
  ASSERT_TRUE((*stream)->keep_alive().ok());
  stream->reset();
  EXPECT_TRUE(source->capture()->open_stream(plan, last, model::CellForm::native).ok());
  auto gone = source->capture()->open_stream(plan, begun->first, model::CellForm::native);
  ASSERT_FALSE(gone.ok());
  EXPECT_TRUE(gone.error().is(connect::errors::position_gone)) << gone.error().text();
  ASSERT_TRUE(journal_.commit({{"postgres.source.server", "1/1"}}).ok());
  auto failed_over = source->capture()->open_stream(plan, last, model::CellForm::native);
  ASSERT_FALSE(failed_over.ok());
  EXPECT_TRUE(failed_over.error().is(connect::errors::position_gone));
  ASSERT_TRUE(source->capture()->drop().ok());
  auto no_slot = source->capture()->open_stream(plan, last, model::CellForm::native);
  ASSERT_FALSE(no_slot.ok());
  EXPECT_TRUE(no_slot.error().is(connect::errors::position_gone));
}

TEST_P(PostgresSource, a_slot_of_the_user_is_read_from_its_position_and_left_alone) {
  db_->run("CREATE TABLE t (v text PRIMARY KEY)");
  db_->run("SELECT pg_create_logical_replication_slot('theirs', 'pgoutput')");
  auto source = open({{"PostgreSQLSettings.SlotName", "theirs"}});
  const connect::CapturePlan plan = plan_of(*source, {"t"});
  const std::string confirmed = db_->one("SELECT confirmed_flush_lsn FROM pg_replication_slots");
  const model::Position start = *source->parse_position(confirmed);
  db_->run("INSERT INTO t VALUES ('early')");
  auto refused = source->capture()->adopt(plan, start);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("CREATE PUBLICATION \"millrace_test\" FOR TABLE ONLY \"public\".\"t\""),
            std::string::npos)
      << refused.error().text();
  auto late = source->capture()->adopt(plan, *source->parse_position("7FFFFFFF/0"));
  EXPECT_TRUE(late.ok()) << late.error().text();
  EXPECT_FALSE(source->capture()->adopt(plan, *source->parse_position("0/10")).ok());
  ASSERT_TRUE(source->capture()->drop().ok());
  EXPECT_EQ(db_->one("SELECT count(*) FROM pg_replication_slots"), "1");
}

TEST_P(PostgresSource, positions_are_read_and_written_in_postgresqls_own_form) {
  auto source = open();
  for (const char* text : {"4AF/B00000D0", "0/1"})
    EXPECT_EQ(source->position_text(*source->parse_position(text)), text);
  EXPECT_EQ(source->position_text(*source->parse_position("checkpoint:V1#1#000004AF/B00000D0#0#0#*#0#0")),
            "4AF/B00000D0");
  for (const char* text : {"", "0/0", "checkpoint:V1", "mysql-bin.000024:373", "2026-01-01T00:00:00"}) {
    EXPECT_FALSE(source->parse_position(text).ok()) << text;
  }
  EXPECT_EQ(source->quote_identifier("a\"b"), "\"a\"\"b\"");
}

INSTANTIATE_TEST_SUITE_P(Releases, PostgresSource, ::testing::Values(false, true),
                         [](const auto& one) { return one.param ? "newer" : "debian"; });

}  // namespace
}  // namespace postgres
