// SPDX-License-Identifier: Apache-2.0
#include "connectors/memory/memory.h"

#include <algorithm>

#include "tests/conform/suite.h"

namespace conform {
namespace {

class MemoryBench final : public Bench {
 public:
  connect::Context context() override {
    connect::Context made;
    made.task = "conformance";
    return made;
  }
  base::Result<std::unique_ptr<connect::Source>> open_source() override {
    return memory::open_source(source_, context());
  }
  base::Result<std::unique_ptr<connect::Target>> open_target() override {
    return memory::open_target(target_, context());
  }
  void create_table(const model::TableSchemaPtr& table) override { source_->create_table(table); }
  void insert(const model::TableName& table, const std::vector<Cells>& rows) override {
    const std::uint64_t xid = source_->begin();
    for (const Cells& row : rows) EXPECT_TRUE(source_->insert(xid, table, row).ok());
    EXPECT_TRUE(source_->commit(xid).ok());
  }
  std::vector<Cells> target_rows(const model::TableName& table) override {
    std::vector<Cells> rows = target_->table(table).value().rows();
    std::sort(rows.begin(), rows.end(), [](const Cells& a, const Cells& b) {
      return model::load_fixed(a[0].value()) < model::load_fixed(b[0].value());
    });
    return rows;
  }

 private:
  base::SystemClock clock_;
  std::shared_ptr<memory::Database> source_ = std::make_shared<memory::Database>(clock_);
  std::shared_ptr<memory::Database> target_ = std::make_shared<memory::Database>(clock_);
};

const Subject memory_subject{"memory", [] { return std::make_unique<MemoryBench>(); }};

INSTANTIATE_TEST_SUITE_P(memory, conformance, testing::Values(memory_subject));

}  // namespace
}  // namespace conform
