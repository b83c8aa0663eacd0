// SPDX-License-Identifier: Apache-2.0
//
// A request's body against the shape of one of the operations: the first byte chooses it. What is accepted has no flaw,
// and nothing is lost by pruning it to its own shape.
#include <cstdint>

#include "api/check.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto operations = api::all_operation_rows();
  const api::Operation& operation = operations[data[0] % operations.size()];
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  auto parsed = base::parse_json(body, "body");
  if (!parsed.ok()) return 0;
  const auto input = api::check_input(operation, std::move(parsed).take());
  if (!input.ok()) return input.error().message.empty() ? (__builtin_trap(), 0) : 0;
  if (operation.input == api::no_shape) return 0;
  const api::Shape& shape = api::shape_of(operation.input);
  if (api::find_flaw(shape, *input) || api::pruned(shape, *input) != *input) __builtin_trap();
  return 0;
}
