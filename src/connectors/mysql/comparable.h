// SPDX-License-Identifier: Apache-2.0
//
// Rows of a table for validation. Of the family's own tables the native text (value_text.h), the same on any server of
// it because every session has the same settings; of others what model::cell_text says of the canonical cells. Ordered
// by the bytes of the native text, NULL last; values that are equal in their first 16 kB are taken for equal by the
// sort. Each reader has a session of its own; one thread a reader. Made by a Source or Target, which outlives the
// readers.
#pragma once

#include "connect/source.h"
#include "connectors/mysql/connection.h"

namespace mysql {

class Comparable final : public connect::Comparable {
 public:
  explicit Comparable(ConnectionSettings settings) : settings_(std::move(settings)) {}
  base::Result<std::unique_ptr<connect::OrderedReader>> read_ordered(const model::TableSchema& table,
                                                                     const std::vector<std::uint32_t>& columns,
                                                                     const std::vector<std::uint32_t>& order,
                                                                     const std::string& filter,
                                                                     const Expressions& expressions) override;

 private:
  const ConnectionSettings settings_;
};

}  // namespace mysql
