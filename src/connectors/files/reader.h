// SPDX-License-Identifier: Apache-2.0
//
// The table that the files describe, for validation: the LOAD files with all change files applied in name order.
//
// Memory holds what the change files touch (the newest row of each changed key; for a table without a key how often
// each changed row came and went), not the LOAD files, which pass by. Rows come in no order.
//
// Limits: csv of the shape the table has now (Parquet columns are found by name, absent ones are NULL); with the
// default NULL text an empty text of a nullable column is NULL (empty_is_null); a change file of a table whose UPDATEs
// wrote a single row for a new key (MillraceKeyUpdate single) cannot tell the old key; with CdcInsertsOnly or
// CdcInsertsAndUpdates the files are no copy of the table; transaction files keep the changes from before a reload of
// one table, which the rebuilt table then has on top.
#pragma once

#include "connect/source.h"
#include "connectors/files/table_files.h"

namespace connectors::files {

class FileComparable final : public connect::Comparable {
 public:
  FileComparable(const Settings& settings, wire::ObjectStore& store) : settings_(settings), store_(store) {}
  base::Result<std::unique_ptr<connect::OrderedReader>> read_ordered(const model::TableSchema& table,
                                                                     const std::vector<std::uint32_t>& columns,
                                                                     const std::vector<std::uint32_t>& order,
                                                                     const std::string& filter,
                                                                     const Expressions& expressions) override;
  bool empty_is_null() const override { return !settings_.parquet && settings_.csv.null_text.empty(); }

 private:
  const Settings& settings_;
  wire::ObjectStore& store_;
};

}  // namespace connectors::files
