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

ValidationScope::ValidationScope(const TaskDefinition& definition)
    : edits_(definition.edits.get()),
      skips_large_(definition.settings.boolean("ValidationSettings.SkipLobColumns")),
      large_bytes_(static_cast<std::size_t>(definition.settings.integer("ValidationSettings.ValidationPartialLobSize"))
                   << 10),
      table_max_(static_cast<std::uint64_t>(definition.settings.integer("ValidationSettings.TableFailureMaxCount"))),
      task_max_(static_cast<std::uint64_t>(definition.settings.integer("ValidationSettings.FailureMaxCount"))) {}

std::vector<std::uint32_t> ValidationScope::columns(const PlannedTable& table) const {
  const model::TableSchema& schema = *table.mapped.target;
  const TableEdits changed = edits(table);
  std::vector<std::uint32_t> columns;
  for (const std::uint32_t i : model::stored_columns(schema)) {
    const bool in_key = std::find(schema.primary_key.begin(), schema.primary_key.end(), i) != schema.primary_key.end();
    if (skips_large_ && !in_key && model::is_large_object(schema.columns[i].type.type)) continue;
    const bool as_stored = table.mapped.sources[i].is_as_read() || table.mapped.overrides.contains(i);
    if (as_stored && changed.concern(table.source->columns[table.mapped.columns[i]].name)) continue;
    columns.push_back(i);
  }
  return columns;
}

TableEdits ValidationScope::edits(const PlannedTable& table) const {
  return edits_ == nullptr ? TableEdits() : edits_->for_table(*table.source);
}

bool ValidationScope::looks_equal(const model::Column& column, const std::optional<std::string>& a,
                                  const std::optional<std::string>& b) const {
  if (large_bytes_ == 0 || !model::is_large_object(column.type.type) || !a || !b) return false;
  return std::string_view(*a).substr(0, large_bytes_) == std::string_view(*b).substr(0, large_bytes_);
}

std::string ValidationScope::enough_text() const {
  return fmt::format("stopped after {} differences (TableFailureMaxCount)", table_max_);
}

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
  TableComparison(const PlannedTable& table, const ValidationScope& scope, connect::Source& source,
                  connect::Comparable& target)
      : table_(table), scope_(scope), source_(*source.comparable()), target_(target) {
    const model::TableSchema& schema = *table.mapped.target;
    for (const std::uint32_t i : scope.columns(table)) {
      if (const auto own = table.mapped.overrides.find(i); own != table.mapped.overrides.end()) {
        const std::uint32_t from = table.mapped.columns[i];
        source_sql_[from] =
            with_column(own->second.source_function, source.quote_identifier(table.source->columns[from].name));
        target_sql_[i] = with_column(own->second.target_function, source.quote_identifier(schema.columns[i].name));
      } else if (!table.mapped.sources[i].is_as_read()) {
        continue;  // compare_computed() sees to it
      }
      compared_.push_back(i);
    }
    const bool keyed = !schema.primary_key.empty() &&
                       std::all_of(schema.primary_key.begin(), schema.primary_key.end(), [&](std::uint32_t column) {
                         return std::find(compared_.begin(), compared_.end(), column) != compared_.end();
                       });
    order_ = keyed ? schema.primary_key : compared_;
    for (const std::uint32_t column : order_) {
      key_cells_.push_back(
          static_cast<std::size_t>(std::find(compared_.begin(), compared_.end(), column) - compared_.begin()));
    }
  }

  // Walks both sides once; every difference goes to `found`. It ends early when that returns false.
  Result<void> walk(const std::function<bool(Difference)>& found, std::stop_token stop) {
    Side source, target;
    source.reader =
        TRY(source_.read_ordered(*table_.source, in_source(compared_), in_source(order_), table_.filter, source_sql_));
    target.reader = TRY(target_.read_ordered(*table_.mapped.target, compared_, order_, "", target_sql_));
    TRY(source.advance(stop));
    TRY(target.advance(stop));
    bool goes_on = true;
    while (goes_on && (source.more || target.more)) {
      if (stop.stop_requested()) return base::failed(base::errors::canceled, "validation stopped");
      const int order = !target.more ? -1 : !source.more ? 1 : compare_keys(source.cells, target.cells);
      if (order < 0) {
        goes_on = found(difference("MISSING_TARGET", source.cells, ""));
      } else if (order > 0) {
        goes_on = found(difference("MISSING_SOURCE", target.cells, ""));
      } else if (std::string names = differing_columns(source.cells, target.cells); !names.empty()) {
        goes_on = found(difference("RECORD_DIFF", source.cells, std::move(names)));
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

  static std::string with_column(std::string function, const std::string& name) {
    constexpr std::string_view placeholder = "${column-name}";
    for (std::size_t at = function.find(placeholder); at != std::string::npos;
         at = function.find(placeholder, at + name.size())) {
      function.replace(at, placeholder.size(), name);
    }
    return function;
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
      if (a[i] == b[i] || scope_.looks_equal(table_.mapped.target->columns[compared_[i]], a[i], b[i])) continue;
      names += (names.empty() ? "" : ", ") + table_.mapped.target->columns[compared_[i]].name;
    }
    return names;
  }

  const PlannedTable& table_;
  const ValidationScope& scope_;
  connect::Comparable& source_;
  connect::Comparable& target_;
  std::vector<std::uint32_t> compared_;  // indexes into the target's columns
  std::vector<std::uint32_t> order_;
  std::vector<std::size_t> key_cells_;
  connect::Comparable::Expressions source_sql_, target_sql_;
};

Result<ValidationReport::Table> compare_ordered(const PlannedTable& table, const ValidationScope& scope,
                                                const Environment& environment, bool streaming, connect::Source& source,
                                                connect::Comparable& target, std::vector<Difference>& differences,
                                                std::stop_token stop) {
  ValidationReport::Table row;
  row.name = table.mapped.target->name;
  TableComparison comparison(table, scope, source, target);
  std::map<std::pair<std::string, std::string>, Difference> standing;
  const int looks = streaming ? looks_max : 1;
  for (int look = 0; look < looks; ++look) {
    std::map<std::pair<std::string, std::string>, Difference> seen;
    row.differences = 0;
    const auto found = [&](Difference difference) {
      const auto key = std::make_pair(difference.kind, difference.key);
      if (look > 0 && !standing.contains(key) && standing.size() < differences_max) return true;
      ++row.differences;
      if (seen.size() < differences_max) seen.emplace(key, std::move(difference));
      return look < looks - 1 || !scope.is_enough(row.differences);
    };
    TRY(comparison.walk(found, stop));
    standing = std::move(seen);
    if (row.differences == 0 || look == looks - 1) break;
    environment.clock->pause(between_looks, stop);
  }
  row.rows_source = comparison.rows_source;
  row.rows_target = comparison.rows_target;
  row.state = row.differences == 0 ? "Validated" : "Mismatched records";
  if (scope.is_enough(row.differences)) row.note = scope.enough_text();
  for (auto& [key, difference] : standing) differences.push_back(std::move(difference));
  return row;
}

// What rules compute, convert or mask is computed once more from the source's rows.
Result<ValidationReport::Table> compare_whole(const PlannedTable& table, const ValidationScope& scope,
                                              const TaskDefinition& definition, const Environment& environment,
                                              connect::Source& source, connect::Comparable& target,
                                              std::vector<Difference>& differences, std::stop_token stop) {
  ValidationReport::Table row =
      TRY(compare_ordered(table, scope, environment, streams(definition), source, target, differences, stop));
  if (!table.mapped.computes) return row;
  const int looks = streams(definition) ? looks_max : 1;
  for (int look = 0; look < looks; ++look) {
    std::vector<Difference> found;
    const ValidationReport::Table computed =
        TRY(compare_computed(table, scope, definition, source, target, found, stop));
    if (computed.differences != 0 && look < looks - 1) {
      environment.clock->pause(between_looks, stop);
      continue;
    }
    row.differences += computed.differences;
    row.note += (row.note.empty() || computed.note.empty() ? "" : "; ") + computed.note;
    if (row.differences != 0) row.state = "Mismatched records";
    for (Difference& difference : found) differences.push_back(std::move(difference));
    break;
  }
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
  const ValidationScope scope(definition);
  std::uint64_t found = 0;
  for (const PlannedTable& table : TRY(plan_tables(definition, *source, target.get()))) {
    if (scope.ends_task(found)) {
      report.tables.push_back({table.mapped.target->name, 0, 0, 0, "Not validated", "FailureMaxCount was reached"});
      continue;
    }
    std::vector<Difference> differences;
    Result<ValidationReport::Table> row =
        ordered
            ? compare_whole(table, scope, definition, environment, *source, *target->comparable(), differences, stop)
            : compare_unordered(table, scope, definition, *source, *target->comparable(), differences, stop);
    if (!row.ok() && row.error().kind() != base::Kind::table) return row.take_error();
    if (!row.ok()) {
      row = ValidationReport::Table{table.mapped.target->name, 0, 0, 0, "Table error", row.error().text()};
    }
    found += row->differences;
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
