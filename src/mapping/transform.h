// SPDX-License-Identifier: Apache-2.0
//
// Rows of one table through the rules that change values: converted, masked and added columns. Made for a table whose
// MappedTable computes; cells must be canonical.
//
// One thread; the loader of each chunk and the applier open their own (an expression engine, prepared once). The source
// and the MappedTable must outlive it.
//
// A value that cannot be made is no failure of ours. A row of the load with one is left out and stands in the batch's
// `rejected`, which names column, rule and row; in the stream its cell is CellState::misfit with the same words. What
// becomes of such rows is the task's data-error policy. How it fails: a value that needs what the log does not carry
// fails the table (mapping.row_failed).
#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "mapping/expression.h"
#include "mapping/mapping.h"
#include "model/change.h"
#include "model/row_batch.h"

namespace mapping {

// "the value is no INT4"
std::string no_value_of(std::string_view what, const model::ColumnType& type);

class RowTransform {
 public:
  static base::Result<std::unique_ptr<RowTransform>> open(const model::TableSchema& source, const MappedTable& mapped,
                                                          PositionText position_text);

  // The rows of `in` (schema mapped.read; its buffers may be moved from) as a batch of mapped.target. `now` stands in
  // the header variables of time.
  base::Result<std::unique_ptr<model::RowBatch>> load(model::RowBatch& in, base::WallMicros now);
  // Puts the change's images into the target's columns: new cells at the end of the batch's, bytes at the end of its
  // arena. A delete may become an update (operation_indicator).
  base::Result<void> change(model::ChangeBatch& batch, model::Change& change);

 private:
  // One input of an expression, found in a row of the load or of the stream.
  struct Input {
    Variable::Kind kind = Variable::Kind::column;
    std::uint32_t load_place = no_column;
    std::uint32_t stream_place = no_column;
    model::Type type = model::Type::string;
    bool in_old_key = false;
    std::string constant;
  };
  struct Slot {
    const ColumnSource* origin = nullptr;
    const model::Column* target = nullptr;
    model::Type from = model::Type::string;
    bool converts = false;
    bool in_key = false;
    bool in_old_key = false;
    std::uint32_t load_place = no_column;
    std::uint32_t stream_place = no_column;
    std::size_t expression = 0;
    std::vector<Input> inputs;
  };
  struct Image {
    std::uint32_t first = 0, count = 0;
    bool old_image = false;
  };
  enum class Reading { known, unchanged, absent };

  RowTransform(const model::TableSchema& source, const MappedTable& mapped, PositionText position_text);
  base::Result<void> set_up();
  base::Result<Slot> make_slot(std::uint32_t column);
  Input make_input(const Variable& variable) const;

  void load_computed(const model::RowBatch& in, std::size_t number, base::WallMicros now, model::ColumnVector& out);
  void load_changed(const model::ColumnVector& in, const Slot& slot, model::ColumnVector& out);
  void load_header(const Input& input, base::WallMicros now, Value& value, std::string& scratch) const;
  void reject(const Slot& slot, std::size_t row, std::string_view cause, model::ColumnVector& out);
  void drop_rejected(model::RowBatch& out);
  void mask(const Slot& slot, PlainCell& cell) const;

  base::Result<model::Cell> make_cell(model::ChangeBatch& batch, const model::Change& change, const Slot& slot,
                                      const Image& image);
  base::Result<model::Cell> compute_cell(model::ChangeBatch& batch, const model::Change& change, const Slot& slot,
                                         const Image& image);
  model::Cell changed_cell(model::ChangeBatch& batch, const Slot& slot, const model::Cell& from);
  model::Cell unfit(model::ChangeBatch& batch, const Slot& slot, std::string_view cause) const;
  model::Cell before_cell(model::ChangeBatch& batch, const model::Change& change, const Slot& slot) const;
  Reading read_input(const model::ChangeBatch& batch, const model::Change& change, const Image& image,
                     const Input& input, Value& value, std::string& scratch) const;
  void stream_header(const model::Change& change, const Input& input, Value& value, std::string& scratch) const;
  base::Result<void> map_image(model::ChangeBatch& batch, const model::Change& change, const Image& image,
                               std::uint32_t& first, std::uint32_t& count);
  void soft_delete(model::ChangeBatch& batch, model::Change& change, const Image& old_image);

  const model::TableSchema& source_;
  const MappedTable& mapped_;
  const PositionText position_text_;
  std::unique_ptr<ExpressionEngine> engine_;
  std::vector<Slot> slots_;  // one for each stored column of the target
  bool whole_row_is_key_ = false;
  std::uint64_t rows_loaded_ = 0;
  std::vector<std::string> rejected_;  // of the batch being loaded, by row; empty: none yet
  std::vector<Value> values_;
  std::vector<std::string> scratches_;
  PlainCell cell_;
};

}  // namespace mapping
