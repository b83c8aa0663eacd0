// SPDX-License-Identifier: Apache-2.0
//
// A row is one image (write: after, delete: before) or two. An image is a bitmap of NULLs, one bit for each column that
// is present, and the values of those that are not NULL. The image after of PARTIAL_UPDATE_ROWS begins with options and
// (with option 1) a bitmap of the table's JSON columns that stand as differences.
#include "connectors/mysql/binlog_rows.h"

#include "connectors/mysql/byte_reader.h"

namespace mysql::binlog {
namespace {

using base::failed;
using base::Result;

// Reads bytes whose sizes were checked by hand: rows are where the time goes.
struct Cursor {
  const char* at;
  const char* end;

  bool has(std::size_t size) const { return static_cast<std::size_t>(end - at) >= size; }
  std::size_t length(std::size_t bytes) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value |= std::size_t{static_cast<unsigned char>(at[i])} << (8 * i);
    at += bytes;
    return value;
  }
};

// False: the value goes beyond the event.
bool read_value(const ShapeColumn& column, Cursor& in, std::string_view& value) {
  std::size_t size = column.fixed_size;
  if (column.length_bytes != 0) {
    if (!in.has(column.length_bytes)) return false;
    size = in.length(column.length_bytes);
  }
  if (!in.has(size)) return false;
  value = {in.at, size};
  in.at += size;
  return true;
}

std::size_t count_bits(std::string_view bits, std::size_t columns) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < columns; ++i) count += bit_at(bits, i) ? 1 : 0;
  return count;
}

}  // namespace

RowReader::RowReader(const TableShape& shape, const Rows& event) : shape_(shape), event_(event), left_(event.images) {
  if (event.columns != shape.columns.size()) return;  // next() says so
  if (!event.present_before.empty()) {
    before_.resize(event.columns);
    present_before_ = count_bits(event.present_before, event.columns);
  }
  if (!event.present_after.empty()) {
    after_.resize(event.columns);
    present_after_ = count_bits(event.present_after, event.columns);
  }
  for (const ShapeColumn& column : shape.columns) json_columns_ += column.kind == ColumnKind::json ? 1 : 0;
}

base::Error RowReader::broken() const {
  return failed(errors::protocol_broken, "binary log: a row of {}.{} is not understood", shape_.schema, shape_.table);
}

Result<void> RowReader::read_image(std::string_view present, std::size_t count, bool is_after,
                                   std::vector<RawCell>& image) {
  std::string_view differs;
  if (is_after && event_.has_partial_json) {
    constexpr std::uint64_t partial_json = 1;
    ByteReader in(left_);
    const std::uint64_t options = in.packed();
    if ((options & partial_json) != 0) differs = in.bytes((json_columns_ + 7) / 8);
    if (!in.is_good() || (options & ~partial_json) != 0) return broken();
    left_ = in.rest();
  }
  const std::size_t null_bytes = (count + 7) / 8;
  if (left_.size() < null_bytes) return broken();
  const std::string_view nulls = left_.substr(0, null_bytes);
  Cursor in{left_.data() + null_bytes, left_.data() + left_.size()};
  std::size_t bit = 0, json = 0;
  for (std::size_t i = 0; i < shape_.columns.size(); ++i) {
    const ShapeColumn& column = shape_.columns[i];
    RawCell& cell = image[i];
    const bool is_json = column.kind == ColumnKind::json;
    const bool is_difference = is_json && !differs.empty() && bit_at(differs, json);
    json += is_json ? 1 : 0;
    cell = RawCell();
    if (!bit_at(present, i)) continue;
    if (bit_at(nulls, bit++)) {
      cell.state = RawState::null;
      continue;
    }
    if (!read_value(column, in, cell.bytes)) return broken();
    cell.state = is_difference ? RawState::json_diff : RawState::value;
  }
  left_ = {in.at, static_cast<std::size_t>(in.end - in.at)};
  return {};
}

Result<bool> RowReader::next() {
  if (event_.columns != shape_.columns.size() || event_.table_id != shape_.table_id) {
    return failed(errors::protocol_broken, "binary log: rows of table id {} with {} columns follow {}.{} with {}",
                  event_.table_id, event_.columns, shape_.schema, shape_.table, shape_.columns.size());
  }
  if (left_.empty()) {
    // With no column in its images (row image MINIMAL, all defaults) a row has no bytes at all.
    const bool is_bare = event_.images.empty() && !given_bare_row_ && present_before_ + present_after_ == 0;
    given_bare_row_ = true;
    return is_bare;
  }
  const std::size_t size_before = left_.size();
  if (!before_.empty()) TRY(read_image(event_.present_before, present_before_, false, before_));
  if (!after_.empty()) TRY(read_image(event_.present_after, present_after_, true, after_));
  if (left_.size() == size_before) return broken();
  return true;
}

}  // namespace mysql::binlog
