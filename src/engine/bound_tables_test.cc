// SPDX-License-Identifier: Apache-2.0
#include "engine/bound_tables.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

using model::TableName;

model::TableSchemaPtr table(const std::string& name, const std::vector<std::string>& parents, bool unlogged = true) {
  auto made = std::make_shared<model::TableSchema>();
  made->name = made->source_name = {"s", name};
  for (const std::string& parent : parents) {
    made->foreign_keys.push_back({name + parent, {"p"}, {"s", parent}, {"id"}, "ON DELETE CASCADE", unlogged});
  }
  return made;
}

class Bound : public ::testing::Test {
 protected:
  Bound() { EXPECT_TRUE(ledger_.begin_anew({}).ok()); }
  void set(const std::string& name, std::string_view state, std::int64_t load_ended) {
    ASSERT_TRUE(ledger_
                    .update_table({"s", name},
                                  [&](TableRecord& record) {
                                    record.state = state;
                                    record.load_ended = load_ended;
                                  })
                    .ok());
  }
  std::string settled(bool is_first) {
    EXPECT_TRUE(settle_bound(bound_, ledger_, is_first).ok());
    std::string all;
    for (const auto& [name, record] : ledger_.tables()) {
      all += name.table + ":" + record.state + (record.load_ended == 0 ? "" : "!") + " ";
    }
    return all;
  }

  MemoryStore store_;
  Ledger ledger_{store_};
  const BoundTables bound_{{table("a", {}), table("b", {"a"}), table("c", {"b", "c"}), table("d", {"a"}, false)}};
};

TEST_F(Bound, TablesAreBoundByWhatActsUnlogged) {
  EXPECT_EQ(bound_.others({"s", "a"}), (std::set<TableName>{{"s", "b"}, {"s", "c"}}));
  EXPECT_EQ(bound_.others({"s", "c"}), (std::set<TableName>{{"s", "a"}, {"s", "b"}}));
  EXPECT_TRUE(bound_.others({"s", "d"}).empty()) << "what its key does is in the log";
  ASSERT_EQ(bound_.sets().size(), 1U);
}

TEST_F(Bound, LoadsComeTogether) {
  EXPECT_EQ(settled(true), "") << "a first start";
  set("a", table_state::completed, 1);
  set("b", table_state::loading, 0);
  set("c", table_state::completed, 1);
  set("d", table_state::completed, 1);
  EXPECT_EQ(settled(true), "a:Before load b:Before load c:Before load d:Table completed! ");
}

TEST_F(Bound, OneTableToReloadBringsTheOthers) {
  set("a", table_state::error, 1);
  set("b", table_state::before_load, 0);
  set("c", table_state::error, 1);
  EXPECT_EQ(settled(true), "a:Before load b:Before load c:Before load ");
}

TEST_F(Bound, ErrorsComeTogether) {
  set("a", table_state::error, 1);
  set("b", table_state::completed, 1);
  set("c", table_state::dropped, 1);
  EXPECT_EQ(settled(true), "a:Table error! b:Table error! c:Table was dropped! ") << "a crash between two suspensions";
  set("a", table_state::error, 0);
  set("b", table_state::completed, 1);
  set("c", table_state::completed, 1);
  EXPECT_EQ(settled(false), "a:Table error b:Table error c:Table error ") << "a load that failed just now";
  EXPECT_EQ(settled(true), "a:Table error b:Table error c:Table error ") << "all are tried at the next start";
}

}  // namespace
}  // namespace engine
