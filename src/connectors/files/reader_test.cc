// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/reader.h"

#include <algorithm>

#include "connectors/files/world_for_test.h"

namespace connectors::files {
namespace {

std::vector<std::string> rebuilt(FileTarget& target, const model::TableSchema& table) {
  std::vector<std::string> rows;
  auto reader = target.comparable()->read_ordered(table, model::stored_columns(table), {}, "", {});
  EXPECT_TRUE(reader.ok()) << reader.error().text();
  if (!reader.ok()) return rows;
  std::vector<std::optional<std::string>> cells;
  while (true) {
    auto more = (*reader)->next(cells, {});
    EXPECT_TRUE(more.ok()) << more.error().text();
    if (!more.ok() || !*more) break;
    rows.push_back(*cells[0] + "/" + cells[3].value_or("NULL") + "/" + *cells[4]);
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

void load(FileTarget& target, const model::TableSchemaPtr& table, int rows) {
  OK(target.prepare(table, connect::Preparation::drop_and_create));
  auto loader = target.loader(table, {}, {connect::ReadForm::rows}).take();
  model::RowBatch batch(table);
  for (int i = 1; i <= rows; ++i, ++batch.rows) {
    batch.columns[0].add_fixed(i);
    const char* const texts[] = {"Smith", "John", "x", "p"};
    for (std::size_t c = 1; c < 5; ++c) batch.columns[c].add_bytes(texts[c - 1]);
  }
  OK(loader->write_rows(batch));
  OK(loader->finish());
}

const std::map<std::string, std::map<std::string, std::string>> formats_to_try = {
    {"csv", {}},
    {"gzip", {{"S3Settings.CompressionType", "GZIP"}, {"S3Settings.AddColumnName", "true"}}},
    {"odd",
     {{"S3Settings.CsvDelimiter", "|"},
      {"S3Settings.CsvNullValue", "NULL"},
      {"S3Settings.IncludeOpForFullLoad", "true"},
      {"S3Settings.TimestampColumnName", "at"}}},
    {"parquet", {{"S3Settings.DataFormat", "parquet"}}},
    {"parquet2",
     {{"S3Settings.DataFormat", "parquet"},
      {"S3Settings.ParquetVersion", "parquet-2-0"},
      {"S3Settings.IncludeOpForFullLoad", "true"},
      {"S3Settings.TimestampColumnName", "at"}}},
    {"transactions", {{"S3Settings.PreserveTransactions", "true"}, {"S3Settings.CdcPath", "cdc"}}},
};

TEST(FileComparable, RebuildsATableWithAKey) {
  for (const auto& [name, options] : formats_to_try) {
    World world;
    for (const auto& [option, value] : options) world.options[option] = value;
    const auto table = customers();
    auto target = world.open();
    OK(target->start(false));
    load(*target, table, 4);
    OK(target->begin_apply({100, 0, ""}, {table}));
    const Row third{3, "p", "x"};
    Changes changes({table});
    changes.begin(200).insert({5, "q", "a|\"b\"\nc"}).update({2, "r", "x"}).commit();
    changes.begin(201).remove({1, "", ""}, true).update({30, "p", "x"}, &third).insert({6, "s", "x"}).commit();
    changes.begin(202).remove({6, "", ""}, true).commit();
    OK(target->apply(changes.batch, {}));
    OK(target->flush());
    EXPECT_EQ(rebuilt(*target, *table), (std::vector<std::string>{"2/x/r", "30/x/p", "4/x/p", "5/a|\"b\"\nc/q"}))
        << name;
  }
}

TEST(FileComparable, RebuildsATableWithoutAKeyAsAMultiset) {
  for (const auto& [name, options] : formats_to_try) {
    World world;
    for (const auto& [option, value] : options) world.options[option] = value;
    auto table = std::make_shared<model::TableSchema>(*customers());
    table->primary_key.clear();
    table->old_image = model::OldImage::full;
    auto target = world.open();
    OK(target->start(false));
    load(*target, table, 2);
    OK(target->begin_apply({100, 0, ""}, {table}));
    const Row first{1, "p", "x"};
    Changes changes({table});
    changes.begin(200).insert({1, "p", "x"}).insert({1, "p", "x"}).update({7, "p", "x"}, &first).commit();
    changes.begin(201).remove({2, "p", "x"}).update({1, "p", "x"}, &first).commit();
    OK(target->apply(changes.batch, {}));
    OK(target->flush());
    EXPECT_EQ(rebuilt(*target, *table), (std::vector<std::string>{"1/x/p", "1/x/p", "7/x/p"})) << name;
  }
}

TEST(FileComparable, AForeignFileIsNamed) {
  World world;
  const auto table = customers();
  auto target = world.open();
  OK(target->start(false));
  world.objects["crm/customer/LOAD00000001.csv"].bytes = "1,2,3\n";
  auto reader = target->comparable()->read_ordered(*table, {0}, {}, "", {}).take();
  std::vector<std::optional<std::string>> cells;
  const auto read = reader->next(cells, {});
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code->name, "files.bad_file");
}

TEST(ChangeStream, ParquetDiesAtEveryStepToo) {
  const auto table = customers();
  std::int64_t steps = 1;
  for (std::int64_t step = -1; step < steps; ++step) {
    World world;
    world.options["S3Settings.DataFormat"] = "parquet";
    world.options["S3Settings.CdcMinFileSize"] = "1";
    world.plan.fail_at = step;
    Changes changes({table});
    for (std::uint64_t log = 200; log < 206; ++log) {
      changes.begin(log);
      for (int i = 0; i < 9; ++i) changes.insert({static_cast<int>(log) * 10 + i, "p", "x"});
      changes.commit();
    }
    for (int attempt = 0; attempt < 2; ++attempt) {
      auto target = world.open();
      const bool resume = world.journal.notes.contains(notes::stream_position);
      auto lived = target->start(resume);
      if (lived.ok() && !resume) lived = target->begin_apply({100, model::sequence_end, ""}, {table});
      if (lived.ok()) {
        const auto applied = target->apply(changes.batch, {});
        lived = applied.ok() ? target->flush() : base::Result<void>(base::Error(applied.error()));
      }
      if (!lived.ok()) continue;
      EXPECT_EQ(rebuilt(*target, *table).size(), 54u) << step;
      break;
    }
    if (step == -1) steps = world.plan.steps;
  }
  EXPECT_GT(steps, 6);
}

}  // namespace
}  // namespace connectors::files
