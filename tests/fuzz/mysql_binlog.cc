// SPDX-License-Identifier: Apache-2.0
//
// A binary log (after its first four bytes) from hostile bytes: every event is decoded, packed transactions too, and
// the rows of each table are told as text and as canonical cells with types made up from the log's own. Seeds have no
// checksums: nothing would come past them.
#include "connectors/mysql/binlog_rows.h"

namespace {

using mysql::Kind;
using mysql::NativeType;
using mysql::binlog::ColumnKind;

Kind native_kind(const mysql::binlog::ShapeColumn& column) {
  const bool is_binary = column.collation == 63;
  switch (column.kind) {
    case ColumnKind::tiny: return Kind::tiny;
    case ColumnKind::small: return Kind::small;
    case ColumnKind::medium: return Kind::medium;
    case ColumnKind::integer: return Kind::integer;
    case ColumnKind::big: return Kind::big;
    case ColumnKind::real4: return Kind::real4;
    case ColumnKind::real8: return Kind::real8;
    case ColumnKind::decimal: return Kind::decimal;
    case ColumnKind::bit: return Kind::bit;
    case ColumnKind::year: return Kind::year;
    case ColumnKind::date: return Kind::date;
    case ColumnKind::time:
    case ColumnKind::time2: return Kind::time;
    case ColumnKind::datetime:
    case ColumnKind::datetime2: return Kind::datetime;
    case ColumnKind::timestamp:
    case ColumnKind::timestamp2: return Kind::timestamp;
    case ColumnKind::enumeration: return Kind::enumeration;
    case ColumnKind::set: return Kind::set;
    case ColumnKind::json: return Kind::json;
    case ColumnKind::geometry: return Kind::geometry;
    case ColumnKind::vector: return Kind::vector;
    case ColumnKind::blob:
    case ColumnKind::compressed_blob: return is_binary ? Kind::blob : Kind::text;
    case ColumnKind::string:
      if (is_binary && column.length == 16) return column.nullable ? Kind::uuid : Kind::inet6;
      if (is_binary && column.length == 4) return Kind::inet4;
      return is_binary ? Kind::binary : Kind::character;
    case ColumnKind::varchar:
    case ColumnKind::compressed_varchar: return is_binary ? Kind::binary : Kind::character;
  }
  return Kind::blob;
}

NativeType native_type(const mysql::binlog::ShapeColumn& column) {
  NativeType native;
  native.kind = native_kind(column);
  native.is_unsigned = column.is_unsigned;
  native.zerofill = column.is_unsigned && column.nullable;
  native.is_fixed = column.kind == ColumnKind::string;
  native.length = column.length;
  if (column.kind == ColumnKind::decimal) native.precision = column.precision;
  native.scale = column.scale;
  native.fraction = column.scale;
  return native;
}

class Log {
 public:
  void read(std::string_view bytes) {
    constexpr std::size_t size_offset = 9, header_size = mysql::binlog::header_size;
    while (bytes.size() >= header_size) {
      std::size_t size = 0;
      for (std::size_t i = 4; i-- > 0;) size = size << 8 | static_cast<unsigned char>(bytes[size_offset + i]);
      if (size < header_size || size > bytes.size()) size = bytes.size();
      const std::string event(bytes.substr(0, size));  // its own memory: a read beyond it is seen
      bytes.remove_prefix(size);
      const auto decoded = decoder_.decode(event);
      if (decoded.ok()) take(*decoded.value());
    }
  }

 private:
  void take(const mysql::binlog::Event& event) {
    if (const auto* map = std::get_if<mysql::binlog::TableMap>(&event.body)) take_map(*map);
    if (const auto* rows = std::get_if<mysql::binlog::Rows>(&event.body)) take_rows(*rows);
    const auto* payload = std::get_if<mysql::binlog::TransactionPayload>(&event.body);
    if (payload == nullptr || !reader_.open(*payload, decoder_).ok()) return;
    for (auto inner = reader_.next(); inner.ok() && inner.value() != nullptr; inner = reader_.next()) {
      if (!std::holds_alternative<mysql::binlog::TransactionPayload>(inner.value()->body)) take(*inner.value());
    }
  }
  void take_map(const mysql::binlog::TableMap& map) {
    cells_.reset();
    auto shape = mysql::binlog::parse_shape(map);
    if (!shape.ok()) return;
    shape_ = shape.take();
    std::vector<NativeType> natives;
    for (const auto& column : shape_.columns) natives.push_back(native_type(column));
    auto cells = mysql::binlog::CellDecoder::make(shape_, natives);
    if (cells.ok()) cells_.emplace(cells.take());
  }
  void take_rows(const mysql::binlog::Rows& event) {
    if (!cells_) return;
    mysql::binlog::RowReader rows(shape_, event);
    for (auto more = rows.next(); more.ok() && more.value(); more = rows.next()) {
      take_image(rows.before(), nullptr);
      take_image(rows.after(), rows.before().empty() ? nullptr : &rows.before());
    }
  }
  void take_image(const std::vector<mysql::binlog::RawCell>& image, const std::vector<mysql::binlog::RawCell>* before) {
    using mysql::binlog::RawState;
    for (std::size_t i = 0; i < image.size(); ++i) {
      out_.clear();
      if (image[i].state == RawState::json_diff && before != nullptr && (*before)[i].state == RawState::value) {
        (void)mysql::binlog::CellDecoder::append_patched_json((*before)[i].bytes, image[i].bytes, out_);
      }
      if (image[i].state != RawState::value) continue;
      (void)cells_->append_native(i, image[i].bytes, out_);
      model::ColumnType type;
      mysql::canonical_type(native_type(shape_.columns[i]), type);
      (void)cells_->append_canonical(i, image[i].bytes, type.type, mysql::ValueChoices(), out_);
    }
  }

  mysql::binlog::Decoder decoder_;
  mysql::binlog::PayloadReader reader_;
  mysql::binlog::TableShape shape_;
  std::optional<mysql::binlog::CellDecoder> cells_;
  std::string out_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Log().read({reinterpret_cast<const char*>(data), size});
  return 0;
}
