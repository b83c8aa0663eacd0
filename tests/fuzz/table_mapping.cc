// SPDX-License-Identifier: Apache-2.0
//
// A TableMappings document from hostile bytes: parsed, then asked about odd names and mapped.
#include <cstdint>

#include "mapping/mapping.h"

namespace {

model::TableSchema table() {
  model::TableSchema schema;
  schema.name = {"public", "orders"};
  for (const char* name : {"id", "b", "\xff\"x"}) {
    model::Column column;
    column.name = name;
    schema.columns.push_back(column);
  }
  schema.columns[0].type.type = model::Type::int4;
  schema.primary_key = {0};
  schema.unique_keys = {{1, 2}};
  schema.indexes = {{"i", false, false, "USING btree (b)"}};
  schema.foreign_keys = {{"f", {"b"}, {"public", "orders"}, {"id"}, ""}};
  return schema;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto mapping = mapping::Mapping::parse(input);
  if (!mapping.ok()) return 0;
  const model::TableSchema source = table();
  const auto quote = [](std::string_view text) { return "'" + std::string(text) + "'"; };
  (void)mapping->selects(source.name, false);
  (void)mapping->load_order(source.name);
  const auto comparison = [](const model::TableSchema&, const model::Column& column) {
    return model::plain_comparison(column.type.type);
  };
  const auto filter = mapping->table_filter(source, comparison);
  if (filter.ok()) (void)filter->sql(quote, quote);
  (void)mapping->segments(source, {quote, quote, comparison});
  const auto mapped = mapping->map(source);
  if (!mapped.ok()) return 0;
  const model::TableSchema& target = *mapped->target;
  if (target.columns.size() != mapped->columns.size()) __builtin_trap();
  for (const std::uint32_t column : target.primary_key) {
    if (column >= target.columns.size()) __builtin_trap();
  }
  return 0;
}
