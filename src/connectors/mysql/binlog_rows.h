// SPDX-License-Identifier: Apache-2.0
//
// From a table's shape and a rows event to rows, and from a column's bytes in the log to cells. The native text is to
// the byte what the server's text protocol prints in a session with utf8mb4 and time_zone '+00:00' (float: what
// `column + 0e0` prints), so a row of the load and one of the stream are the same cells; the tests have the servers as
// the oracle. Views point into the event. One thread. How it fails: protocol_broken for malformed rows, shape_mismatch
// when the columns cannot be those of the table; a value that cannot be said is a misfit, not an error.
//
//   auto cells = TRY(CellDecoder::make(shape, natives));   once for each shape; natives: one for each column of it
//   RowReader rows(shape, event);
//   while (TRY(rows.next())) {
//     for (std::size_t i = 0; i < shape.columns.size(); ++i) {
//       const RawCell& cell = rows.after()[i];
//       if (cell.state == RawState::value) cells.append_native(i, cell, out);  ...
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connectors/mysql/binlog_event.h"
#include "connectors/mysql/character_set.h"
#include "connectors/mysql/types.h"
#include "connectors/mysql/value_text.h"

namespace mysql::binlog {

enum class RawState : std::uint8_t {
  absent,  // the log does not carry this column (binlog_row_image MINIMAL, NOBLOB)
  null,
  value,      // bytes: the column's own form in the log, without a length in front
  json_diff,  // bytes: differences to the document in the image before; see patch_json
};

struct RawCell {
  RawState state = RawState::absent;
  std::string_view bytes;
};

// The rows of one event, in order.
class RowReader {
 public:
  // `shape` must have the table id of the event; both must live as long.
  RowReader(const TableShape& shape, const Rows& event);
  // Stands on the next row; false at the end.
  base::Result<bool> next();
  // One cell for each column of the shape; empty where the event has no such image.
  const std::vector<RawCell>& before() const { return before_; }
  const std::vector<RawCell>& after() const { return after_; }

 private:
  base::Result<void> read_image(std::string_view present, std::size_t count, bool is_after,
                                std::vector<RawCell>& image);
  base::Error broken() const;

  const TableShape& shape_;
  const Rows& event_;
  std::string_view left_;
  std::vector<RawCell> before_, after_;
  std::size_t present_before_ = 0, present_after_ = 0;  // columns in the images
  std::size_t json_columns_ = 0;
  bool given_bare_row_ = false;
};

// The form of each column of one shape, ready for many rows.
class CellDecoder {
 public:
  // `natives[i]` is column i's type as the table is known (information_schema, schema history); a character set that
  // the log tells comes before what it says. Fails with
  // shape_mismatch when the log's column is another, unknown_character_set.
  static base::Result<CellDecoder> make(const TableShape& shape, const std::vector<NativeType>& natives);

  // Append the cell of a RawState::value. misfit: `out` got why instead. For json_diff use patch_json first.
  Converted append_native(std::size_t column, std::string_view bytes, std::string& out);
  Converted append_canonical(std::size_t column, std::string_view bytes, model::Type type, const ValueChoices& choices,
                             std::string& out);
  // The document (as the log holds one) that `diff` makes of `before`; appended as native text. misfit: the
  // differences do not fit the document.
  static Converted append_patched_json(std::string_view before, std::string_view diff, std::string& out);

  std::size_t columns() const { return columns_.size(); }

 private:
  struct Column {
    ShapeColumn shape;  // without name and members
    NativeType native;
    TextConverter text;  // of character kinds
  };
  static Converted append_text(Column& column, std::string_view bytes, std::string& out);
  static Converted append_bytes(Column& column, std::string_view bytes, std::string& out);

  std::vector<Column> columns_;
  std::string scratch_, text_;
};

// Whether the log's column can be a column of that type. MariaDB logs uuid and inet as strings.
bool fits(const ShapeColumn& column, const NativeType& native);

}  // namespace mysql::binlog
