// SPDX-License-Identifier: Apache-2.0
//
// Rows from a file through the table mappings, one at a time, as the load would map them: `millrace mappings test`.
//
// A row is a line of JSON ({"column": "text", "other": null}) or of CSV with the columns' names in its first line (an
// empty field without quotes is NULL). Columns that a row does not name are NULL. Values are written as the source
// writes them. What comes out is a line of JSON for each row:
//   {"row":1,"result":{"id":"1","name":"ANN"}}      what the target gets
//   {"row":2,"filtered":"rule 3"}                   the filter leaves it out
//   {"row":3,"error":"column n (rule 4): ..."}      by DataErrorPolicy it is left out, or ends its table or the task
//
// One thread. How it fails: `input` errors that name the row of a file that is not understood.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "mapping/mapping.h"

namespace main_program {

struct MappedRows {
  std::uint64_t rows = 0, passed = 0, filtered = 0, failed = 0;
};

base::Result<MappedRows> map_rows(const mapping::Mapping& mapping, const model::TableSchema& source,
                                  const mapping::Comparisons& comparisons, std::string_view file, bool is_csv,
                                  const std::function<void(const std::string&)>& print);

// "id:int4, name:string": a table without a database.
base::Result<model::TableSchema> columns_from_text(const model::TableName& name, std::string_view text);

}  // namespace main_program
