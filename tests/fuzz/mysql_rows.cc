// SPDX-License-Identifier: Apache-2.0
//
// One value from hostile bytes, as a column of a type that the first line names: "int unsigned", "json",
// "varchar(9) sjis" (a character set may follow). The rest is the value's bytes. A canonical cell must be what the
// native text becomes, and a text in UTF-8. "json" reads differences after the first zero byte, if there is one.
#include "connectors/mysql/binlog_json.h"
#include "connectors/mysql/binlog_rows.h"
#include "connectors/mysql/decimal_size.h"
#include "connectors/mysql/network_text.h"

namespace {

using mysql::Kind;
using mysql::binlog::ColumnKind;
using mysql::binlog::ShapeColumn;

void set_kind(ShapeColumn& column, ColumnKind kind, std::size_t size) {
  column.kind = kind;
  column.fixed_size = static_cast<std::uint8_t>(size);
  if (size == 0) column.length_bytes = 4;
}

ShapeColumn logged_as(const mysql::NativeType& native) {
  ShapeColumn column;
  column.length = static_cast<std::uint32_t>(native.length);
  const std::size_t fraction = (native.fraction + 1U) / 2;
  switch (native.kind) {
    case Kind::tiny: set_kind(column, ColumnKind::tiny, 1); break;
    case Kind::small: set_kind(column, ColumnKind::small, 2); break;
    case Kind::medium: set_kind(column, ColumnKind::medium, 3); break;
    case Kind::integer: set_kind(column, ColumnKind::integer, 4); break;
    case Kind::big: set_kind(column, ColumnKind::big, 8); break;
    case Kind::real4: set_kind(column, ColumnKind::real4, 4); break;
    case Kind::real8: set_kind(column, ColumnKind::real8, 8); break;
    case Kind::decimal:
      column.precision = static_cast<std::uint8_t>(native.precision);
      column.scale = static_cast<std::uint8_t>(native.scale);
      set_kind(column, ColumnKind::decimal, mysql::decimal_size(native.precision, column.scale));
      break;
    case Kind::bit: set_kind(column, ColumnKind::bit, (native.length + 7) / 8); break;
    case Kind::year: set_kind(column, ColumnKind::year, 1); break;
    case Kind::date: set_kind(column, ColumnKind::date, 3); break;
    case Kind::time: set_kind(column, ColumnKind::time2, 3 + fraction); break;
    case Kind::datetime: set_kind(column, ColumnKind::datetime2, 5 + fraction); break;
    case Kind::timestamp: set_kind(column, ColumnKind::timestamp2, 4 + fraction); break;
    case Kind::enumeration: set_kind(column, ColumnKind::enumeration, 1); break;
    case Kind::set: set_kind(column, ColumnKind::set, 8); break;
    case Kind::json: set_kind(column, ColumnKind::json, 0); break;
    case Kind::geometry: set_kind(column, ColumnKind::geometry, 0); break;
    case Kind::vector: set_kind(column, ColumnKind::vector, 0); break;
    case Kind::text:
    case Kind::blob: set_kind(column, ColumnKind::compressed_blob, 0); break;
    case Kind::character:
    case Kind::binary: set_kind(column, native.is_fixed ? ColumnKind::string : ColumnKind::varchar, 0); break;
    case Kind::uuid:
    case Kind::inet6:
      column.length = 16;
      set_kind(column, ColumnKind::string, 0);
      break;
    case Kind::inet4:
      column.length = 4;
      set_kind(column, ColumnKind::string, 0);
      break;
  }
  if (native.fraction > 0) column.scale = native.fraction;
  return column;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using mysql::Converted;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string_view name = input.substr(0, line);
  const std::string bytes(input.substr(std::min(line + 1, input.size())));
  const std::size_t blank = name.rfind(' ');
  const std::string_view set = blank == std::string_view::npos ? "utf8mb4" : name.substr(blank + 1);
  const auto native = mysql::parse_type(name, set);
  if (!native.ok()) return 0;
  const bool is_decimal = native->kind == Kind::decimal;
  if (is_decimal && (native->precision == 0 || native->precision > 65 || native->scale < 0 || native->scale > 30 ||
                     native->scale > native->precision)) {
    return 0;
  }
  if (native->length > 300 && native->is_fixed) return 0;
  mysql::binlog::TableShape shape;
  shape.columns.push_back(logged_as(*native));
  auto cells = mysql::binlog::CellDecoder::make(shape, {*native});
  if (!cells.ok()) return 0;
  std::string text, cell, through_text;
  const Converted told = cells->append_native(0, bytes, text);
  model::ColumnType type;
  mysql::canonical_type(*native, type);
  const Converted direct = cells->append_canonical(0, bytes, type.type, mysql::ValueChoices(), cell);
  if (told == Converted::misfit && direct != Converted::misfit) __builtin_trap();
  if (told == Converted::value) {
    const Converted by_text = mysql::canonical_cell(*native, type.type, text, mysql::ValueChoices(), through_text);
    if (by_text != direct || through_text != cell) __builtin_trap();
    const bool is_text = native->kind == Kind::character || native->kind == Kind::text;
    std::string again;
    const bool is_converted = is_text && !native->character_set.empty() && native->character_set != "binary";
    if (is_converted && !mysql::TextConverter::open("utf8mb4")->append(text, again)) __builtin_trap();
  }
  const std::size_t zero = bytes.find('\0');
  if (native->kind == Kind::json && zero != std::string::npos) {
    text.clear();
    (void)mysql::binlog::append_patched_json(bytes.substr(0, zero), bytes.substr(zero + 1), text);
  }
  return 0;
}
