// SPDX-License-Identifier: Apache-2.0
//
// A statement of the log from hostile bytes; the first byte chooses the dialect. What is understood names its tables.
#include "convert/mysql_ddl.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  using convert::StatementKind;
  convert::MysqlDialect dialect;
  dialect.ansi_quotes = (data[0] & 1) != 0;
  dialect.no_backslash_escapes = (data[0] & 2) != 0;
  dialect.is_mariadb = (data[0] & 4) != 0;
  if (dialect.is_mariadb) dialect.version = 101119;
  const convert::Statement made = convert::parse_mysql({reinterpret_cast<const char*>(data) + 1, size - 1}, dialect);
  const bool is_about_tables = made.kind <= StatementKind::drop_index;
  if (is_about_tables && made.tables.empty()) __builtin_trap();
  if (made.kind == StatementKind::rename_table && made.tables.size() != made.new_names.size()) __builtin_trap();
  if (made.kind == StatementKind::unknown && !made.actions.empty()) __builtin_trap();
  return 0;
}
