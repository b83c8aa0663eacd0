// SPDX-License-Identifier: Apache-2.0
#include "engine/validate.h"

#include <algorithm>
#include <set>

#include "engine/attempt.h"
#include "engine/errors.h"
#include "engine/validate_unordered.h"

namespace engine {
namespace {

using base::Result;
using Cells = std::vector<std::optional<std::string>>;

constexpr int looks_max = 4;  // a difference must be seen every time
constexpr base::Nanos between_looks = std::chrono::seconds(1);

// One side of the walk.
struct Side {
  std::unique_ptr<connect::OrderedReader> reader;
  Cells cells;
  bool more = false;
  std::uint64_t rows = 0;

  Result<void> advance(std::stop_token stop) {
    more = TRY(reader->next(cells, stop));
    if (more) ++rows;
    return {};
  }
};

}  // namespace

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

namespace {

class TableComparison {
 public:
  TableComparison(const PlannedTable& table, connect::Comparable& source, connect::Comparable& target)
      : table_(table), source_(source), target_(target) {
    const model::TableSchema& schema = *table.mapped.target;
    for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
      // What a rule computes, converts or masks has no counterpart at the source.
      if (!schema.columns[i].generated && table.mapped.sources[i].is_as_read()) compared_.push_back(i);
    }
    const bool keyed = !schema.primary_key.empty() &&
                       std::all_of(schema.primary_key.begin(), schema.primary_key.end(),
                                   [&](std::uint32_t column) { return table.mapped.sources[column].is_as_read(); });
    order_ = keyed ? schema.primary_key : compared_;
    for (const std::uint32_t column : order_) {
      key_cells_.push_back(
          static_cast<std::size_t>(std::find(compared_.begin(), compared_.end(), column) - compared_.begin()));
    }
  }

  // Walks both sides once; every difference goes to `found`.
  Result<void> walk(const std::function<void(Difference)>& found, std::stop_token stop) {
    Side source, target;
    source.reader = TRY(source_.read_ordered(*table_.source, in_source(compared_), in_source(order_), table_.filter));
    target.reader = TRY(target_.read_ordered(*table_.mapped.target, compared_, order_, ""));
    TRY(source.advance(stop));
    TRY(target.advance(stop));
    while (source.more || target.more) {
      if (stop.stop_requested()) return base::failed(base::errors::canceled, "validation stopped");
      const int order = !target.more ? -1 : !source.more ? 1 : compare_keys(source.cells, target.cells);
      if (order < 0) {
        found(difference("MISSING_TARGET", source.cells, ""));
      } else if (order > 0) {
        found(difference("MISSING_SOURCE", target.cells, ""));
      } else if (source.cells != target.cells) {
        found(difference("RECORD_DIFF", source.cells, differing_columns(source.cells, target.cells)));
      }
      if (order <= 0) TRY(source.advance(stop));
      if (order >= 0) TRY(target.advance(stop));
    }
    rows_source = source.rows;
    rows_target = target.rows;
    return {};
  }

  std::uint64_t rows_source = 0, rows_target = 0;

 private:
  std::vector<std::uint32_t> in_source(const std::vector<std::uint32_t>& columns) const {
    std::vector<std::uint32_t> mapped;
    for (const std::uint32_t column : columns) mapped.push_back(table_.mapped.columns[column]);
    return mapped;
  }

  // NULL sorts last, as both sides promise.
  int compare_keys(const Cells& a, const Cells& b) const {
    for (const std::size_t cell : key_cells_) {
      if (a[cell].has_value() != b[cell].has_value()) return a[cell].has_value() ? -1 : 1;
      if (!a[cell]) continue;
      if (const int order = a[cell]->compare(*b[cell]); order != 0) return order;
    }
    return 0;
  }

  Difference difference(std::string kind, const Cells& cells, std::string details) const {
    std::string key = "{\"key\":  [";
    for (std::size_t i = 0; i < key_cells_.size(); ++i) {
      if (i > 0) key += ", ";
      const std::optional<std::string>& cell = cells[key_cells_[i]];
      key += cell ? json_text(cell->substr(0, 200)) : "null";
    }
    return Difference{table_.mapped.target->name, std::move(kind), key + "]}", std::move(details)};
  }

  std::string differing_columns(const Cells& a, const Cells& b) const {
    std::string names;
    for (std::size_t i = 0; i < compared_.size(); ++i) {
      if (a[i] == b[i]) continue;
      names += (names.empty() ? "" : ", ") + table_.mapped.target->columns[compared_[i]].name;
    }
    return names;
  }

  const PlannedTable& table_;
  connect::Comparable& source_;
  connect::Comparable& target_;
  std::vector<std::uint32_t> compared_;  // indexes into the target's columns
  std::vector<std::uint32_t> order_;
  std::vector<std::size_t> key_cells_;
};

Result<ValidationReport::Table> compare_ordered(const PlannedTable& table, const Environment& environment,
                                                bool streaming, connect::Comparable& source,
                                                connect::Comparable& target, std::vector<Difference>& differences,
                                                std::stop_token stop) {
  ValidationReport::Table row;
  row.name = table.mapped.target->name;
  TableComparison comparison(table, source, target);
  std::map<std::pair<std::string, std::string>, Difference> standing;
  const int looks = streaming ? looks_max : 1;
  for (int look = 0; look < looks; ++look) {
    std::map<std::pair<std::string, std::string>, Difference> seen;
    row.differences = 0;
    const auto found = [&](Difference difference) {
      const auto key = std::make_pair(difference.kind, difference.key);
      if (look > 0 && !standing.contains(key) && standing.size() < differences_max) return;
      ++row.differences;
      if (seen.size() < differences_max) seen.emplace(key, std::move(difference));
    };
    TRY(comparison.walk(found, stop));
    standing = std::move(seen);
    if (row.differences == 0 || look == looks - 1) break;
    environment.clock->pause(between_looks, stop);
  }
  row.rows_source = comparison.rows_source;
  row.rows_target = comparison.rows_target;
  row.state = row.differences == 0 ? "Validated" : "Mismatched records";
  for (auto& [key, difference] : standing) differences.push_back(std::move(difference));
  return row;
}

}  // namespace

Result<ValidationReport> validate_task(const TaskDefinition& definition, const Environment& environment,
                                       const std::function<void(const Difference&)>& on_difference,
                                       std::stop_token stop) {
  auto source_journal = journal_of(*environment.store, "source");
  auto target_journal = journal_of(*environment.store, "target");
  auto source = TRY(environment.open_source(make_context(definition, environment, source_journal.get(), false)));
  auto target = TRY(environment.open_target(make_context(definition, environment, target_journal.get(), false)));
  const bool ordered = source->family() == target->family() && source->comparable() != nullptr;
  if (target->comparable() == nullptr) {
    return base::failed(errors::cannot_validate, "{} and {}", environment.source_text, environment.target_text);
  }
  ValidationReport report;
  for (const PlannedTable& table : TRY(plan_tables(definition, *source, target.get()))) {
    std::vector<Difference> differences;
    Result<ValidationReport::Table> row =
        ordered ? compare_ordered(table, environment, streams(definition), *source->comparable(), *target->comparable(),
                                  differences, stop)
                : compare_unordered(table, definition, *source, *target->comparable(), differences, stop);
    if (!row.ok() && row.error().kind() != base::Kind::table) return row.take_error();
    if (!row.ok()) {
      row = ValidationReport::Table{table.mapped.target->name, 0, 0, 0, "Table error", row.error().text()};
    }
    report.tables.push_back(*row);
    for (Difference& difference : differences) {
      on_difference(difference);
      if (report.differences.size() < differences_max) report.differences.push_back(std::move(difference));
    }
  }
  return report;
}

bool ValidationReport::equal() const {
  return std::all_of(tables.begin(), tables.end(), [](const Table& table) { return table.state == "Validated"; });
}

}  // namespace engine
