// SPDX-License-Identifier: Apache-2.0
//
// The parts of a binary JSON document: values that point into it, and their text. Used by binlog_json.cc and
// binlog_json_patch.cc. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mysql::binlog::json {

enum class Type : std::uint8_t {
  small_object = 0,
  large_object = 1,
  small_array = 2,
  large_array = 3,
  literal = 4,
  int16 = 5,
  uint16 = 6,
  int32 = 7,
  uint32 = 8,
  int64 = 9,
  uint64 = 10,
  real = 11,
  string = 12,
  opaque = 15,
};

// `bytes` begin where the value begins and may go on behind it.
struct Value {
  Type type = Type::literal;
  std::string_view bytes;

  bool is_object() const { return type == Type::small_object || type == Type::large_object; }
  bool is_array() const { return type == Type::small_array || type == Type::large_array; }
};

// An object or array: how many members, and each of them.
class Container {
 public:
  // nullopt: malformed.
  static std::optional<Container> open(const Value& value);
  std::size_t size() const { return count_; }
  std::optional<std::string_view> key(std::size_t index) const;
  std::optional<Value> value(std::size_t index) const;
  // Bytes of one member's entries in the container's own table.
  std::size_t entry_size() const;

 private:
  std::uint64_t number_at(std::size_t at, std::size_t size) const;

  std::string_view bytes_;
  bool is_object_ = false;
  bool is_large_ = false;
  std::size_t count_ = 0;
};

std::optional<Value> open_document(std::string_view document);

inline constexpr int depth_max = 100;  // the server's own limit

// How many bytes of the document may still be told.
using Budget = std::size_t;

bool append_value(const Value& value, int depth, Budget& budget, std::string& out);
void append_quoted(std::string_view text, std::string& out);

}  // namespace mysql::binlog::json
