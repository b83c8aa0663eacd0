// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/civil.h"
#include "connectors/mysql/binlog_json.h"
#include "connectors/mysql/binlog_packed_column.h"
#include "connectors/mysql/binlog_rows.h"
#include "connectors/mysql/binlog_values.h"
#include "connectors/mysql/byte_reader.h"
#include "connectors/mysql/network_text.h"

namespace mysql::binlog {
namespace {

using base::failed;
using base::Result;
using model::Type;

Converted misfit(std::string& out, std::size_t start, std::string_view why) {
  out.resize(start);
  out.append(why);
  return Converted::misfit;
}

Converted as_value(bool good, std::string& out, std::size_t start, std::string_view otherwise) {
  return good ? Converted::value : misfit(out, start, otherwise);
}

// Of the integer kinds and year. False: of another kind.
bool load_integer(ColumnKind kind, bool is_unsigned, std::string_view bytes, std::int64_t& value) {
  constexpr std::int64_t first_year = 1900;
  std::size_t size = 0;
  switch (kind) {
    case ColumnKind::tiny: size = 1; break;
    case ColumnKind::small: size = 2; break;
    case ColumnKind::medium: size = 3; break;
    case ColumnKind::integer: size = 4; break;
    case ColumnKind::big: size = 8; break;
    case ColumnKind::year:
      value = static_cast<unsigned char>(bytes[0]);
      if (value != 0) value += first_year;
      return true;
    default: return false;
  }
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < size; ++i) bits |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  const int unused = static_cast<int>(64 - 8 * size);
  value = is_unsigned ? static_cast<std::int64_t>(bits) : static_cast<std::int64_t>(bits << unused) >> unused;
  return true;
}

double load_real8(std::string_view bytes) {
  double value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}
double load_real4(std::string_view bytes) {
  float value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return static_cast<double>(value) + 0.0;  // -0 becomes 0, as in the load's `column + 0e0`
}

void pad_front(std::string& out, std::size_t start, std::size_t width) {
  const std::size_t size = out.size() - start;
  if (size < width) out.insert(start, width - size, '0');
}

void append_integer(const NativeType& native, ColumnKind kind, std::int64_t value, std::string& out) {
  constexpr std::size_t year_digits = 4;
  const std::size_t start = out.size();
  char text[24];
  char* const end = text + sizeof text;
  out.append(text, native.is_unsigned ? std::to_chars(text, end, static_cast<std::uint64_t>(value)).ptr
                                      : std::to_chars(text, end, value).ptr);
  if (kind == ColumnKind::year) pad_front(out, start, year_digits);
  if (native.zerofill) pad_front(out, start, static_cast<std::size_t>(std::min<std::uint64_t>(native.length, 255)));
}

bool append_real8(const NativeType& native, double value, std::string& out) {
  constexpr std::size_t width_of_double = 22;
  const std::size_t start = out.size();
  const bool has_scale = native.precision > 0;  // double(12,2)
  if (!(has_scale ? append_fixed_double(value, native.scale, out) : append_double(value, out))) return false;
  if (native.zerofill) pad_front(out, start, has_scale ? native.precision : width_of_double);
  return true;
}

// Types of servers before 5.6, and of those that were upgraded and not rewritten since: decimal digits.
PackedMoment packed(std::uint64_t year, std::uint64_t month, std::uint64_t day, std::uint64_t clock) {
  PackedMoment moment;
  if (month > 12) year = 99'999;  // no such date
  moment.bits = ((year * 13 + month) << 5 | day) << 17 | clock / 10'000 << 12 | clock / 100 % 100 << 6 | clock % 100;
  return moment;
}
PackedMoment load_date(std::string_view bytes) {
  const std::uint64_t value = ByteReader(bytes).u24();
  return packed(value >> 9, value >> 5 & 15, value & 31, 0);
}
bool append_old_time(std::string_view bytes, std::string& out) {
  auto value = static_cast<std::int32_t>(ByteReader(bytes).u24() << 8) >> 8;
  PackedDuration duration;
  duration.negative = value < 0;
  const auto digits = static_cast<std::uint32_t>(value < 0 ? -value : value);
  if (digits / 100 % 100 > 59 || digits % 100 > 59) return false;
  duration.bits = std::uint64_t{digits / 10'000} << 12 | digits / 100 % 100 << 6 | digits % 100;
  return append_duration(duration, 0, out);
}
bool append_old_datetime(std::string_view bytes, std::string& out) {
  const std::uint64_t value = ByteReader(bytes).u64(), date = value / 1'000'000, clock = value % 1'000'000;
  if (date / 10'000 > 9999 || clock / 10'000 > 23 || clock / 100 % 100 > 59 || clock % 100 > 59) return false;
  return append_moment(packed(date / 10'000, date / 100 % 100, date % 100, clock), 0, out);
}

bool append_temporal(const ShapeColumn& shape, std::string_view bytes, std::string& out) {
  const int fraction = shape.scale;
  switch (shape.kind) {
    case ColumnKind::date: return append_date_of(load_date(bytes), out);
    case ColumnKind::time: return append_old_time(bytes, out);
    case ColumnKind::datetime: return append_old_datetime(bytes, out);
    case ColumnKind::timestamp: return append_timestamp(ByteReader(bytes).u32(), 0, 0, out);
    case ColumnKind::datetime2: {
      PackedMoment moment;
      return load_datetime2(bytes, fraction, moment) && append_moment(moment, fraction, out);
    }
    case ColumnKind::timestamp2: {
      std::int64_t seconds = 0;
      std::uint32_t micros = 0;
      return load_timestamp2(bytes, fraction, seconds, micros) && micros < 1'000'000 &&
             append_timestamp(seconds, micros, fraction, out);
    }
    case ColumnKind::time2: {
      PackedDuration duration;
      return load_time2(bytes, fraction, duration) && append_duration(duration, fraction, out);
    }
    default: return false;
  }
}

// The common case of a date and time, straight to the canonical cell. False: not such a column, or a value that only
// the choices about zero dates decide.
bool append_moment_cell(const ShapeColumn& shape, std::string_view bytes, std::string& out) {
  constexpr std::int64_t second = 1'000'000;
  if (shape.kind == ColumnKind::timestamp2) {
    std::int64_t seconds = 0;
    std::uint32_t micros = 0;
    if (!load_timestamp2(bytes, shape.scale, seconds, micros) || micros >= second || seconds == 0) return false;
    model::append_fixed(out, seconds * second + micros);
    return true;
  }
  PackedMoment moment;
  if (shape.kind != ColumnKind::datetime2 || !load_datetime2(bytes, shape.scale, moment)) return false;
  const std::uint64_t year = moment.year();
  const auto month = static_cast<unsigned>(moment.month()), day = static_cast<unsigned>(moment.day());
  if (year == 0 || year > 9999 || month == 0 || day == 0) return false;
  if (day > base::days_of_month(static_cast<std::int64_t>(year), month)) return false;
  if (moment.hour() > 23 || moment.minute() > 59 || moment.second() > 59 || moment.micros >= second) return false;
  const std::int64_t days = base::civil_days(static_cast<std::int64_t>(year), month, day);
  const auto clock = static_cast<std::int64_t>((moment.hour() * 60 + moment.minute()) * 60 + moment.second());
  model::append_fixed(out, (days * 86'400 + clock) * second + moment.micros);
  return true;
}

// False: not such a column, or one whose text has other digits than the value.
bool append_real_cell(const ShapeColumn& shape, const NativeType& native, std::string_view bytes, std::string& out) {
  const bool is_plain = shape.kind == ColumnKind::real4 || (shape.kind == ColumnKind::real8 && native.precision == 0);
  if (!is_plain) return false;
  const double value = shape.kind == ColumnKind::real4 ? load_real4(bytes) : load_real8(bytes);
  if (!std::isfinite(value)) return false;
  model::append_real(out, value);
  return true;
}

Converted append_enum(const std::vector<std::string>& members, std::uint64_t index, std::string& out) {
  if (index > members.size()) return misfit(out, out.size(), "a member that the enumeration does not have");
  if (index > 0) out += members[static_cast<std::size_t>(index - 1)];  // 0 is the empty text of a refused value
  return Converted::value;
}

Converted append_set(const std::vector<std::string>& members, std::uint64_t bits, std::string& out) {
  const std::size_t start = out.size();
  if (members.size() < 64 && bits >> members.size() != 0) {
    return misfit(out, start, "a member that the set does not have");
  }
  for (std::size_t i = 0; i < members.size() && i < 64; ++i) {
    if ((bits >> i & 1) == 0) continue;
    if ((bits & ((std::uint64_t{1} << i) - 1)) != 0) out += ',';
    out += members[i];
  }
  return Converted::value;
}

bool is_text(const NativeType& native) { return native.kind == Kind::character || native.kind == Kind::text; }

bool is_kind(ColumnKind kind, std::initializer_list<ColumnKind> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

bool fits_fraction(const ShapeColumn& column, const NativeType& native, ColumnKind now, ColumnKind before) {
  return column.kind == now ? column.scale == native.fraction : column.kind == before && native.fraction == 0;
}

}  // namespace

bool fits(const ShapeColumn& column, const NativeType& native) {
  const ColumnKind kind = column.kind;
  const auto is_string_of = [&](std::uint32_t size) { return kind == ColumnKind::string && column.length == size; };
  switch (native.kind) {
    case Kind::tiny: return kind == ColumnKind::tiny;
    case Kind::small: return kind == ColumnKind::small;
    case Kind::medium: return kind == ColumnKind::medium;
    case Kind::integer: return kind == ColumnKind::integer;
    case Kind::big: return kind == ColumnKind::big;
    case Kind::real4: return kind == ColumnKind::real4;
    case Kind::real8: return kind == ColumnKind::real8;
    case Kind::decimal:
      return kind == ColumnKind::decimal && column.precision == native.precision && column.scale == native.scale;
    case Kind::bit: return kind == ColumnKind::bit && column.length == native.length;
    case Kind::year: return kind == ColumnKind::year;
    case Kind::date: return kind == ColumnKind::date;
    case Kind::time: return fits_fraction(column, native, ColumnKind::time2, ColumnKind::time);
    case Kind::datetime: return fits_fraction(column, native, ColumnKind::datetime2, ColumnKind::datetime);
    case Kind::timestamp: return fits_fraction(column, native, ColumnKind::timestamp2, ColumnKind::timestamp);
    case Kind::character:
    case Kind::binary:
      if (native.is_fixed) return kind == ColumnKind::string;
      return is_kind(kind, {ColumnKind::varchar, ColumnKind::compressed_varchar});
    case Kind::text:
    case Kind::blob: return is_kind(kind, {ColumnKind::blob, ColumnKind::compressed_blob});
    case Kind::enumeration: return kind == ColumnKind::enumeration;
    case Kind::set: return kind == ColumnKind::set;
    case Kind::json: return kind == ColumnKind::json;
    case Kind::geometry: return kind == ColumnKind::geometry;
    case Kind::vector: return is_kind(kind, {ColumnKind::vector, ColumnKind::varchar});
    case Kind::uuid:
    case Kind::inet6: return is_string_of(16);
    case Kind::inet4: return is_string_of(4);
  }
  return false;
}

Result<CellDecoder> CellDecoder::make(const TableShape& shape, const std::vector<NativeType>& natives) {
  if (shape.columns.size() != natives.size()) {
    return failed(errors::shape_mismatch, "table {}.{}: the log has {} columns, the table was known to have {}",
                  shape.schema, shape.table, shape.columns.size(), natives.size());
  }
  CellDecoder made;
  made.columns_.resize(natives.size());
  for (std::size_t i = 0; i < natives.size(); ++i) {
    Column& column = made.columns_[i];
    const ShapeColumn& told = shape.columns[i];
    const bool other_sign =
        shape.has_signs && natives[i].kind <= Kind::big && told.is_unsigned != natives[i].is_unsigned;
    if (!fits(told, natives[i]) || other_sign) {
      return failed(errors::shape_mismatch, "table {}.{}: column {} ({}) is of another type in the log", shape.schema,
                    shape.table, i + 1, told.name);
    }
    column.shape = told;
    column.shape.name.clear();
    column.native = natives[i];
    const bool has_members = natives[i].kind == Kind::enumeration || natives[i].kind == Kind::set;
    if (has_members && !told.members.empty()) column.native.members = told.members;
    column.shape.members.clear();
    if (!is_text(natives[i])) continue;
    // The log's own word is about these very bytes: the table may have been converted since it was described.
    const std::string_view logged = character_set_of_collation(told.collation);
    const std::string_view set = logged.empty() ? std::string_view(natives[i].character_set) : logged;
    auto converter = TextConverter::open(set);
    if (!converter.ok()) return converter.take_error();
    column.text = converter.take();
  }
  return made;
}

Converted CellDecoder::append_text(Column& column, std::string_view bytes, std::string& out) {
  const std::size_t start = out.size();
  if (!column.text.append(bytes, out)) return misfit(out, start, "a text with bytes that its character set lacks");
  if (column.native.is_fixed) {
    while (out.size() > start && out.back() == ' ') out.pop_back();
  }
  return Converted::value;
}

// What a column of characters or bytes holds, by the type that the table says it has.
Converted CellDecoder::append_bytes(Column& column, std::string_view bytes, std::string& out) {
  switch (column.native.kind) {
    case Kind::character:
    case Kind::text: return append_text(column, bytes, out);
    case Kind::uuid: return as_value(append_uuid(bytes, out), out, out.size(), "no UUID");
    case Kind::inet4: return as_value(append_inet4(bytes, out), out, out.size(), "no IPv4 address");
    case Kind::inet6: return as_value(append_inet6(bytes, out), out, out.size(), "no IPv6 address");
    default: break;
  }
  out.append(bytes);
  // The log leaves out the zero bytes that fill a BINARY(n) up.
  const std::size_t width = column.native.is_fixed ? column.shape.length : 0;
  if (bytes.size() < width) out.append(width - bytes.size(), '\0');
  return Converted::value;
}

Converted CellDecoder::append_native(std::size_t index, std::string_view bytes, std::string& out) {
  Column& column = columns_[index];
  const std::size_t start = out.size();
  std::int64_t number = 0;
  if (column.shape.fixed_size != 0 && bytes.size() != column.shape.fixed_size) return misfit(out, start, "no value");
  switch (column.shape.kind) {
    case ColumnKind::tiny:
    case ColumnKind::small:
    case ColumnKind::medium:
    case ColumnKind::integer:
    case ColumnKind::big:
    case ColumnKind::year:
      load_integer(column.shape.kind, column.native.is_unsigned, bytes, number);
      append_integer(column.native, column.shape.kind, number, out);
      return Converted::value;
    case ColumnKind::real4: return as_value(append_double(load_real4(bytes), out), out, start, "no number");
    case ColumnKind::real8:
      return as_value(append_real8(column.native, load_real8(bytes), out), out, start, "no number");
    case ColumnKind::decimal: {
      const std::size_t in_front = column.native.zerofill ? column.shape.precision - column.shape.scale : 0;
      return as_value(append_decimal(bytes, column.shape.precision, column.shape.scale, in_front, out), out, start,
                      "no decimal number");
    }
    case ColumnKind::date:
    case ColumnKind::time:
    case ColumnKind::datetime:
    case ColumnKind::timestamp:
    case ColumnKind::timestamp2:
    case ColumnKind::datetime2:
    case ColumnKind::time2:
      return as_value(append_temporal(column.shape, bytes, out), out, start, "a date or time out of range");
    case ColumnKind::enumeration:
      return append_enum(column.native.members, ByteReader(bytes).number(bytes.size()), out);
    case ColumnKind::set: return append_set(column.native.members, ByteReader(bytes).number(bytes.size()), out);
    case ColumnKind::compressed_blob:
    case ColumnKind::compressed_varchar:
      scratch_.clear();
      if (!unpack_column(bytes, scratch_)) return misfit(out, start, "a compressed value that does not unpack");
      return append_bytes(column, scratch_, out);
    case ColumnKind::string:
    case ColumnKind::varchar:
    case ColumnKind::blob: return append_bytes(column, bytes, out);
    case ColumnKind::json: return as_value(append_json(bytes, out), out, start, "a JSON document that is malformed");
    case ColumnKind::bit:
    case ColumnKind::geometry:
    case ColumnKind::vector: out.append(bytes); return Converted::value;
  }
  return misfit(out, start, "no value");
}

Converted CellDecoder::append_canonical(std::size_t index, std::string_view bytes, Type type,
                                        const ValueChoices& choices, std::string& out) {
  const Column& column = columns_[index];
  const std::size_t start = out.size();
  if (column.shape.fixed_size == 0 || bytes.size() == column.shape.fixed_size) {
    std::int64_t number = 0;
    if (type <= Type::uint8 && load_integer(column.shape.kind, column.native.is_unsigned, bytes, number)) {
      model::append_fixed(out, number);
      return Converted::value;
    }
    if (type == Type::datetime && append_moment_cell(column.shape, bytes, out)) return Converted::value;
    if (model::is_real(type) && append_real_cell(column.shape, column.native, bytes, out)) return Converted::value;
    const bool is_decimal = type == Type::numeric && column.shape.kind == ColumnKind::decimal;
    if (is_decimal && append_decimal(bytes, column.shape.precision, column.shape.scale, 0, out))
      return Converted::value;
  }
  if (!model::is_fixed(type) && !model::is_real(type) && type != Type::numeric) return append_native(index, bytes, out);
  std::string& text = text_;
  text.clear();
  const Converted converted = append_native(index, bytes, text);
  if (converted == Converted::misfit) return misfit(out, start, text);
  return canonical_cell(column.native, type, text, choices, out);
}

Converted CellDecoder::append_patched_json(std::string_view before, std::string_view diff, std::string& out) {
  const std::size_t start = out.size();
  return as_value(binlog::append_patched_json(before, diff, out), out, start,
                  "differences of a JSON document that do not fit it");
}

}  // namespace mysql::binlog
