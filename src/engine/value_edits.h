// SPDX-License-Identifier: Apache-2.0
//
// Values that the task's settings change on the way, before any mapping rule sees them: large objects cut to a chosen
// limit, what MillraceCompatibility dms gives up, characters replaced. ValueEdits is what the settings say, TableEdits
// that for one table. Cells must be canonical. Both are immutable; any thread may use them.
//
// Columns of the primary key and of the key that the log carries are never cut: two rows could become one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/characters.h"
#include "mapping/mapping.h"
#include "model/change.h"
#include "model/row_batch.h"

namespace engine {

// DataTruncationErrorPolicy.
enum class CutPolicy { ignore_record, log_error, suspend_table, stop_task };

// What edits did. Replaced characters are no loss and not told.
struct Cuts {
  std::uint64_t values = 0;
  std::string first;              // "column body: 40960 bytes, cut to 32768"
  std::vector<std::size_t> rows;  // of the load: in which something was cut, ascending
};

class ValueEdits;

class TableEdits {
 public:
  bool empty() const { return edits_.empty(); }
  bool concern(std::string_view source_column) const;
  // All rows of the batch, in place; its columns may be named as on the target.
  Cuts rows(model::RowBatch& batch) const;
  // Both images of the change: new cells behind the batch's.
  Cuts change(model::ChangeBatch& batch, model::Change& change) const;

 private:
  friend class ValueEdits;
  enum class Kind { text_length, bytes_length, characters, six_decimals, whole_seconds };
  struct Edit {
    Kind kind = Kind::characters;
    std::string column;       // source name
    std::uint32_t place = 0;  // among the source's stored columns
  };

  bool edit_bytes(const Edit& edit, std::string_view value, std::string& out) const;
  void edit_column(const Edit& edit, model::ColumnVector& column, Cuts& cuts) const;
  void edit_image(model::ChangeBatch& batch, std::uint32_t& first, std::uint32_t count, Cuts* cuts) const;
  void note(const Edit& edit, std::size_t before, std::size_t after, Cuts& cuts) const;

  std::vector<Edit> edits_;
  std::size_t limit_ = 0;
  std::shared_ptr<const Characters> characters_;
};

class ValueEdits {
 public:
  // nullptr: values stay as they are. A table's own lob-settings go before the task's. Fails with engine.bad_setting.
  static base::Result<std::shared_ptr<const ValueEdits>> of(const Settings& settings, const mapping::Mapping& mapping);

  TableEdits for_table(const model::TableSchema& source) const;
  CutPolicy policy() const { return policy_; }

 private:
  std::size_t limit_of(const model::TableName& source) const;

  mapping::Mapping mapping_;
  std::size_t limit_ = 0;  // bytes of a large object; 0: none
  bool dms_numbers_ = false;
  std::shared_ptr<const Characters> characters_;
  CutPolicy policy_ = CutPolicy::log_error;
};

}  // namespace engine
