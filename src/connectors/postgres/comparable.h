// SPDX-License-Identifier: Apache-2.0
//
// Rows of a table in the order of their text, for validation; the same code reads both sides. Sorting by text
// COLLATE "C" is bytewise on any server whatever its locale, and every session has the same settings, so equal values
// give equal text. Each reader has a session of its own and one snapshot (one COPY); one thread a reader. Made by a
// Source or Target, which outlives the readers.
#pragma once

#include "connect/source.h"
#include "connectors/postgres/connection.h"

namespace postgres {

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

// The cells of one line of COPY text (with or without its line end); nullopt is NULL. Exposed for its test.
base::Result<void> split_copy_text(std::string_view line, std::vector<std::optional<std::string>>& cells);

}  // namespace postgres
