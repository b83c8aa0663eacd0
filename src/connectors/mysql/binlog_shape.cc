// SPDX-License-Identifier: Apache-2.0
//
// TABLE_MAP: names, a type byte for each column, bytes of metadata by type, a bitmap of nullable columns, then optional
// fields (a type byte, a length, a value) that say of the columns of some kind, in order, what MINIMAL or FULL row
// metadata tells. In their bitmaps the first column is the highest bit.
#include <optional>

#include "connectors/mysql/binlog_parts.h"
#include "connectors/mysql/character_set.h"
#include "connectors/mysql/decimal_size.h"

namespace mysql::binlog {
namespace {

using base::failed;
using base::Result;

enum MetadataField : std::uint8_t {
  signs = 1,
  default_collation = 2,
  collations = 3,
  names = 4,
  set_members = 5,
  enum_members = 6,
  geometry_types = 7,
  primary_key = 8,
  primary_key_with_prefixes = 9,
  default_member_collation = 10,
  member_collations = 11,
  visibility = 12,
  dimensions = 13,
};

enum RawType : std::uint8_t { var_string = 253, string = 254 };

std::uint8_t bytes_for_length(std::uint32_t length) { return length > 255 ? 2 : 1; }

// char, binary, enum and set share a type; their metadata says which, and hides two bits of the length in it.
bool read_string_type(std::uint8_t first, std::uint8_t second, ShapeColumn& out) {
  constexpr std::uint8_t kind_bits = 0x30;
  if ((first & kind_bits) != kind_bits) {
    out.length = second | static_cast<std::uint32_t>((first & kind_bits) ^ kind_bits) << 4;
    first |= kind_bits;
  } else {
    out.length = second;
  }
  out.kind = static_cast<ColumnKind>(first);
  if (out.kind == ColumnKind::string) {
    out.length_bytes = bytes_for_length(out.length);
    return true;
  }
  out.fixed_size = second;
  const bool is_enum = out.kind == ColumnKind::enumeration && (second == 1 || second == 2);
  const bool is_set = out.kind == ColumnKind::set && second >= 1 && second <= 8;
  return is_enum || is_set;
}

bool read_fraction(ByteReader& metadata, std::uint8_t whole_size, ShapeColumn& out) {
  out.scale = metadata.u8();
  out.fixed_size = static_cast<std::uint8_t>(whole_size + (out.scale + 1) / 2);
  return out.scale <= 6;
}

bool read_column(std::uint8_t type, ByteReader& metadata, ShapeColumn& out) {
  out.kind = static_cast<ColumnKind>(type == var_string ? static_cast<std::uint8_t>(ColumnKind::varchar) : type);
  switch (out.kind) {
    case ColumnKind::tiny:
    case ColumnKind::year: out.fixed_size = 1; return true;
    case ColumnKind::small: out.fixed_size = 2; return true;
    case ColumnKind::medium:
    case ColumnKind::date:
    case ColumnKind::time: out.fixed_size = 3; return true;
    case ColumnKind::integer:
    case ColumnKind::timestamp: out.fixed_size = 4; return true;
    case ColumnKind::big:
    case ColumnKind::datetime: out.fixed_size = 8; return true;
    case ColumnKind::real4: out.fixed_size = 4; return metadata.u8() == 4;
    case ColumnKind::real8: out.fixed_size = 8; return metadata.u8() == 8;
    case ColumnKind::timestamp2: return read_fraction(metadata, 4, out);
    case ColumnKind::datetime2: return read_fraction(metadata, 5, out);
    case ColumnKind::time2: return read_fraction(metadata, 3, out);
    case ColumnKind::varchar:
    case ColumnKind::compressed_varchar:
      out.length = metadata.u16();
      out.length_bytes = bytes_for_length(out.length);
      return true;
    case ColumnKind::bit: {
      const std::uint32_t odd = metadata.u8(), whole = metadata.u8();
      out.length = whole * 8 + odd;
      out.fixed_size = static_cast<std::uint8_t>((out.length + 7) / 8);
      return odd < 8 && out.length >= 1 && out.length <= 64;
    }
    case ColumnKind::decimal:
      out.precision = metadata.u8();
      out.scale = metadata.u8();
      if (out.precision == 0 || out.precision > 65 || out.scale > out.precision || out.scale > 38) return false;
      out.fixed_size = static_cast<std::uint8_t>(decimal_size(out.precision, out.scale));
      return true;
    case ColumnKind::enumeration:
    case ColumnKind::set:
    case ColumnKind::string: {
      const std::uint8_t first = metadata.u8();
      return read_string_type(first, metadata.u8(), out);
    }
    case ColumnKind::blob:
    case ColumnKind::compressed_blob:
    case ColumnKind::json:
    case ColumnKind::geometry:
    case ColumnKind::vector:
      out.length = metadata.u8();
      out.length_bytes = static_cast<std::uint8_t>(out.length);
      return out.length >= 1 && out.length <= 4;
  }
  return false;
}

// Of which columns the log tells a sign.
bool is_number(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::tiny:
    case ColumnKind::small:
    case ColumnKind::medium:
    case ColumnKind::integer:
    case ColumnKind::big:
    case ColumnKind::year:
    case ColumnKind::decimal:
    case ColumnKind::real4:
    case ColumnKind::real8: return true;
    default: return false;
  }
}

// Of which it tells a collation; MariaDB: is_mariadb_text.
bool is_text(ColumnKind kind) {
  return kind == ColumnKind::string || kind == ColumnKind::varchar || kind == ColumnKind::blob ||
         kind == ColumnKind::compressed_varchar || kind == ColumnKind::compressed_blob;
}

bool is_mariadb_text(ColumnKind kind) { return is_text(kind) || kind == ColumnKind::geometry; }

bool has_members(ColumnKind kind) { return kind == ColumnKind::enumeration || kind == ColumnKind::set; }

bool high_bit_at(std::string_view bits, std::size_t index) {
  return (static_cast<unsigned char>(bits[index / 8]) << (index % 8) & 0x80) != 0;
}

// One bit for each column that `counts`.
template <typename Counts>
bool read_bits(std::string_view bits, TableShape& shape, const Counts& counts, bool ShapeColumn::*member) {
  std::size_t index = 0;
  for (ShapeColumn& column : shape.columns) {
    if (!counts(column.kind)) continue;
    if (index / 8 >= bits.size()) return false;
    column.*member = high_bit_at(bits, index++);
  }
  return true;
}

template <typename Counts>
bool read_numbers(ByteReader in, TableShape& shape, const Counts& counts, std::uint32_t ShapeColumn::*member) {
  for (ShapeColumn& column : shape.columns) {
    if (counts(column.kind)) column.*member = static_cast<std::uint32_t>(in.packed());
  }
  return in.is_good();
}

// One collation for all, then (which of them, its own) for the others.
template <typename Counts>
bool read_default_collation(ByteReader in, TableShape& shape, const Counts& counts) {
  std::vector<ShapeColumn*> counted;
  const auto common = static_cast<std::uint32_t>(in.packed());
  for (ShapeColumn& column : shape.columns) {
    if (!counts(column.kind)) continue;
    column.collation = common;
    counted.push_back(&column);
  }
  while (in.is_good() && !in.is_at_end()) {
    const std::uint64_t which = in.packed();
    const auto own = static_cast<std::uint32_t>(in.packed());
    if (!in.is_good() || which >= counted.size()) return false;
    counted[static_cast<std::size_t>(which)]->collation = own;
  }
  return in.is_good();
}

bool read_names(ByteReader in, TableShape& shape) {
  for (ShapeColumn& column : shape.columns) column.name = in.packed_bytes();
  return in.is_good();
}

bool read_members(ByteReader in, TableShape& shape, ColumnKind kind) {
  for (ShapeColumn& column : shape.columns) {
    if (column.kind != kind) continue;
    const std::uint64_t count = in.packed();
    if (!in.is_good() || count > in.left()) return false;
    column.members.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i) column.members.emplace_back(in.packed_bytes());
  }
  return in.is_good();
}

bool read_key(ByteReader in, TableShape& shape, bool has_prefixes) {
  while (in.is_good() && !in.is_at_end()) {
    TableShape::KeyPart part;
    const std::uint64_t column = in.packed();
    if (has_prefixes) part.prefix = static_cast<std::uint32_t>(in.packed());
    if (!in.is_good() || column >= shape.columns.size()) return false;
    part.column = static_cast<std::uint32_t>(column);
    shape.primary_key.push_back(part);
  }
  return in.is_good();
}

bool read_field(std::uint8_t field, std::string_view value, bool is_mariadb, TableShape& shape) {
  const ByteReader in(value);
  const auto is_text_kind = is_mariadb ? is_mariadb_text : is_text;
  switch (field) {
    case signs: shape.has_signs = true; return read_bits(value, shape, is_number, &ShapeColumn::is_unsigned);
    case default_collation: shape.has_collations = true; return read_default_collation(in, shape, is_text_kind);
    case collations: shape.has_collations = true; return read_numbers(in, shape, is_text_kind, &ShapeColumn::collation);
    case names: shape.has_names = true; return read_names(in, shape);
    case set_members: shape.has_members = true; return read_members(in, shape, ColumnKind::set);
    case enum_members: shape.has_members = true; return read_members(in, shape, ColumnKind::enumeration);
    case geometry_types:
      return read_numbers(
          in, shape, [](ColumnKind kind) { return kind == ColumnKind::geometry; }, &ShapeColumn::geometry_type);
    case primary_key: return read_key(in, shape, false);
    case primary_key_with_prefixes: return read_key(in, shape, true);
    case default_member_collation: return read_default_collation(in, shape, has_members);
    case member_collations: return read_numbers(in, shape, has_members, &ShapeColumn::collation);
    case visibility:
      return read_bits(
          value, shape, [](ColumnKind) { return true; }, &ShapeColumn::is_visible);
    case dimensions:
      return read_numbers(
          in, shape, [](ColumnKind kind) { return kind == ColumnKind::vector; }, &ShapeColumn::dimensions);
    default: return true;  // of a later release: it says what we do not ask
  }
}

// The members come in the column's character set.
bool convert_members(TableShape& shape) {
  for (ShapeColumn& column : shape.columns) {
    if (column.members.empty()) continue;
    auto converter = TextConverter::open(character_set_of_collation(column.collation));
    if (!converter.ok()) return false;
    for (std::string& member : column.members) {
      std::string converted;
      if (!converter->append(member, converted)) return false;
      member = std::move(converted);
    }
  }
  return true;
}

bool read_shape(ByteReader& in, bool is_mariadb, TableShape& shape) {
  shape.schema = in.packed_bytes();
  in.u8();
  shape.table = in.packed_bytes();
  in.u8();
  const std::uint64_t count = in.packed();
  if (!in.is_good() || count > in.left()) return false;
  const std::string_view types = in.bytes(count);
  ByteReader metadata(in.packed_bytes());
  const std::string_view nullable = in.bytes((count + 7) / 8);
  if (!in.is_good()) return false;
  shape.columns.resize(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    if (!read_column(static_cast<std::uint8_t>(types[i]), metadata, shape.columns[i])) return false;
    shape.columns[i].nullable = bit_at(nullable, i);
  }
  if (!metadata.is_good() || !metadata.is_at_end()) return false;
  while (!in.is_at_end()) {
    const std::uint8_t field = in.u8();
    const std::string_view value = in.packed_bytes();
    if (!in.is_good() || !read_field(field, value, is_mariadb, shape)) return false;
  }
  return true;
}

}  // namespace

Result<TableShape> parse_shape(const TableMap& map) {
  TableShape shape;
  shape.table_id = map.table_id;
  ByteReader in(map.definition);
  if (!read_shape(in, map.is_mariadb, shape)) {
    return failed(errors::protocol_broken, "binary log: the columns of {}.{} are not understood", map.schema,
                  map.table);
  }
  if (shape.has_members && !convert_members(shape)) {
    shape.has_members = false;
    for (ShapeColumn& column : shape.columns) column.members.clear();
  }
  return shape;
}

}  // namespace mysql::binlog
