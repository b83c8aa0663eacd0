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
      if (!servers_.suspended.contains(table) && !servers_.to_load.contains(table)) look(table, *position);
    });
  }
  // A suspended table that comes back: transaction by transaction what the source held there.
  void replayed(const model::TableName& table, const model::Position& position) override {
    if (tables_.follows(table, position)) look(table, position);
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
    for (const auto& [name, table] : servers_.target.tables()) {
      const bool is_excused = servers_.suspended.contains(name) || servers_.to_load.contains(name) ||
                              !servers_.plan.drops_tables || !tables_.follows(name, servers_.target.position());
      if (is_excused || servers_.source.tables().contains(name)) continue;
      find("equality: table {} was dropped at the source and is still on the target", name.text());
    }
  }

 private:
  void look(const model::TableName& table, const model::Position& position) {
    const auto held = servers_.target.tables().find(table);
    if (held == servers_.target.tables().end() || servers_.target.has_exceptions(table)) return;
    const model::TableSchema& schema = *held->second.rows.schema();
    const Moment wanted = servers_.source.at(table, position.log);
    if (wanted.id != schema.source_id) return;  // dropped, or another table of that name
    // Where nothing reports DDL, it is seen with the next row of the table or a look at the catalogue.
    if (!servers_.plan.tells_ddl && !wanted.is_described) return;
    if (is_believed(table, schema, wanted)) return;
    if (shape_of(schema) != wanted.shape) {
      find("equality: table {} at position {} has not the columns that it had at the source", table.text(),
           position.log);
    } else if (held->second.rows.digest() != wanted.digest) {
      find("equality: table {} at position {} is not what the source held there", table.text(), position.log);
    }
  }

  // Where nothing reports DDL, of a table that is dropped before anybody looks nobody can tell a column from one that
  // came in its place under its name and type: not promised.
  bool is_believed(const model::TableName& name, const model::TableSchema& held, const Moment& wanted) const {
    if (servers_.plan.tells_ddl) return false;
    const auto now = servers_.source.tables().find(name);
    const bool is_gone = now == servers_.source.tables().end() || now->second.rows.schema()->source_id != wanted.id;
    const Shape shape = shape_of(held);
    return is_gone && shape != wanted.shape && shape.names == wanted.shape.names;
  }

  void compare(const model::TableName& name, const RowSet& wanted, const RowSet& held) {
    if (wanted.digest() == held.digest() && wanted.passing_rows().size() == held.size()) return;
    const auto lines = [](const RowSet& rows) {
      std::vector<std::string> all;
      for (const Row& row : rows.passing_rows()) all.push_back(show(*rows.schema(), row));
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
