// SPDX-License-Identifier: Apache-2.0
//
// Rows of COPY's text format into columns. One pass over the server's bytes; a field is copied for unescaping only when
// it has a backslash. One thread; keeps a scratch buffer. A row with a value that no cell can hold is left
// out and stands in the batch's `rejected`. How it fails: protocol_broken when a line has another number of fields; the
// batch then holds part of a row and is of no use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connectors/postgres/decode.h"
#include "model/row_batch.h"

namespace postgres {

class CopyTextRows {
 public:
  // `columns`: the fields of a line, as indexes into table.columns.
  CopyTextRows(const model::TableSchema& table, const std::vector<std::uint32_t>& columns, const TypeChoices& choices);

  // Fails when the batch's columns cannot hold what the table's are.
  base::Result<void> check(const model::RowBatch& batch) const;
  // One line, with its newline.
  base::Result<void> add(std::string_view line, model::RowBatch& batch);

 private:
  struct Field {
    TextForm form;
    model::Type type;
    std::string name;
  };
  bool unescape(std::string_view field);

  std::string table_;
  std::vector<Field> fields_;
  std::string scratch_;
};

}  // namespace postgres
