// SPDX-License-Identifier: Apache-2.0
//
// A MySQL or MariaDB server as a source: puts catalogue, snapshots, capture and ordered reading together. Made by
// open_source (register.cc), which has connected once; each part opens sessions of its own. Any thread may call.
#pragma once

#include "connect/source.h"
#include "connectors/mysql/capture.h"
#include "connectors/mysql/catalog.h"
#include "connectors/mysql/comparable.h"

namespace mysql {

class Source final : public connect::Source {
 public:
  // `log_base`: of the binlog files' names, empty without a log.
  Source(const ConnectionSettings& settings, const connect::Options& options, const connect::Context& context,
         std::string log_base);

  std::string_view family() const override;
  connect::Catalog& catalog() override { return catalog_; }
  base::Result<std::unique_ptr<connect::Snapshot>> snapshot(bool capturing) override;
  connect::Capture* capture() override { return &capture_; }
  connect::Comparable* comparable() override { return &comparable_; }
  // "binlog.000017:4711"; `parse` takes DMS's checkpoint strings, too.
  std::string position_text(const model::Position& position) const override;
  base::Result<model::Position> parse_position(std::string_view text) const override;
  std::string quote_identifier(std::string_view name) const override;
  std::string quote_literal(std::string_view text) const override;
  model::Comparison comparison(const model::TableSchema& table, const model::Column& column) const override;

 private:
  const connect::Options options_;
  const connect::Context context_;
  const std::string log_base_;
  Capture capture_;
  Catalog catalog_;
  Comparable comparable_;
};

// How the server compares the values of that column. Text has the order of its bytes under binary collations only, and
// other collations make different texts equal.
model::Comparison comparison_of(const model::Column& column);

}  // namespace mysql
