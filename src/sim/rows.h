// SPDX-License-Identifier: Apache-2.0
//
// Rows and tables of the simulated databases. A table holds its rows by key (all cells when it has none; then a row may
// be there several times) and a digest of its content: the sum of its rows' hashes, so that equal contents have equal
// digests whatever the order, and a change costs the change alone. Strict: what should be there and is not is an error.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/change.h"

namespace sim {

using Value = std::optional<std::string>;  // a canonical cell; nullopt: NULL
using Row = std::vector<Value>;            // one for each stored column

Value whole_number(std::int64_t value);
std::string show(const model::TableSchema& schema, const Row& row);
// Columns of a table, as two numbers.
struct Shape {
  std::uint64_t names = 0;    // and types: what the log says of them
  std::uint64_t columns = 0;  // with their numbers, too
  friend bool operator==(const Shape&, const Shape&) = default;
};
Shape shape_of(const model::TableSchema& schema);
// The canonical cell as the log writes it, and back.
std::string text_of(const model::Column& column, const std::string& cell);
std::string cell_of(const model::Column& column, const std::string& text);

namespace errors {
inline constexpr base::Code duplicate{"sim.duplicate", base::Kind::task,
                                      "A row with that key is there already: a change was applied twice."};
inline constexpr base::Code missing{"sim.missing", base::Kind::task,
                                    "The row to change is not there: a change was lost."};
inline constexpr base::Code constraint{"sim.constraint", base::Kind::task,
                                       "A unique or foreign key does not hold at a commit."};
}  // namespace errors

using RowFilter = std::function<bool(const Row&)>;

class RowSet {
 public:
  explicit RowSet(model::TableSchemaPtr schema);

  // Only these rows count for the digest.
  void set_filter(RowFilter filter) { passes_ = std::move(filter); }
  bool passes(const Row& row) const { return !passes_ || passes_(row); }

  const model::TableSchemaPtr& schema() const { return schema_; }
  std::string key_of(const Row& row) const;
  base::Result<void> insert(Row row);
  base::Result<Row> take(const Row& like);  // by the key cells of `like`
  const Row* find(const Row& like) const;
  const Row* at(std::size_t index) const;  // in key order
  void clear();
  std::size_t size() const { return size_; }
  std::uint64_t digest() const { return digest_; }
  std::uint64_t hash_of(const Row& row) const;
  std::vector<Row> rows() const;
  std::vector<Row> passing_rows() const;
  // Another shape: what each row becomes.
  void reshape(model::TableSchemaPtr schema, const std::function<Row(const Row&)>& shaped);

 private:
  struct Entry {
    Row row;
    std::size_t count = 1;
  };
  void learn_columns();

  model::TableSchemaPtr schema_;
  std::vector<std::size_t> key_;              // cells
  std::vector<std::uint64_t> column_hashes_;  // of the stored columns' names
  std::map<std::string, Entry> rows_;
  RowFilter passes_;
  std::size_t size_ = 0;
  std::uint64_t digest_ = 0;
};

}  // namespace sim
