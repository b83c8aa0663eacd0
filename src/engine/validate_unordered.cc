// SPDX-License-Identifier: Apache-2.0
#include "engine/validate_unordered.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <unordered_map>

#include "engine/plan.h"
#include "mapping/comparer.h"
#include "mapping/transform.h"
#include "model/cell_text.h"

namespace engine {
namespace {

using base::Result;
using Cells = std::vector<std::optional<std::string>>;

constexpr std::uint64_t rows_a_pass = 1'500'000;  // about 150 MB of map

struct Hash {
  std::uint64_t low = 0, high = 0;
  friend bool operator==(const Hash&, const Hash&) = default;
};
struct HashOfHash {
  std::size_t operator()(const Hash& hash) const { return hash.low; }
};

Hash hash_cells(const Cells& cells, const std::vector<std::size_t>& which) {
  std::string bytes;
  for (const std::size_t cell : which) {
    const std::uint64_t size = cells[cell] ? cells[cell]->size() + 1 : 0;
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
    if (cells[cell]) bytes += *cells[cell];
  }
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

// What the source holds of one key and the target has not shown yet.
struct Kept {
  Hash row;
  std::int64_t count = 0;
};

// Whether the same row always gives the same value in that column, so that it can be compared.
bool is_comparable(const mapping::ColumnSource& origin) {
  return origin.repeatable && origin.kind != mapping::ColumnSource::Kind::before_image;
}

// Numbers, times and the like in one form, whoever wrote them: cells are canonical on one side and may be the
// database's own text on the other.
std::string plain_text(const model::Column& column, std::string text) {
  using model::Type;
  const Type type = column.type.type;
  const std::string& native = column.type.native;
  if (type == Type::boolean || native == "boolean") return text == "t" ? "true" : text == "f" ? "false" : text;
  if (native.starts_with("character(")) text.resize(text.find_last_not_of(' ') + 1);
  if (type == Type::bytes || type == Type::blob) return text.starts_with("\\x") ? text.substr(2) : text;
  if (type == Type::numeric) return mapping::plain_decimal(text).value_or(text);
  const bool is_time = type == Type::date || type == Type::time || type == Type::datetime;
  if (!is_time && !model::is_real(type)) return text;
  mapping::Comparand value;
  if (!mapping::Comparer(model::Comparison::natural, type).read_literal(text, value)) return text;
  return is_time ? model::fixed_text(type, value.fixed) : model::real_text(type, value.real);
}

class UnorderedComparison {
 public:
  // `only_computed`: of the columns that are no key, those that come about by a rule.
  UnorderedComparison(const PlannedTable& table, const ValidationScope& scope, connect::Comparable& target,
                      bool only_computed, std::vector<Difference>& differences)
      : table_(table), scope_(scope), target_(target), differences_(differences) {
    const model::TableSchema& schema = *table.mapped.target;
    const std::vector<std::uint32_t> all = model::stored_columns(schema), taken = scope.columns(table);
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      const std::uint32_t column = all[rank];
      if (!std::binary_search(taken.begin(), taken.end(), column)) continue;
      const mapping::ColumnSource& origin = table.mapped.sources[column];
      const bool in_key =
          std::find(schema.primary_key.begin(), schema.primary_key.end(), column) != schema.primary_key.end();
      if (!is_comparable(origin) || (table.mapped.overrides.contains(column) && !in_key)) {
        if (!only_computed || !table.mapped.overrides.contains(column)) {
          left_ += (left_.empty() ? "" : ", ") + schema.columns[column].name;
        }
        continue;
      }
      if (only_computed && !in_key && origin.is_as_read()) continue;
      if (in_key) key_cells_.push_back(stored_.size());
      has_computed_ = has_computed_ || !origin.is_as_read();
      stored_.push_back(column);
      ranks_.push_back(rank);
    }
    for (std::size_t i = 0; i < stored_.size(); ++i) all_cells_.push_back(i);
    const bool is_keyed = !schema.primary_key.empty() && key_cells_.size() == schema.primary_key.size();
    if (!is_keyed) key_cells_ = all_cells_;
    // The ordered comparison says it already.
    skips_missing_ = only_computed && is_keyed &&
                     std::all_of(schema.primary_key.begin(), schema.primary_key.end(),
                                 [&](std::uint32_t column) { return table.mapped.sources[column].is_as_read(); });
  }

  bool has_computed() const { return has_computed_; }
  // Columns that cannot be compared; empty: all can.
  std::string note() const { return left_.empty() ? "" : "not compared: " + left_; }

  Result<void> read_source(connect::Snapshot& snapshot, std::uint64_t chunk_bytes, std::uint64_t pass,
                           std::uint64_t passes, std::stop_token stop) {
    kept_.clear();
    std::unique_ptr<mapping::RowTransform> transform;
    if (table_.mapped.computes) {
      transform = TRY(mapping::RowTransform::open(*table_.source, table_.mapped, nullptr));
    }
    const TableEdits edits = scope_.edits(table_);
    for (const connect::Chunk& chunk : TRY(snapshot.chunks(*table_.source, chunk_bytes))) {
      auto reader =
          TRY(snapshot.read(*table_.source, loaded_columns(table_), chunk, table_.filter, connect::ReadForm::rows));
      auto batch = std::make_unique<model::RowBatch>(transform ? table_.mapped.read : table_.mapped.target);
      while (!scope_.is_enough(found) && TRY(reader->next_rows(*batch, stop))) {
        edits.rows(*batch);
        if (transform) {
          auto mapped = TRY(transform->load(*batch, 0));
          keep_rows(*mapped, pass, passes);
          batch = std::make_unique<model::RowBatch>(table_.mapped.read);
        } else {
          keep_rows(*batch, pass, passes);
          batch->clear();
        }
      }
    }
    return {};
  }

  Result<void> read_target(std::uint64_t pass, std::uint64_t passes, std::stop_token stop) {
    auto reader = TRY(target_.read_ordered(*table_.mapped.target, stored_, {}, "", {}));
    Cells cells;
    while (!scope_.is_enough(found) && TRY(reader->next(cells, stop))) {
      if (pass == 0) ++rows_target;
      settle(cells);
      const Hash key = hash_cells(cells, key_cells_);
      if (key.high % passes != pass) continue;
      const auto held = kept_.find(key);
      if (held == kept_.end() || held->second.count == 0) {
        report("MISSING_SOURCE", &cells);
        continue;
      }
      if (!(held->second.row == hash_cells(cells, all_cells_))) report("RECORD_DIFF", &cells);
      --held->second.count;
    }
    for (const auto& [key, kept] : kept_) {
      for (std::int64_t i = 0; i < kept.count && !scope_.is_enough(found); ++i) report("MISSING_TARGET", nullptr);
    }
    return {};
  }

  std::uint64_t rows_source = 0, rows_target = 0, found = 0;

 private:
  void keep_rows(const model::RowBatch& batch, std::uint64_t pass, std::uint64_t passes) {
    for (std::size_t row = 0; row < batch.rows; ++row) keep(batch, row, pass, passes);
    // Of a row that no target of files can hold nothing but its absence can be said.
    for (std::size_t row = 0; row < batch.rejected.size() && pass == 0; ++row) {
      ++rows_source;
      report("MISSING_TARGET", nullptr);
    }
  }

  // What both sides' texts are compared as.
  void settle(Cells& cells) const {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      std::optional<std::string>& cell = cells[i];
      if (target_.empty_is_null() && cell && cell->empty()) cell.reset();
      if (!cell) continue;
      const model::Column& column = table_.mapped.target->columns[stored_[i]];
      cell = plain_text(column, std::move(*cell));
      const bool is_large = model::is_large_object(column.type.type);
      if (is_large && scope_.large_bytes() != 0) cell->resize(std::min(cell->size(), scope_.large_bytes()));
    }
  }

  void keep(const model::RowBatch& batch, std::size_t row, std::uint64_t pass, std::uint64_t passes) {
    if (pass == 0) ++rows_source;
    Cells cells;
    for (const std::size_t rank : ranks_) {
      const model::ColumnVector& column = batch.columns[rank];
      cells.push_back(column.present[row] != 0 ? std::optional(model::column_text(column, row)) : std::nullopt);
    }
    settle(cells);
    const Hash key = hash_cells(cells, key_cells_);
    if (key.high % passes != pass) return;
    Kept& kept = kept_[key];
    kept.row = hash_cells(cells, all_cells_);
    ++kept.count;
  }

  void report(std::string kind, const Cells* cells) {
    if (skips_missing_ && kind != "RECORD_DIFF") return;
    ++found;
    if (differences_.size() >= differences_max) return;
    std::string key = "{\"key\":  [";
    for (std::size_t i = 0; cells != nullptr && i < key_cells_.size(); ++i) {
      const std::optional<std::string>& cell = (*cells)[key_cells_[i]];
      key += (i > 0 ? ", " : "") + (cell ? json_text(cell->substr(0, 200)) : std::string("null"));
    }
    differences_.push_back(Difference{table_.mapped.target->name, std::move(kind), key + "]}", ""});
  }

  const PlannedTable& table_;
  const ValidationScope& scope_;
  connect::Comparable& target_;
  std::vector<Difference>& differences_;
  std::vector<std::uint32_t> stored_;  // of the target, that are compared
  std::vector<std::size_t> ranks_;     // and their places among all that carry cells
  std::string left_;
  bool skips_missing_ = false, has_computed_ = false;
  std::vector<std::size_t> all_cells_, key_cells_;
  std::unordered_map<Hash, Kept, HashOfHash> kept_;
};

Result<ValidationReport::Table> run_comparison(UnorderedComparison& comparison, const PlannedTable& table,
                                               const ValidationScope& scope, const TaskDefinition& definition,
                                               connect::Source& source, const std::stop_token& stop) {
  auto snapshot = TRY(source.snapshot(false));
  const std::uint64_t estimate = table.rows_estimate > 0 ? static_cast<std::uint64_t>(table.rows_estimate) : 0;
  const std::uint64_t passes = estimate / rows_a_pass + 1;
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    TRY(comparison.read_source(*snapshot, definition.chunk_bytes, pass, passes, stop));
    TRY(comparison.read_target(pass, passes, stop));
  }
  ValidationReport::Table row;
  row.name = table.mapped.target->name;
  row.rows_source = comparison.rows_source;
  row.rows_target = comparison.rows_target;
  row.differences = comparison.found;
  row.state = comparison.found == 0 ? "Validated" : "Mismatched records";
  row.note = comparison.note();
  if (scope.is_enough(comparison.found)) row.note = scope.enough_text() + (row.note.empty() ? "" : "; ") + row.note;
  return row;
}

}  // namespace

Result<ValidationReport::Table> compare_unordered(const PlannedTable& table, const ValidationScope& scope,
                                                  const TaskDefinition& definition, connect::Source& source,
                                                  connect::Comparable& target, std::vector<Difference>& differences,
                                                  std::stop_token stop) {
  UnorderedComparison comparison(table, scope, target, false, differences);
  return run_comparison(comparison, table, scope, definition, source, stop);
}

Result<ValidationReport::Table> compare_computed(const PlannedTable& table, const ValidationScope& scope,
                                                 const TaskDefinition& definition, connect::Source& source,
                                                 connect::Comparable& target, std::vector<Difference>& differences,
                                                 std::stop_token stop) {
  UnorderedComparison comparison(table, scope, target, true, differences);
  if (comparison.has_computed()) return run_comparison(comparison, table, scope, definition, source, stop);
  ValidationReport::Table row;
  row.note = comparison.note();
  return row;
}

}  // namespace engine
