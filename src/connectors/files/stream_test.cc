// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/stream.h"

#include <gtest/gtest.h>

#include "connectors/files/names.h"
#include "connectors/files/target.h"
#include "connectors/files/world_for_test.h"

namespace connectors::files {
namespace {

TEST(ChangeStream, TheCustomerExample) {
  World world;
  const auto table = customers();
  auto target = world.open_stream({table});
  Changes changes({table});
  changes.begin(200).insert({9335, "201-555-9012"}).commit();
  changes.begin(201).update({9335, "201-555-9034"}).commit();
  changes.begin(202).remove({9335, "201-555-9034"}).commit();
  OK(target->apply(changes.batch, {}));
  EXPECT_TRUE(world.objects.empty());
  EXPECT_EQ(target->durable().take()->log, 100u);
  OK(target->flush());
  ASSERT_EQ(world.objects.size(), 1u);
  EXPECT_EQ(world.objects.begin()->first, "crm/customer/20190118-184524184.csv");
  EXPECT_EQ(world.objects.begin()->second.bytes,
            "I,9335,Smith,John,\"1 Skyline Drive, NY, NY\",201-555-9012\n"
            "U,9335,Smith,John,\"1 Skyline Drive, NY, NY\",201-555-9034\n"
            "D,9335,Smith,John,\"1 Skyline Drive, NY, NY\",201-555-9034\n");
  EXPECT_EQ(world.objects.begin()->second.facts.metadata.at("millrace-to"), "202.1");
  EXPECT_EQ(target->durable().take()->log, 202u);
}

TEST(ChangeStream, NamesOnlyGrowWhateverTheClockDoes) {
  World world;
  const auto table = customers();
  auto target = world.open_stream({table});
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < 4; ++i) {
    Changes changes({table});
    changes.begin(200 + i).insert({1, "p"}).commit();
    OK(target->apply(changes.batch, {}));
    OK(target->flush());
    if (i == 1) world.clock.wall_now -= 3600ll * 1000000;
    if (i == 2) target = world.open_stream({table}, true);
  }
  ASSERT_EQ(world.objects.size(), 4u);
  EXPECT_EQ(world.objects.rbegin()->first, "crm/customer/20190118-184524187.csv");
  EXPECT_EQ(world.objects.rbegin()->second.facts.metadata.at("millrace-from"), "202.1");
}

TEST(ChangeStream, RollsByIntervalAndSizeAndBudget) {
  World world;
  world.options["S3Settings.CdcMinFileSize"] = "1";
  const auto table = customers();
  auto target = world.open_stream({table});
  Changes changes({table});
  changes.begin(200);
  for (int i = 0; i < 100; ++i) changes.insert({i, "201-555-9012"});
  changes.commit();
  OK(target->apply(changes.batch, {}));
  const std::size_t by_size = world.objects.size();
  EXPECT_GE(by_size, 4u);
  EXPECT_EQ(target->durable().take()->log, 100u);  // a part of the transaction is not in a file
  world.clock.monotonic_now += std::chrono::seconds(59);
  OK(target->tick());
  EXPECT_EQ(world.objects.size(), by_size);
  world.clock.monotonic_now += std::chrono::seconds(2);
  OK(target->tick());
  EXPECT_EQ(world.objects.size(), by_size + 1);
  EXPECT_EQ(target->durable().take()->log, 200u);
  World small;
  small.memory_budget = 500;
  auto other = small.open_stream({table});
  OK(other->apply(changes.batch, {}));
  EXPECT_GE(small.objects.size(), 5u);
}

TEST(ChangeStream, AValueWithoutPlaceIsPutAside) {
  World world;
  const auto table = customers();
  auto target = world.open_stream({table});
  Changes changes({table});
  changes.begin(200).insert({1, "a"}).insert({2, "b"}).commit();
  changes.batch.cells.back().state = model::CellState::misfit;
  const auto report = target->apply(changes.batch, {});
  OK(report);
  OK(target->flush());
  EXPECT_EQ(report->tables.at(table->source_name).put_aside, 1u);
  EXPECT_EQ(report->tables.at(table->source_name).inserts, 1u);
  ASSERT_EQ(world.objects.size(), 1u);
  EXPECT_EQ(world.objects.begin()->second.bytes.find("I,2"), std::string::npos);
  EXPECT_NE(world.objects.begin()->second.bytes.find("I,1"), std::string::npos);
}

TEST(ChangeStream, OpMatrix) {
  const auto table = customers();
  const Row before{1, "old"};
  const auto run = [&](std::map<std::string, std::string> more) {
    World world;
    world.options.merge(more);
    auto target = world.open_stream({table});
    Changes changes({table});
    changes.begin(200).insert({1, "a", "x"}).update({1, "b", "x"}).remove({1, "b", "x"}).commit();
    EXPECT_TRUE(target->apply(changes.batch, {}).ok());
    EXPECT_TRUE(target->flush().ok());
    return world.text_of_all();
  };
  const std::string i = "1,Smith,John,x,a\n", u = "1,Smith,John,x,b\n";
  EXPECT_EQ(run({}), "I," + i + "U," + u + "D," + u);
  EXPECT_EQ(run({{"S3Settings.CdcInsertsOnly", "true"}}), i);
  EXPECT_EQ(run({{"S3Settings.CdcInsertsOnly", "true"}, {"S3Settings.IncludeOpForFullLoad", "true"}}), "I," + i);
  EXPECT_EQ(run({{"S3Settings.CdcInsertsAndUpdates", "true"}}), "I," + i + "U," + u);
  EXPECT_EQ(run({{"S3Settings.IncludeOpForFullLoad", "true"}}), "I," + i + "U," + u + "D," + u);
  EXPECT_EQ(run({{"S3Settings.AddColumnName", "true"},
                 {"S3Settings.TimestampColumnName", "at"},
                 {"S3Settings.CdcInsertsOnly", "true"}}),
            "id,last,first,address,phone,at\n1,Smith,John,x,a,1970-01-01 00:00:00.000000\n");
}

TEST(ChangeStream, KeyOfDeleteAndKeyUpdate) {
  const auto table = customers();
  World world;
  auto target = world.open_stream({table});
  Changes changes({table});
  const Row before{1, "p", "x"};
  changes.begin(200).update({2, "p", "x"}, &before).remove({2, "", ""}, true).commit();
  OK(target->apply(changes.batch, {}));
  OK(target->flush());
  EXPECT_EQ(world.text_of_all(), "D,1,Smith,John,x,p\nI,2,Smith,John,x,p\nD,2,,,,\n");
}

TEST(ChangeStream, UnchangedValuesNeverBecomeNull) {
  const auto table = customers();
  const Row before{1, "p", "large"};
  World world;
  auto target = world.open_stream({table});
  Changes full({table});
  full.begin(200).update({1, "q", "?"}, &before, true).commit();
  OK(target->apply(full.batch, {}));
  Changes without({table});
  without.begin(201).update({1, "r", "?"}, nullptr, true).commit();
  const auto report = target->apply(without.batch, {});
  OK(report);
  ASSERT_EQ(report->suspended.size(), 1u);
  EXPECT_EQ(report->suspended[0].first.text(), "crm.customer");
  World marked;
  marked.options["S3Settings.UseCsvNoSupValue"] = "true";
  marked.options["S3Settings.CsvNoSupValue"] = "n/a";
  target = marked.open_stream({table});
  OK(target->apply(without.batch, {}));
  OK(target->flush());
  EXPECT_EQ(marked.text_of_all(), "U,1,Smith,John,n/a,r\n");
}

// The table is suspended at 100, where the durable position is; the stream goes on to 300; then its changes are
// replayed and the process dies at every step of that.
TEST(ChangeStream, KeptChangesAreReplayedOnce) {
  const auto table = customers();
  Changes changes({table});
  changes.begin(200).insert({1, "a"}).insert({2, "b"}).update({1, "r", "?"}, nullptr, true).insert({3, "c"}).commit();
  const auto held = [&](World& world) {
    auto target = world.open();
    EXPECT_TRUE(target->start(true).ok());
    EXPECT_TRUE(target->begin_apply({100, model::sequence_end, ""}, {table}).ok());
    EXPECT_TRUE(target->hold(table, true).ok());
    return target;
  };
  bool died = true;
  for (std::int64_t dies_at = 0; died; ++dies_at) {
    World world;
    auto target = world.open_stream({table});
    EXPECT_EQ(target->apply(changes.batch, {}).take().suspended.size(), 1u);
    target = held(world);
    OK(target->advance({300, model::sequence_end, ""}));
    OK(target->flush());
    EXPECT_EQ(target->durable().take()->log, 300u);
    world.options["S3Settings.UseCsvNoSupValue"] = "true";
    world.options["S3Settings.CsvNoSupValue"] = "n/a";
    target = held(world);
    world.plan.fail_at = world.plan.steps + dies_at;
    died = !target->replay(changes.batch, table->source_name, {}).ok() || !target->flush().ok();
    world.plan.fail_at = -1;
    target = held(world);
    OK(target->replay(changes.batch, table->source_name, {}));
    OK(target->flush());
    EXPECT_EQ(world.text_of_all(),
              "I,1,Smith,John,\"1 Skyline Drive, NY, NY\",a\nI,2,Smith,John,\"1 Skyline Drive, NY, NY\",b\n"
              "U,1,Smith,John,n/a,r\nI,3,Smith,John,\"1 Skyline Drive, NY, NY\",c\n")
        << dies_at;
    EXPECT_EQ(target->durable().take()->log, 300u);
    EXPECT_LT(dies_at, 20);
  }
}

TEST(ChangeStream, DateFoldersByCommitTimeInTheZone) {
  World world;
  world.options["S3Settings.DatePartitionEnabled"] = "true";
  world.options["S3Settings.DatePartitionTimezone"] = "America/New_York";
  const auto table = customers();
  auto target = world.open_stream({table});
  Changes changes({table});
  changes.begin(200, 1682913600000000).insert({1, "a"}).commit();  // 2023-05-01 04:00 UTC, midnight there
  changes.begin(201, 1682913599000000).insert({2, "a"}).commit();
  OK(target->apply(changes.batch, {}));
  OK(target->flush());
  ASSERT_EQ(world.objects.size(), 2u);
  EXPECT_EQ(world.objects.begin()->first, "crm/customer/2023/04/30/20190118-134524185.csv");
  EXPECT_EQ(world.objects.rbegin()->first, "crm/customer/2023/05/01/20190118-134524184.csv");
}

TEST(ChangeStream, TransactionFiles) {
  World world;
  world.options["S3Settings.PreserveTransactions"] = "true";
  world.options["S3Settings.CdcPath"] = "changes";
  world.options["S3Settings.BucketFolder"] = "/lake//";
  const auto table = customers();
  auto orders = std::make_shared<model::TableSchema>(*table);
  orders->name = orders->source_name = {"crm", "order"};
  auto target = world.open_stream({table, orders});
  Changes changes({table, orders});
  changes.begin(200).insert({1, "a", "x"}).insert({2, "b", "x"}, 1).remove({1, "a", "x"}).commit();
  OK(target->apply(changes.batch, {}));
  OK(target->flush());
  ASSERT_EQ(world.objects.size(), 1u);
  EXPECT_EQ(world.objects.begin()->first, "lake/changes/CDC_TXN-20190118184524184.csv");
  EXPECT_EQ(world.objects.begin()->second.bytes,
            "I,customer,crm,1,Smith,John,x,a\nI,order,crm,2,Smith,John,x,b\nD,customer,crm,1,Smith,John,x,a\n");
}

World transactions_world() {
  World world;
  world.options["S3Settings.PreserveTransactions"] = "true";
  world.options["S3Settings.CdcPath"] = "changes";
  world.options["S3Settings.CdcMinFileSize"] = "1";
  return world;
}

TEST(ChangeStream, ATransactionIsInOneFile) {
  World world = transactions_world();
  const auto table = customers();
  auto target = world.open_stream({table});
  Changes first({table});
  first.begin(200);
  for (int i = 0; i < 50; ++i) first.insert({i, "201-555-9012"});
  OK(target->apply(first.batch, {}));
  world.clock.monotonic_now += std::chrono::seconds(100);
  OK(target->tick());
  EXPECT_TRUE(world.objects.empty());
  Changes rest({table});
  rest.begin(200).insert({50, "a"}).commit();
  rest.batch.changes.erase(rest.batch.changes.begin());
  OK(target->apply(rest.batch, {}));
  OK(target->tick());
  EXPECT_EQ(world.objects.size(), 1u);
}

// The rows of a table that is loaded anew do not come again for a file that was recorded.
TEST(ChangeStream, ARecordedTransactionFileOutlivesAReload) {
  const auto table = customers();
  auto orders = std::make_shared<model::TableSchema>(*table);
  orders->name = orders->source_name = {"crm", "order"};
  Changes both({table, orders});
  both.begin(200).insert({1, "a", "x"}).insert({2, "b", "x"}, 1).commit();
  Changes without({table});
  without.begin(200).insert({1, "a", "x"}).commit();
  for (const bool is_put : {false, true}) {
    World world = transactions_world();
    {
      auto target = world.open_stream({table, orders});
      OK(target->apply(both.batch, {}));
      world.plan.fail_at = world.plan.steps + 1;  // the intent is recorded, the object put or not
      world.plan.after = is_put;
      EXPECT_FALSE(target->flush().ok());
    }
    world.plan.fail_at = -1;
    auto target = world.open();
    OK(target->start(true));
    OK(target->prepare_all({orders}, connect::Preparation::truncate));
    OK(target->prepare(orders, connect::Preparation::truncate));
    OK(target->resume_apply({table, orders}));
    OK(target->apply(without.batch, {}));
    OK(target->flush());
    EXPECT_EQ(world.text_of_all(), is_put ? "I,customer,crm,1,Smith,John,x,a\nI,order,crm,2,Smith,John,x,b\n"
                                          : "I,customer,crm,1,Smith,John,x,a\n");
    EXPECT_EQ(target->durable().take()->log, 200u);
  }
}

TEST(ChangeStream, AnotherShapeBeginsAnotherFile) {
  World world;
  const auto table = customers();
  auto wider = std::make_shared<model::TableSchema>(*table);
  wider->columns[4].name = "mobile";
  auto target = world.open_stream({table});
  Changes changes({table, wider});
  changes.begin(200).insert({1, "a"}).commit();
  changes.begin(201).insert({2, "b"}, 1).commit();
  OK(target->apply(changes.batch, {}));
  OK(target->flush());
  EXPECT_EQ(world.objects.size(), 2u);
}

// A history with files of two tables, a transaction that is split, a truncate; it dies at every durable step, before
// and after the step took effect, and always ends with the same files.
std::map<std::string, std::string> run_with_death(std::int64_t fail_at, bool after, bool parquet, std::int64_t* steps) {
  World world;
  world.options["S3Settings.CdcMinFileSize"] = "1";
  if (parquet) world.options["S3Settings.DataFormat"] = "parquet";
  const auto table = customers();
  auto orders = std::make_shared<model::TableSchema>(*table);
  orders->name = orders->source_name = {"crm", "order"};
  const std::vector<model::TableSchemaPtr> tables{table, orders};
  std::vector<model::ChangeBatch> history;
  for (std::uint64_t log = 200; log < 212; ++log) {
    Changes changes(tables);
    changes.begin(log);
    for (int i = 0; i < (log == 205 ? 60 : 7); ++i) {
      changes.insert({static_cast<int>(log) * 100 + i, "201-555-9012"}, static_cast<std::uint32_t>(i % 2));
    }
    if (log == 207) changes.truncate(1);
    changes.commit();
    history.push_back(std::move(changes.batch));
  }
  world.plan.fail_at = fail_at;
  world.plan.after = after;
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto target = world.open();
    const bool resume = world.journal.notes.contains(notes::stream_position);
    auto lived = target->start(resume);
    if (lived.ok() && !resume) lived = target->begin_apply({100, model::sequence_end, ""}, tables);
    const auto durable = lived.ok() ? target->durable().take()->log : 0;
    for (model::ChangeBatch& batch : history) {
      if (!lived.ok() || batch.changes.front().position.log <= durable) continue;
      const auto applied = target->apply(batch, {});
      if (!applied.ok()) lived = base::Error(applied.error());
      if (lived.ok() && batch.changes.front().position.log % 4 == 0) lived = target->flush();
    }
    if (lived.ok()) lived = target->flush();
    if (lived.ok()) {
      EXPECT_EQ(target->durable().take()->log, 211u);
      break;
    }
    EXPECT_TRUE(lived.error().is(died)) << lived.error().text();
    world.plan.fail_at = -1;
  }
  if (steps != nullptr) *steps = world.plan.steps;
  for (const auto& [key, note] : world.journal.notes) {
    EXPECT_FALSE(key.starts_with("files/intent/") || key.starts_with("files/clear/")) << key;
  }
  std::map<std::string, std::string> files;
  for (const auto& [key, object] : world.objects) files[key] = object.bytes;
  return files;
}

// Rows of all files of a folder, in name order: where files are cut may differ from run to run, the rows may not.
std::map<std::string, std::string> rows_by_table(const std::map<std::string, std::string>& files) {
  std::map<std::string, std::string> rows;
  for (const auto& [key, bytes] : files) rows[key.substr(0, key.rfind('/'))] += bytes;
  return rows;
}

TEST(ChangeStream, DiesAtEveryStepAndLosesAndDoublesNothing) {
  std::int64_t steps = 0;
  const auto wanted = rows_by_table(run_with_death(-1, false, false, &steps));
  ASSERT_GT(steps, 20);
  EXPECT_EQ(wanted.size(), 2u);
  for (std::int64_t step = 0; step < steps; ++step) {
    for (const bool after : {false, true}) {
      EXPECT_EQ(rows_by_table(run_with_death(step, after, false, nullptr)), wanted) << step << (after ? " after" : "");
    }
  }
}

TEST(ChangeStream, AFileThatWasRecordedIsWrittenAgainByteForByte) {
  World world;
  const auto table = customers();
  auto target = world.open_stream({table});
  Changes changes({table});
  changes.begin(200).insert({1, "a"}).insert({2, "b"}).commit();
  OK(target->apply(changes.batch, {}));
  world.plan.fail_at = world.plan.steps + 1;  // intent committed, put took effect, answer lost
  world.plan.after = true;
  EXPECT_FALSE(target->flush().ok());
  const auto first = world.objects.begin()->second.bytes;
  world.objects.begin()->second.bytes = "torn";
  world.plan.fail_at = -1;
  world.clock.wall_now += 1000000;
  target = world.open();
  OK(target->start(true));
  EXPECT_EQ(target->durable().take()->log, 100u);
  OK(target->apply(changes.batch, {}));
  ASSERT_EQ(world.objects.size(), 1u);
  EXPECT_EQ(world.objects.begin()->second.bytes, first);
  EXPECT_EQ(target->durable().take()->log, 200u);
}

TEST(ChangeStream, OtherRowsThanRecordedAreRefused) {
  World world;
  const auto table = customers();
  auto target = world.open_stream({table});
  Changes changes({table});
  changes.begin(200).insert({1, "a"}).insert({2, "b"}).commit();
  OK(target->apply(changes.batch, {}));
  world.plan.fail_at = world.plan.steps + 1;
  EXPECT_FALSE(target->flush().ok());
  world.plan.fail_at = -1;
  target = world.open_stream({table}, true);
  Changes fewer({table});
  fewer.begin(200).insert({1, "a"}).commit();
  const auto applied = target->apply(fewer.batch, {});
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code->name, "files.replay_mismatch");
}

TEST(FileTarget, AnotherDataDirectoryIsRefused) {
  World world;
  const auto table = customers();
  auto target = world.open_stream({table});
  Changes changes({table});
  changes.begin(200).insert({1, "a"}).commit();
  OK(target->apply(changes.batch, {}));
  OK(target->flush());
  const auto old_notes = world.journal.notes;
  world.journal.notes.clear();
  world.task_id = "b2";
  target = world.open();
  OK(target->start(false));
  const auto prepared = target->prepare_all({table}, connect::Preparation::drop_and_create);
  ASSERT_FALSE(prepared.ok());
  EXPECT_EQ(prepared.error().code->name, "files.state_lost");
  const auto begun = target->begin_apply({100, 0, ""}, {table});
  ASSERT_FALSE(begun.ok());
  EXPECT_EQ(begun.error().code->name, "files.state_lost");
}

TEST(FileTarget, AnOlderStateIsRefused) {
  World world;
  const auto table = customers();
  auto target = world.open_stream({table});
  const auto write = [&](std::uint64_t log) {
    Changes changes({table});
    changes.begin(log).insert({1, "a"}).commit();
    EXPECT_TRUE(target->apply(changes.batch, {}).ok());
    EXPECT_TRUE(target->flush().ok());
  };
  write(200);
  const auto saved = world.journal.notes;
  write(201);
  world.journal.notes = saved;
  target = world.open();
  const auto begun = target->start(true);
  ASSERT_FALSE(begun.ok());
  EXPECT_EQ(begun.error().code->name, "files.newer_state");
}

model::RowBatch rows_of(const model::TableSchemaPtr& table, int first, int count) {
  model::RowBatch batch(table);
  for (int i = first; i < first + count; ++i) {
    batch.columns[0].add_fixed(i);
    for (std::size_t c = 1; c < 5; ++c) batch.columns[c].add_bytes("text " + std::to_string(i));
    ++batch.rows;
  }
  return batch;
}

TEST(LoadFiles, ChunksDiscardAndNames) {
  World world;
  const auto table = customers();
  auto target = world.open();
  OK(target->start(false));
  OK(target->prepare_all({table}, connect::Preparation::drop_and_create));
  OK(target->prepare(table, connect::Preparation::drop_and_create));
  const auto load = [&](std::uint32_t number, int rows, bool finish) {
    connect::Chunk chunk;
    chunk.number = number;
    auto loader = target->loader(table, chunk, {connect::ReadForm::rows}).take();
    auto batch = rows_of(table, 0, rows);
    EXPECT_TRUE(loader->write_rows(batch).ok());
    if (finish) {
      EXPECT_EQ(loader->finish().take(), static_cast<std::uint64_t>(rows));
    }
  };
  load(0, 3, true);
  load(1, 0, true);  // no rows, no object
  load(2, 2, false);
  load(2, 2, true);
  load(0, 3, true);  // the same chunk again replaces its files
  std::vector<std::string> keys;
  for (const auto& [key, object] : world.objects) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"crm/customer/LOAD00000003.csv", "crm/customer/LOAD00000004.csv"}));
  EXPECT_EQ(world.objects.begin()->second.bytes, "0,text 0,text 0,text 0,text 0\n1,text 1,text 1,text 1,text 1\n");
  target = world.open();
  OK(target->start(true));
  OK(target->discard(table));
  EXPECT_TRUE(world.objects.empty());
  load(0, 1, true);
  EXPECT_EQ(world.objects.begin()->first, "crm/customer/LOAD00000001.csv");
}

TEST(LoadFiles, MaxFileSizeCutsBetweenRows) {
  World world;
  world.options["S3Settings.MaxFileSize"] = "1";
  world.options["S3Settings.AddColumnName"] = "true";
  const auto table = customers();
  auto target = world.open();
  OK(target->start(false));
  OK(target->prepare(table, connect::Preparation::drop_and_create));
  auto loader = target->loader(table, {}, {connect::ReadForm::rows}).take();
  std::string wanted;
  for (int i = 0; i < 3; ++i) {
    auto batch = rows_of(table, 100 + 300 * i, 300);
    OK(loader->write_rows(batch));
  }
  EXPECT_EQ(loader->finish().take(), 900u);
  std::size_t rows = 0;
  for (const auto& [key, object] : world.objects) {
    EXPECT_LE(object.bytes.size(), 1024u);
    EXPECT_GE(object.bytes.size(), 900u - (key == world.objects.rbegin()->first ? 900u : 0u));
    EXPECT_TRUE(object.bytes.starts_with("id,last,first,address,phone\n"));
    rows += static_cast<std::size_t>(std::count(object.bytes.begin(), object.bytes.end(), '\n')) - 1;
  }
  EXPECT_EQ(rows, 900u);
}

}  // namespace
}  // namespace connectors::files
