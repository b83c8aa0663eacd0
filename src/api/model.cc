// SPDX-License-Identifier: Apache-2.0
#include "api/model.h"

#include <algorithm>

#include "base/error.h"

namespace api {
namespace {

#include "api/model.inc"

template <typename Row>
const Row* find_sorted(std::span<const Row> rows, std::string_view name) {
  const auto at = std::lower_bound(rows.begin(), rows.end(), name,
                                   [](const Row& row, std::string_view wanted) { return row.name < wanted; });
  return at != rows.end() && at->name == name ? &*at : nullptr;
}

}  // namespace

const Shape& shape_of(ShapeId id) {
  ENSURE(id < std::size(all_shapes));
  return all_shapes[id];
}

std::span<const Member> members_of(const Shape& shape) {
  if (shape.kind != Kind::structure) return {};
  return std::span(all_members).subspan(shape.first, shape.count);
}

std::span<const std::string_view> values_of(const Shape& shape) {
  if (shape.kind != Kind::text) return {};
  return std::span(all_values).subspan(shape.first, shape.count);
}

const Member* find_member(const Shape& shape, std::string_view name) { return find_sorted(members_of(shape), name); }

std::span<const Operation> all_operation_rows() { return all_operations; }

const Operation* find_operation(std::string_view name) {
  return find_sorted(std::span<const Operation>(all_operations), name);
}

const Shape* find_shape(std::string_view name) { return find_sorted(std::span<const Shape>(all_shapes), name); }

bool may_fail_with(const Operation& operation, std::string_view error) {
  const auto errors = std::span(all_errors).subspan(operation.first_error, operation.error_count);
  return std::any_of(errors.begin(), errors.end(), [&](ShapeId id) { return shape_of(id).name == error; });
}

}  // namespace api
