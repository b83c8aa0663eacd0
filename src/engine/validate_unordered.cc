// SPDX-License-Identifier: Apache-2.0
#include "engine/validate_unordered.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <unordered_map>

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

class UnorderedComparison {
 public:
  UnorderedComparison(const PlannedTable& table, const ValidationScope& scope, connect::Comparable& target,
                      std::vector<Difference>& differences)
      : table_(table), scope_(scope), target_(target), differences_(differences), stored_(scope.columns(table)) {
    const model::TableSchema& schema = *table.mapped.target;
    for (const std::uint32_t column : stored_) read_.columns.push_back(schema.columns[column]);
    for (std::size_t i = 0; i < stored_.size(); ++i) all_cells_.push_back(i);
    for (const std::uint32_t column : schema.primary_key) {
      for (std::size_t i = 0; i < stored_.size(); ++i) {
        if (stored_[i] == column) key_cells_.push_back(i);
      }
    }
    if (key_cells_.empty()) key_cells_ = all_cells_;
  }

  Result<void> read_source(connect::Snapshot& snapshot, std::uint64_t chunk_bytes, std::uint64_t pass,
                           std::uint64_t passes, std::stop_token stop) {
    kept_.clear();
    const std::vector<connect::Chunk> chunks = TRY(snapshot.chunks(*table_.source, chunk_bytes));
    std::vector<std::uint32_t> columns;
    for (const std::uint32_t column : stored_) columns.push_back(table_.mapped.columns[column]);
    for (const connect::Chunk& chunk : chunks) {
      auto reader = TRY(snapshot.read(*table_.source, columns, chunk, table_.filter, connect::ReadForm::rows));
      model::RowBatch batch(std::make_shared<const model::TableSchema>(read_));
      while (!scope_.is_enough(found) && TRY(reader->next_rows(batch, stop))) {
        for (std::size_t row = 0; row < batch.rows; ++row) keep(batch, row, pass, passes);
        // Of a row that no target of files can hold nothing but its absence can be said.
        for (std::size_t row = 0; row < batch.rejected.size() && pass == 0; ++row) {
          ++rows_source;
          report("MISSING_TARGET", nullptr);
        }
        batch.clear();
      }
    }
    return {};
  }

  Result<void> read_target(std::uint64_t pass, std::uint64_t passes, std::stop_token stop) {
    auto reader = TRY(target_.read_ordered(*table_.mapped.target, stored_, {}, ""));
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
  // What both sides' texts are compared as.
  void settle(Cells& cells) const {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      std::optional<std::string>& cell = cells[i];
      if (target_.empty_is_null() && cell && cell->empty()) cell.reset();
      const bool is_large = model::is_large_object(read_.columns[i].type.type);
      if (is_large && cell && scope_.large_bytes() != 0) cell->resize(std::min(cell->size(), scope_.large_bytes()));
    }
  }

  void keep(const model::RowBatch& batch, std::size_t row, std::uint64_t pass, std::uint64_t passes) {
    if (pass == 0) ++rows_source;
    Cells cells;
    for (const model::ColumnVector& column : batch.columns) {
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
  const std::vector<std::uint32_t> stored_;
  model::TableSchema read_;  // the columns in stored_
  std::vector<std::size_t> all_cells_, key_cells_;
  std::unordered_map<Hash, Kept, HashOfHash> kept_;
};

}  // namespace

Result<ValidationReport::Table> compare_unordered(const PlannedTable& table, const ValidationScope& scope,
                                                  const TaskDefinition& definition, connect::Source& source,
                                                  connect::Comparable& target, std::vector<Difference>& differences,
                                                  std::stop_token stop) {
  auto snapshot = TRY(source.snapshot(false));
  const std::uint64_t estimate = table.rows_estimate > 0 ? static_cast<std::uint64_t>(table.rows_estimate) : 0;
  const std::uint64_t passes = estimate / rows_a_pass + 1;
  UnorderedComparison comparison(table, scope, target, differences);
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    TRY(comparison.read_source(*snapshot, definition.chunk_bytes, pass, passes, stop));
    TRY(comparison.read_target(pass, passes, stop));
  }
  ValidationReport::Table row;
  row.name = table.mapped.target->name;
  row.rows_source = comparison.rows_source;
  row.rows_target = comparison.rows_target;
  row.differences = comparison.found;
  if (scope.is_enough(comparison.found)) row.note = scope.enough_text();
  row.state = comparison.found == 0 ? "Validated" : "Mismatched records";
  return row;
}

}  // namespace engine
