// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "connectors/files/register.h"
#include "connectors/files/world_for_test.h"

namespace connectors::files {
namespace {

TEST(LocalFolder, LoadAndStreamThroughTheConnector) {
  std::string folder = (std::filesystem::temp_directory_path() / "millrace-files-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  FaultPlan plan;
  FakeJournal journal(plan);
  FakeClock clock;
  base::NullLog log;
  base::SystemRandom random;
  base::PosixDisk disk;
  connect::Context context;
  context.task = "lake";
  context.task_id = "a1";
  context.clock = &clock;
  context.random = &random;
  context.disk = &disk;
  context.log = &log;
  context.journal = &journal;
  const auto options = connect::Options::parse(connector().target_options, {{"MillraceUrl", "file://" + folder}});
  OK(options);
  auto opened = connector().open_target(*options, context);
  ASSERT_TRUE(opened.ok()) << opened.error().text();
  connect::Target& target = **opened;
  auto table = std::make_shared<model::TableSchema>(*customers());
  table->name = {"crm", ".odd/name"};
  OK(target.start(false));
  OK(target.prepare_all({table}, connect::Preparation::drop_and_create));
  OK(target.prepare(table, connect::Preparation::drop_and_create));
  auto loader = target.loader(table, {}, {connect::ReadForm::rows}).take();
  model::RowBatch batch(table);
  batch.columns[0].add_fixed(1);
  for (std::size_t c = 1; c < 5; ++c) batch.columns[c].add_null();
  batch.rows = 1;
  OK(loader->write_rows(batch));
  OK(loader->finish());
  OK(target.begin_apply({100, 0, ""}, {table}));
  Changes changes({table});
  changes.begin(200).insert({2, "p", "x"}).commit();
  OK(target.apply(changes.batch, {}));
  OK(target.flush());
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().filename().string().starts_with('.')) continue;
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    files[std::filesystem::relative(entry.path(), folder).string()] = bytes.str();
  }
  const std::map<std::string, std::string> wanted{{"crm/%2Eodd%2Fname/19700101-000000001.csv", "I,2,Smith,John,x,p\n"},
                                                  {"crm/%2Eodd%2Fname/LOAD00000001.csv", "1,,,,\n"}};
  EXPECT_EQ(files, wanted);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace connectors::files
