// SPDX-License-Identifier: Apache-2.0
//
// What a server says of itself, from hostile bytes: an array of names, a place in its log, and what our trigger said of
// a table, which anybody may say in its name. An array that is understood survives being written.
#include "connectors/postgres/array_text.h"
#include "connectors/postgres/ddl_report.h"
#include "connectors/postgres/slot.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)postgres::lsn_of(text);
  if (const auto items = postgres::parse_array(text); items.ok()) {
    const auto again = postgres::parse_array(postgres::array_literal(*items));
    if (!again.ok() || *again != *items) __builtin_trap();
  }
  const auto report = postgres::parse_ddl_report(text);
  if (!report) return 0;
  for (const model::Column& column : report->columns) {
    if (column.ordinal < 1 || (column.generated && !column.default_expression.empty())) __builtin_trap();
  }
  for (const std::int32_t number : report->filled) {
    const auto& columns = report->columns;
    if (std::none_of(columns.begin(), columns.end(), [&](const auto& one) { return one.ordinal == number; })) {
      __builtin_trap();
    }
  }
  return 0;
}
