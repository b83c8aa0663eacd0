// SPDX-License-Identifier: Apache-2.0
//
// The API's own description of itself: every operation, every shape of its requests and answers, every modelled error.
// The tables are generated (model.inc, tools/api_model.py) and constant; any thread may read them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace api {

using ShapeId = std::uint16_t;
inline constexpr ShapeId no_shape = 0xffff;

enum class Kind : std::uint8_t {
  structure,
  list,
  text,
  boolean,
  integer,       // 32 bits
  integer_long,  // 64 bits
  real,
  epoch_time,  // a number of seconds
  iso_time,    // "2026-01-09T12:30:00Z"
  blob,        // base64
};

struct Member {
  std::string_view name;
  ShapeId shape;
  bool required;
};

struct Shape {
  std::string_view name;
  Kind kind;
  std::uint16_t first;  // of its members, or of its values when it is an enumeration
  std::uint16_t count;
  ShapeId element;        // of a list
  std::uint16_t minimum;  // lengths; 0: any
  std::uint16_t maximum;
  bool sensitive;  // a secret: never stored in the clear, never answered, never logged
};

struct Operation {
  std::string_view name;
  ShapeId input;
  ShapeId output;  // no_shape: the answer is {}
  std::uint16_t first_error;
  std::uint16_t error_count;
};

const Shape& shape_of(ShapeId id);
std::span<const Member> members_of(const Shape& shape);           // sorted by name
std::span<const std::string_view> values_of(const Shape& shape);  // empty: any text
const Member* find_member(const Shape& shape, std::string_view name);

std::span<const Operation> all_operation_rows();         // sorted by name
const Operation* find_operation(std::string_view name);  // nullptr: the API has no such operation
const Shape* find_shape(std::string_view name);
// Whether the model says that the operation may answer with that error.
bool may_fail_with(const Operation& operation, std::string_view error);

}  // namespace api
