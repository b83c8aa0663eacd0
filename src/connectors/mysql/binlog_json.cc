// SPDX-License-Identifier: Apache-2.0
//
//   object   count size (key offset, key size)... (type, offset or small value)... keys... values...
//   array    count size (type, offset or small value)... values...
//
// with numbers of two bytes in small containers and of four in large ones; key sizes always have two. Offsets count
// from the container's count. All is little endian.
#include "connectors/mysql/binlog_json.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "connectors/mysql/binlog_json_value.h"
#include "connectors/mysql/binlog_values.h"
#include "connectors/mysql/byte_reader.h"

namespace mysql::binlog {
namespace json {
namespace {

// A length in bytes of seven bits, lowest first, at most five of them.
std::optional<std::string_view> sized_bytes(std::string_view bytes) {
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < 5 && i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    size |= std::uint64_t{byte & 0x7fU} << (7 * i);
    if ((byte & 0x80) != 0) continue;
    const std::string_view rest = bytes.substr(i + 1);
    if (size > rest.size()) return std::nullopt;
    return rest.substr(0, static_cast<std::size_t>(size));
  }
  return std::nullopt;
}

bool spend(Budget& budget, std::size_t bytes) {
  if (budget < bytes) return false;
  budget -= bytes;
  return true;
}

template <typename Number>
bool append_number(std::uint64_t bits, std::string& out) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, static_cast<Number>(bits)).ptr);
  return true;
}

bool append_literal(std::uint8_t which, std::string& out) {
  constexpr std::uint8_t null_literal = 0, true_literal = 1, false_literal = 2;
  switch (which) {
    case null_literal: out += "null"; return true;
    case true_literal: out += "true"; return true;
    case false_literal: out += "false"; return true;
    default: return false;
  }
}

// A whole number keeps a sign that it is none of the integers: 1.0.
bool append_real(std::uint64_t bits, std::string& out) {
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  const std::size_t start = out.size();
  if (!append_double(value, out)) return false;
  if (out.find_first_of(".e", start) == std::string::npos) out += ".0";
  return true;
}

void append_base64(std::string_view bytes, std::string& out) {
  static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < left ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    out += letters[group >> 18];
    out += letters[group >> 12 & 63];
    out += left > 1 ? letters[group >> 6 & 63] : '=';
    out += left > 2 ? letters[group & 63] : '=';
  }
}

// A value of an SQL type that JSON has not: a number for decimals, text for dates and times, else type and base64.
bool append_opaque(std::uint8_t type, std::string_view bytes, std::string& out) {
  enum FieldType : std::uint8_t { timestamp = 7, date = 10, time = 11, datetime = 12, decimal = 246 };
  if (type == decimal) {
    if (bytes.size() < 2) return false;
    return append_decimal(bytes.substr(2), static_cast<unsigned char>(bytes[0]), static_cast<unsigned char>(bytes[1]),
                          0, out);
  }
  if (type == timestamp || type == date || type == time || type == datetime) {
    constexpr int fraction = 6, micros_bits = 24;
    ByteReader in(bytes);
    auto packed = static_cast<std::int64_t>(in.u64());
    if (!in.is_good() || !in.is_at_end()) return false;
    const bool negative = packed < 0;
    if (negative && (type != time || packed == INT64_MIN)) return false;
    if (negative) packed = -packed;
    const auto bits = static_cast<std::uint64_t>(packed) >> micros_bits;
    const auto micros = static_cast<std::uint32_t>(packed & ((std::int64_t{1} << micros_bits) - 1));
    out += '"';
    const bool good = type == time   ? append_duration({negative, bits, micros}, fraction, out)
                      : type == date ? append_date_of({bits, micros}, out)
                                     : append_moment({bits, micros}, fraction, out);
    out += '"';
    return good;
  }
  out += "\"base64:type";
  append_number<std::uint32_t>(type, out);
  out += ':';
  append_base64(bytes, out);
  out += '"';
  return true;
}

bool append_container(const Value& value, int depth, Budget& budget, std::string& out) {
  const std::optional<Container> container = Container::open(value);
  if (!container || depth >= depth_max) return false;
  out += value.is_object() ? '{' : '[';
  for (std::size_t i = 0; i < container->size(); ++i) {
    if (i > 0) out += ", ";
    if (!spend(budget, container->entry_size())) return false;
    if (value.is_object()) {
      const std::optional<std::string_view> key = container->key(i);
      if (!key || !spend(budget, key->size())) return false;
      append_quoted(*key, out);
      out += ": ";
    }
    const std::optional<Value> member = container->value(i);
    if (!member || !append_value(*member, depth + 1, budget, out)) return false;
  }
  out += value.is_object() ? '}' : ']';
  return true;
}

}  // namespace

std::uint64_t Container::number_at(std::size_t at, std::size_t size) const {
  return ByteReader(bytes_.substr(at)).number(size);
}

std::size_t Container::entry_size() const {
  const std::size_t number = is_large_ ? 4 : 2;
  return (is_object_ ? number + 2 : 0) + 1 + number;
}

std::optional<Container> Container::open(const Value& value) {
  if (!value.is_object() && !value.is_array()) return std::nullopt;
  Container made;
  made.is_object_ = value.is_object();
  made.is_large_ = value.type == Type::large_object || value.type == Type::large_array;
  ByteReader in(value.bytes);
  const std::size_t number = made.is_large_ ? 4 : 2;
  const std::uint64_t count = in.number(number), size = in.number(number);
  if (!in.is_good() || size > value.bytes.size() || size < 2 * number) return std::nullopt;
  if (count > (size - 2 * number) / made.entry_size()) return std::nullopt;
  made.count_ = static_cast<std::size_t>(count);
  made.bytes_ = value.bytes.substr(0, static_cast<std::size_t>(size));
  return made;
}

std::optional<std::string_view> Container::key(std::size_t index) const {
  const std::size_t number = is_large_ ? 4 : 2;
  const std::size_t at = 2 * number + index * (number + 2);
  const std::uint64_t offset = number_at(at, number), size = number_at(at + number, 2);
  if (offset > bytes_.size() || size > bytes_.size() - offset) return std::nullopt;
  return bytes_.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

std::optional<Value> Container::value(std::size_t index) const {
  const std::size_t number = is_large_ ? 4 : 2;
  const std::size_t keys = is_object_ ? count_ * (number + 2) : 0;
  const std::size_t at = 2 * number + keys + index * (1 + number);
  Value member;
  member.type = static_cast<Type>(bytes_[at]);
  const bool is_inline = member.type == Type::literal || member.type == Type::int16 || member.type == Type::uint16 ||
                         (is_large_ && (member.type == Type::int32 || member.type == Type::uint32));
  if (is_inline) {
    member.bytes = bytes_.substr(at + 1, number);
    return member;
  }
  const std::uint64_t offset = number_at(at + 1, number);
  if (offset >= bytes_.size()) return std::nullopt;
  member.bytes = bytes_.substr(static_cast<std::size_t>(offset));
  return member;
}

// As a column that was made NOT NULL holds it, the empty document is null.
std::optional<Value> open_document(std::string_view document) {
  static constexpr char null_literal = 0;
  if (document.empty()) return Value{Type::literal, {&null_literal, 1}};
  return Value{static_cast<Type>(document[0]), document.substr(1)};
}

void append_quoted(std::string_view text, std::string& out) {
  static constexpr char digits[] = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out.append(text.substr(plain, i - plain));
    plain = i + 1;
    out += '\\';
    switch (byte) {
      case '"': out += '"'; break;
      case '\\': out += '\\'; break;
      case '\b': out += 'b'; break;
      case '\f': out += 'f'; break;
      case '\n': out += 'n'; break;
      case '\r': out += 'r'; break;
      case '\t': out += 't'; break;
      default:
        out += "u00";
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
  }
  out.append(text.substr(plain));
  out += '"';
}

bool append_value(const Value& value, int depth, Budget& budget, std::string& out) {
  const auto bits = [&](std::size_t size) { return ByteReader(value.bytes).number(size); };
  const auto has = [&](std::size_t size) { return value.bytes.size() >= size; };
  switch (value.type) {
    case Type::small_object:
    case Type::large_object:
    case Type::small_array:
    case Type::large_array: return append_container(value, depth, budget, out);
    case Type::literal: return has(1) && append_literal(static_cast<std::uint8_t>(value.bytes[0]), out);
    case Type::int16: return has(2) && append_number<std::int16_t>(bits(2), out);
    case Type::uint16: return has(2) && append_number<std::uint16_t>(bits(2), out);
    case Type::int32: return has(4) && append_number<std::int32_t>(bits(4), out);
    case Type::uint32: return has(4) && append_number<std::uint32_t>(bits(4), out);
    case Type::int64: return has(8) && append_number<std::int64_t>(bits(8), out);
    case Type::uint64: return has(8) && append_number<std::uint64_t>(bits(8), out);
    case Type::real: return has(8) && append_real(bits(8), out);
    case Type::string: {
      const std::optional<std::string_view> text = sized_bytes(value.bytes);
      if (!text || !spend(budget, text->size())) return false;
      append_quoted(*text, out);
      return true;
    }
    case Type::opaque: {
      if (!has(1)) return false;
      const std::optional<std::string_view> bytes = sized_bytes(value.bytes.substr(1));
      if (!bytes || !spend(budget, bytes->size())) return false;
      return append_opaque(static_cast<std::uint8_t>(value.bytes[0]), *bytes, out);
    }
  }
  return false;
}

}  // namespace json

bool append_json(std::string_view document, std::string& out) {
  const std::optional<json::Value> value = json::open_document(document);
  json::Budget budget = document.size();
  return value && json::append_value(*value, 0, budget, out);
}

}  // namespace mysql::binlog
