// SPDX-License-Identifier: Apache-2.0
//
// The target equals the source at every position it claims: each table that is loaded and beyond its fence holds, at
// every commit a reader can see, exactly what the source held at that position. So no half transaction is ever visible,
// nothing is lost and nothing doubled. In the end row by row, in words.
#include <algorithm>

#include "sim/checks/check.h"

namespace sim {
namespace {

class Equality final : public Check {
 public:
  using Check::Check;

  void snapshot_taken(const model::Fence& fence) override { tables_.snapshot_taken(fence); }
  void prepared(const model::TableName& table) override { tables_.prepared(table); }
  void loaded(const model::TableName& table) override { tables_.loaded(table); }
  void shown(const std::optional<model::Position>& position) override {
    tables_.at(position, [&](const model::TableName& table) {
      const auto held = servers_.target.tables().find(table);
      if (held == servers_.target.tables().end()) return;
      const std::uint64_t wanted = servers_.source.digest_at(table, position->log);
      if (held->second.rows.digest() == wanted) return;
      find("equality: table {} at position {} is not what the source held there", table.text(), position->log);
    });
  }

  void ended() override {
    for (const auto& [name, table] : servers_.source.tables()) {
      const auto held = servers_.target.tables().find(name);
      if (held == servers_.target.tables().end()) {
        find("equality: table {} is not on the target", name.text());
        continue;
      }
      compare(name, table.rows, held->second.rows);
    }
  }

 private:
  void compare(const model::TableName& name, const RowSet& wanted, const RowSet& held) {
    if (wanted.digest() == held.digest() && wanted.size() == held.size()) return;
    const auto lines = [](const RowSet& rows) {
      std::vector<std::string> all;
      for (const Row& row : rows.rows()) all.push_back(show(*rows.schema(), row));
      std::sort(all.begin(), all.end());
      return all;
    };
    const std::vector<std::string> source = lines(wanted);
    const std::vector<std::string> target = lines(held);
    std::vector<std::string> lost;
    std::vector<std::string> extra;
    std::set_difference(source.begin(), source.end(), target.begin(), target.end(), std::back_inserter(lost));
    std::set_difference(target.begin(), target.end(), source.begin(), source.end(), std::back_inserter(extra));
    find("equality: table {}: {} rows on the source, {} on the target; only on the source: {}; only on the target: {}",
         name.text(), source.size(), target.size(), lost.empty() ? "-" : lost.front(),
         extra.empty() ? "-" : extra.front());
  }

  LoadedTables tables_;
};

}  // namespace

std::unique_ptr<Check> check_equality(const Servers& servers) { return std::make_unique<Equality>(servers); }

}  // namespace sim
