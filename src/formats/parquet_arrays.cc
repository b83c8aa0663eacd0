// SPDX-License-Identifier: Apache-2.0
#include "formats/parquet_arrays.h"

#include <array>
#include <cstring>

namespace formats {

using model::Type;

constexpr std::int64_t micros_per_day = 86'400'000'000;

ArrowKind arrow_kind(const ParquetSettings& settings, const model::ColumnType& type) {
  switch (type.type) {
    case Type::boolean: return ArrowKind::boolean;
    case Type::int1: return ArrowKind::int8;
    case Type::int2: return ArrowKind::int16;
    case Type::int4: return ArrowKind::int32;
    case Type::int8: return ArrowKind::int64;
    case Type::uint1: return ArrowKind::uint8;
    case Type::uint2: return ArrowKind::uint16;
    case Type::uint4: return ArrowKind::uint32;
    case Type::uint8: return ArrowKind::uint64;
    case Type::real4: return ArrowKind::float4;
    case Type::real8: return ArrowKind::float8;
    case Type::date: return ArrowKind::date;
    case Type::time: return ArrowKind::time;
    case Type::datetime: return settings.milliseconds ? ArrowKind::timestamp_millis : ArrowKind::timestamp_micros;
    case Type::numeric:
      return type.precision >= 1 && type.precision <= 38 && type.scale >= 0 && type.scale <= type.precision
                 ? ArrowKind::decimal
                 : ArrowKind::utf8;
    case Type::bytes:
    case Type::blob: return ArrowKind::binary;
    default: return ArrowKind::utf8;
  }
}

static bool has_zone(const model::ColumnType& type) {
  return type.native.find("with time zone") != std::string::npos || type.native.starts_with("timestamptz");
}

std::shared_ptr<arrow::DataType> arrow_type(ArrowKind kind, const model::ColumnType& type) {
  switch (kind) {
    case ArrowKind::boolean: return arrow::boolean();
    case ArrowKind::int8: return arrow::int8();
    case ArrowKind::int16: return arrow::int16();
    case ArrowKind::int32: return arrow::int32();
    case ArrowKind::int64: return arrow::int64();
    case ArrowKind::uint8: return arrow::uint8();
    case ArrowKind::uint16: return arrow::uint16();
    case ArrowKind::uint32: return arrow::uint32();
    case ArrowKind::uint64: return arrow::uint64();
    case ArrowKind::float4: return arrow::float32();
    case ArrowKind::float8: return arrow::float64();
    case ArrowKind::decimal: return arrow::decimal128(type.precision, type.scale);
    case ArrowKind::date: return arrow::date32();
    case ArrowKind::time: return arrow::time64(arrow::TimeUnit::MICRO);
    case ArrowKind::timestamp_micros: return arrow::timestamp(arrow::TimeUnit::MICRO, has_zone(type) ? "UTC" : "");
    case ArrowKind::timestamp_millis: return arrow::timestamp(arrow::TimeUnit::MILLI, has_zone(type) ? "UTC" : "");
    case ArrowKind::utf8: return arrow::utf8();
    case ArrowKind::binary: return arrow::binary();
  }
  return arrow::utf8();
}

const char* fixed_misfit(ArrowKind kind, std::int64_t value) {
  switch (kind) {
    case ArrowKind::date:
      if (value == model::date_infinity || value == -model::date_infinity) return "infinity has no place in a DATE";
      return nullptr;
    case ArrowKind::timestamp_micros:
    case ArrowKind::timestamp_millis:
      if (value == model::date_infinity || value == -model::date_infinity)
        return "infinity has no place in a TIMESTAMP";
      if (kind == ArrowKind::timestamp_millis && value % 1000 != 0) return "microseconds have no place in milliseconds";
      return nullptr;
    case ArrowKind::time:
      if (value >= micros_per_day) return "24:00:00 has no place in a TIME";
      return nullptr;
    default: return nullptr;
  }
}

namespace {

constexpr int register_digits = 18;  // what a 64-bit register holds of any number

constexpr std::array<std::int64_t, register_digits + 1> powers_of_ten = [] {
  std::array<std::int64_t, register_digits + 1> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

// Plain short numbers, nearly all there are; nothing when the text needs a closer look.
std::optional<std::int64_t> parse_short_decimal(std::string_view text, int precision, int scale) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at != end && *at == '-';
  if (negative) ++at;
  if (at == end || end - at > register_digits || scale > register_digits) return std::nullopt;
  std::int64_t value = 0;
  const auto take_digits = [&] {
    const char* const first = at;
    for (; at != end && static_cast<unsigned>(*at) - '0' <= 9; ++at) value = value * 10 + (*at - '0');
    return static_cast<int>(at - first);
  };
  const int whole = take_digits();
  int decimals = 0;
  if (at != end && *at == '.') {
    ++at;
    decimals = take_digits();
  }
  const int digits = whole + scale;
  if (at != end || decimals > scale || digits > precision || digits > register_digits) return std::nullopt;
  value *= powers_of_ten[static_cast<std::size_t>(scale - decimals)];
  return negative ? -value : value;
}

}  // namespace

std::optional<Int128> parse_decimal(std::string_view text, int precision, int scale) {
  if (const std::optional<std::int64_t> value = parse_short_decimal(text, precision, scale)) return *value;
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  UInt128 value = 0;
  std::uint64_t part = 0;  // up to 18 digits at a time in one register
  std::uint64_t part_power = 1;
  int digits = 0;     // significant ones
  int decimals = -1;  // behind the point; -1: not met
  const auto take = [&](unsigned digit) {
    part = part * 10 + digit;
    part_power *= 10;
    if (part_power == 1'000'000'000'000'000'000ULL) {
      value = value * part_power + part;
      part = 0;
      part_power = 1;
    }
    if (digits > 0 || digit > 0) ++digits;
  };
  for (const char c : text) {
    if (c == '.') {
      if (decimals >= 0) return std::nullopt;
      decimals = 0;
      continue;
    }
    const unsigned digit = static_cast<unsigned>(c) - '0';
    if (digit > 9) return std::nullopt;
    if (decimals >= scale) {
      if (digit != 0) return std::nullopt;
      continue;
    }
    if (digits >= precision) return std::nullopt;
    if (decimals >= 0) ++decimals;
    take(digit);
  }
  for (int missing = scale - std::max(decimals, 0); missing > 0; --missing) {
    if (digits >= precision) return std::nullopt;
    take(0);
  }
  value = value * part_power + part;
  const auto result = static_cast<Int128>(value);
  return negative ? -result : result;
}

const char* decimal_misfit(std::string_view text, int precision, int scale) {
  if (parse_decimal(text, precision, scale)) return nullptr;
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") return "NaN and infinity have no place in a DECIMAL";
  return "the number has more digits than its DECIMAL";
}

namespace {

std::shared_ptr<arrow::Buffer> borrowed(const void* data, std::size_t bytes) {
  return std::make_shared<arrow::Buffer>(static_cast<const std::uint8_t*>(data), static_cast<std::int64_t>(bytes));
}

base::Result<std::shared_ptr<arrow::Buffer>> allocated(std::size_t bytes) {
  auto buffer = arrow::AllocateBuffer(static_cast<std::int64_t>(bytes));
  if (!buffer.ok()) return base::failed(errors::parquet_failed, "{}", buffer.status().ToString());
  return std::shared_ptr<arrow::Buffer>(std::move(buffer).ValueOrDie());
}

base::Result<std::shared_ptr<arrow::Buffer>> packed_bits(std::size_t count, auto&& bit) {
  const std::shared_ptr<arrow::Buffer> buffer = TRY(allocated((count + 7) / 8));
  std::uint8_t* to = buffer->mutable_data();
  std::size_t row = 0;
  for (; row + 8 <= count; row += 8) {
    unsigned byte = 0;
    for (unsigned i = 0; i < 8; ++i) byte |= static_cast<unsigned>(bit(row + i)) << i;
    *to++ = static_cast<std::uint8_t>(byte);
  }
  if (row < count) {
    unsigned byte = 0;
    for (unsigned i = 0; row + i < count; ++i) byte |= static_cast<unsigned>(bit(row + i)) << i;
    *to = static_cast<std::uint8_t>(byte);
  }
  return buffer;
}

template <typename To, typename From>
base::Result<std::shared_ptr<arrow::Buffer>> converted(const From* from, std::size_t count) {
  std::shared_ptr<arrow::Buffer> buffer = TRY(allocated(count * sizeof(To)));
  auto* to = reinterpret_cast<To*>(buffer->mutable_data());
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<To>(from[i]);
  return buffer;
}

base::Result<std::shared_ptr<arrow::Buffer>> fixed_values(ArrowKind kind, const std::int64_t* from, std::size_t count) {
  switch (kind) {
    case ArrowKind::int8:
    case ArrowKind::uint8: return converted<std::uint8_t>(from, count);
    case ArrowKind::int16:
    case ArrowKind::uint16: return converted<std::uint16_t>(from, count);
    case ArrowKind::int32:
    case ArrowKind::uint32:
    case ArrowKind::date: return converted<std::uint32_t>(from, count);
    case ArrowKind::boolean: return packed_bits(count, [from](std::size_t row) { return from[row] != 0; });
    case ArrowKind::timestamp_millis: {
      std::shared_ptr<arrow::Buffer> buffer = TRY(allocated(count * 8));
      auto* to = reinterpret_cast<std::int64_t*>(buffer->mutable_data());
      for (std::size_t i = 0; i < count; ++i) to[i] = from[i] / 1000;
      return buffer;
    }
    default: return borrowed(from, count * 8);
  }
}

base::Result<std::shared_ptr<arrow::Buffer>> decimal_values(const model::ColumnType& type,
                                                            const model::ColumnVector& column, std::size_t first,
                                                            std::size_t count) {
  std::shared_ptr<arrow::Buffer> buffer = TRY(allocated(count * 16));
  auto* to = buffer->mutable_data();
  for (std::size_t i = 0; i < count; ++i, to += 16) {
    Int128 value = 0;
    if (column.present[first + i] != 0) {
      const std::string_view text = column.bytes_at(first + i);
      const std::optional<Int128> parsed = parse_decimal(text, type.precision, type.scale);
      if (!parsed) {
        return base::failed(errors::parquet_value, "row {}: {}", i + 1,
                            decimal_misfit(text, type.precision, type.scale));
      }
      value = *parsed;
    }
    std::memcpy(to, &value, 16);
  }
  return buffer;
}

bool needs_fixed_check(ArrowKind kind) {
  return kind == ArrowKind::date || kind == ArrowKind::time || kind == ArrowKind::timestamp_micros ||
         kind == ArrowKind::timestamp_millis;
}

std::shared_ptr<arrow::Array> array_of(std::shared_ptr<arrow::DataType> type, std::size_t count,
                                       std::vector<std::shared_ptr<arrow::Buffer>> buffers, std::size_t nulls) {
  return arrow::MakeArray(arrow::ArrayData::Make(std::move(type), static_cast<std::int64_t>(count), std::move(buffers),
                                                 static_cast<std::int64_t>(nulls)));
}

}  // namespace

base::Result<std::shared_ptr<arrow::Array>> make_array(ArrowKind kind, const model::ColumnType& type,
                                                       const model::ColumnVector& column, std::size_t first,
                                                       std::size_t count) {
  const std::uint8_t* present = column.present.data() + first;
  std::size_t values = 0;
  for (std::size_t i = 0; i < count; ++i) values += present[i];
  std::shared_ptr<arrow::Buffer> validity;
  if (values != count) validity = TRY(packed_bits(count, [present](std::size_t row) { return present[row] != 0; }));
  const std::size_t nulls = count - values;
  std::shared_ptr<arrow::DataType> data_type = arrow_type(kind, type);

  if (model::is_real(column.type)) {
    const double* from = column.real.data() + first;
    std::shared_ptr<arrow::Buffer> data =
        kind == ArrowKind::float4 ? TRY((converted<float, double>(from, count))) : borrowed(from, count * 8);
    return array_of(std::move(data_type), count, {validity, std::move(data)}, nulls);
  }
  if (model::is_fixed(column.type)) {
    const std::int64_t* from = column.fixed.data() + first;
    if (needs_fixed_check(kind)) {
      for (std::size_t i = 0; i < count; ++i) {
        const char* reason = fixed_misfit(kind, from[i]);
        if (reason != nullptr) return base::failed(errors::parquet_value, "row {}: {}", i + 1, reason);
      }
    }
    return array_of(std::move(data_type), count, {validity, TRY(fixed_values(kind, from, count))}, nulls);
  }
  if (kind == ArrowKind::decimal) {
    return array_of(std::move(data_type), count, {validity, TRY(decimal_values(type, column, first, count))}, nulls);
  }
  std::shared_ptr<arrow::Buffer> offsets = TRY(allocated((count + 1) * 4));
  auto* to = reinterpret_cast<std::int32_t*>(offsets->mutable_data());
  const std::uint64_t start = first == 0 ? 0 : column.ends[first - 1];
  *to++ = 0;
  for (std::size_t i = 0; i < count; ++i) *to++ = static_cast<std::int32_t>(column.ends[first + i] - start);
  const std::uint64_t bytes = count == 0 ? 0 : column.ends[first + count - 1] - start;
  return array_of(std::move(data_type), count, {validity, offsets, borrowed(column.bytes.data() + start, bytes)},
                  nulls);
}

}  // namespace formats
