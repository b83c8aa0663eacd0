// SPDX-License-Identifier: Apache-2.0
//
// Values on their way into a MySQL or MariaDB table: cells, canonical or native, to the family's native text
// (value_text.h), and that text to SQL literals, to fields of LOAD DATA, and to comparisons that no collation bends.
// What the server has no value for (NaN, a year 12024) becomes text that it surely refuses, never another value. Pure;
// any thread.
#pragma once

#include <string>
#include <string_view>

#include "connectors/mysql/types.h"
#include "model/change.h"
#include "model/row_batch.h"

namespace mysql {

// A column of the target as statements need it.
struct TargetColumn {
  std::string name;  // quoted
  NativeType type;
  std::string collation;
  model::Type canonical = model::Type::string;  // of canonical cells
  bool updates_itself = false;                  // ON UPDATE CURRENT_TIMESTAMP

  bool is_text() const;            // holds text in a character set
  bool takes_raw_text() const;     // its character set stores UTF-8 as it comes
  bool tells_bytes_apart() const;  // `=` holds for equal values only
};

// The native text of a canonical cell. `scratch` holds it when it is not the cell's own bytes.
std::string_view native_text(const TargetColumn& column, std::string_view cell, std::string& scratch);
// The same for a row of a batch; the cell must not be NULL.
std::string_view native_text(const TargetColumn& column, const model::ColumnVector& cells, std::size_t row,
                             std::string& scratch);

// Appends the SQL literal of a native text.
void append_literal(std::string& sql, const TargetColumn& column, std::string_view text);
// Appends "column <=> literal", as exact as the bytes of the text.
void append_exact_match(std::string& sql, const TargetColumn& column, std::string_view text);
void append_null_match(std::string& sql, const TargetColumn& column);
// Appends a field of LOAD DATA with its default escapes and CHARACTER SET binary.
void append_load_field(std::string& out, std::string_view text);
inline constexpr std::string_view load_null = "\\N";
// The text of such a field, which is not load_null.
std::string load_field_text(std::string_view field);

// "LOAD DATA LOCAL INFILE ... INTO TABLE `s`.`t` CHARACTER SET binary (`a`, @v1) SET `b` = CONVERT(@v1 USING utf8mb4)".
std::string load_sql(const std::string& table, const std::vector<TargetColumn>& columns);

}  // namespace mysql
